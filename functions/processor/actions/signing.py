"""Signs what an action sends, as Standard Webhooks has it."""

import base64
import hmac
from collections.abc import Mapping

from ..errors import Misconfigured

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
SHORTEST = 24


def sign(secret: str, name: str, now: int, body: bytes) -> Mapping[str, str]:
    """Sign a name, a time in Unix seconds and a body with every secret: one a line, while one replaces another.

    Misconfigured if one of them is not `whsec_` and base64 of 24 bytes or more, or if there is none.
    """
    signed = f"{name}.{now}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(_key(line), signed, "sha256")).decode() for line in secret.split()]
    if not signatures:
        raise Misconfigured("the secret is empty: write one, or leave it out")
    return {
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith("whsec_") or len(key) < SHORTEST:
        raise Misconfigured(f"a secret is whsec_ and base64 of {SHORTEST} bytes or more")
    return key
