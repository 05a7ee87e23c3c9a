"""The ledger in a file, for one machine: the local run, the tests, a server of your own."""

import json
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from ..errors import Busy, LedgerDown
from . import KEPT_DAYS, Claim, Record, State, claimed

SCHEMA = """
    CREATE TABLE IF NOT EXISTS ledger (
        key TEXT PRIMARY KEY, state TEXT NOT NULL, owner TEXT NOT NULL, fence INTEGER NOT NULL, replay INTEGER NOT NULL,
        finished TEXT NOT NULL, written REAL NOT NULL, lease REAL NOT NULL
    );
    CREATE INDEX IF NOT EXISTS by_age ON ledger (written);
"""
BUSY_TIMEOUT = 2.0


class SqliteLedger:
    """Events in a table, each claim and each write one transaction; `lease` in seconds of `clock`."""

    def __init__(self, path: str, lease: float, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._lease = lease
        self._clock = clock
        self._thread = threading.local()
        self._turn = threading.Lock()

    def claim(self, key: str, replay: int = 0, again: bool = False) -> Claim | None:
        """Take an event, as the interface says, and forget two old ones: the file grows no further than 45 days."""
        now = self._clock()
        with self._transaction() as db:
            db.execute(
                "DELETE FROM ledger WHERE key IN (SELECT key FROM ledger WHERE written < ? ORDER BY written LIMIT 2)",
                (now - KEPT_DAYS * 86400,),
            )
            record, until = _look(db, key)
            claim = claimed(key, uuid.uuid4().hex, replay, again, record, leased=now < until)
            if claim:
                state, finished = State.OPEN, _text(claim.finished)
                row = (key, state, claim.owner, claim.fence, claim.replay, finished, now, self._lease)
                db.execute("INSERT OR REPLACE INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return claim

    def write(self, claim: Claim, state: State) -> Claim:
        """Set the state and the handlers finished, if the claim still holds."""
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE ledger SET state = ?, finished = ?, written = ?"
                " WHERE key = ? AND owner = ? AND fence = ? AND state = ?",
                (state, _text(claim.finished), self._clock(), claim.key, claim.owner, claim.fence, State.OPEN),
            ).rowcount
        if not changed:
            raise Busy("taken-over")
        return claim

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the file's write lock from the first read on; after an error, open the file anew."""
        # One at a time: SQLite has whoever waits sleep longer and longer, and is fair to nobody.
        if not self._turn.acquire(timeout=BUSY_TIMEOUT):
            raise LedgerDown("ledger-down")
        try:
            with self._connection() as db:
                db.execute("BEGIN IMMEDIATE")
                yield db
        except sqlite3.Error as error:
            self._thread.__dict__.clear()
            raise LedgerDown("ledger-down") from error
        finally:
            self._turn.release()

    def _connection(self) -> sqlite3.Connection:
        """Open the file once in each thread, and again in a process that was forked since."""
        mine = self._thread.__dict__
        if mine.get("pid") != os.getpid():
            mine.update(pid=os.getpid(), db=_open(self._path))
        return cast(sqlite3.Connection, mine["db"])


def _open(path: str) -> sqlite3.Connection:
    """Open the file, made and set up if need be, in autocommit mode: transactions are begun by hand."""
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
    end = time.monotonic() + 1
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(SCHEMA)
            return db
        except sqlite3.OperationalError as error:
            # The first to open a new file collide: a switch of the journal ignores the timeout when it finds a lock.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.02)


def _look(db: sqlite3.Connection, key: str) -> tuple[Record | None, float]:
    """Find what is known of an event, and when its lease ends."""
    sql = "SELECT state, fence, replay, finished, written + lease FROM ledger WHERE key = ?"
    row = db.execute(sql, (key,)).fetchone()
    if row is None:
        return None, 0.0
    state, fence, replay, finished, until = row
    return Record(State(state), fence, replay, frozenset(json.loads(finished))), until


def _text(finished: frozenset[str]) -> str:
    return json.dumps(sorted(finished))
