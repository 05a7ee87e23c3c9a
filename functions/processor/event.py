"""What a handler gets: one webhook, as its sender sent it."""

import gzip
import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from math import inf
from typing import Any

from .errors import GiveUp

# A body that grows more than tenfold is a bomb, unless it stays small; none may take the memory of the instance.
INFLATES, HARMLESS, LARGEST = 10, 1 << 20, 32 << 20


@dataclass(frozen=True, kw_only=True)
class Event:
    """One webhook: `type` as in `github.push`, `source` as in sources.yaml, `data` the raw bytes of its body.

    `time` is when the receiver got it, `subject` what it is about, `headers` those that the source keeps. `attempt`
    counts the deliveries, where the subscription does, `replay` how often it came back from the dead letters; `again`
    says that this time the handlers that have finished run too.

    `occurred_at` is when that happened which it tells of, where its sender says so. Events may arrive swapped: of two
    about one `subject`, that with the later `occurred_at` is the newer. Compare only within one source.
    """

    type: str
    source: str
    id: str
    data: bytes = field(default=b"", repr=False)
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    occurred_at: datetime | None = None
    subject: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    signed: bool = False
    replay: int = 0
    again: bool = False
    traceparent: str | None = None
    attempt: int | None = None
    message_id: str = ""
    publish_time: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False)
    deadline: float = inf

    @cached_property
    def key(self) -> str:
        """Name the event, the same in every retry: give it to stores and services that know idempotency keys.

        The proof does not cover every sender's id, so anybody may send a body of their own under the id of another
        event: unless it does (`signed`), the body is part of the name.
        """
        parts = [self.source.encode(), self.id.encode()]
        if not self.signed:
            parts.append(sha256(self.data).digest())
        return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()

    @property
    def seconds_left(self) -> float:
        """Say how long the handlers may still take; `deadline` is that point on the clock of `time.monotonic`."""
        return self.deadline - time.monotonic()

    def json(self) -> Any:
        """Parse the body, inflated where its sender compressed it; GiveUp if it is not JSON, and never will be."""
        try:
            return json.loads(self.inflated())
        except (ValueError, RecursionError) as error:
            raise GiveUp("data is not JSON") from error

    def inflated(self) -> bytes:
        """Return the body as it was before its sender compressed it; GiveUp if it is broken, or far too large."""
        if (self.content_encoding or "").lower() not in ("gzip", "x-gzip"):
            return self.data
        most = min(max(INFLATES * len(self.data), HARMLESS), LARGEST)
        try:
            plain = gzip.GzipFile(fileobj=BytesIO(self.data)).read(most + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise GiveUp("data is not gzip") from error
        if len(plain) > most:
            raise GiveUp(f"data inflates to more than {most} bytes")
        return plain
