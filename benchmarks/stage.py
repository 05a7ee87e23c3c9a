"""Starts what is measured: Google's Pub/Sub emulator, and functions that all have the same server settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.servers import ROOT, Server, free_port, start_emulator, start_function

from .webhook import SECRET

HERE = Path(__file__).parent
EMPTY, NAIVE, PLAIN, OURS = "empty function", "naive receiver", "ours, one call per request", "ours"
FOLDERS = {EMPTY: HERE / "empty", NAIVE: HERE / "naive", PLAIN: HERE / "plain", OURS: ROOT / "functions/receiver"}
TOPIC = "projects/bench/topics/events"
THREADS = 80


@dataclass
class Stage:
    """A folder for output, and the queue that the functions started here publish to."""

    folder: Path
    queue: Server

    @contextmanager
    def function(self, name: str, port: int | None = None) -> Iterator[Server]:
        """Run one of FOLDERS, under functions-framework and gunicorn as the platform does."""
        sources = self.folder / "sources.yaml"
        sources.write_text("github:\n  provider: github\n")
        server = start_function(
            "receiver",
            self.folder / f"{name}.log",
            port or free_port(),
            FOLDERS[name],
            THREADS=str(THREADS),
            TOPIC=TOPIC,
            PROJECT="bench",
            SOURCES=str(sources),
            KEYS="env",
            KEY_GITHUB=SECRET,
            PUBSUB_EMULATOR_HOST=f"127.0.0.1:{self.queue.port}",
        )
        try:
            yield server
        finally:
            server.stop()

    def subscriber(self) -> SubscriberClient:
        """Make a client of the queue."""
        return SubscriberClient(transport=SubscriberGrpcTransport(channel=self.channel()))

    def channel(self) -> grpc.Channel:
        """Open a connection to the queue."""
        return grpc.insecure_channel(f"127.0.0.1:{self.queue.port}")


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Start the queue, with one topic that nobody is subscribed to, so that it keeps nothing."""
    queue = start_emulator(folder / "queue.log")
    try:
        started = Stage(folder, queue)
        PublisherClient(transport=PublisherGrpcTransport(channel=started.channel())).create_topic(name=TOPIC)
        yield started
    finally:
        queue.stop()
