"""WebSub: a keyed hash whose method the hub chooses, out of those that the specification knows."""

import hmac
from dataclasses import dataclass

from ..errors import Unproved
from ..webhook import Webhook
from .base import IN_BODY, Scheme, check_names, same, with_headers

METHODS = ("sha1", "sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True)
class WebSub(Scheme):
    """`method=hash` of the body: YouTube, and every other hub. https://www.w3.org/TR/websub/#signature-validation"""

    header: str = "X-Hub-Signature"

    def __post_init__(self) -> None:
        check_names(self.header)
        if not self.header:
            raise ValueError("header: can't be empty")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        digest = hmac.digest(secret.encode(), webhook.body, "sha256").hex()
        return with_headers(webhook, **{self.header: f"sha256={digest}"})

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        method, _, digest = given.partition("=")
        if method not in METHODS:
            raise Unproved("algorithm")
        if not same(digest.lower(), hmac.digest(secret.encode(), webhook.body, method).hex()):
            raise Unproved("mismatch")

    def covers(self, place: str) -> bool:
        return place.partition(":")[0] in IN_BODY
