"""Starts what is measured: Google's Pub/Sub emulator, and functions that all have the same server settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import grpc
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.secret_manager import FakeSecretManager
from tests.servers import ROOT, Server, free_port, start_emulator, start_function

from .webhook import SECRET

HERE = Path(__file__).parent
RECEIVER = ROOT / "functions/receiver"
EMPTY, NAIVE, PLAIN, OURS = "empty function", "naive receiver", "ours, one call per request", "ours"
DEPLOYED, COUNTING = "ours, with Secret Manager", "counting function"
FOLDERS = {name: HERE / name.split()[0] for name in (EMPTY, NAIVE, COUNTING)}
FOLDERS |= {PLAIN: HERE / "plain", OURS: RECEIVER, DEPLOYED: RECEIVER}
TOPIC = "projects/bench/topics/events"
THREADS = 80


@dataclass
class Stage:
    """A folder for output, and the queue and the secrets of the functions that are started here."""

    folder: Path
    queue: Server
    secrets: FakeSecretManager
    numbers: Iterator[int] = field(default_factory=count)

    @contextmanager
    def function(self, name: str, port: int | None = None, **env: str) -> Iterator[Server]:
        """Run one of FOLDERS, under functions-framework and gunicorn as the platform does."""
        output = self.folder / f"function-{next(self.numbers)}.log"
        given = self._environment(name) | env
        server = start_function("receiver", output, port or free_port(), FOLDERS[name], **given)
        try:
            yield server
        finally:
            server.stop()

    def _environment(self, name: str) -> dict[str, str]:
        sources = self.folder / "sources.yaml"
        sources.write_text("github:\n  provider: github\n")
        return {
            "THREADS": str(THREADS),
            "TOPIC": TOPIC,
            "PROJECT": "bench",
            "SOURCES": str(sources),
            "KEYS": "secret-manager" if name == DEPLOYED else "env",
            "KEY_GITHUB": SECRET,
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.queue.port}",
            "SECRET_MANAGER_EMULATOR_HOST": self.secrets.host,
        }

    def subscriber(self) -> SubscriberClient:
        """Make a client of the queue."""
        return subscriber_of(f"127.0.0.1:{self.queue.port}")


def publisher_of(host: str) -> PublisherClient:
    """Make a client that publishes to a queue."""
    return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(host)))


def subscriber_of(host: str) -> SubscriberClient:
    """Make a client that subscribes to a queue."""
    return SubscriberClient(transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(host)))


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Start the queue, with one topic that nobody is subscribed to, so that it keeps nothing, and the secrets."""
    secrets = FakeSecretManager()
    secrets.add("webhook-github", SECRET)
    queue = start_emulator(folder / "queue.log")
    try:
        secrets.start()
        publisher_of(f"127.0.0.1:{queue.port}").create_topic(name=TOPIC)
        yield Stage(folder, queue, secrets)
    finally:
        secrets.stop()
        queue.stop()
