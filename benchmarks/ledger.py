"""What the ledger costs an event with one handler: its two writes, beside two bare writes to the same store."""

import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import grpc
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from functions.processor.ledger import Ledger, State
from functions.processor.ledger.firestore import FirestoreLedger
from functions.processor.ledger.sqlite import SqliteLedger
from tests.servers import start_firestore

from .effort import Effort
from .table import Cell, Table

LEASE = 570
FIRESTORE = "firestore (Google's emulator)"
HEADINGS = ["ledger, an event with one handler", "p50 ms", "p99 ms", "p50 of two bare writes"]
FORMATS = ["", ".2f", ".2f", ".2f"]
Work = Callable[[str], object]


def ledger(effort: Effort) -> Table:
    """Claim and complete so many events with each ledger, one after another and in turns with bare writes."""
    with TemporaryDirectory() as folder, firestore(Path(folder)) as (_, client):
        works: dict[str, tuple[Work, Work]] = {
            "sqlite": (handled_by(SqliteLedger(f"{folder}/ledger.db", LEASE)), bare_sqlite(f"{folder}/bare.db")),
            FIRESTORE: (handled_by(FirestoreLedger("bench", "(default)", LEASE)), bare_firestore(client)),
        }
        rows = [row(name, effort.events, *pair) for name, pair in works.items()]
    return Table("What a ledger costs an event", HEADINGS, FORMATS, rows)


def row(name: str, events: int, ours: Work, bare: Work) -> list[Cell]:
    """Time both in turns, the first tenth not counted."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(events + events // 10):
        for work, taken in zip((ours, bare), times, strict=True):
            begun = time.perf_counter()
            work(uuid.uuid4().hex)
            if number >= events // 10:
                taken.append((time.perf_counter() - begun) * 1e3)
    cuts, bare_cuts = (quantiles(taken, n=100) for taken in times)
    return [name, cuts[49], cuts[98], cuts[49] / bare_cuts[49]]


def handled_by(ledger: Ledger) -> Work:
    """What the processor does with a new event."""

    def work(key: str) -> None:
        claim = ledger.claim(key)
        assert claim
        ledger.write(claim.after("deploy.deploy"), State.DONE)

    return work


def bare_sqlite(path: str) -> Work:
    """Two writes of a row, each a transaction."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE bare (key TEXT PRIMARY KEY, state TEXT)")

    def work(key: str) -> None:
        db.execute("INSERT INTO bare VALUES (?, 'open')", (key,))
        db.execute("UPDATE bare SET state = 'done' WHERE key = ?", (key,))

    return work


def bare_firestore(client: FirestoreClient) -> Work:
    """Two writes of a document with one field."""
    database = "projects/bench/databases/(default)"

    def work(key: str) -> None:
        for state in ("open", "done"):
            update = {"name": f"{database}/documents/bare/{key}", "fields": {"state": {"string_value": state}}}
            client.commit({"database": database, "writes": [{"update": update}]}, timeout=5)

    return work


@contextmanager
def firestore(folder: Path) -> Iterator[tuple[str, FirestoreClient]]:
    """Google's emulator: its host, which ledgers find in the environment, and a client."""
    emulator = start_firestore(folder / "firestore.log")
    host = f"127.0.0.1:{emulator.port}"
    os.environ["FIRESTORE_EMULATOR_HOST"] = host
    try:
        yield host, FirestoreClient(transport=FirestoreGrpcTransport(channel=grpc.insecure_channel(host)))
    finally:
        del os.environ["FIRESTORE_EMULATOR_HOST"]
        emulator.stop()
