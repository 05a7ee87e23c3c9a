"""eBay: ECDSA over the body, with a key that is asked for by its id."""

import base64
import json
import re
from dataclasses import dataclass
from typing import ClassVar

from ..errors import Failed, Unproved
from ..webhook import Webhook
from .base import IN_BODY, Publishes, with_headers
from .ecdsa import Ecdsa
from .encoding import decode_signature, pair
from .location import Location
from .publickey import load_public, new_p256, pair_of, private_of
from .signature import holds

NUMBER = re.compile(r"[A-Za-z0-9-]{1,64}")
API = "https://api.ebay.com"


@dataclass(frozen=True, slots=True)
class Ebay(Publishes):
    """eBay: ECDSA with SHA-1 over the body; the key is asked for by its id, with the application's `client_id:secret`.

    https://developer.ebay.com/marketplace-account-deletion
    """

    HAS_SECRET: ClassVar[bool] = True

    header: str = "X-EBAY-SIGNATURE"

    def published(self, webhook: Webhook, secret: str) -> Location:
        pair(secret)
        basic = base64.b64encode(secret.encode()).decode()
        form = {"grant_type": "client_credentials", "scope": f"{API}/oauth/api_scope"}
        login = Location(f"{API}/identity/v1/oauth2/token", {"Authorization": f"Basic {basic}"}, form=form)
        number = self._parts(webhook)["kid"]
        return Location(f"{API}/commerce/notification/v1/public_key/{number}", login=login, named=True)

    def verify(self, webhook: Webhook, secret: str) -> None:
        signature = self._parts(webhook)["signature"]
        try:
            key = str(json.loads(secret)["key"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Failed("keys-form") from None
        # It is written as PEM, on one line.
        bare = re.sub(r"-----[A-Z ]+-----|\s", "", key)
        try:
            public = load_public(base64.b64decode(bare, validate=True))
        except ValueError:
            raise Failed("keys-form") from None
        if not holds(Ecdsa("x", digest="sha1"), public, decode_signature("base64", signature), webhook.body):
            raise Unproved("mismatch")

    def _parts(self, webhook: Webhook) -> dict[str, str]:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        try:
            found = json.loads(base64.b64decode(given, validate=True))
            parts = {name: found[name] for name in ("kid", "signature")}
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Unproved("encoding") from None
        if not all(isinstance(part, str) for part in parts.values()) or not NUMBER.fullmatch(parts["kid"]):
            raise Unproved("encoding")
        return parts

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        signature = base64.b64encode(Ecdsa("x", digest="sha1").make(private_of(secret), webhook.body)).decode()
        text = json.dumps({"alg": "ecdsa", "kid": "demo", "signature": signature, "digest": "SHA1"})
        return with_headers(webhook, **{self.header: base64.b64encode(text.encode()).decode()})

    def covers(self, place: str) -> bool:
        return place.partition(":")[0] in IN_BODY

    def new_keys(self) -> tuple[str, str]:
        private, public = pair_of(new_p256(), "pem")
        return private, json.dumps({"algorithm": "ECDSA", "digest": "SHA1", "key": public.replace("\n", "")})
