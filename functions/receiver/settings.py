"""What the environment says about the receiver."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .errors import Misconfigured
from .log import LEVELS
from .options import MOST

TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")
NUMBER = re.compile(r"[1-9][0-9]{0,6}")


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment, checked at the start.

    `topic` is a full path, `keys` is where secrets are kept. `max_body` is in bytes, the most that any source may take:
    an Eventarc trigger delivers no event over 512 KB.
    """

    topic: str
    sources: Path
    keys: str
    project: str
    max_body: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables that the receiver knows; Misconfigured names the one that is wrong."""
        topic, project = environment.get("TOPIC", ""), environment.get("PROJECT", "")
        if not TOPIC.fullmatch(topic):
            raise Misconfigured(f"TOPIC is {topic!r}: write a full path, projects/PROJECT/topics/NAME")
        if (keys := environment.get("KEYS") or "secret-manager") not in ("secret-manager", "env"):
            raise Misconfigured(f"KEYS is {keys!r}: leave it out, or write secret-manager or env")
        if keys == "secret-manager" and not project:
            raise Misconfigured("PROJECT is not set: secrets are read from that project's Secret Manager")
        if (level := environment.get("LOG_LEVEL", "INFO")) not in LEVELS:
            raise Misconfigured(f"LOG_LEVEL is {level!r}: leave it out, or write one of {', '.join(LEVELS)}")
        if not NUMBER.fullmatch(max_body := environment.get("MAX_BODY") or str(MOST)) or int(max_body) > MOST:
            raise Misconfigured(f"MAX_BODY is {max_body!r}: leave it out, or write a number from 1 to {MOST}")
        sources = environment.get("SOURCES") or Path(__file__).with_name("sources.yaml")
        return cls(topic, Path(sources), keys, project, int(max_body))
