"""Attacks on what stands behind the queue: bombs, forged pushes, ids that are paths, and events that never succeed."""

import gzip
import json
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from tests.conftest import Queue, one_queue
from tests.processor.pushes import ATTRIBUTES, deliver, push, start_processor
from tests.processor.test_message import read_push
from tests.servers import FIRESTORE, Server, emulator_program

pytestmark = one_queue
CANARY = "CANARY-5b1e"
HANDLERS = """
import os
from pathlib import Path
from . import Event, on

@on("shop.*")
def seen(event: Event) -> None:
    with (Path(os.environ["EFFECTS"]) / "effects").open("a") as file:
        file.write(f"{event.key} {len(event.data)}\\n")

@on("shop.json")
def reads(event: Event) -> None:
    event.json()

@on("shop.poison")
def poison(event: Event) -> None:
    raise ValueError
"""


@dataclass
class Target:
    """A processor with its ledger in Firestore, where there is an emulator of it, and dead letters in a queue."""

    server: Server
    folder: Path
    letters: Queue
    firestore: Server | None
    project: str

    def ran(self, event: dict[str, Any]) -> list[int]:
        """How many bytes its handler got, each time that it ran for an event."""
        file = self.folder / "effects"
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return [int(size) for key, size in lines if key == read_push(event).key]

    def outcomes(self, event: dict[str, Any]) -> list[str]:
        """What the log says became of the deliveries of an event."""
        name = event["message"]["attributes"]["ce-source"].removeprefix("/"), event["message"]["messageId"]
        return [line["outcome"] for line in self.server.lines if (line.get("source"), line.get("message_id")) == name]


