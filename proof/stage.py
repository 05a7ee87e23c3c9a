"""Both functions as they are deployed, Google's emulators, a Secret Manager, and a network between that can fail."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, Subscription

from tests.processor.pushes import start_processor
from tests.proxy import Fault, Proxy
from tests.secret_manager import FakeSecretManager
from tests.servers import Server, free_port, start_emulator, start_firestore, start_function

from .handlers import HANDLERS
from .sender import SECRET

PROJECT = "proof"
TOPIC, DEAD_TOPIC = f"projects/{PROJECT}/topics/webhooks", f"projects/{PROJECT}/topics/webhooks-dead"
PUSH, RECORD, DEAD = (f"projects/{PROJECT}/subscriptions/{name}" for name in ("webhooks-processor", "record", "dead"))
SOURCES = {
    "shop": {"verify": {"hmac": {"header": "X-Signature"}}, "type": "json:type", "id": "header:X-Id"},
}
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_reconnect_backoff_ms", 200)]


@dataclass
class Stage:
    """What is running; each proxy stands between two of the parts, and everybody's output is in the folder."""

    folder: Path
    queue: Server
    ledger: Server
    store: FakeSecretManager
    receiver: Server = field(init=False)
    processor: Server = field(init=False)
    killed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.to_queue, self.to_parking = Proxy(self.queue.port), Proxy(self.queue.port)
        self.to_ledger = Proxy(self.ledger.port)
        (self.folder / "sources.yaml").write_text(json.dumps(SOURCES))
        channel = grpc.insecure_channel(f"127.0.0.1:{self.queue.port}", UNLIMITED)
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self.start_receiver(free_port())
        self.processor = start_processor(self.folder, HANDLERS, **self._processor())

    def start_receiver(self, port: int = 0) -> None:
        """Start it, at the port it had."""
        output = self.folder / "receiver.log"
        self.receiver = start_function("receiver", output, port or self.receiver.port, None, **self._receiver())

    def restart_receiver(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it by a signal, as it ends on an instance that goes away, and start another."""
        if how is signal.SIGTERM:
            self.receiver.stop()
        else:
            self.receiver.kill()
        self.start_receiver()

    def kill_receivers_worker(self, how: signal.Signals) -> None:
        """Let the worker end as by a bug in a library; gunicorn starts another."""
        for pid in self.receiver.children():
            with suppress(ProcessLookupError):
                os.kill(pid, how)

    def restart_processor(self) -> None:
        """Kill it, and start another; a second effect of what it worked on is its own."""
        self.killed.update(self.processor.children())
        self.processor.kill()
        old = self.processor
        env = {"EFFECTS": str(self.folder)} | self._processor()
        self.processor = start_function("processor", old.output, old.port, self.folder / "processor", **env)

    def restart_queue(self) -> None:
        """Start Google's emulator again, which has forgotten everything."""
        self.queue = start_emulator(self.folder / "queue.log", self.queue.port)
        self.create_all()

    def create_all(self) -> None:
        """Make topics and subscriptions as they are deployed, with shorter waits."""
        self.create_dead_letters()
        self.create_topic()

    def create_topic(self) -> None:
        """Make the topic, which nobody reaches before it has subscriptions: until then it would keep nothing."""
        self.to_queue.fail(Fault.REFUSES)
        self.publisher.create_topic(name=TOPIC, timeout=10)
        self.subscribe()
        self.to_queue.fail(Fault.NONE)

    def create_dead_letters(self) -> None:
        """Make the topic for what can't be done, and a subscription to it."""
        self.publisher.create_topic(name=DEAD_TOPIC, timeout=10)
        self.subscriber.create_subscription(name=DEAD, topic=DEAD_TOPIC, ack_deadline_seconds=600, timeout=10)

    def subscribe(self, ack_deadline: int = 600) -> None:
        """Make the processor's subscription, and one of our own for the record.

        It has no retry policy: with one, Google's emulator forgets most messages that failed twice.
        """
        wish = Subscription(
            name=PUSH,
            topic=TOPIC,
            push_config=PushConfig(push_endpoint=self.processor.url),
            ack_deadline_seconds=ack_deadline,
            dead_letter_policy=DeadLetterPolicy(dead_letter_topic=DEAD_TOPIC, max_delivery_attempts=100),
        )
        self.subscriber.create_subscription(wish, timeout=10)
        self.subscriber.create_subscription(name=RECORD, topic=TOPIC, ack_deadline_seconds=600, timeout=10)

    def unsubscribe(self) -> None:
        """Remove both subscriptions, and what is in them."""
        for name in (PUSH, RECORD):
            self.subscriber.delete_subscription(subscription=name, timeout=10)

    def records(self) -> list[str]:
        """All that the ledger holds, as text."""
        channel = grpc.insecure_channel(f"127.0.0.1:{self.ledger.port}", UNLIMITED)
        client = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
        parent = f"projects/{PROJECT}/databases/(default)/documents"
        wish = {"parent": parent, "collection_id": "webhook-events", "page_size": 100_000}
        return [str(document) for document in client.list_documents(wish)]

    def stop(self) -> None:
        """End everything."""
        for server in (self.receiver, self.processor, self.queue, self.ledger):
            server.stop()
        for proxy in (self.to_queue, self.to_parking, self.to_ledger):
            proxy.stop()
        self.store.stop()

    def _receiver(self) -> dict[str, str]:
        return {
            "TOPIC": TOPIC,
            "PROJECT": PROJECT,
            "THREADS": "80",
            "SOURCES": str(self.folder / "sources.yaml"),
            "SECRET_MANAGER_EMULATOR_HOST": self.store.host,
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.to_queue.port}",
        }

    def _processor(self) -> dict[str, str]:
        return {
            "LEDGER": "firestore",
            "PROJECT": PROJECT,
            "HANDLER_TIMEOUT": "1",  # so that a lease ends 31 s after a kill
            "DEAD_LETTER_TOPIC": DEAD_TOPIC,
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{self.to_ledger.port}",
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.to_parking.port}",
        }


@contextmanager
def stage() -> Iterator[Stage]:
    """Start all of it in a folder of its own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        store = FakeSecretManager()
        for source in SOURCES:
            store.add(f"webhook-{source}", SECRET)
        store.start()
        started = Stage(folder, start_emulator(folder / "queue.log"), start_firestore(folder / "ledger.log"), store)
        try:
            started.create_all()
            yield started
        finally:
            started.stop()
