"""A signature that only the sender can make; the receiver has no more than the public key."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from ..errors import Failed, Unproved
from ..places import Places
from ..webhook import Webhook
from .base import Scheme, check_names, check_time, with_headers
from .encoding import ENCODINGS, decode_signature, key_of
from .mac import now
from .publickey import hash_of, load_public, new_rsa, pair_of
from .template import covers, signed, signs_url, template

DIGESTS = ("sha256", "sha512", "sha1")
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
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        private = load_pem_private_key(secret.encode(), None)
        time = now(webhook) if self.timestamp else ""
        signature = ENCODINGS[self.encoding](self.make(private, signed(self.signs, Places(webhook), time)))
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
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.generate()


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
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

        return generate_private_key(SECP256R1())


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


def check_ed25519(public: bytes, signature: bytes, message: bytes) -> None:
    """Unproved unless the signature is the key's, Failed if that is no key."""
    scheme = Ed25519("x", "x")
    if not holds(scheme, scheme.load(public.hex()), signature, message):
        raise Unproved("mismatch")
