"""Ends what would go on for longer than an event can wait."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result], abort: Callable[[], None]) -> Result:
    """Return what `work` does, or raise what it raises; TimeoutError, and `abort` called, if it takes longer.

    It is done in a thread of its own: names that do not resolve and heads that come byte by byte know no timeout.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)

    threading.Thread(target=run, name="action", daemon=True).start()
    try:
        return done.result(timeout=seconds)
    except TimeoutError:
        abort()
        raise
