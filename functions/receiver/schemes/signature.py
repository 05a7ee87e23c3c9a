"""A signature that only the sender can make; the receiver has no more than the public key."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from ..errors import Failed, Unproved
from ..places import Places
from ..webhook import Webhook
from .base import Scheme, check_names, with_headers
from .encoding import ENCODINGS, decode_signature, key_of
from .publickey import load_public, pair_of, private_of
from .template import covers, signed, signs_url, template
from .times import check_time, seconds

# cryptography is loaded only where a source needs it: cold starts pay for every import.


@dataclass(frozen=True, slots=True)
class Signature(Scheme):
    """What the schemes with a public key share: where the signature is, of what, and how it and the key are written.

    `header` may name several, with `|` between them: one of them has to hold. `timestamp` is the header of the time
    that is signed. `key` is `hex`, `base64` (of the bare key, or of SubjectPublicKeyInfo in DER) or `pem`.
    """

    header: str
    timestamp: str = ""
    signs: str = "{body}"
    encoding: str = "base64"
    key: str = "pem"

    def __post_init__(self) -> None:
        template(self.signs)
        check_names(self.timestamp, *self.header.split("|"))
        if not self.header or ("{timestamp}" in self.signs and not self.timestamp):
            raise ValueError("header and timestamp can't be empty")
        if self.encoding not in ENCODINGS or self.key not in ("hex", "base64", "pem"):
            raise ValueError("encoding is hex, base64 or base64url; key is hex, base64 or pem")

    @property
    def needs(self) -> tuple[str, ...]:
        return ("public_url",) if signs_url(self.signs) else ()

    @abstractmethod
    def check(self, public: Any, signature: bytes, message: bytes) -> None:
        """InvalidSignature, or ValueError, unless the signature is the key's."""

    @abstractmethod
    def make(self, private: Any, message: bytes) -> bytes:
        """Sign the message."""

    @abstractmethod
    def new_private_key(self) -> Any:
        """Make a private key."""

    def load(self, secret: str) -> Any:
        """Read the public key; Failed if it is none."""
        return load_public(key_of("text" if self.key == "pem" else self.key, secret))

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        time = seconds(webhook) if self.timestamp else ""
        signature = ENCODINGS[self.encoding](self.make(private_of(secret), signed(self.signs, Places(webhook), time)))
        headers = {self.timestamp: time} if self.timestamp else {}
        return with_headers(webhook, **headers, **{self.header.split("|")[0]: signature})

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := [value for name in self.header.split("|") if (value := webhook.header(name))]):
            raise Unproved("missing")
        signatures = [decode_signature(self.encoding, value) for value in given]
        time = webhook.header(self.timestamp) if self.timestamp else ""
        if self.timestamp:
            check_time(time, webhook, self.tolerance)
        message, public = signed(self.signs, Places(webhook), time), self.load(secret)
        if not any(holds(self, public, signature, message) for signature in signatures):
            raise Unproved("mismatch")

    def covers(self, place: str) -> bool:
        is_time = "{timestamp}" in self.signs and place.lower() == f"header:{self.timestamp}".lower()
        return is_time or covers(self.signs, place)

    def new_keys(self) -> tuple[str, str]:
        return pair_of(self.new_private_key(), self.key)


def holds(scheme: Signature, public: Any, signature: bytes, message: bytes) -> bool:
    """Whether a signature is the key's; a key of another kind is Failed."""
    from cryptography.exceptions import InvalidSignature

    try:
        scheme.check(public, signature, message)
    except InvalidSignature:
        return False
    except (TypeError, AttributeError):  # another kind of key takes other arguments
        raise Failed("secret-form") from None
    return True
