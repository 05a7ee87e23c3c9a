"""Why an event is not done: what a handler may raise, and what gives a delivery back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from traceback import walk_tb
from types import TracebackType
from typing import ClassVar


class GiveUp(Exception):
    """Raised by a handler for what no retry can mend: the event is dead-lettered, with this text beside its reason."""

    reason: ClassVar[str] = "gave-up"


class InvalidPayload(GiveUp):
    """The body is not what the handler's payload says; the text names fields and rules, never values."""

    reason = "invalid-payload"


class NotTaken(Exception):
    """Raised by an action whose other side did not take it this time: the event comes again.

    The text says who answered what, and holds nothing that was sent.
    """


class Misconfigured(Exception):
    """Raised with the name of what is wrong and what is allowed: at the start, so that the function does not start.

    Or by an action whose arguments can't be right: the event comes again until they are.
    """


@dataclass(frozen=True)
class Failure:
    """One handler's failure, in words that are safe to log: an exception's text may hold what the event held.

    `reason` is a fixed code, empty where another attempt may succeed.
    """

    handler: str
    error: str
    where: str = ""
    why: str = ""
    reason: str = ""

    @classmethod
    def of(cls, handler: str, error: BaseException) -> "Failure":
        """Describe an exception; only those of this file keep their text, which was written to be read."""
        why = str(error) if isinstance(error, GiveUp | NotTaken | Misconfigured) else ""
        reason = error.reason if isinstance(error, GiveUp) else ""
        return cls(handler, type(error).__name__, _where(error.__traceback__), why, reason)


class NotDone(Exception):
    """The event is not acknowledged, so that Pub/Sub sends it again; `reason` is a fixed code for the log."""

    status: ClassVar[int] = 503
    outcome: ClassVar[str] = "retry"
    severity: ClassVar[str] = "WARNING"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "10"}

    def __init__(self, reason: str, failures: Sequence[Failure] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.failures = failures


class HandlerFailed(NotDone):
    """A handler raised, and may succeed another time."""


class Busy(NotDone):
    """Another delivery has the event: not acknowledged, since that one may yet die."""

    outcome = "busy"


class LedgerDown(NotDone):
    """Nobody can say whether the event is done."""

    severity = "ERROR"


class NotParked(NotDone):
    """The dead-letter topic did not take the event."""

    severity = "ERROR"


class OurFault(NotDone):
    """The processor itself failed."""

    severity = "ERROR"


class Malformed(NotDone):
    """What came is no push of Pub/Sub's, or not one of an event that the receiver queued."""

    status = 400
    outcome = "malformed"
    severity = "ERROR"
    headers: ClassVar[Mapping[str, str]] = {}


class WrongMethod(Malformed):
    """Pub/Sub only ever posts."""

    status = 405
    severity = "WARNING"
    headers: ClassVar[Mapping[str, str]] = {"Allow": "POST"}


def _where(traceback: TracebackType | None) -> str:
    """List the calls that led to an exception, innermost first, without its values; the first one is our own."""
    calls = [f"{PurePath(f.f_code.co_filename).name}:{line} {f.f_code.co_name}" for f, line in walk_tb(traceback)]
    return " < ".join(reversed(calls[1:]))
