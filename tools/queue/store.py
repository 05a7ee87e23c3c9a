"""The queue itself: a copy of each message for each subscription, handed out until it is acknowledged."""

import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from google.pubsub_v1.types import PubsubMessage, Subscription, Topic

from tools.queue import names as names
from tools.queue.commits import Commits
from tools.queue.rules import Backoff, dead_letter

# A push fails at its deadline; its lease lasts a little longer, so that the two do not race.
PUSH_SLACK = 1.0
# Google's client takes at most 4 MiB in one answer of an emulator; of several messages none may be lost to that.
LEASE_BYTES = 4_000_000
DUE = "SELECT id, attempts, message FROM copies WHERE subscription = ? AND due <= ? ORDER BY due, id LIMIT ?"
HELD = "SELECT message FROM copies WHERE id = ? AND subscription = ? AND attempts = ? AND leased = 1"

# The number and the attempt of a copy that was leased.
Held = tuple[int, int]


@dataclass(frozen=True)
class Copy:
    """A message on its way to one subscription, delivered `attempt` times."""

    number: int
    attempt: int
    message: PubsubMessage


@dataclass(frozen=True)
class Lease:
    """Copies handed out together; `wait` is the seconds until the next is due, None if there is none."""

    subscription: Subscription
    copies: list[Copy]
    wait: float | None


