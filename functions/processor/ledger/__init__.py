"""Knows which events are done, and who is working on which."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, Self

from ..errors import Busy, Misconfigured

# More than any handler may take (540 s), less than Pub/Sub waits for an answer (600 s).
LEASE = 570.0
# Longer than queue and dead-letter topic together keep an event.
KEPT_DAYS = 45


class State(StrEnum):
    """Where an event is."""

    OPEN = "open"  # its owner works on it until the lease ends; each write of the owner's renews the lease
    FREE = "free"  # given back by its owner: the next delivery may take it at once
    DONE = "done"
    DEAD = "dead"  # in the dead-letter topic


@dataclass(frozen=True)
class Record:
    """What is known of an event: `fence` counts its claims, `finished` names the handlers that need not run again."""

    state: State
    fence: int
    replay: int
    finished: frozenset[str]


@dataclass(frozen=True)
class Claim:
    """The right to work on an event, until somebody takes it over."""

    key: str
    owner: str
    fence: int
    replay: int
    finished: frozenset[str]

    def after(self, handler: str) -> Self:
        """Add a handler that has finished."""
        return replace(self, finished=self.finished | {handler})


class Ledger(Protocol):
    """What every store of events does; LedgerDown from either call means that nobody knows, within 4 s."""

    def claim(self, key: str, replay: int = 0) -> Claim | None:
        """Take an event that nobody works on; None if it is done, or dead and not replayed since; else Busy."""

    def write(self, claim: Claim, state: State) -> None:
        """Set the state and the handlers finished; Busy, and nothing written, if the claim was taken over."""


def claimed(key: str, owner: str, replay: int, record: Record | None, leased: bool) -> Claim | None:
    """Say what a delivery finds: the claim it may write, None for a duplicate, Busy if another has it.

    `leased` says that the lease of an open record has not ended. One rule for all stores.
    """
    if record is None:
        return Claim(key, owner, 1, replay, frozenset())
    if record.state is State.DONE or (record.state is State.DEAD and replay <= record.replay):
        return None
    if record.state is State.OPEN and leased:
        raise Busy("leased")
    return Claim(key, owner, record.fence + 1, max(replay, record.replay), record.finished)


def open_ledger(setting: str) -> Ledger:
    """Choose the store that LEDGER names, without touching it yet: the platform forks after this."""
    kind, _, path = setting.partition(":")
    if kind == "sqlite" and path not in ("", ":memory:"):
        from .sqlite import SqliteLedger

        return SqliteLedger(path)
    if kind == "firestore":
        raise Misconfigured("LEDGER is firestore, which this version does not have yet: write sqlite:PATH")
    raise Misconfigured(f"LEDGER is {setting!r}: write sqlite:PATH, with the path of a file")
