"""What a sender is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .places import Places, is_place


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and type of an answer; the body is empty unless the provider demands one.

    `visit` is an address of the sender's that has to be called first, as a part of the answer.
    """

    status: int = 200
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    visit: str = ""


OK = Answer()


def as_json(value: Any) -> Answer:
    """An answer of 200 in JSON."""
    return Answer(200, json.dumps(value), "application/json")


def as_json_of(**values: str) -> Callable[[Places], Answer]:
    """An answer of 200 in JSON that repeats what stands at some places of the webhook; what is no place is text."""
    return lambda places: as_json({name: places.find(v) if is_place(v) else v for name, v in values.items()})
