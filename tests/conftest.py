"""Both queues, and a receiver on each that knows every provider: started once, shared by the tests."""

import json
import os
import socket
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage
from grpc import insecure_channel

from functions.receiver.providers import PROVIDERS
from functions.receiver.sources import Sources, load
from functions.receiver.webhook import Webhook
from tests.servers import (
    FIRESTORE,
    Server,
    clean_environment,
    emulator_program,
    free_port,
    require_emulator,
    start,
    start_emulator,
    start_firestore,
    start_function,
)
from tools.local import demo_entry, new_keys, signing_key

PUBLIC = "https://hooks.example.com"
VERIFY_TOKEN = "verify-me-please-0001"
NUMBERS = count(1)
# The sources that no provider's row makes; what they are for is in their names.
CUSTOM: dict[str, dict[str, Any]] = {
    "anyone": {"verify": "none"},
    "small": {"verify": {"token": {"header": "X-Token"}}, "max_body": 1000},
    "hasty": {"verify": {"token": {"header": "X-Token"}}, "deadline": 1, "max_body": 9_000_000},
    "in-query": {"verify": {"token": {"query": "token"}}},
    "picky": {"provider": "stripe", "only": ["payment_intent.*"]},
    "picky-meta": {"provider": "meta", "only": ["instagram"]},
    "keyless": {"provider": "github"},
    "erp": {
        "verify": {"hmac": {"header": "X-Sig"}},
        "type": "json:type",
        "id": "json:id",
        "subject": "json:subject",
        "headers": ["X-Kept", "X-Also-Kept"],
    },
}
SOURCES: dict[str, dict[str, Any]] = {name: {"provider": name} for name in PROVIDERS} | CUSTOM
Secrets = Mapping[str, tuple[str, str]]


@dataclass
class Queue:
    """A queue with one topic and one pull subscription to it."""

    kind: str
    server: Server
    topic: str = "projects/tests/topics/webhooks"
    subscription: str = "projects/tests/subscriptions/pull"

    def __post_init__(self) -> None:
        channel = insecure_channel(
            self.host, [("grpc.max_receive_message_length", -1), ("grpc.max_reconnect_backoff_ms", 200)]
        )
        self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self._subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def create(self) -> None:
        """Make the topic and the subscription."""
        self._publisher.create_topic(name=self.topic, timeout=10)
        self._subscriber.create_subscription(name=self.subscription, topic=self.topic, timeout=10)

    def messages(self) -> list[PubsubMessage]:
        """Take what is in the subscription now, and acknowledge it."""
        found: list[PubsubMessage] = []
        warnings.filterwarnings("ignore", "The return_immediately flag")  # a pull that does not wait is what is needed
        while received := self._pull():
            self._subscriber.acknowledge(
                subscription=self.subscription, ack_ids=[r.ack_id for r in received], timeout=10
            )
            found += [r.message for r in received]
        return found

    def _pull(self) -> list[Any]:
        request = {"subscription": self.subscription, "max_messages": 1000, "return_immediately": True}
        return list(self._subscriber.pull(request, retry=None, timeout=10).received_messages)


@dataclass(frozen=True)
class Reply:
    """An answer off the wire; status 0 is a connection that ended without one."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0


@dataclass
class Receiver:
    """The receiver as the platform runs it, with the secrets of its senders."""

    server: Server
    queue: Queue
    sources: Sources
    secrets: Secrets

    def sign(self, source: str, webhook: Webhook) -> Webhook:
        """Sign as the sender of the source does, at the address that it knows."""
        scheme = self.sources[source].provider.scheme
        base = self.sources[source].public_url or PUBLIC
        webhook = replace(webhook, url=f"{base}?{webhook.query}" if webhook.query else base)
        return scheme.sign(webhook, self.secrets[source][0]) if scheme else webhook

    def signed(self, source: str, body: bytes = b"{}", **headers: str) -> Webhook:
        """A webhook signed now; `_` in the name of a header stands for `-`."""
        names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        return self.sign(source, Webhook(body, {"content-type": "application/json"} | names))

    def post(self, source: str, webhook: Webhook, **more: Any) -> requests.Response:
        """Send a webhook to a source."""
        url = f"{self.server.url}/{source}" + (f"?{webhook.query}" if webhook.query else "")
        headers: dict[str, Any] = {**webhook.headers, **more.pop("headers", {})}
        wish: dict[str, Any] = {"data": webhook.body, "timeout": 30, "allow_redirects": False, **more}
        return requests.request(wish.pop("method", webhook.method), url, headers=headers, **wish)

    def connect(self) -> socket.socket:
        """Open a connection of one's own."""
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=20)

    def exchange(self, *pieces: bytes, pause: float = 0, half_close: bool = False) -> Reply:
        """Send bytes as they are, with a pause between the pieces, and read the answer."""
        with self.connect() as connection:
            connection.settimeout(20)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            started = time.monotonic()
            try:
                for i, piece in enumerate(pieces):
                    time.sleep(pause if i else 0)
                    connection.sendall(piece)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it may have answered, and gone, before the end
            return read_reply(connection, started)

    def lines_of(self, source: str | None = None) -> list[dict[str, Any]]:
        """What it has logged, of all requests or of those to a source that it knows."""
        return [line for line in self.server.lines if "ms" in line and source in (None, line.get("source"))]


