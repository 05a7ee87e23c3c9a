"""Certificates whose address a request names: of whom they are, and until when."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import Failed, Unproved
from ..webhook import Webhook
from .publickey import hash_of, new_rsa, pair_of


def certificate_of(pem: str, allowed: tuple[str, ...], webhook: Webhook) -> Any:
    """Read a certificate; Unproved unless it is of one of these names and of this time, Failed if it is none."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        names = [str(found.value) for found in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except ValueError:
        raise Failed("keys-form") from None
    now = datetime.fromtimestamp(webhook.received, UTC)
    if len(names) != 1 or names[0] not in allowed:
        raise Unproved("certificate")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Unproved("certificate")
    return certificate


def certified(name: str) -> tuple[str, str]:
    """Make an RSA key and a certificate of that name, valid for years around 2023 and now."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    private = new_rsa()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime.now(UTC) + timedelta(days=365))
    certificate = builder.sign(private, hash_of("sha256"))
    return pair_of(private, "pem")[0], certificate.public_bytes(Encoding.PEM).decode()
