"""How long a request may still take."""

import time
from dataclasses import dataclass, field

from .errors import Failed


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time until which a sender waits; body, secrets and queue share it."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds left; Failed when there are none."""
        left = self.started + self.seconds - time.monotonic()
        if left <= 0:
            raise Failed("deadline")
        return left
