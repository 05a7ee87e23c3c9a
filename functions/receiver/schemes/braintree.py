"""Braintree: a keyed hash of one field of the form, which holds the payload."""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from ..bodies import read_form
from ..errors import Unproved
from ..places import Places
from ..webhook import Webhook
from .base import Scheme, among, same
from .encoding import pair
from .mac import MOST_SIGNATURES

# What Braintree's challenge may look like, and so what a payload never may: both are signed with the same key.
CHALLENGE = re.compile(r"[a-f0-9]{20,40}")
PAYLOAD = re.compile(r"[A-Za-z0-9+/=\r\n]+")


@dataclass(frozen=True, slots=True)
class Braintree(Scheme):
    """The form field `bt_payload`, whose hash stands in `bt_signature` behind the public key; the secret is the pair.

    https://developer.paypal.com/braintree/docs/guides/webhooks/parse
    """

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        payload = (read_form(webhook).get("bt_payload") or [base64.encodebytes(webhook.body).decode()])[0]
        public, private = pair(secret)
        form = {"bt_signature": f"{public}|{self.mac(private, payload)}", "bt_payload": payload}
        return replace(webhook, body=urlencode(form).encode())

    def verify(self, webhook: Webhook, secret: str) -> None:
        places, (public, private) = Places(webhook), pair(secret)
        signature, payload = places.find("form:bt_signature"), places.find("form:bt_payload")
        if not signature or not payload:
            raise Unproved("missing")
        if CHALLENGE.fullmatch(payload.strip()):
            raise Unproved("challenge-as-body")
        if not PAYLOAD.fullmatch(payload):
            raise Unproved("encoding")
        if len(pairs := [item.partition("|") for item in signature.split("&")]) > MOST_SIGNATURES:
            raise Unproved("signatures")
        given = [mac for name, _, mac in pairs if same(name, public)]
        # Its own library tries the payload with a line's end too: some ways of reading a form take it off.
        wanted = [self.mac(private, text) for text in (payload, f"{payload}\n")]
        if not any(among(mac, given) for mac in wanted):
            raise Unproved("mismatch")

    @staticmethod
    def mac(private: str, text: str) -> str:
        """The hash of a text; the key is the SHA-1 of the private key."""
        key = hashlib.sha1(private.encode(), usedforsecurity=False).digest()
        return hmac.digest(key, text.encode(), "sha1").hex()

    def covers(self, place: str) -> bool:
        return place == "form:bt_payload"

    def new_keys(self) -> tuple[str, str]:
        secret = f"public{secrets.token_hex(8)}:{secrets.token_hex(16)}"
        return secret, secret
