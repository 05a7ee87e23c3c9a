"""Knows which events are done, and who is working on which."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, Self

from ..errors import Busy, Misconfigured
from ..settings import Settings

# A lease outlasts the handlers by this long, in seconds: 540 s of work < 570 s of lease < 600 s that Pub/Sub waits.
MARGIN = 30
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
    """The right to work on an event, until somebody takes it over; `version` is what its store knows it by."""

    key: str
    owner: str
    fence: int
    replay: int
    finished: frozenset[str]
    version: object = field(default=None, compare=False, repr=False)

    def after(self, handler: str) -> Self:
        """Add a handler that has finished."""
        return replace(self, finished=self.finished | {handler})


class Ledger(Protocol):
    """What every store of events does; LedgerDown from either call means that nobody knows, within 4 s."""

    def claim(self, key: str, replay: int = 0, again: bool = False) -> Claim | None:
        """Take an event that nobody works on; None if it is done, or dead and not replayed since; else Busy.

        `replay` says how often it was replayed, `again` that this time the handlers that have finished run too.
        """

    def write(self, claim: Claim, state: State) -> Claim:
        """Set the state and the handlers finished, and return the claim to go on with; Busy if it was taken over."""


def claimed(key: str, owner: str, replay: int, again: bool, record: Record | None, leased: bool) -> Claim | None:
    """Say what a delivery finds: the claim it may write, None for a duplicate, Busy if another has it.

    `leased` says that the lease of an open record has not ended. One rule for all stores. All deliveries of one replay
    are one attempt at it, so `again` counts for the first of them alone.
    """
    if record is None:
        return Claim(key, owner, 1, replay, frozenset())
    replayed = replay > record.replay
    if record.state is State.DONE and not (replayed and again):
        return None
    if record.state is State.DEAD and not replayed:
        return None
    if record.state is State.OPEN and leased:
        raise Busy("leased")
    finished = frozenset[str]() if replayed and again else record.finished
    return Claim(key, owner, record.fence + 1, max(replay, record.replay), finished)


def open_ledger(settings: Settings) -> Ledger:
    """Choose the store that LEDGER names, without touching it yet: the platform forks after this."""
    kind, _, path = settings.ledger.partition(":")
    lease = settings.handler_timeout + MARGIN
    if kind == "sqlite" and path not in ("", ":memory:"):
        from .sqlite import SqliteLedger

        return SqliteLedger(path, lease)
    if settings.ledger == "firestore":
        if not settings.project:
            raise Misconfigured("LEDGER is firestore, and PROJECT does not say whose")
        from .firestore import FirestoreLedger

        return FirestoreLedger(settings.project, settings.firestore_database, lease)
    raise Misconfigured(f"LEDGER is {settings.ledger!r}: write firestore, or sqlite:PATH with the path of a file")
