"""Adyen: a keyed hash of eight fields of each item of the body, and of nothing else."""

import json
from dataclasses import dataclass, replace
from typing import Any

from ..errors import Unproved
from ..places import Places
from ..webhook import Webhook
from .base import same
from .mac import Mac


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


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _scalar(value: Any) -> str:
    if isinstance(value, dict | list):
        raise Unproved("body-uncovered")
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
