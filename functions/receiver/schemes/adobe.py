"""Adobe I/O: RSA over the body, with a key whose path a header names."""

import re
from dataclasses import dataclass

from ..errors import Unproved
from ..places import Places
from ..webhook import Webhook
from .base import IN_BODY, Publishes, with_headers
from .location import Location
from .publickey import new_rsa, pair_of
from .put import put
from .rsa import Rsa

HOST = "https://static.adobeioevents.com"
PATH = re.compile(r"/prod/keys/[A-Za-z0-9_-]{1,64}\.pem")


@dataclass(frozen=True, slots=True)
class AdobeIo(Publishes):
    """Adobe I/O: two RSA signatures of the body, either of which has to hold, with keys from Adobe's own host.

    `client_id` is the project's; it must be the one in the body, since Adobe signs for all projects with the same keys.
    https://developer.adobe.com/events/docs/guides/#security-considerations
    """

    client_id: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        return ("client_id",)

    def published(self, webhook: Webhook, secret: str) -> Location:
        path = webhook.header("x-adobe-public-key1-path") or webhook.header("x-adobe-public-key2-path")
        if not path:
            raise Unproved("missing")
        if not PATH.fullmatch(path):
            raise Unproved("certificate-address")
        self._check_client(webhook)
        return Location(HOST + path, named=True)

    def verify(self, webhook: Webhook, secret: str) -> None:
        Rsa("x-adobe-digital-signature-1|x-adobe-digital-signature-2").verify(webhook, secret)
        self._check_client(webhook)

    def _check_client(self, webhook: Webhook) -> None:
        places = Places(webhook)
        path = "*.recipient_client_id" if isinstance(places.document, list) else "recipient_client_id"
        if not (given := places.every(path)) or not all(client == self.client_id for client in given):
            raise Unproved("client-id")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        webhook = put(webhook, "json:recipient_client_id", self.client_id)
        webhook = with_headers(webhook, **{"x-adobe-public-key1-path": "/prod/keys/pub-key-demo.pem"})
        return Rsa("x-adobe-digital-signature-1").sign(webhook, secret)

    def covers(self, place: str) -> bool:
        return place.partition(":")[0] in IN_BODY

    def new_keys(self) -> tuple[str, str]:
        return pair_of(new_rsa(), "pem")
