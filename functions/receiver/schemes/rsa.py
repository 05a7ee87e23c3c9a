"""RSA, with the padding of PKCS#1 v1.5 or PSS."""

from dataclasses import dataclass
from typing import Any

from .publickey import DIGESTS, hash_of, new_rsa
from .signature import Signature


@dataclass(frozen=True, slots=True)
class Rsa(Signature):
    """RSA: PKCS#1 v1.5, or PSS where `padding` says so."""

    padding: str = "pkcs1v15"
    digest: str = "sha256"

    def __post_init__(self) -> None:
        Signature.__post_init__(self)
        if self.padding not in ("pkcs1v15", "pss") or self.digest not in DIGESTS:
            raise ValueError("padding is pkcs1v15 or pss, digest is sha256, sha512 or sha1")

    def check(self, public: Any, signature: bytes, message: bytes) -> None:
        public.verify(signature, message, self._padding(), hash_of(self.digest))

    def make(self, private: Any, message: bytes) -> bytes:
        return bytes(private.sign(message, self._padding(), hash_of(self.digest)))

    def new_private_key(self) -> Any:
        return new_rsa()

    def _padding(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric import padding

        if self.padding == "pkcs1v15":
            return padding.PKCS1v15()
        return padding.PSS(padding.MGF1(hash_of(self.digest)), padding.PSS.DIGEST_LENGTH)
