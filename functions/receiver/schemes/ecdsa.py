"""ECDSA on P-256: SendGrid."""

from dataclasses import dataclass
from typing import Any

from .publickey import DIGESTS, hash_of, new_p256
from .signature import Signature


@dataclass(frozen=True, slots=True)
class Ecdsa(Signature):
    """ECDSA on P-256, the signature in DER: SendGrid. `digest` is what is signed of the message."""

    key: str = "base64"
    digest: str = "sha256"

    def __post_init__(self) -> None:
        Signature.__post_init__(self)
        if self.digest not in DIGESTS:
            raise ValueError("digest is sha256, sha512 or sha1")

    def check(self, public: Any, signature: bytes, message: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        public.verify(signature, message, ECDSA(hash_of(self.digest)))

    def make(self, private: Any, message: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        return bytes(private.sign(message, ECDSA(hash_of(self.digest))))

    def new_private_key(self) -> Any:
        return new_p256()
