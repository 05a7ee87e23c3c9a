"""A signature that only the provider can make; the receiver has no more than its public key."""

import re
from dataclasses import dataclass

from ..errors import Failed, Unproved
from ..webhook import Webhook
from .base import IN_BODY, Scheme, check_names, check_time, with_headers
from .mac import signed, template

SIGNATURE = re.compile(r"[0-9a-fA-F]{128}", re.ASCII)
KEY = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ed25519(Scheme):
    """An Ed25519 signature in hex, with the time in a header of its own; the key is 32 bytes in hex."""

    header: str
    timestamp: str
    signs: str = "{timestamp}{body}"

    def __post_init__(self) -> None:
        template(self.signs)
        check_names(self.header, self.timestamp)
        if not (self.header and self.timestamp):
            raise ValueError("header and timestamp can't be empty")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        now = str(int(webhook.received))
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
        signature = private.sign(signed(self.signs, webhook, now))
        return with_headers(webhook, **{self.timestamp: now, self.header: signature.hex()})

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        if not SIGNATURE.fullmatch(given):
            raise Unproved("encoding")
        check_time(now := webhook.header(self.timestamp), webhook, self.tolerance)
        if not KEY.fullmatch(secret):
            raise Failed("secret-form")
        check_ed25519(bytes.fromhex(secret), bytes.fromhex(given), signed(self.signs, webhook, now))

    def covers(self, place: str) -> bool:
        return place.partition(":")[0] in IN_BODY and "{body}" in self.signs

    def new_keys(self) -> tuple[str, str]:
        private, public = new_ed25519()
        return private.hex(), public.hex()


def check_ed25519(public: bytes, signature: bytes, message: bytes) -> None:
    """Unproved unless the signature is the key's, Failed if that is no key."""
    # Loaded only where a source needs it: cold starts pay for every import.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(public) != 32:
        raise Failed("secret-form")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        raise Unproved("mismatch") from None


def new_ed25519() -> tuple[bytes, bytes]:
    """Make a private key and its public key, 32 bytes each."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()
