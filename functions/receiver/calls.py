"""How long and how often a Google API is asked for one request."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from google.api_core.retry import Retry

from .channel import PASSING
from .deadline import Deadline

# One try is given up after this long, so that a connection that swallows everything does not use up the deadline.
ONE_TRY = 1.5


class Try:
    """The time one try may take, as google.api_core wants it: a decorator that sets the call's `timeout`."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __call__(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def timed(*args: Any, **kwargs: Any) -> Any:
            return call(*args, timeout=min(ONE_TRY, self._deadline.left()), **kwargs)

        return timed


def within(deadline: Deadline) -> dict[str, Any]:
    """Arguments for a call that is tried again until the deadline (Google's own default is 600 s)."""
    left = max(0.01, deadline.left() - 0.05)
    retry = Retry(predicate=PASSING, initial=0.05, maximum=0.5, multiplier=2, timeout=left)
    return {"retry": retry, "timeout": Try(deadline)}
