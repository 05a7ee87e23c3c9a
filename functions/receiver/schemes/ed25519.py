"""Ed25519: Discord, Telnyx, and others by its bare key."""

from dataclasses import dataclass
from typing import Any

from ..errors import Failed, Unproved
from .encoding import key_of
from .publickey import load_public, new_ed25519
from .signature import Signature, holds


@dataclass(frozen=True, slots=True)
class Ed25519(Signature):
    """Ed25519: Discord, Telnyx."""

    signs: str = "{timestamp}{body}"
    encoding: str = "hex"
    key: str = "hex"

    def load(self, secret: str) -> Any:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        if self.key == "pem":
            return load_public(secret.encode())
        if len(key := key_of(self.key, secret)) != 32:
            raise Failed("secret-form")
        return Ed25519PublicKey.from_public_bytes(key)

    def check(self, public: Any, signature: bytes, message: bytes) -> None:
        public.verify(signature, message)

    def make(self, private: Any, message: bytes) -> bytes:
        return bytes(private.sign(message))

    def new_private_key(self) -> Any:
        return new_ed25519()


def check_ed25519(public: bytes, signature: bytes, message: bytes) -> None:
    """Unproved unless the signature is the key's, Failed if that is no key."""
    scheme = Ed25519("x", "x")
    if not holds(scheme, scheme.load(public.hex()), signature, message):
        raise Unproved("mismatch")
