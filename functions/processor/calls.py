"""How Google's APIs are called: one client for each process, and only as long as a delivery can wait."""

import functools
import os
import time
from typing import Any

# Loaded before the platform forks, used only after it: no channel may cross the fork.
import grpc
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type

# One try is given up after this long, so that a connection that swallows everything does not use up the patience.
ONE_TRY = 1.0
# With the last try begun just before it ends, a call is over within 4 s: Pub/Sub then has the event back.
PATIENCE = 2.9

# What passes by itself, as Google's own clients have it, and a try that took too long.
PASSING = if_exception_type(
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
    exceptions.Unknown,
)
CHANNEL = [
    # Without these a channel that lost its server waits up to two minutes before it looks for it again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # A connection may end without a word, as while an instance is frozen. While a call waits it is asked for a sign of
    # life every 30 s, as Google's own clients have it, and given up 5 s later; else it would be called for minutes.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
]


def client_of(kind: Any, emulator: str) -> Any:
    """Return this process's client of a kind; the variable `emulator`, where it is set, leads it to an emulator."""
    return _client(kind, os.environ.get(emulator), os.getpid())


@functools.cache
def _client(kind: Any, emulator: str | None, pid: int) -> Any:
    transport = kind.get_transport_class("grpc")
    channel = grpc.insecure_channel(emulator, CHANNEL) if emulator else transport.create_channel(options=CHANNEL)
    return kind(transport=transport(channel=channel))


def until(end: float) -> dict[str, Any]:
    """Arguments for a call that is tried again until `end` on the clock of `time.monotonic`; TimeoutError after it.

    The clients' own defaults are 60 s for a try of Firestore's, and 600 s in all for Pub/Sub.
    """
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return {
        "retry": Retry(predicate=PASSING, initial=0.05, maximum=0.5, multiplier=2, timeout=left),
        "timeout": ONE_TRY,
    }