class Store:
    """Everything the queue knows; a method returns when what it did is on disk."""

    def __init__(self, path: Path, backoff: Backoff, clock: Callable[[], float] = time.time) -> None:
        self._backoff, self._clock = backoff, clock
        self._wakes: dict[str, threading.Event] = {}
        self._commits = Commits(path)
        (last,) = self._commits.do(lambda db: db.execute("SELECT IFNULL(MAX(id), 0) FROM copies").fetchone())
        # No number is given twice, also after a restart: they start at the clock's microseconds.
        self._numbers = itertools.count(max(last + 1, int(clock() * 1e6)))
        self._commits.do(_void_pushes)

    def close(self) -> None:
        """Close the file; whatever comes later is UNAVAILABLE."""
        self._commits.close()

    def wake(self, subscription: str) -> threading.Event:
        """Return the event that is set whenever the subscription may have something due."""
        return self._wakes.setdefault(subscription, threading.Event())

    def create_topic(self, topic: Topic) -> None:
        """Make a topic."""
        self._commits.do(lambda db: names.create_topic(db, topic))

    def topic(self, name: str) -> Topic:
        """Return a topic."""
        return self._commits.do(lambda db: names.topic(db, name))

    def create_subscription(self, wish: Subscription) -> None:
        """Make a subscription, which gets what is published from now on."""
        self._commits.do(lambda db: names.create_subscription(db, wish))

    def subscription(self, name: str) -> Subscription:
        """Return a subscription."""
        return self._commits.do(lambda db: names.subscription(db, name))

    def push_to(self, name: str, endpoint: str) -> None:
        """Point a push subscription to another endpoint."""
        self._commits.do(lambda db: names.push_to(db, name, endpoint))

    def lease_for(self, name: str, seconds: int) -> Subscription:
        """Set the ack deadline of a subscription for the leases to come, and return it as it is now."""
        return self._commits.do(lambda db: names.lease_for(db, name, seconds))

    def pushing(self) -> list[str]:
        """Return the names of the subscriptions that push."""
        return self._commits.do(names.pushing)

    def publish(self, topic: str, messages: Sequence[PubsubMessage]) -> list[str]:
        """Keep a copy of each message for each subscription of the topic; return their ids, in order."""
        return self._commits.do(lambda db: self._publish(db, topic, messages))

    def lease(self, name: str, limit: int) -> Lease:
        """Hand out up to `limit` copies that are due, until the ack deadline of the subscription."""
        return self._commits.do(lambda db: self._lease(db, name, limit))

    def acknowledge(self, name: str, held: Sequence[Held]) -> None:
        """Forget copies; as in Pub/Sub, it may come after the deadline."""
        rows = [(number, name) for number, _ in held]
        self._commits.do(lambda db: db.executemany("DELETE FROM copies WHERE id = ? AND subscription = ?", rows))

    def extend(self, name: str, held: Sequence[Held], seconds: float) -> None:
        """Let leases that still hold last this long from now; 0 gives the copies back."""

        def work(db: sqlite3.Connection) -> None:
            for number, attempt in held:
                self._extend(db, name, number, attempt, seconds)

        self._commits.do(work)

    def _publish(self, db: sqlite3.Connection, topic: str, messages: Sequence[PubsubMessage]) -> list[str]:
        now, subscribers = self._clock(), names.subscribers(db, topic)
        for message in messages:
            raw = PubsubMessage.pb(message)
            raw.message_id = str(next(self._numbers))
            raw.publish_time.FromMilliseconds(int(now * 1000))
            rows = [(next(self._numbers), name, now, raw.SerializeToString()) for name in subscribers]
            db.executemany("INSERT INTO copies (id, subscription, due, message) VALUES (?, ?, ?, ?)", rows)
        for name in subscribers:
            self._commits.then(self.wake(name).set)
        return [message.message_id for message in messages]

    def _lease(self, db: sqlite3.Connection, name: str, limit: int) -> Lease:
        subscription, now = names.subscription(db, name), self._clock()
        slack = PUSH_SLACK if subscription.push_config.push_endpoint else 0
        until = now + subscription.ack_deadline_seconds + slack
        copies = []
        for copy in _due(db, name, limit, now):
            if not self._forward(db, subscription, copy):
                sql = "UPDATE copies SET attempts = attempts + 1, leased = 1, due = ? WHERE id = ?"
                db.execute(sql, (until, copy.number))
                copies.append(Copy(copy.number, copy.attempt + 1, copy.message))
        (first,) = db.execute("SELECT MIN(due) FROM copies WHERE subscription = ?", (name,)).fetchone()
        return Lease(subscription, copies, None if first is None else max(0.0, first - now))

    def _extend(self, db: sqlite3.Connection, name: str, number: int, attempt: int, seconds: float) -> None:
        row = db.execute(HELD, (number, name, attempt)).fetchone()
        if row is None:
            return
        subscription = names.subscription(db, name)
        copy = Copy(number, attempt, PubsubMessage.deserialize(row[0]))
        self._commits.then(self.wake(name).set)
        if seconds or not self._forward(db, subscription, copy):
            due = self._clock() + (seconds or self._backoff.delay(subscription, attempt))
            db.execute("UPDATE copies SET due = ?, leased = ? WHERE id = ?", (due, seconds > 0, number))

    def _forward(self, db: sqlite3.Connection, subscription: Subscription, copy: Copy) -> bool:
        policy = subscription.dead_letter_policy
        if not policy.dead_letter_topic or copy.attempt < policy.max_delivery_attempts:
            return False
        if not names.topic_exists(db, policy.dead_letter_topic):
            return False  # nowhere to go: it is tried on, never dropped
        db.execute("DELETE FROM copies WHERE id = ?", (copy.number,))
        self._publish(db, policy.dead_letter_topic, [dead_letter(copy.message, subscription, copy.attempt)])
        return True


def _due(db: sqlite3.Connection, name: str, limit: int, now: float) -> list[Copy]:
    copies: list[Copy] = []
    room = LEASE_BYTES
    with closing(db.execute(DUE, (name, now, limit))) as rows:
        for number, attempts, message in rows:
            room -= len(message)
            if copies and room < 0:
                break
            copies.append(Copy(number, attempts, PubsubMessage.deserialize(message)))
    return copies


def _void_pushes(db: sqlite3.Connection) -> None:
    for name in names.pushing(db):  # who was to hear the answers to these pushes is gone
        db.execute("UPDATE copies SET leased = 0, due = 0 WHERE subscription = ? AND leased = 1", (name,))
