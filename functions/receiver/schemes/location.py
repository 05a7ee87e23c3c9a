"""Where a sender publishes its keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Location:
    """What is asked for: `url` by GET, or with `json` or `form` by POST; after `login`, with the token it gives.

    A scheme makes one only of an address that is the sender's own; it is fetched over https and never redirected.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    login: "Location | None" = None
    named: bool = False  # by the webhook, and so maybe by a stranger
