"""Keyed hashes of some fields of the body or the URL, and nothing else: the rest of the body is not proved."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from ..bodies import read_form
from ..errors import Failed, Unproved
from ..places import Places
from ..webhook import Webhook
from .base import Scheme, among, same
from .mac import MOST_SIGNATURES, Mac, Timestamped

# What Braintree's challenge may look like, and so what a payload never may: both are signed with the same key.
CHALLENGE = re.compile(r"[a-f0-9]{20,40}")
PAYLOAD = re.compile(r"[A-Za-z0-9+/=\r\n]+")


@dataclass(frozen=True, slots=True)
class Adyen(Mac):
    """Eight fields of each item of the body, joined by colons, with the hash inside the item: each of them must hold.

    https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures/
    """

    encoding: str = "base64"
    key: str = "hex"

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        body = json.loads(webhook.body) if self._items(webhook) else {"notificationItems": [{}]}
        for holder in body["notificationItems"]:
            item = holder.setdefault("NotificationRequestItem", {})
            item.setdefault("additionalData", {})["hmacSignature"] = self.mac(secret, self.message(item))
        return replace(webhook, body=json.dumps(body).encode())

    def verify(self, webhook: Webhook, secret: str) -> None:
        items = self._items(webhook)
        found = [_dict(item.get("additionalData")).get("hmacSignature") for item in items]
        given = [signature for signature in found if isinstance(signature, str) and signature]
        if not given or len(given) < len(items):
            raise Unproved("missing")
        for signature, item in zip(given, items, strict=True):
            if not same(signature, self.mac(secret, self.message(item))):
                raise Unproved("mismatch")

    @staticmethod
    def _items(webhook: Webhook) -> list[dict[str, Any]]:
        holders = _dict(Places(webhook).document).get("notificationItems")
        holders = holders if isinstance(holders, list) else []
        return [_dict(_dict(holder).get("NotificationRequestItem")) for holder in holders]

    @staticmethod
    def message(item: dict[str, Any]) -> bytes:
        """What is signed of an item: what is missing is empty, and nothing is escaped."""
        amount = _dict(item.get("amount"))
        values = [item.get(name) for name in ("pspReference", "originalReference", "merchantAccountCode")]
        values += [item.get("merchantReference"), amount.get("value"), amount.get("currency")]
        values += [item.get("eventCode"), item.get("success")]
        return ":".join(_scalar(value) for value in values).encode(errors="surrogatepass")

    def covers(self, place: str) -> bool:
        return False


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


@dataclass(frozen=True, slots=True)
class MercadoPago(Timestamped):
    """The id in the query, the id of the request and the time; a part that is missing is left out with its name.

    Its page wants the id in lower case, its library signs it as it is written: both are tried.
    https://www.mercadopago.com.br/developers/en/docs/your-integrations/notifications/webhooks
    """

    timestamp: str = "ts"
    signs: str = "[id:{query:data.id};][request-id:{header:x-request-id};]ts:{timestamp};"

    def _verify(self, group: str, webhook: Webhook, secret: str) -> None:
        lower = replace(webhook, query=webhook.query.lower())
        for spelled in (lower, webhook):
            try:
                return Timestamped._verify(self, group, spelled, secret)
            except Unproved as refusal:
                last = refusal
        raise last


def pair(secret: str) -> tuple[str, str]:
    """Split a secret that is `name:secret`; Failed if it is none."""
    first, _, second = secret.partition(":")
    if not first or not second:
        raise Failed("secret-form")
    return first, second


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _scalar(value: Any) -> str:
    if isinstance(value, dict | list):
        raise Unproved("body-uncovered")
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
