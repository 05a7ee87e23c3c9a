"""What a sender is told."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and type of an answer; the body is empty unless the provider demands one."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


OK = Answer()


def as_json(value: Any) -> Answer:
    """An answer of 200 in JSON."""
    return Answer(200, json.dumps(value), "application/json")
