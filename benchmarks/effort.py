"""How much is measured: enough for figures that stand, or only enough to try it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How often and how long.

    `rounds` of so many `seconds` after a warm-up of some seconds, cold `starts`, `events` through a ledger, `messages`
    through a queue, and how many dead `letters` are replayed.
    """

    rounds: int
    seconds: int
    warm_up: int
    starts: int
    events: int
    messages: int
    letters: tuple[int, ...]


FULL = Effort(4, 2, 3, 5, 500, 2_000, (10, 1_000, 100_000))
QUICK = Effort(2, 1, 2, 2, 100, 500, (10, 100, 1_000))
