"""Says what became of a delivery, in one line of the log."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from . import log
from .errors import Failure, NotDone
from .event import Event


@dataclass(frozen=True)
class Done:
    """The event is acknowledged: its outcome, a fixed code for the reason, the handlers that ran or failed."""

    outcome: str
    severity: str = "INFO"
    reason: str | None = None
    handlers: Sequence[str] = ()
    failures: Sequence[Failure] = ()
    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)


def report(result: Done | NotDone, event: Event | None, started: float) -> None:
    """Write the line: of a failure the exception's class and place; its text only where that is safe.

    `started` is on the clock of `time.monotonic`. `ms` is our time, `latency_ms` that since the receiver got the event.
    """
    failure = result.failures[-1] if result.failures else None
    ran = [failed.handler for failed in result.failures] or (result.handlers if isinstance(result, Done) else ())
    log.write(
        result.severity,
        f"{result.outcome} {event.type} {event.id}" if event else result.outcome,
        event.traceparent if event else None,
        outcome=result.outcome,
        reason=result.reason,
        handler=", ".join(ran) or None,
        error=failure.error if failure else None,
        why=(failure.why or None) if failure else None,
        where=failure.where if failure else None,
        ms=round((time.monotonic() - started) * 1000),
        **(_facts(event) if event else {}),
    )


def _facts(event: Event) -> dict[str, str | int | None]:
    return {
        "source": event.source,
        "type": event.type,
        "id": event.id,
        "message_id": event.message_id,
        "attempt": event.attempt,
        "latency_ms": round((datetime.now(UTC) - event.time).total_seconds() * 1000),
    }