@pytest.fixture(scope="module")
def started(request: pytest.FixtureRequest, queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder, project = tmp_path_factory.mktemp("attacked"), f"project-{uuid.uuid4().hex}"
    env = {"DEAD_LETTER_TOPIC": queue.topic, "PUBSUB_EMULATOR_HOST": queue.host, "MAX_ATTEMPTS": "3"}
    firestore = None
    if emulator_program(FIRESTORE) or os.environ.get("REQUIRE_EMULATORS"):
        firestore = request.getfixturevalue("firestore")
        env |= {"LEDGER": "firestore", "PROJECT": project, "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{firestore.port}"}
    server = start_processor(folder, HANDLERS, **env)
    yield Target(server, folder, queue, firestore, project)
    server.stop()
    assert CANARY not in server.output.read_text()
    assert "Traceback" not in server.output.read_text()


@pytest.fixture
def target(started: Target) -> Target:
    """The processor, with no dead letters that an earlier test left."""
    started.letters.messages()
    return started


@pytest.fixture
def id_() -> str:
    return uuid.uuid4().hex


def most_memory(server: Server) -> int:
    """The most that a worker ever had in memory, in kB."""
    (worker,) = server.children()
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{worker}/status").read_text())
    assert found
    return int(found[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell how much memory was used")
def test_a_body_that_inflates_without_end_is_parked_at_the_first_try_and_takes_no_memory(
    target: Target, id_: str
) -> None:
    zipped: dict[str, Any] = {"ce_type": "shop.json", "content_encoding": "gzip"}
    assert deliver(target.server, push(gzip.compress(b"no JSON"), ce_id=id_, **zipped)).status_code == 204
    assert len(target.letters.messages()) == 1  # so that all is loaded that a dead letter needs
    before, bomb = most_memory(target.server), gzip.compress(b" " * 50_000_000)
    for n in range(3):
        assert deliver(target.server, push(bomb, attempt=1, ce_id=f"{id_}-{n}", **zipped)).status_code == 204
    assert most_memory(target.server) - before < 20_000
    letters = target.letters.messages()
    assert [(letter.data, letter.attributes["ce-deadreason"]) for letter in letters] == [(bomb, "gave-up")] * 3
    assert letters[0].attributes["ce-deaderror"] == "GiveUp: data inflates to more than 1048576 bytes"


NOT_PUSHES: dict[str, tuple[dict[str, str], Any]] = {
    "a CloudEvent in headers": (ATTRIBUTES, {"order": CANARY}),
    "a CloudEvent in JSON": (
        {"Content-Type": "application/cloudevents+json"},
        {"specversion": "1.0", "type": "shop.order", "source": "/shop", "id": "1", "data_base64": "e30="},
    ),
    "a push without its wrapping": ({"x-goog-pubsub-message-id": "17"}, {"data": "e30=", "attributes": ATTRIBUTES}),
    "a push without attributes": ({}, {"message": {"data": "e30=", "messageId": "17"}, "subscription": CANARY}),
    "a list of pushes": ({}, [push()]),
    "nothing": ({}, b""),
    "what is no JSON": ({}, b"{" + CANARY.encode()),
}


@pytest.mark.parametrize(("headers", "body"), NOT_PUSHES.values(), ids=NOT_PUSHES)
def test_what_is_no_push_runs_nothing_and_nobody_hears_what_was_in_it(
    target: Target, headers: dict[str, str], body: Any
) -> None:
    file = target.folder / "effects"
    before = file.read_text() if file.exists() else ""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = deliver(target.server, data, headers=headers | {"Authorization": f"Bearer {CANARY}", "Cookie": CANARY})
    assert (answer.status_code, answer.content) == (400, b"")
    assert CANARY not in str(answer.headers)
    assert (file.read_text() if file.exists() else "") == before
    assert target.letters.messages() == []


def test_a_push_without_data_is_an_event_and_not_poison(target: Target, id_: str) -> None:
    empty = push(None, ce_id=id_)
    answer = deliver(target.server, empty, headers={"Authorization": f"Bearer {CANARY}"})
    assert (answer.status_code, answer.content, target.ran(empty)) == (204, b"", [0])


def test_an_id_that_was_used_for_another_body_or_by_another_source_is_free(target: Target, id_: str) -> None:
    genuine = push(b"genuine", ce_id=id_)
    others = [push(b"forged", ce_id=id_), push(b"genuine", ce_id=id_, ce_source="/other")]
    for event in (*others, genuine):
        assert [deliver(target.server, event).status_code for _ in range(2)] == [204, 204]
        assert target.ran(event) == [len(read_push(event).data)]


def stored(firestore: Server, project: str) -> tuple[list[str], list[str]]:
    """The collections of a project, and the names of the documents in the ledger's."""
    documents, owner = f"projects/{project}/databases/(default)/documents", [("authorization", "Bearer owner")]
    with grpc.insecure_channel(f"127.0.0.1:{firestore.port}") as channel:
        client = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
        collections = list(client.list_collection_ids({"parent": documents}, metadata=owner))
        listed = client.list_documents({"parent": documents, "collection_id": "webhook-events"}, metadata=owner)
        return collections, [document.name.rpartition("/webhook-events/")[2] for document in listed]


PATHS = [
    "a/b",
    "a/b/c",
    "/",
    "..",
    ".",
    "__x__",
    "__id7__",
    "*",
    "%2f",
    "\u00e9" * 700,
    "x" * 1501,
    " ",
    "\x00\n",
    "'; --",
]


@pytest.mark.parametrize("signed", [{}, {"ce_signed": "id"}], ids=["unsigned", "signed"])
def test_no_id_is_a_path_in_the_store(target: Target, signed: dict[str, Any]) -> None:
    source = "/paths-signed" if signed else "/paths"
    for text in PATHS:
        event = push(ce_id=text, ce_source=source, **signed)
        assert [deliver(target.server, event).status_code for _ in range(2)] == [204, 204], text
        assert target.ran(event) == [2], text
    assert target.outcomes(push(ce_source=source)) == ["processed", "duplicate"] * len(PATHS)
    if target.firestore:
        collections, names = stored(target.firestore, target.project)
        assert collections == ["webhook-events"]
        assert not [name for name in names if not re.fullmatch(r"[0-9a-f]{64}", name)]


def test_an_event_that_never_succeeds_is_parked_in_the_end_and_holds_up_no_other(target: Target, id_: str) -> None:
    statuses = []
    for attempt in (1, 2, 3, 4):
        poison = push(b"poison", attempt=attempt, ce_id=id_, ce_type="shop.poison")
        statuses.append(deliver(target.server, poison).status_code)
        other = push(ce_id=f"{id_}-{attempt}")
        assert (deliver(target.server, other).status_code, target.ran(other)) == (204, [2])
    assert statuses == [503, 503, 204, 204]
    (letter,) = target.letters.messages()
    assert (letter.data, letter.attributes["ce-deadreason"]) == (b"poison", "last-attempt")
