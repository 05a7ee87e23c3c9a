"""How Google's APIs are called: one client for each process, and only as long as a delivery can wait."""

import functools
import os
import threading
import time
from typing import Any

from google.api_core.retry import Retry

from .channel import PASSING, connect

# One try is given up after this long, so that a connection that swallows everything does not use up the patience.
ONE_TRY = 1.0
# With the last try begun just before it ends, a call is over within 4 s: Pub/Sub then has the event back.
PATIENCE = 2.9

_lock = threading.Lock()


def client_of(kind: Any, emulator: str) -> Any:
    """Return this process's client of a kind; the variable `emulator`, where it is set, leads it to an emulator."""
    with _lock:  # the first deliveries come together, and one channel is enough for all
        return _client(kind, os.environ.get(emulator), os.getpid())


@functools.cache
def _client(kind: Any, emulator: str | None, pid: int) -> Any:
    return connect(kind, emulator)


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
