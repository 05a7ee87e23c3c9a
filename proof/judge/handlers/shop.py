"""What the shop that is judged does with a payment: its order is paid or refunded, and its outbox says so."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from . import Event, on

FOLDER = Path(os.environ["EFFECTS"])
STATES = {"payment.succeeded": "paid", "payment.refunded": "refunded"}
# Only an effect has a key that is unique, as docs/handlers.md says; whatever else is done twice stands here twice.
SCHEMA = """
CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, source TEXT, event TEXT, customer TEXT);
CREATE TABLE IF NOT EXISTS orders (source TEXT, id TEXT, state TEXT, version INTEGER, UNIQUE (source, id));
CREATE TABLE IF NOT EXISTS outbox (source TEXT, event TEXT, topic TEXT);
CREATE TABLE IF NOT EXISTS processings (source TEXT, event TEXT);
"""


class NotPaidYet(Exception):
    """There is nothing to refund: the event that comes first has not come yet."""


def store() -> sqlite3.Connection:
    """Open the books of the shop."""
    return sqlite3.connect(FOLDER / "shop.db", timeout=10)


with closing(store()) as shop:
    shop.executescript(SCHEMA)


@on("*.payment.*")
def book(event: Event) -> None:
    """Book a payment, once; a refund of what is not paid yet fails, and so comes again."""
    with closing(store()) as shop:
        with shop:
            apply(shop, event)
        die_if_told(event)
        with shop:
            shop.execute("INSERT INTO processings VALUES (?, ?)", (event.source, event.id))


def apply(shop: sqlite3.Connection, event: Event) -> None:
    """Do all that belongs to an event, or nothing."""
    data = event.json()["data"]
    kind = event.type.partition(".")[2]
    effect = (event.key, event.source, event.id, data.get("customer_email"))
    if not shop.execute("INSERT OR IGNORE INTO effects VALUES (?, ?, ?, ?)", effect).rowcount:
        return
    change(shop, event.source, data["order_id"], STATES[kind])
    shop.execute("INSERT INTO outbox VALUES (?, ?, ?)", (event.source, event.id, f"order.{STATES[kind]}"))


def change(shop: sqlite3.Connection, source: str, order: str, state: str) -> None:
    """Give an order its next state."""
    found = shop.execute("SELECT state FROM orders WHERE source = ? AND id = ?", (source, order)).fetchone()
    if state == "refunded" and found != ("paid",):
        raise NotPaidYet
    new = "INSERT INTO orders VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET state = excluded.state, version = version+1"
    shop.execute(new, (source, order, state))


def die_if_told(event: Event) -> None:
    """End this process as a crash would, where the judge has asked for it: the effect is done, and nobody knows."""
    told = FOLDER / f"kill-{event.id}"
    if told.exists():
        told.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
