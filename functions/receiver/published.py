"""Fetches the keys and certificates that senders publish: from their own addresses only, in time, and seldom."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from . import log
from .deadline import Deadline
from .errors import Failed, Unproved
from .keys import variable
from .schemes import Key
from .schemes.location import Location

FRESH, STALE = 600.0, 24 * 3600.0
EVERY = 60.0  # a source fetches no more often, whatever strangers send
MOST_KEPT = 10
LONGEST = 2.0
LARGEST = 256 * 1024

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


def fetch(location: Location, deadline: Deadline) -> str:
    """The text at a location; Failed unless it comes whole, small, in time, over https and from that very address.

    Unproved if there is no such key: who names one is not the sender. It is done in a thread of its own: names that do
    not resolve and heads that come byte by byte know no timeout.
    """
    given: SimpleQueue[str | Exception] = SimpleQueue()

    def work() -> None:
        try:
            given.put(_fetch(location, deadline))
        except Exception as error:
            given.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        found = given.get(timeout=deadline.left())
    except Empty:
        raise Failed("keys-slow") from None
    if isinstance(found, Exception):
        raise found
    return found


def _fetch(location: Location, deadline: Deadline) -> str:
    import requests  # loaded only where a source needs it
    from urllib3.exceptions import HTTPError

    if not location.url.startswith("https://"):
        raise Failed("keys-address")
    headers = dict(location.headers)
    if location.login:
        headers["Authorization"] = f"Bearer {_token(location.login, deadline)}"
    method = "POST" if location.json or location.form else "GET"
    wish: dict[str, Any] = {"json": location.json, "data": location.form, "headers": headers}
    wish |= {"allow_redirects": False, "stream": True}
    try:
        with requests.request(method, location.url, timeout=deadline.left(), **wish) as answer:
            if location.named and answer.status_code in (404, 410):
                raise Unproved("unknown-key")
            if answer.status_code != 200:
                raise Failed("keys-refused")
            return _read(answer.raw, deadline).decode()
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise Failed("keys-unreachable") from error


def _read(stream: Any, deadline: Deadline) -> bytes:
    text = b""
    while chunk := stream.read1(16_384, decode_content=True):
        text += chunk
        if len(text) > LARGEST:
            raise Failed("keys-too-large")
        deadline.left()
    return text


def _token(login: Location, deadline: Deadline) -> str:
    try:
        return str(json.loads(_fetch(login, deadline))["access_token"])
    except (ValueError, KeyError, TypeError):  # it is our own credentials that were refused
        raise Failed("keys-refused") from None
