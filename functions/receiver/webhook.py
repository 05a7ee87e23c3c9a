"""What a webhook is to us: method, URL, headers and raw bytes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Webhook:
    """One request of a sender, which schemes sign and verify.

    `url` is the address the sender knows, with the query as it came; `headers` are found under their names in lower
    case, and what was sent twice under one name is joined by commas, as HTTP has it. `received` is in Unix seconds.
    """

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    query: str = ""
    method: str = "POST"
    received: float = field(default_factory=time.time)

    def header(self, name: str) -> str:
        """The value of a header, empty where it is missing."""
        return self.headers.get(name.lower(), "")
