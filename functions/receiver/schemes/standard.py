"""Standard Webhooks, and Svix, from whom it came."""

import base64
import hmac
import secrets
import uuid
from contextlib import suppress
from dataclasses import dataclass

from ..errors import Failed, Unproved
from ..webhook import Webhook
from .asymmetric import check_ed25519
from .base import IN_BODY, Scheme, among, check_time, with_headers
from .mac import MOST_SIGNATURES


@dataclass(frozen=True, slots=True)
class StandardWebhooks(Scheme):
    """Id, time and body, signed with HMAC-SHA256 (`v1`) or Ed25519 (`v1a`); the headers begin with `prefix`.

    The key is `whsec_` and base64, or `whpk_` and base64 for a public key: it decides which version counts.
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """

    prefix: str = "webhook"

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        number = webhook.header(f"{self.prefix}-id") or f"msg_{uuid.uuid4().hex}"
        now = str(int(webhook.received))
        webhook = with_headers(webhook, **{f"{self.prefix}-id": number, f"{self.prefix}-timestamp": now})
        signature = base64.b64encode(hmac.digest(_key(secret), self._signed(webhook), "sha256")).decode()
        return with_headers(webhook, **{f"{self.prefix}-signature": f"v1,{signature}"})

    def verify(self, webhook: Webhook, secret: str) -> None:
        given = webhook.header(f"{self.prefix}-signature")
        if not given or not webhook.header(f"{self.prefix}-id"):
            raise Unproved("missing")
        check_time(webhook.header(f"{self.prefix}-timestamp"), webhook, self.tolerance)
        if len(entries := [entry.partition(",") for entry in given.split(" ")]) > MOST_SIGNATURES:
            raise Unproved("signatures")
        key = _key(secret)
        if secret.startswith("whpk_"):
            self._verify_public([text for version, _, text in entries if version == "v1a"], webhook, key)
            return
        wanted = base64.b64encode(hmac.digest(key, self._signed(webhook), "sha256"))
        if not among(wanted, [text for version, _, text in entries if version == "v1"]):
            raise Unproved("mismatch")

    def _verify_public(self, signatures: list[str], webhook: Webhook, public: bytes) -> None:
        for text in signatures:
            with suppress(Unproved, ValueError):
                return check_ed25519(public, base64.b64decode(text, validate=True), self._signed(webhook))
        raise Unproved("mismatch")

    def _signed(self, webhook: Webhook) -> bytes:
        number, now = webhook.header(f"{self.prefix}-id"), webhook.header(f"{self.prefix}-timestamp")
        return f"{number}.{now}.".encode(errors="surrogatepass") + webhook.body

    def covers(self, place: str) -> bool:
        signed_headers = (f"header:{self.prefix}-id", f"header:{self.prefix}-timestamp")
        return place.partition(":")[0] in IN_BODY or place.lower() in signed_headers

    def new_keys(self) -> tuple[str, str]:
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        return secret, secret


def _key(secret: str) -> bytes:
    text = secret.removeprefix("whsec_").removeprefix("whpk_").rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise Failed("secret-form") from None
    if not key.strip(b"\0") or (secret.startswith("whpk_") and len(key) != 32):
        raise Failed("secret-form")  # HMAC fills a short key with zeros: these all are the empty key, which anyone has
    return key
