"""The edge of all actions: one POST, over in time, and what its answer means for the event."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException

from ..errors import GiveUp, Misconfigured, NotTaken
from ..event import Event
from .deadline import within
from .target import Target
from .wire import Connection

# The function's own limit, in seconds: no handler has longer.
LONGEST = 540
# Refusals that pass: not yet, not so fast, and (409) the same Idempotency-Key is being worked on at this moment.
# https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
PASSING = (408, 409, 425, 429)
# BigQuery says 403 to both. https://docs.cloud.google.com/bigquery/docs/error-messages
PASSING_CODES = ("rateLimitExceeded", "quotaExceeded")
# The codes in an error of a Google API, not its messages: those may quote what was sent.
CODES = re.compile(rb'"(?:status|reason|errorCode)" ?: ?"([A-Za-z_]{1,64})"')


@dataclass(frozen=True)
class Answer:
    """A status, and as much of the body as was asked for."""

    status: int
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to post where; `timeout` in seconds, `reads` in bytes of the answer's body.

    `authorize` gives the headers of a token, which it may have to fetch first.
    """

    target: Target
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    authorize: Callable[[], Mapping[str, str]] = dict
    allow_private: bool = False
    timeout: float = 30
    reads: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.timeout <= LONGEST:
            raise Misconfigured(f"timeout is {self.timeout}: write seconds, {LONGEST} at most")


def post(event: Event, request: Request, check: Callable[[Answer], object] = lambda answer: None) -> Answer:
    """Post, and return the answer if it is a 2xx that `check` has nothing against.

    NotTaken, so that the event is retried, for 408, 409, 425, 429, 5xx, no answer in time or no connection; GiveUp for
    a redirect, which is not followed, and for every other status.
    """
    answer = _ask(request, min(request.timeout, event.seconds_left))
    _judge(request.target.origin, answer)
    check(answer)
    return answer


def _ask(request: Request, seconds: float) -> Answer:
    origin = request.target.origin
    if seconds <= 0:
        raise NotTaken(f"{origin} was not asked: no time left")
    connection = Connection(request.target, request.allow_private, time.monotonic() + seconds)
    try:
        return within(seconds, lambda: _send(request, connection), connection.abort)
    except TimeoutError as error:
        raise NotTaken(f"{origin} did not answer in time") from error
    except (OSError, HTTPException) as error:
        raise NotTaken(f"{origin} can't be reached: {type(error).__name__}") from error


def _send(request: Request, connection: Connection) -> Answer:
    try:
        connection.connect()
        headers = {"User-Agent": "surehook", "Connection": "close", **request.headers, **request.authorize()}
        connection.request("POST", request.target.path, request.body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.read(request.reads) if request.reads else b"")
    finally:
        connection.close()


def _judge(origin: str, answer: Answer) -> None:
    """Say what the status means for the event; the one place that does."""
    if 200 <= answer.status < 300:
        return
    codes = list(dict.fromkeys(code.decode() for code in CODES.findall(answer.body)))
    said = " ".join([f"{origin} answered {answer.status}", *codes])
    if answer.status in PASSING or not 200 <= answer.status < 500 or set(codes) & set(PASSING_CODES):
        raise NotTaken(said)
    raise GiveUp(f"{said}: no redirect is followed" if answer.status < 400 else said)
