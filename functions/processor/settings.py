"""What the environment says about the processor."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from .errors import Misconfigured
from .log import LEVELS


@dataclass(frozen=True)
class Settings:
    """The environment, checked at the start.

    `dead_letter_topic` is a full path, empty where only Pub/Sub itself dead-letters; `max_attempts` is that of the
    subscription, if it counts; `handler_timeout` is in seconds, below the lease of the ledger.
    """

    ledger: str
    dead_letter_topic: str
    max_attempts: int | None
    handler_timeout: int
    park_unhandled: bool

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables that the processor knows; Misconfigured names the one that is wrong."""
        _one_of(("", "dead-letter"), environment, "UNHANDLED")
        _one_of(LEVELS, environment, "LOG_LEVEL")
        return cls(
            ledger=environment.get("LEDGER", ""),
            dead_letter_topic=environment.get("DEAD_LETTER_TOPIC", ""),
            max_attempts=_number(environment, "MAX_ATTEMPTS", most=100),
            handler_timeout=_number(environment, "HANDLER_TIMEOUT", most=540) or 540,
            park_unhandled=environment.get("UNHANDLED") == "dead-letter",
        )


def _one_of(allowed: Sequence[str], environment: Mapping[str, str], name: str) -> None:
    if (text := environment.get(name, allowed[0])) not in allowed:
        raise Misconfigured(f"{name} is {text!r}: leave it out, or write {' or '.join(filter(None, allowed))}")


def _number(environment: Mapping[str, str], name: str, most: int) -> int | None:
    if not (text := environment.get(name, "")):
        return None
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= most:
        raise Misconfigured(f"{name} is {text!r}: leave it out, or write a number from 1 to {most}")
    return int(text)
