"""PayPal: RSA over id, time, webhook id and checksum of the body."""

import base64
import re
import zlib
from dataclasses import dataclass

from ..errors import Unproved
from ..webhook import Webhook
from .base import IN_BODY, Publishes, with_headers
from .certificate import certificate_of, certified
from .encoding import decode_signature
from .location import Location
from .publickey import private_of
from .rsa import Rsa
from .signature import holds
from .times import check_time, rfc3339

ADDRESS = re.compile(r"https://api\.(?:sandbox\.)?paypal\.com/v1/notifications/certs/CERT-[A-Za-z0-9-]{1,64}")
NAMES = ("messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com")


@dataclass(frozen=True, slots=True)
class PayPal(Publishes):
    """PayPal: RSA over id, time, webhook id and CRC-32 of the body, with the certificate that a header points to.

    `webhook_id` is the webhook's own, from the developer dashboard. A repetition keeps the time of the first attempt.
    CRC-32 binds the body only weakly: who can choose parts of it can choose others in their place, but only PayPal can
    have signed its checksum. https://developer.paypal.com/api/rest/webhooks/rest/
    """

    tolerance: int = 3 * 86_400 + 3600  # 25 attempts in 3 days
    webhook_id: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        return ("webhook_id",)

    def published(self, webhook: Webhook, secret: str) -> Location:
        self._check(webhook)
        if not ADDRESS.fullmatch(address := webhook.header("paypal-cert-url")):
            raise Unproved("certificate-address")
        return Location(address, named=True)

    def _check(self, webhook: Webhook) -> None:
        if not webhook.header("paypal-transmission-sig"):
            raise Unproved("missing")
        if webhook.header("paypal-auth-algo") != "SHA256withRSA":
            raise Unproved("algorithm")
        check_time(webhook.header("paypal-transmission-time"), webhook, self.tolerance)

    def verify(self, webhook: Webhook, secret: str) -> None:
        self._check(webhook)
        certificate = certificate_of(secret, NAMES, webhook)
        given = decode_signature("base64", webhook.header("paypal-transmission-sig"))
        if not holds(Rsa("x"), certificate.public_key(), given, self.message(webhook)):
            raise Unproved("mismatch")

    def message(self, webhook: Webhook) -> bytes:
        """What is signed."""
        number, time = webhook.header("paypal-transmission-id"), webhook.header("paypal-transmission-time")
        return f"{number}|{time}|{self.webhook_id}|{zlib.crc32(webhook.body)}".encode(errors="surrogatepass")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        headers = {"paypal-transmission-time": rfc3339(webhook), "paypal-auth-algo": "SHA256withRSA"}
        headers["paypal-cert-url"] = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-demo"
        headers["paypal-transmission-id"] = webhook.header("paypal-transmission-id") or "demo"
        webhook = with_headers(webhook, **headers)
        signature = base64.b64encode(Rsa("x").make(private_of(secret), self.message(webhook))).decode()
        return with_headers(webhook, **{"paypal-transmission-sig": signature})

    def covers(self, place: str) -> bool:
        return place.partition(":")[0] in IN_BODY or place.lower() == "header:paypal-transmission-id"

    def new_keys(self) -> tuple[str, str]:
        return certified("messageverificationcerts.paypal.com")
