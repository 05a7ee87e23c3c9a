"""Each event once by each handler, with either ledger: crowds, crashes, and a store that fails."""

import os
import signal
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import grpc
import pytest
import requests
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.types import Value

from tests.processor.pushes import deliver, push, start_processor
from tests.processor.test_process import effects, outcomes
from tests.proxy import Fault, Proxy
from tests.servers import Server, until

HANDLERS = """
import os, signal, sys, time
from pathlib import Path
from . import Event, on

FOLDER = Path(os.environ["EFFECTS"])

def effect(name, event):
    with (FOLDER / "effects").open("a") as file:
        file.write(f"{name} {event.id}\\n")

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def die_after_the_next_write():
    ledger = next(module.LEDGER for module in sys.modules.values() if hasattr(module, "LEDGER"))
    write = type(ledger).write
    type(ledger).write = lambda *arguments: (write(*arguments), die())

@on("shop.order")
def first(event: Event) -> None:
    effect("first", event)

@on("shop.order")
def second(event: Event) -> None:
    effect("second", event)

@on("shop.crash.*")
def crash(event: Event) -> None:
    once = FOLDER / f"crashed {event.id}"
    point, fresh = event.type.removeprefix("shop.crash."), not once.exists()
    once.touch()
    if fresh and point == "after the claim":
        die()
    effect("crash", event)
    if fresh and point == "after the effect":
        die()
    if fresh and point == "after completion":
        die_after_the_next_write()

@on("shop.slow")
def slow(event: Event) -> None:
    effect("slow", event)
    until = time.monotonic() + 10
    while time.monotonic() < until and not (FOLDER / f"go {event.id}").exists():
        time.sleep(0.02)
"""


class Store(Protocol):
    """A ledger's store, seen from outside."""

    def settings(self) -> dict[str, str]:
        """What the processor is told."""

    def end_leases(self) -> None:
        """Let all leases end now."""


@dataclass
class Sqlite:
    """The file."""

    path: Path

    def settings(self) -> dict[str, str]:
        return {"LEDGER": f"sqlite:{self.path}"}

    def end_leases(self) -> None:
        with sqlite3.connect(self.path) as db:
            db.execute("UPDATE ledger SET lease = 0")


@dataclass
class Firestore:
    """Google's emulator, behind a proxy."""

    emulator: Server
    proxy: Proxy
    project: str

    def settings(self) -> dict[str, str]:
        host = f"127.0.0.1:{self.proxy.port}"
        return {"LEDGER": "firestore", "PROJECT": self.project, "FIRESTORE_EMULATOR_HOST": host}

    def end_leases(self) -> None:
        channel = grpc.insecure_channel(f"127.0.0.1:{self.emulator.port}")
        client = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
        database = f"projects/{self.project}/databases/(default)"
        for document in client.list_documents({"parent": f"{database}/documents", "collection_id": "webhook-events"}):
            document.fields["lease"] = Value(integer_value=0)
            client.commit({"database": database, "writes": [{"update": document}]})
        channel.close()


