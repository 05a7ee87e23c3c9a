"""What the environment says about the processor."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from .errors import Misconfigured
from .event import Event
from .log import LEVELS


@dataclass(frozen=True)
class Settings:
    """The environment, checked at the start.

    `dead_letter_topic` is a full path, empty where only Pub/Sub itself dead-letters; `max_attempts` is that of the
    subscription, if it counts; `max_age` is in seconds, for a trigger that doesn't: it drops what is 24 h old.
    `handler_timeout` is in seconds, below the lease of the ledger.
    """

    project: str
    ledger: str
    firestore_database: str
    dead_letter_topic: str
    max_attempts: int | None
    max_age: int | None
    handler_timeout: int
    park_unhandled: bool

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables that the processor knows; Misconfigured names the one that is wrong."""
        _one_of(("", "dead-letter"), environment, "UNHANDLED")
        _one_of(LEVELS, environment, "LOG_LEVEL")
        return cls(
            project=environment.get("PROJECT", ""),
            ledger=environment.get("LEDGER", ""),
            firestore_database=environment.get("FIRESTORE_DATABASE") or "(default)",
            dead_letter_topic=environment.get("DEAD_LETTER_TOPIC", ""),
            max_attempts=_number(environment, "MAX_ATTEMPTS", most=100),
            max_age=_number(environment, "MAX_AGE", most=86_400),
            handler_timeout=_number(environment, "HANDLER_TIMEOUT", most=540) or 540,
            park_unhandled=environment.get("UNHANDLED") == "dead-letter",
        )

    def last_chance(self, event: Event, now: datetime) -> str:
        """Say why this delivery is the last that can be counted on, as a fixed code; empty while more will come."""
        if self.max_attempts and event.attempt and event.attempt >= self.max_attempts:
            return "last-attempt"
        if self.max_age and event.publish_time and (now - event.publish_time).total_seconds() >= self.max_age:
            return "max-age"
        return ""


def _one_of(allowed: Sequence[str], environment: Mapping[str, str], name: str) -> None:
    if (text := environment.get(name, allowed[0])) not in allowed:
        raise Misconfigured(f"{name} is {text!r}: leave it out, or write {' or '.join(filter(None, allowed))}")


def _number(environment: Mapping[str, str], name: str, most: int) -> int | None:
    if not (text := environment.get(name, "")):
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= most:
        raise Misconfigured(f"{name} is {text!r}: leave it out, or write a number from 1 to {most}")
    return int(text)
