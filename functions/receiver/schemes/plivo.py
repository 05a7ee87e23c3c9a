"""Plivo: a keyed hash of the URL, the sorted fields of a form, and a nonce."""

import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl

from ..errors import Unproved
from ..webhook import Webhook
from .base import with_headers
from .mac import Mac
from .urlform import fields_of


@dataclass(frozen=True, slots=True)
class Plivo(Mac):
    """The URL with its query sorted, the sorted fields of the form and a nonce: Plivo's third version.

    https://www.plivo.com/docs/messaging/concepts/signature-validation
    """

    header: str = "X-Plivo-Signature-V3"
    encoding: str = "base64"
    nonce: str = "X-Plivo-Signature-V3-Nonce"

    @property
    def needs(self) -> tuple[str, ...]:
        return ("public_url",)

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        webhook = with_headers(webhook, **{self.nonce: secrets.token_hex(10)})
        return with_headers(webhook, **{self.header.split("|")[0]: self.mac(secret, self.message(webhook))})

    def verify(self, webhook: Webhook, secret: str) -> None:
        given = [value for name in self.header.split("|") if (value := webhook.header(name))]
        if not given or not webhook.header(self.nonce):
            raise Unproved("missing")
        candidates = [item.strip() for value in given for item in value.split(",")]
        self.check(candidates, self.mac(secret, self.message(webhook)))

    def message(self, webhook: Webhook) -> bytes:
        """What is signed: `?` where a query or a form follows, a dot between them, and a dot before the nonce."""
        query = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(webhook.query, keep_blank_values=True)))
        form = "".join(name + value for name, value in sorted(fields_of(webhook)))
        sign, dot = "?" if query or form else "", "." if query and form else ""
        text = f"{webhook.url.partition('?')[0]}{sign}{query}{dot}{form}.{webhook.header(self.nonce)}"
        return text.encode(errors="surrogateescape")

    def covers(self, place: str) -> bool:
        # Names and values are joined without anything between them, so that a field can be split otherwise.
        return place == "digest" or place.partition(":")[0] == "query"
