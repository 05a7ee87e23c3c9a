"""How keys and signatures are written as text."""

import base64
import re
import secrets
import unicodedata
from collections.abc import Callable

from ..errors import Failed, Unproved

HEX = re.compile(r"(?:[0-9a-fA-F]{2})+", re.ASCII)

ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "base64url": lambda digest: base64.urlsafe_b64encode(digest).decode().rstrip("="),
}


def decode(encoding: str, text: str) -> bytes:
    """Read text as strictly as it was written; ValueError if it is anything else."""
    if encoding == "hex":
        if not HEX.fullmatch(text):
            raise ValueError("no hex")
        return bytes.fromhex(text)
    padded = text + "=" * (-len(text) % 4) if encoding == "base64url" else text
    found = base64.b64decode(padded, altchars=b"-_" if encoding == "base64url" else None, validate=True)
    if ENCODINGS[encoding](found) != text:
        raise ValueError("not as it would be written")  # other bits in the last letter
    return found


def decode_signature(encoding: str, text: str) -> bytes:
    """Read a signature; Unproved if it is not in its encoding."""
    try:
        return decode(encoding, text)
    except ValueError:
        raise Unproved("encoding") from None


def _base64(text: str) -> bytes:
    bare = text.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


# How the text of a secret, as the provider shows it, becomes a key.
KEYS: dict[str, Callable[[str], bytes]] = {
    "text": str.encode,
    "base64": _base64,
    "hex": lambda text: decode("hex", text),
    "after-colon": lambda text: text.rpartition(":")[2].encode(),  # the second half of name:secret
    "nfkd": lambda text: unicodedata.normalize("NFKD", text).encode(),
    "oauth": lambda text: f"{text}&".encode(),  # RFC 5849 section 3.4.2, with no token's secret
    "whsec": lambda text: _base64(text.removeprefix("v1,").removeprefix("whsec_")),
    "whsec-or-text": lambda text: _base64(text[6:]) if text.startswith("whsec_") else text.encode(),
}


def key_of(form: str, secret: str) -> bytes:
    """Make the key of a secret; Failed if the secret has another form.

    HMAC fills a short key with zeros: a key of zeros is the empty key, which anyone has.
    """
    try:
        key = KEYS[form](secret)
    except ValueError:
        raise Failed("secret-form") from None
    if not key.strip(b"\0"):
        raise Failed("secret-form")
    return key


def pair(secret: str) -> tuple[str, str]:
    """Split a secret that is `name:secret`; Failed if it is none."""
    first, _, second = secret.partition(":")
    if not first or not second:
        raise Failed("secret-form")
    return first, second


def new_secret(form: str) -> str:
    """Make a secret of that form."""
    key = secrets.token_bytes(32)
    if form == "whsec":
        return f"whsec_{ENCODINGS['base64'](key)}"
    return ENCODINGS[form if form in ("base64", "hex") else "base64url"](key)
