"""A keyed hash of what was sent, in a header."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ..errors import Unproved
from ..webhook import Webhook
from .base import IN_BODY, Scheme, among, check_names, check_time, with_headers

MOST_SIGNATURES = 10  # more than any rotation needs; each costs a comparison before anything is proved
PARTS = ("body", "timestamp", "id", "url", "method")
ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "base64url": lambda digest: base64.urlsafe_b64encode(digest).decode().rstrip("="),
}


@lru_cache
def template(signs: str) -> tuple[str, ...]:
    """Split `v0:{timestamp}:{body}` into text and names in turn; ValueError if it names what there is not."""
    pieces = tuple(re.split(r"\{(\w+)\}", signs))
    if unknown := set(pieces[1::2]) - set(PARTS):
        raise ValueError(f"signs: no {{{unknown.pop()}}}; there are {', '.join(f'{{{part}}}' for part in PARTS)}")
    return pieces


def signed(signs: str, webhook: Webhook, timestamp: str = "", number: str = "") -> bytes:
    """The bytes that were signed."""
    parts: dict[str, str | bytes] = {
        "body": webhook.body,
        "timestamp": timestamp,
        "id": number,
        "url": webhook.url,
        "method": webhook.method,
    }
    pieces = [parts[piece] if i % 2 else piece for i, piece in enumerate(template(signs)) if piece]
    return b"".join(p.encode(errors="surrogatepass") if isinstance(p, str) else p for p in pieces)


@dataclass(frozen=True, slots=True)
class Mac(Scheme):
    """What the schemes with a keyed hash share: which hash, how it is written, and of what it is made."""

    header: str
    digest: str = "sha256"
    encoding: str = "hex"
    signs: str = "{body}"

    def __post_init__(self) -> None:
        template(self.signs)
        check_names(self.header)
        if not self.header:
            raise ValueError("header: can't be empty")
        if self.digest not in hashlib.algorithms_guaranteed or self.digest.startswith("shake"):
            raise ValueError(f"digest: no {self.digest}; there are sha256, sha512, sha1 and what hashlib has")
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding: no {self.encoding}; there are {', '.join(ENCODINGS)}")

    @property
    def signs_url(self) -> bool:
        return "{url}" in self.signs

    def mac(self, secret: str, message: bytes) -> str:
        """The keyed hash as it stands in the header; the key is the secret's text."""
        return ENCODINGS[self.encoding](hmac.digest(secret.encode(), message, self.digest))

    def check(self, candidates: list[str], wanted: str) -> None:
        """Unproved unless one of the signatures is the one wanted. Text is compared, so nothing lenient decodes it."""
        if not candidates or len(candidates) > MOST_SIGNATURES:
            raise Unproved("signatures")
        if not among(wanted, candidates):
            raise Unproved("mismatch")

    def covers(self, place: str) -> bool:
        kind = place.partition(":")[0]
        return self.signs_url if kind == "query" else kind in IN_BODY and "{body}" in self.signs


@dataclass(frozen=True, slots=True)
class Hmac(Mac):
    """A keyed hash in a header of its own: GitHub, Slack, Shopify and most others.

    `prefix` stands before it, `separator` between several; `timestamp` and `id` name the headers that hold what
    `signs` calls {timestamp} (Unix seconds, held against the clock) and {id}.
    """

    prefix: str = ""
    timestamp: str = ""
    id: str = ""
    separator: str = ""

    def __post_init__(self) -> None:
        Mac.__post_init__(self)
        check_names(self.timestamp, self.id)
        for name, header in {"timestamp": self.timestamp, "id": self.id}.items():
            if f"{{{name}}}" in self.signs and not header:
                raise ValueError(f"signs has {{{name}}}, so it needs {name}, the header that holds it")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        if self.timestamp:
            webhook = with_headers(webhook, **{self.timestamp: str(int(webhook.received))})
        return with_headers(webhook, **{self.header: self._wanted(webhook, secret)})

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        if self.timestamp:
            check_time(webhook.header(self.timestamp), webhook, self.tolerance)
        candidates = [part.strip() for part in given.split(self.separator)] if self.separator else [given]
        self.check(candidates, self._wanted(webhook, secret))

    def _wanted(self, webhook: Webhook, secret: str) -> str:
        timestamp, number = webhook.header(self.timestamp), webhook.header(self.id)
        return self.prefix + self.mac(secret, signed(self.signs, webhook, timestamp, number))

    def covers(self, place: str) -> bool:
        named = {f"header:{self.id}".lower(): "{id}", f"header:{self.timestamp}".lower(): "{timestamp}"}
        return named.get(place.lower(), "{}") in self.signs or Mac.covers(self, place)


@dataclass(frozen=True, slots=True)
class Timestamped(Mac):
    """Time and keyed hashes in one header of names and values: Stripe's `t=1492774577,v1=6ffb...`.

    `timestamp` and `signature` are their names there. Other names are ignored, whatever they promise.
    """

    signs: str = "{timestamp}.{body}"
    timestamp: str = "t"
    signature: str = "v1"
    separator: str = ","

    def __post_init__(self) -> None:
        Mac.__post_init__(self)
        if not (self.separator and self.timestamp and self.signature):
            raise ValueError("separator, timestamp and signature can't be empty")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        now = str(int(webhook.received))
        mac = self.mac(secret, signed(self.signs, webhook, now))
        return with_headers(webhook, **{self.header: f"{self.timestamp}={now}{self.separator}{self.signature}={mac}"})

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        pairs = [item.strip().partition("=") for item in given.split(self.separator)]
        times = [value for name, _, value in pairs if name == self.timestamp]
        if len(times) != 1:
            raise Unproved("timestamp")
        check_time(times[0], webhook, self.tolerance)
        candidates = [value for name, _, value in pairs if name == self.signature]
        self.check(candidates, self.mac(secret, signed(self.signs, webhook, times[0])))
