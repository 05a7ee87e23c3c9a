"""Standard Webhooks, and Svix, from whom it came."""

import base64
import hmac
import uuid
from contextlib import suppress
from dataclasses import dataclass

from ..errors import Unproved
from ..webhook import Webhook
from .base import IN_BODY, Scheme, among, check_names, with_headers
from .encoding import KEYS, decode_signature, key_of, new_secret
from .mac import MOST_SIGNATURES
from .times import check_time, seconds


@dataclass(frozen=True, slots=True)
class StandardWebhooks(Scheme):
    """Id, time and body, signed with HMAC-SHA256 (`v1`) or Ed25519 (`v1a`); the headers begin with `prefix`.

    The key is `whsec_` and base64 (`key` says where it is written otherwise), or `whpk_` and base64 for a public key:
    it decides which version counts. `id` is the header of the id where it has another name.
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """

    prefix: str = "webhook"
    key: str = "whsec"
    id: str = ""

    def __post_init__(self) -> None:
        check_names(self.prefix, self.id)
        if self.key not in KEYS:
            raise ValueError(f"key: no {self.key}; there are {', '.join(KEYS)}")

    @property
    def _id(self) -> str:
        return self.id or f"{self.prefix}-id"

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        number = webhook.header(self._id) or f"msg_{uuid.uuid4().hex}"
        webhook = with_headers(webhook, **{self._id: number, f"{self.prefix}-timestamp": seconds(webhook)})
        signature = base64.b64encode(hmac.digest(key_of(self.key, secret), self._signed(webhook), "sha256")).decode()
        return with_headers(webhook, **{f"{self.prefix}-signature": f"v1,{signature}"})

    def verify(self, webhook: Webhook, secret: str) -> None:
        given = webhook.header(f"{self.prefix}-signature")
        if not given or not webhook.header(self._id):
            raise Unproved("missing")
        check_time(webhook.header(f"{self.prefix}-timestamp"), webhook, self.tolerance)
        # Some write `, ` between the signatures where the specification has a space; no base64 ends in a comma.
        if len(entries := [entry.rstrip(",").partition(",") for entry in given.split(" ")]) > MOST_SIGNATURES:
            raise Unproved("signatures")
        if secret.startswith("whpk_"):
            return self._verify_public([text for version, _, text in entries if version == "v1a"], webhook, secret)
        wanted = base64.b64encode(hmac.digest(key_of(self.key, secret), self._signed(webhook), "sha256"))
        if not among(wanted, [text for version, _, text in entries if version == "v1"]):
            raise Unproved("mismatch")
        return None

    def _verify_public(self, signatures: list[str], webhook: Webhook, secret: str) -> None:
        from .ed25519 import check_ed25519  # loaded only for who has a public key

        public = key_of("base64", secret.removeprefix("whpk_"))
        for text in signatures:
            with suppress(Unproved, ValueError):
                return check_ed25519(public, decode_signature("base64", text), self._signed(webhook))
        raise Unproved("mismatch")

    def _signed(self, webhook: Webhook) -> bytes:
        number, now = webhook.header(self._id), webhook.header(f"{self.prefix}-timestamp")
        return f"{number}.{now}.".encode(errors="surrogatepass") + webhook.body

    def covers(self, place: str) -> bool:
        signed_headers = (f"header:{self._id}".lower(), f"header:{self.prefix}-timestamp".lower())
        return place.partition(":")[0] in IN_BODY or place.lower() in signed_headers

    def new_keys(self) -> tuple[str, str]:
        secret = new_secret(self.key)
        return secret, secret
