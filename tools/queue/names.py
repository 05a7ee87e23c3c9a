"""What exists in the queue by name: its topics and subscriptions, as rows of its database."""

import sqlite3
from typing import Any

import grpc
from google.pubsub_v1.types import Subscription, Topic

from tools.queue.rules import RequestError


def create_topic(db: sqlite3.Connection, topic: Topic) -> None:
    """Keep a topic; ALREADY_EXISTS if there is one of that name."""
    _create(db, "topics", (topic.name, Topic.serialize(topic)))


def topic(db: sqlite3.Connection, name: str) -> Topic:
    """Return a topic, or NOT_FOUND."""
    return Topic.deserialize(_find(db, "topics", name))  # type: ignore[no-any-return]


def topic_exists(db: sqlite3.Connection, name: str) -> bool:
    """Say whether there is such a topic."""
    return db.execute("SELECT 1 FROM topics WHERE name = ?", (name,)).fetchone() is not None


def create_subscription(db: sqlite3.Connection, wish: Subscription) -> None:
    """Keep a subscription of an existing topic; ALREADY_EXISTS if there is one of that name."""
    _find(db, "topics", wish.topic)
    _create(db, "subscriptions", (wish.name, wish.topic, Subscription.serialize(wish)))


def subscription(db: sqlite3.Connection, name: str) -> Subscription:
    """Return a subscription, or NOT_FOUND."""
    return Subscription.deserialize(_find(db, "subscriptions", name))  # type: ignore[no-any-return]


def push_to(db: sqlite3.Connection, name: str, endpoint: str) -> None:
    """Point a subscription to an endpoint."""
    changed = subscription(db, name)
    changed.push_config.push_endpoint = endpoint
    _change(db, changed)


def lease_for(db: sqlite3.Connection, name: str, seconds: int) -> Subscription:
    """Set the ack deadline of a subscription, and return it as it is now."""
    changed = subscription(db, name)
    changed.ack_deadline_seconds = seconds
    _change(db, changed)
    return changed


def subscribers(db: sqlite3.Connection, topic: str) -> list[str]:
    """Return the names of a topic's subscriptions; NOT_FOUND if there is no such topic."""
    _find(db, "topics", topic)
    return [name for (name,) in db.execute("SELECT name FROM subscriptions WHERE topic = ?", (topic,))]


def pushing(db: sqlite3.Connection) -> list[str]:
    """Return the names of the subscriptions that push."""
    names = [name for (name,) in db.execute("SELECT name FROM subscriptions")]
    return [name for name in names if subscription(db, name).push_config.push_endpoint]


def _create(db: sqlite3.Connection, table: str, row: tuple[Any, ...]) -> None:
    if db.execute(f"SELECT 1 FROM {table} WHERE name = ?", row[:1]).fetchone():
        raise RequestError(grpc.StatusCode.ALREADY_EXISTS, f"{row[0]} exists")
    db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def _change(db: sqlite3.Connection, changed: Subscription) -> None:
    db.execute("UPDATE subscriptions SET settings = ? WHERE name = ?", (Subscription.serialize(changed), changed.name))


def _find(db: sqlite3.Connection, table: str, name: str) -> bytes:
    row = db.execute(f"SELECT settings FROM {table} WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise RequestError(grpc.StatusCode.NOT_FOUND, f"there is no {name}")
    return bytes(row[0])
