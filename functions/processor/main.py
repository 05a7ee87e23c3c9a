"""The processor: takes one event off the queue and gives it to its handlers."""

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import functions_framework
from flask import Request, Response

from .deadletter import DeadLetters
from .errors import Failure, HandlerFailed, Malformed, Misconfigured, NotDone, OurFault, WrongMethod
from .event import Event
from .ledger import Claim, State, open_ledger
from .message import read
from .report import Done, report
from .router import Handler, handlers_of, load
from .settings import Settings

try:
    SETTINGS = Settings.read(os.environ)
    LEDGER = open_ledger(SETTINGS)
    load(f"{__package__}.handlers")
except Misconfigured as error:
    sys.exit(f"surehook can't start: {error}")
DEAD_LETTERS = DeadLetters(SETTINGS.dead_letter_topic)


@functions_framework.http
def process(request: Request) -> Response:
    """Take one event off the queue: 204 when it needs no more work, anything else gives it back to Pub/Sub."""
    started, event = time.monotonic(), None
    result: Done | NotDone
    try:
        event = read(_body(request), deadline=started + SETTINGS.handler_timeout)
        result = _handle(event)
    except NotDone as reason:
        result = reason.with_traceback(None)  # else it would keep this frame, which keeps it, and the event in memory
    except Exception as error:
        result = OurFault("internal", [Failure.of("processor", error)])
    report(result, event, started)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **result.headers}
    return Response(status=result.status, headers=headers, mimetype="text/plain")


def _body(request: Request) -> bytes:
    if request.method != "POST":
        raise WrongMethod("method")
    try:
        return request.get_data()
    except Exception as error:
        raise Malformed("cut-off") from error


def _handle(event: Event) -> Done:
    """Give an event to its handlers, each once; it is acknowledged only when the ledger or the dead letters have it."""
    handlers = handlers_of(event)
    if not handlers:
        return _set_aside(event)
    claim = LEDGER.claim(event.key, event.replay, event.again)
    if claim is None:
        return Done("duplicate")
    unfinished = [handler for handler in handlers if handler.name not in claim.finished]
    claim, failures = _run(unfinished, event, claim)
    if not failures:
        LEDGER.write(claim, State.DONE)
        return Done("processed", handlers=[handler.name for handler in unfinished])
    try:
        parked = _park(event, failures)
    except NotDone:
        LEDGER.write(claim, State.FREE)
        raise
    LEDGER.write(claim, State.DEAD)
    return parked


def _run(handlers: Sequence[Handler], event: Event, claim: Claim) -> tuple[Claim, list[Failure]]:
    """Run handlers, each even after one has failed: none keeps another from the event."""
    failures: list[Failure] = []
    for handler in handlers:
        if failure := handler.failure(event):
            failures.append(failure)
            continue
        claim = claim.after(handler.name)
        if handler is not handlers[-1]:  # the last one is in the write that ends the claim
            claim = LEDGER.write(claim, State.OPEN)
    return claim, failures


def _park(event: Event, failures: Sequence[Failure]) -> Done:
    """Park what can't be done; HandlerFailed while one handler may still succeed: those that gave up wait for it."""
    final = all(failure.reason for failure in failures)
    reason = failures[-1].reason if final else SETTINGS.last_chance(event, datetime.now(UTC))
    if not reason:
        raise HandlerFailed("handler-failed", failures)
    DEAD_LETTERS.park(event, reason, failures)
    return Done("dead-lettered", "ERROR", reason, failures=failures)


def _set_aside(event: Event) -> Done:
    """Acknowledge an event that no handler wants, parked first where UNHANDLED says so."""
    if not SETTINGS.park_unhandled:
        return Done("unhandled", "WARNING", "no-handler")
    DEAD_LETTERS.park(event, "unhandled")
    return Done("dead-lettered", "ERROR", "unhandled")
