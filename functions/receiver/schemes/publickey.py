"""Public keys: read, made, and written. cryptography is loaded only where a source needs it."""

from typing import Any

from ..errors import Failed
from .encoding import ENCODINGS

DIGESTS = ("sha256", "sha512", "sha1")


def hash_of(name: str) -> Any:
    """A hash as cryptography has it."""
    from cryptography.hazmat.primitives import hashes

    return getattr(hashes, name.upper())()


def load_public(key: bytes) -> Any:
    """Read a public key, in PEM or as SubjectPublicKeyInfo in DER; Failed if it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    try:
        return load_pem_public_key(key) if key.startswith(b"-----") else load_der_public_key(key)
    except (ValueError, UnsupportedAlgorithm):
        raise Failed("secret-form") from None


def private_of(pem: str) -> Any:
    """Read a private key."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem.encode(), None)


def new_ed25519() -> Any:
    """Make a key for Ed25519."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


def new_p256() -> Any:
    """Make a key for ECDSA on P-256."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    return generate_private_key(SECP256R1())


def new_rsa() -> Any:
    """Make an RSA key."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    return generate_private_key(65537, 2048)


def pair_of(private: Any, form: str) -> tuple[str, str]:
    """A private key in PEM, and its public key as its form has it."""
    from cryptography.hazmat.primitives import serialization as to

    pem = private.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.NoEncryption()).decode()
    public = private.public_key()
    if form == "pem":
        return pem, public.public_bytes(to.Encoding.PEM, to.PublicFormat.SubjectPublicKeyInfo).decode()
    if hasattr(public, "public_bytes_raw"):
        return pem, ENCODINGS[form](public.public_bytes_raw())
    return pem, ENCODINGS[form](public.public_bytes(to.Encoding.DER, to.PublicFormat.SubjectPublicKeyInfo))