def read_reply(connection: socket.socket, started: float) -> Reply:
    """Read one answer, which ends with its length, its last chunk, or the connection."""
    got = b""
    try:
        while not _complete(got) and (more := connection.recv(65536)):
            got += more
    except ConnectionError:
        pass
    head, _, body = got.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(body.split(b"\r\n")[1:-3:2])  # our answers are one chunk
    return Reply(int(status.split()[1]) if status else 0, headers, body, time.monotonic() - started)


def _complete(got: bytes) -> bool:
    head, end, body = got.partition(b"\r\n\r\n")
    lower = head.lower()
    if not end:
        return False
    if b"transfer-encoding: chunked" in lower:
        return got.endswith(b"0\r\n\r\n")
    length = [line.partition(b":")[2] for line in lower.split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(length) and len(body) >= int(length[0])


def start_queue(kind: str, folder: Path, port: int | None = None) -> Queue:
    """Start a queue of a kind; one that was killed comes back on its port."""
    if kind == "emulator":
        require_emulator()
    output, port = folder / f"{kind}.txt", port or free_port()
    if kind == "emulator":
        return Queue(kind, start_emulator(output, port))
    command = [sys.executable, "-m", "tools.broker", f"--port={port}", f"--data={folder}/queue.db"]
    return Queue(kind, start(command, port, output, clean_environment()))


def start_receiver(queue: Queue, folder: Path, **env: str) -> Receiver:
    """Start a receiver for SOURCES with secrets made at random."""
    file, output = folder / "sources.yaml", folder / f"receiver-{next(NUMBERS)}.txt"
    file.write_text(json.dumps(entries()))
    sources = load(file)
    made = {name: pair for source in sources.values() for name, pair in new_keys(source).items()}
    secrets = {name: made[signing_key(source)] for name, source in sources.items() if source.provider.scheme}
    own = {"SOURCES": str(file), "TOPIC": queue.topic, "PUBSUB_EMULATOR_HOST": queue.host}
    server = start_function("receiver", output, None, None, **(environment(made) | own | env))
    return Receiver(server, queue, sources, secrets)


def environment(secrets: Secrets) -> dict[str, str]:
    """The variables in which the receiver finds secrets; `keyless` has none."""
    given = {name: f"{given}\n" for name, (_, given) in secrets.items()} | {"TOKEN_META": VERIFY_TOKEN}
    del given["KEY_KEYLESS"]
    return given | {"KEYS": "env", "PROJECT": "tests"}


def entries() -> dict[str, dict[str, Any]]:
    """SOURCES as the file has them, with what some rows need besides."""
    rows = {name: PROVIDERS[entry["provider"]] for name, entry in SOURCES.items() if "provider" in entry}
    return {
        n: entry | ({**demo_entry(n, rows[n], PUBLIC), **entry} if n in rows else {}) for n, entry in SOURCES.items()
    }


# Tests for which one queue is enough take Google's; without it, ours.
ONE = "emulator" if emulator_program() or os.environ.get("REQUIRE_EMULATORS") else "embedded"
one_queue = pytest.mark.parametrize("queue", [ONE], indirect=True)


@pytest.fixture(scope="session", params=["emulator", "embedded"])
def queue(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    """A queue that stays for all tests."""
    queue = start_queue(request.param, tmp_path_factory.mktemp(request.param))
    try:
        queue.create()
        yield queue
    finally:
        queue.server.stop()


@pytest.fixture(scope="session")
def firestore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Google's Firestore emulator; each test takes a project of its own."""
    require_emulator(FIRESTORE)
    server = start_firestore(tmp_path_factory.mktemp("firestore") / "output.log")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def running(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver that stays for all tests; whatever they do to it, its log holds no secret and no traceback."""
    receiver = start_receiver(queue, tmp_path_factory.mktemp("receiver"), LOG_EXECUTION_ID="true")
    try:
        yield receiver
    finally:
        receiver.server.stop()
    check_log(receiver)


@pytest.fixture
def receiver(running: Receiver) -> Receiver:
    """The receiver, with nothing in its queue that an earlier test left."""
    running.queue.messages()
    return running


def check_log(receiver: Receiver) -> None:
    """Nothing but JSON lines, and no secret in them; only of a worker that a test killed may gunicorn speak."""
    log = receiver.server.output.read_text()
    lines = [line for line in log.splitlines() if "was sent SIGKILL" not in line]
    assert not [line for line in lines if not line.startswith('{"severity": "')]
    assert not [name for name, keys in receiver.secrets.items() if any(key in log for key in keys)]
