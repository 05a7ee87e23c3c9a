"""The queue's SQLite file: opened by one broker only, and written in commits that many callers share."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc

from tools.queue.rules import RequestError

APPLICATION = 0x53484B51
# `due` is when a copy is delivered next: at once, after its backoff, or when its lease runs out.
SCHEMA = f"""
PRAGMA application_id = {APPLICATION};
CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, settings BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions (name TEXT PRIMARY KEY, topic TEXT NOT NULL, settings BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS copies (
    id INTEGER PRIMARY KEY,
    subscription TEXT NOT NULL,
    due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    leased INTEGER NOT NULL DEFAULT 0,
    message BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS copies_due ON copies (subscription, due, id);
"""

T = TypeVar("T")


class FileError(Exception):
    """A file that can't be used as a queue."""


class Commits:
    """A database whose callers wait until their work is on disk, and share the writes."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._turn = threading.Lock()
        self._waiting: deque[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]] = deque()
        self._then: set[Callable[[], object]] = set()

    def close(self) -> None:
        """Close the file; whatever comes later is UNAVAILABLE."""
        with self._turn:
            self._db.close()

    def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what the work returns once it is on disk; a failure of the file is UNAVAILABLE.

        Whoever has its turn takes along all that wait. Work that fails leaves nothing behind, and may be run twice.
        """
        future: Future[T] = Future()
        self._waiting.append((work, future))
        with self._turn:
            if not future.done():
                self._commit([self._waiting.popleft() for _ in range(len(self._waiting))])
        try:
            return future.result()
        except sqlite3.Error as error:
            raise RequestError(grpc.StatusCode.UNAVAILABLE, f"the queue's file: {error}") from error

    def then(self, call: Callable[[], object]) -> None:
        """Call this, from within work, once the work is on disk; not if it fails."""
        self._then.add(call)

    def _commit(self, jobs: Sequence[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]]) -> None:
        self._then.clear()
        try:
            with self._transaction():
                results = [work(self._db) for work, _ in jobs]
        except Exception as error:
            if len(jobs) == 1:
                jobs[0][1].set_exception(error)
                return
            for job in jobs:  # one that fails must not cost its neighbours
                self._commit([job])
            return
        for (_, future), result in zip(jobs, results, strict=True):
            future.set_result(result)
        for call in self._then:
            call()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def connect(path: Path) -> sqlite3.Connection:
    """Open a queue's file, or make one, and keep every other process out of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        (application,) = db.execute("PRAGMA application_id").fetchone()
        if application != APPLICATION and db.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise FileError(f"{path} is a database, but not a queue's")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(SCHEMA)
    except (sqlite3.Error, OSError) as error:
        why = "another broker uses it" if "database is locked" in str(error) else str(error)
        raise FileError(f"can't use {path} as a queue: {why}") from error
    return db