@pytest.fixture(scope="module", params=["sqlite", "firestore"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "sqlite":
        yield Sqlite(tmp_path_factory.mktemp("ledger") / "ledger.db")
        return
    emulator: Server = request.getfixturevalue("firestore")
    proxy = Proxy(emulator.port)
    yield Firestore(emulator, proxy, f"project-{uuid.uuid4().hex}")
    proxy.stop()


@pytest.fixture(scope="module")
def folder(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def processor(store: Store, folder: Path) -> Iterator[Server]:
    server = start_processor(folder, HANDLERS, **store.settings())
    yield server
    server.stop()


@pytest.fixture
def id_() -> str:
    return uuid.uuid4().hex


def test_five_hundred_deliveries_at_once_have_one_effect(processor: Server, folder: Path, id_: str) -> None:
    with ThreadPoolExecutor(500) as pool:
        answers = list(pool.map(deliver, [processor] * 500, [push(ce_id=id_)] * 500))
    codes = Counter(answer.status_code for answer in answers)
    assert (codes.total(), set(codes) <= {204, 503}) == (500, True)
    assert effects(folder, id_) == ["first", "second"]
    said = Counter(outcomes(processor, id_))
    assert said["processed"] == 1
    assert said["busy"] + said["duplicate"] == 499


@pytest.mark.parametrize(("point", "done"), [("after the claim", 1), ("after the effect", 2), ("after completion", 1)])
def test_kill_9(processor: Server, store: Store, folder: Path, id_: str, point: str, done: int) -> None:
    crash = push(ce_id=id_, ce_type=f"shop.crash.{point}")
    with pytest.raises(requests.ConnectionError):
        deliver(processor, crash)
    at_once = 204 if point == "after completion" else 503
    assert until(lambda: answer(processor, crash)) == at_once
    store.end_leases()
    assert [deliver(processor, crash).status_code for _ in range(2)] == [204, 204]
    assert effects(folder, id_) == ["crash"] * done


def answer(processor: Server, body: dict[str, object]) -> int:
    """The status of a delivery; 0 while the worker that was killed is not there again."""
    try:
        return deliver(processor, body).status_code
    except requests.ConnectionError:
        return 0


def test_a_handler_that_outlives_its_lease_runs_beside_its_heir_and_completes_nothing(
    processor: Server, store: Store, folder: Path, id_: str
) -> None:
    slow = push(ce_id=id_, ce_type="shop.slow")
    with ThreadPoolExecutor(2) as pool:
        zombie = pool.submit(deliver, processor, slow)
        until(lambda: effects(folder, id_) == ["slow"])
        store.end_leases()
        heir = pool.submit(deliver, processor, slow)
        until(lambda: effects(folder, id_) == ["slow", "slow"])
        (folder / f"go {id_}").touch()
        assert sorted([zombie.result().status_code, heir.result().status_code]) == [204, 503]
    assert deliver(processor, slow).status_code == 204
    assert sorted(outcomes(processor, id_)) == ["busy", "duplicate", "processed"]
    assert [line["reason"] for line in processor.lines if line.get("id") == id_ and line["outcome"] == "busy"] == [
        "taken-over"
    ]
    assert effects(folder, id_) == ["slow", "slow"]


only_firestore = pytest.mark.parametrize("store", ["firestore"], indirect=True)  # a file has no network


@only_firestore
@pytest.mark.parametrize("fault", [Fault.REFUSES, Fault.SWALLOWS, Fault.LOSES_REPLIES], ids=lambda fault: fault.name)
def test_a_store_that_is_down_gives_the_event_back_within_four_seconds(
    processor: Server, store: Store, folder: Path, id_: str, fault: Fault
) -> None:
    assert isinstance(store, Firestore)
    assert until(lambda: deliver(processor, push(ce_id=uuid.uuid4().hex)).status_code == 204)
    store.proxy.fail(fault)
    started = time.monotonic()
    assert deliver(processor, push(ce_id=id_)).status_code == 503
    assert time.monotonic() - started < 4
    assert effects(folder, id_) == []
    store.proxy.fail(Fault.NONE)
    if fault is Fault.LOSES_REPLIES:  # the claim arrived, and nobody knows of it
        store.end_leases()
    assert until(lambda: deliver(processor, push(ce_id=id_)).status_code == 204)
    assert effects(folder, id_) == ["first", "second"]


@only_firestore
def test_ten_events_whose_ledger_loses_answers_have_one_effect_each(
    processor: Server, store: Store, folder: Path
) -> None:
    assert isinstance(store, Firestore)
    ids = [uuid.uuid4().hex for _ in range(10)]
    assert until(lambda: deliver(processor, push(ce_id=uuid.uuid4().hex)).status_code == 204)
    with ThreadPoolExecutor(10) as pool:
        store.proxy.fail(Fault.LOSES_REPLIES)
        answers = pool.map(lambda id_: deliver(processor, push(ce_id=id_)).status_code, ids)
        time.sleep(0.7)
        store.proxy.fail(Fault.NONE)
        assert list(answers) == [204] * 10
    assert [effects(folder, id_) for id_ in ids] == [["first", "second"]] * 10
    assert [outcomes(processor, id_) for id_ in ids] == [["processed"]] * 10


def test_a_worker_that_takes_the_place_of_a_killed_one_works_at_once(processor: Server) -> None:
    assert deliver(processor, push(ce_id=uuid.uuid4().hex)).status_code == 204
    (killed,) = processor.children()
    os.kill(killed, signal.SIGKILL)
    assert until(lambda: answer(processor, push(ce_id=uuid.uuid4().hex))) == 204
    assert killed not in processor.children()
