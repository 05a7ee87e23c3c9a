"""The secrets of a source: from Secret Manager or the environment, a minute old at most while the store answers."""

import os
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from . import log
from .deadline import Deadline
from .errors import Failed
from .schemes import Key
from .secret_manager import SecretManager

FRESH, STALE = 60.0, 24 * 3600.0
ASK_AGAIN = 2.0  # after the store failed
GONE = ("secret-missing", "secret-empty", "secret-form")  # the store has spoken: there is no such secret any more
SHORT = 16
PLACEHOLDERS = {"changeme", "whsec_...", "..."}
SECRET = re.compile(r"-----BEGIN [^-]+-----.*?-----END [^-]+-----|[^\r\n]+", re.DOTALL)

Fetch = Callable[[str, Deadline], tuple[str, str]]
Keep = Callable[[str, str, Deadline], None]


@dataclass(slots=True)
class _Kept:
    keys: tuple[Key, ...] = ()
    reason: str = ""
    read: float = 0.0
    due: float = 0.0
    refresh: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Keys:
    """Secrets by name; `fetch` gives text and version of one, `keep` adds the first of one, or they raise Failed."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic, keep: Keep | None = None) -> None:
        self._fetch = fetch
        self._keep = keep
        self._keeping = threading.Lock()
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def of(self, name: str, deadline: Deadline) -> tuple[Key, ...]:
        """All live secrets, newest first; Failed if there is none, or if it can't be read."""
        kept = self._kept.get(name) or self._kept.setdefault(name, _Kept())
        if self._clock() >= kept.due:
            # One request reads; the others wait for it only if there is nothing older to work with.
            self._read(name, kept, deadline, wait=not kept.keys)
        keys = kept.keys  # another request may take them away from here on
        if not keys or self._clock() - kept.read > STALE:
            raise Failed(kept.reason or "secret-store")
        return keys

    def refreshed(self, name: str, deadline: Deadline) -> tuple[Key, ...]:
        """The same, read anew because a proof failed; at most once a minute, whoever fails."""
        kept = self._kept.get(name) or self._kept.setdefault(name, _Kept())
        if self._clock() >= kept.refresh:
            kept.refresh = self._clock() + FRESH
            kept.due = 0.0
        self._read(name, kept, deadline, wait=True)  # it may be on its way just now
        return self.of(name, deadline)

    def keep(self, name: str, secret: str, deadline: Deadline) -> None:
        """Keep a secret that the sender hands over; Unproved if the source has one, Failed if that can't be known."""
        parse(secret, "")
        if self._keep is None:
            raise Failed("secret-read-only")
        if not self._keeping.acquire(timeout=deadline.left()):  # two at once would both find none
            raise Failed("secret-store")
        try:
            self._keep(name, secret, deadline)
            self._kept.pop(name, None)
        finally:
            self._keeping.release()

    def _read(self, name: str, kept: _Kept, deadline: Deadline, wait: bool) -> None:
        if not kept.lock.acquire(timeout=deadline.left() if wait else 0):
            return
        try:
            if self._clock() >= kept.due:
                # Where there is a secret already, most of the time is left to the queue.
                self._update(name, kept, Deadline(deadline.left() / 4) if kept.keys else deadline)
        finally:
            kept.lock.release()

    def _update(self, name: str, kept: _Kept, deadline: Deadline) -> None:
        try:
            keys = parse(*self._fetch(name, deadline))
        except Failed as error:
            if error.reason in GONE:
                kept.keys = ()
            kept.reason, kept.due = error.reason, self._clock() + ASK_AGAIN
            return
        if keys != kept.keys and any(len(key.secret) < SHORT for key in keys):
            log.write(
                "WARNING", f"a secret of {name} is short enough to be guessed", reason="secret-short", source=name
            )
        kept.keys, kept.read, kept.reason = keys, self._clock(), ""
        kept.due = kept.read + FRESH * random.uniform(0.8, 1.2)  # noqa: S311 (so that instances don't ask together)


def parse(text: str, version: str) -> tuple[Key, ...]:
    """Read the secrets in a text, one a line, newest first, a PEM block being one; Failed if there is none."""
    found = [match.strip(" \t\0") for match in SECRET.findall(text.removeprefix("\ufeff"))]
    keys = tuple(Key(secret, f"{version}:{n}") for n, secret in enumerate(filter(None, found), 1))
    if not keys or any(key.secret.lower() in PLACEHOLDERS for key in keys):
        raise Failed("secret-empty")
    if any(_is_no_text(key.secret) or _is_cut_off(key.secret) for key in keys):
        raise Failed("secret-form")
    return keys


def _is_no_text(secret: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in secret)  # bytes of the environment, not UTF-8


def _is_cut_off(secret: str) -> bool:
    return secret.startswith("-----BEGIN") and "-----END" not in secret


def keys_from(kind: str, project: str) -> Keys:
    """The keys of `env` or of the `secret-manager` of a project."""
    if kind == "env":
        return Keys(_in_environment)
    manager = SecretManager(project)
    return Keys(manager, keep=manager.keep)


def variable(kind: str, source: str) -> str:
    """The name of the environment's variable for a source: KEY_PAYMENTS_EU, TOKEN_PAYMENTS_EU."""
    return f"{kind}_{source.replace('-', '_').upper()}"


def _in_environment(name: str, deadline: Deadline) -> tuple[str, str]:
    source, _, second = name.partition("_")
    if (held := variable("TOKEN" if second else "KEY", source)) not in os.environ:
        raise Failed("secret-missing")
    return os.environ[held], "env"
