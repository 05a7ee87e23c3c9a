"""A keyed hash of what was sent."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import Unproved
from ..places import Places, is_place
from ..webhook import Webhook
from .base import Scheme, among, check_names, with_headers
from .encoding import ENCODINGS, KEYS, key_of, new_secret
from .put import put
from .template import covers, signed, signs_url, template
from .times import check_time, seconds

MOST_SIGNATURES = 10  # more than any rotation needs; each costs a comparison before anything is proved


@dataclass(frozen=True, slots=True)
class Mac(Scheme):
    """What the schemes with a keyed hash share: which hash, of what, and how hash and key are written.

    `key` is how the text of the secret becomes the key (see encoding.py). In hex the case does not matter.
    """

    header: str = ""
    digest: str = "sha256"
    encoding: str = "hex"
    key: str = "text"
    signs: str = "{body}"

    def __post_init__(self) -> None:
        template(self.signs)
        check_names(*self.header.split("|"))
        if self.digest not in hashlib.algorithms_guaranteed or self.digest.startswith("shake"):
            raise ValueError(f"digest: no {self.digest}; there are sha256, sha512, sha1 and what hashlib has")
        for name, value, known in (("encoding", self.encoding, ENCODINGS), ("key", self.key, KEYS)):
            if value not in known:
                raise ValueError(f"{name}: no {value}; there are {', '.join(known)}")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("public_url",) if signs_url(self.signs) else ()

    def mac(self, secret: str, message: bytes) -> str:
        """The keyed hash as it is written."""
        return ENCODINGS[self.encoding](hmac.digest(key_of(self.key, secret), message, self.digest))

    def check(self, candidates: list[str], wanted: str) -> None:
        """Unproved unless one of the signatures is the one wanted. Text is compared, so nothing lenient decodes it."""
        if not candidates or len(candidates) > MOST_SIGNATURES:
            raise Unproved("signatures")
        if self.encoding == "hex":
            candidates, wanted = [candidate.lower() for candidate in candidates], wanted.lower()
        # Some write base64url with its padding, some without.
        wishes = [wanted, wanted + "=" * (-len(wanted) % 4)] if self.encoding == "base64url" else [wanted]
        if not any(among(wish, candidates) for wish in wishes):
            raise Unproved("mismatch")

    def covers(self, place: str) -> bool:
        return covers(self.signs, place)

    def new_keys(self) -> tuple[str, str]:
        secret = new_secret(self.key)
        return secret, secret


@dataclass(frozen=True, slots=True)
class Hmac(Mac):
    """A keyed hash in a header of its own: GitHub, Slack, Shopify and most others.

    `header` may name several, with `|` between them; `signature` names a place instead, for a hash that is in the body
    or the query. `prefix` stands before the hash, `separator` between several. `timestamp` (a header, or a place) and
    `id` (a header) are what `signs` calls {timestamp}, held against the clock, and {id}. What `expects` says of a
    header holds if the header is there.
    """

    signature: str = ""
    prefix: str = ""
    timestamp: str = ""
    id: str = ""
    separator: str = ""
    expects: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Mac.__post_init__(self)
        if bool(self.header) == bool(self.signature):
            raise ValueError("header: can't be empty" if not self.header else "needs either header or signature")
        for place in (self.signature, self.timestamp if ":" in self.timestamp else ""):
            if place and not is_place(place):
                raise ValueError(f"{place} is no place")
        check_names(self.id, *self.expects, "" if ":" in self.timestamp else self.timestamp)
        for name, header in {"timestamp": self.timestamp, "id": self.id}.items():
            if f"{{{name}}}" in self.signs and not header:
                raise ValueError(f"signs has {{{name}}}, so it needs {name}, the header that holds it")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        webhook = with_headers(webhook, **self.expects)
        if self.timestamp:
            webhook = put(webhook, self._place_of_time(), seconds(webhook))
        return put(webhook, self._places()[0], self._wanted(Places(webhook), secret))

    def verify(self, webhook: Webhook, secret: str) -> None:
        places = Places(webhook)
        given = [value for place in self._places() if (value := places.find(place))]
        if not given:
            raise Unproved("missing")
        if any(webhook.header(name) not in ("", value) for name, value in self.expects.items()):
            raise Unproved("algorithm")
        if self.timestamp:
            time = places.find(self._place_of_time()) or ""
            if time.startswith("0"):  # a digit off the end of an id that stands before it, say
                raise Unproved("timestamp")
            check_time(time, webhook, self.tolerance)
        if self.separator:
            given = [part.strip() for value in given for part in value.split(self.separator)]
        self.check(given, self._wanted(places, secret))

    def _places(self) -> list[str]:
        return [f"header:{name}" for name in self.header.split("|")] if self.header else [self.signature]

    def _place_of_time(self) -> str:
        return self.timestamp if ":" in self.timestamp else f"header:{self.timestamp}"

    def _wanted(self, places: Places, secret: str) -> str:
        timestamp = (places.find(self._place_of_time()) or "") if self.timestamp else ""
        number = places.webhook.header(self.id) if self.id else ""
        return self.prefix + self.mac(secret, signed(self.signs, places, timestamp, number))

    def covers(self, place: str) -> bool:
        if place.lower() == f"header:{self.id}".lower():
            # With nothing between them, the end of one could be the beginning of the other.
            return "{id}" in self.signs and "{body}{id}" not in self.signs and "{id}{body}" not in self.signs
        is_time = "{timestamp}" in self.signs and place.lower() == self._place_of_time().lower()
        return is_time or Mac.covers(self, place)
