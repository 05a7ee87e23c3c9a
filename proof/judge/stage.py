"""Starts what is judged: queue, ledger and both functions as they are deployed, and the observer of what they do."""

import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from grpc import insecure_channel

from functions.receiver.keys import variable
from tests.conftest import ONE, start_queue
from tests.processor.pushes import start_processor
from tests.servers import FIRESTORE, Server, emulator_program, free_port, start_firestore, start_function, until
from tests.test_storm import DEAD_TOPIC, TOPIC, make_queue

from .observer import Asked, Observer, read

HERE = Path(__file__).parent
# What the harness's corpus signs with, and shows to observers.
CORPUS_SECRET, TOKEN = "reference-corpus-key-material", "reference-corpus-observer-token"
FINISHED = ("processed", "duplicate", "dead-lettered", "unhandled")


@dataclass
class Stage:
    """Everything that runs, and what it takes to start the functions again."""

    folder: Path
    sources: Sequence[str]
    environment: Mapping[str, str]
    secret: str = field(default_factory=lambda: secrets.token_hex(16))

    def begin(self, parts: ExitStack) -> None:
        """Start both functions and the observer, to end with the other parts."""
        self.processor = start_processor(self.folder, (HERE / "handlers/shop.py").read_text(), **self._processor())
        parts.callback(lambda: self.processor.stop())
        self.receiver = self._start_receiver(free_port())
        parts.callback(lambda: self.receiver.stop())
        self.observer = Observer(self.folder / "shop.db", TOKEN, self.pending)
        parts.callback(self.observer.stop)

    def restart(self) -> None:
        """Kill both functions, and start them again where they were."""
        self.receiver.kill()
        self.processor.kill()
        old, copy = self.processor, self.folder / "processor"
        ledger = {"LEDGER": f"sqlite:{self.folder}/ledger.db", "EFFECTS": str(self.folder)}
        self.processor = start_function("processor", old.output, old.port, copy, **ledger | self._processor())
        self.receiver = self._start_receiver(self.receiver.port)

    def pending(self, asked: Asked) -> bool:
        """Whether an event that is asked about was accepted and is not finished; both functions write that down."""
        accepted = self._messages(self.receiver, ["accepted"], asked)
        return not accepted <= self._messages(self.processor, FINISHED, asked)

    def accepted(self, event: str) -> int:
        """How often the receiver has accepted an event."""
        return len(self._messages(self.receiver, ["accepted"], {"event_ids": [event]}))

    def effects(self, asked: Asked) -> int:
        """How many effects some events have had, once all of them are finished, or 20 s later."""
        with suppress(AssertionError):
            until(lambda: not self.pending(asked), 20, 0.1)
        with closing(sqlite3.connect(self.folder / "shop.db")) as shop:
            return int(read(shop, "effect_count", asked))

    def _messages(self, server: Server, outcomes: Sequence[str], asked: Asked) -> set[str]:
        """The messages of which a function has said one of these; of the source and the events that are named."""
        return {
            line["message_id"]
            for line in server.lines
            if line.get("outcome") in outcomes
            and asked.get("source") in (None, line["source"])
            and line["id"] in (asked.get("event_ids") or [line["id"]])
        }

    def _start_receiver(self, port: int) -> Server:
        said = yaml.safe_load((HERE / "sources.yaml").read_text())
        file = self.folder / "sources.yaml"
        file.write_text(json.dumps(dict.fromkeys(self.sources, said["corpus"]) | {"command": said["command"]}))
        keys = {variable("KEY", name): CORPUS_SECRET for name in self.sources} | {"KEY_COMMAND": self.secret}
        own = {"TOPIC": TOPIC, "SOURCES": str(file), "KEYS": "env", **keys, **self.environment}
        return start_function("receiver", self.folder / "receiver.log", port, None, **own)

    def _processor(self) -> dict[str, str]:
        own = {"DEAD_LETTER_TOPIC": DEAD_TOPIC, "MAX_ATTEMPTS": "100", "UNHANDLED": "dead-letter"}
        return {**self.environment, **own, "HANDLER_TIMEOUT": "1"}  # so that a lease ends 31 s after a kill


@contextmanager
def stage(folder: Path, sources: Sequence[str]) -> Iterator[Stage]:
    """Start all of it, with Google's emulators where they are installed."""
    with ExitStack() as parts:
        queue = start_queue(ONE, folder)
        parts.callback(queue.server.stop)
        environment = {"PROJECT": "judge", "PUBSUB_EMULATOR_HOST": queue.host}
        if emulator_program(FIRESTORE):
            firestore = start_firestore(folder / "firestore.log")
            parts.callback(firestore.stop)
            environment |= {"LEDGER": "firestore", "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{firestore.port}"}
        started = Stage(folder, sources, environment)
        started.begin(parts)
        channel = insecure_channel(queue.host)
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        make_queue(publisher, subscriber, started.processor.url)
        yield started
