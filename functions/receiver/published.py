"""The keys and certificates that senders publish: ten minutes old at most, and fetched seldom."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import log
from .deadline import Deadline
from .errors import Failed, Unproved
from .fetch import fetch
from .keys import variable
from .schemes import Key
from .schemes.location import Location

FRESH, STALE = 600.0, 24 * 3600.0
EVERY = 60.0  # a source fetches no more often, whatever strangers send
MOST_KEPT = 10
LONGEST = 2.0

Fetch = Callable[[Location, Deadline], str]


@dataclass(slots=True)
class _Kept:
    keys: dict[str, tuple[Key, float]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    due: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Published:
    """Keys by source and address; `fetch` gives the text at a location, or raises Failed. `pinned` are used instead."""

    def __init__(
        self, fetch: Fetch, pinned: Mapping[str, str] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._pinned = pinned or {}
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def of(self, source: str, location: Location, deadline: Deadline, newer: bool = False) -> tuple[Key, ...]:
        """The key at a location, 10 minutes old at most, or a day while there is no other; Failed if there is none.

        With `newer`, because a proof failed, it is fetched again; whatever is wanted, once a minute at most.
        """
        if pinned := self._pinned.get(variable("PUBLISHED", source)):
            return (Key(pinned, "env"),)
        kept = self._kept.get(source) or self._kept.setdefault(source, _Kept())
        name = f"{location.url} {location.json or ''}"
        # One request fetches; the others wait for it only if there is nothing older to work with.
        wait = deadline.left() if newer or name not in kept.keys else 0
        if (newer or self._wanted(kept, name)) and kept.lock.acquire(timeout=wait):
            try:
                if (newer or self._wanted(kept, name)) and self._clock() >= kept.due:
                    kept.due = self._clock() + EVERY
                    self._update(kept, name, location, deadline)
            finally:
                kept.lock.release()
        if name in kept.unknown:
            raise Unproved("unknown-key")
        key, read = kept.keys.get(name, (None, 0.0))
        if key is None or self._clock() - read > STALE:
            raise Failed("keys-unreachable")
        return (key,)

    def visit(self, address: str, deadline: Deadline) -> None:
        """Call an address, and have it answered; Failed if it is not."""
        self._fetch(Location(address), Deadline(min(LONGEST, deadline.left())))

    def _wanted(self, kept: _Kept, name: str) -> bool:
        key, read = kept.keys.get(name, (None, 0.0))
        return key is None or self._clock() - read >= FRESH

    def _update(self, kept: _Kept, name: str, location: Location, deadline: Deadline) -> None:
        kept.unknown = ()
        try:
            text = self._fetch(location, Deadline(min(LONGEST, deadline.left() / 2)))
        except Unproved:
            kept.unknown = (name,)
        except Failed as failed:
            log.write("ERROR", f"{location.url} can't be fetched", reason=failed.reason)
        else:
            others = [entry for entry in kept.keys.items() if entry[0] != name]
            new = (Key(text, location.url.rpartition("/")[2]), self._clock())
            kept.keys = dict([*others[-MOST_KEPT + 1 :], (name, new)])  # whole, since others read it meanwhile


def published_from(kind: str) -> Published:
    """The keys that senders publish; with secrets from the environment, those it pins are not fetched."""
    return Published(fetch, os.environ if kind == "env" else None)
