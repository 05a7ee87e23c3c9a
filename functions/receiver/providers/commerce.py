"""Shops and what they sell."""

from ..schemes import Hmac
from .row import LARGE, Provider

PROVIDERS = {
    "shopify": Provider(
        Hmac("X-Shopify-Hmac-SHA256", encoding="base64"),
        type="header:X-Shopify-Topic",
        # One event may be told under several topics; of one topic, the same event id is a duplicate:
        # https://shopify.dev/docs/apps/build/webhooks/ignore-duplicates
        id=("header:X-Shopify-Event-Id", "header:X-Shopify-Topic"),
        subject="header:X-Shopify-Shop-Domain",
        max_body=LARGE,
        docs="https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
    ),
}
