"""Shops, and the parcels they send."""

from ..answers import as_json
from ..handshakes import challenge_code, echo_check, woo_ping
from .later import Ebay, Hmac, Rsa, StandardWebhooks, Timestamped, Token
from .row import LARGE, Provider

PROVIDERS = {
    "adobe-commerce": Provider(
        Rsa("x-adobe-commerce-webhook-signature", signs="{body-base64}"),
        # The shop's own action waits for this answer, and fails without it.
        success=as_json({"op": "success"}),
        secret="Stores > Configuration > Adobe Services > Webhooks: the public key (PEM) of the generated pair",
        docs="https://developer.adobe.com/commerce/extensibility/webhooks/signature-verification/",
    ),
    "aftership": Provider(
        # Tracking sends the first, Returns and Warranty the second; Shipping signs in a form of its own.
        Hmac("aftership-hmac-sha256|as-signature-hmac-sha256", encoding="base64"),
        type="json:event",
        id="json:event_id",
        subject="json:msg.tracking_number",
        occurred="json:ts",
        retries=True,
        secret="Settings > Webhooks of the product: the webhook secret",
        docs="https://www.aftership.com/docs/tracking/webhook/webhook-signature",
    ),
    "bigcommerce": Provider(
        StandardWebhooks(key="text"),
        type="json:scope",
        id="header:webhook-id",  # not the body's hash, which may be the same for a later change of one order
        subject="json:producer",
        occurred="json:created_at",
        retries=True,
        secret="Developer Portal or store-level API account: the client secret of the app that made the webhook",
        docs="https://developer.bigcommerce.com/docs/integrations/webhooks/https-webhook-overview",
    ),
    "easypost": Provider(
        Hmac("X-Hmac-Signature", prefix="hmac-sha256-hex=", key="nfkd"),
        type="json:description",
        id="json:id",
        subject="json:result.id",
        occurred="json:created_at",
        retries=True,
        secret="The webhook_secret that you give when you create or update the webhook",
        docs="https://docs.easypost.com/guides/webhooks-guide",
    ),
    "ebay": Provider(
        Ebay(),
        handshake=challenge_code,
        type="json:metadata.topic",
        id="json:notification.notificationId",
        subject="json:notification.data.userId",
        occurred="json:notification.eventDate",
        retries=True,
        secret="Application Keys: client_id:client_secret; verify token: the one chosen under Notifications",
        docs="https://developer.ebay.com/marketplace-account-deletion",
    ),
    "etsy": Provider(
        StandardWebhooks(),
        type="json:event_type",
        id="header:webhook-id",
        subject="json:shop_id",
        retries=True,
        secret="Developers > Your apps > Webhooks > endpoint: the signing secret (whsec_...)",
        docs="https://developers.etsy.com/documentation/essentials/webhooks",
    ),
    "lob": Provider(
        # Not held against the clock, whose unit is not documented; the event's id tells doubles.
        Hmac("Lob-Signature", signs="{header:Lob-Signature-Timestamp}.{body}"),
        type="json:event_type.id",
        id="json:id",
        subject="json:reference_id",
        occurred="json:date_created",
        secret="Webhooks > the webhook's details: the secret",
        docs="https://help.lob.com/print-and-mail/getting-data-and-results/using-webhooks",
    ),
    "onfleet": Provider(
        Hmac("X-Onfleet-Signature", digest="sha512", key="hex"),
        handshake=echo_check,
        type="json:triggerName|json:triggerId",
        subject="json:taskId|json:workerId",
        retries=True,
        secret="Settings > API & Webhooks: the webhook secret (hexadecimal)",
        docs="https://docs.onfleet.com/reference/secrets",
    ),
    "shippo": Provider(
        Timestamped("Shippo-Auth-Signature"),
        type="json:event",
        subject="json:data.tracking_number|json:data.object_id",
        occurred="json:data.tracking_status.status_date",
        deadline=2.5,  # it waits 3 s
        secret="The HMAC secret, which Shippo's support issues on request",
        docs="https://docs.goshippo.com/tracking/webhook-security",
    ),
    "shippo-token": Provider(
        Token(query="token"),  # what everybody has who did not ask Shippo's support for signatures
        type="json:event",
        subject="json:data.tracking_number|json:data.object_id",
        occurred="json:data.tracking_status.status_date",
        deadline=2.5,
        secret="the token that you put into the webhook's URL as ?token=...",
        docs="https://docs.goshippo.com/tracking/webhook-security",
    ),
    "shopify": Provider(
        Hmac("X-Shopify-Hmac-SHA256", encoding="base64"),
        type="header:X-Shopify-Topic",
        # One event may be told under several topics; of one topic, the same event id is a duplicate:
        # https://shopify.dev/docs/apps/build/webhooks/ignore-duplicates
        id=("header:X-Shopify-Event-Id", "header:X-Shopify-Topic"),
        subject="header:X-Shopify-Shop-Domain",
        occurred="header:X-Shopify-Triggered-At",
        max_body=LARGE,
        retries=True,
        secret="The app's client secret; for the admin's own webhooks, the one under Notifications > Webhooks",
        docs="https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
    ),
    "squarespace": Provider(
        Hmac("Squarespace-Signature", key="hex"),
        type="json:topic",
        id="json:id",
        subject="json:websiteId",
        secret="The secret in the answer to creating the subscription, or to rotating it (hexadecimal)",
        docs="https://developers.squarespace.com/webhooks/verifying-notifications",
    ),
    "woocommerce": Provider(
        Hmac("X-WC-Webhook-Signature", encoding="base64"),
        handshake=woo_ping,
        type="header:X-WC-Webhook-Topic",
        # X-WC-Webhook-Delivery-ID is made of the webhook and the second: two events of one second share it.
        subject="header:X-WC-Webhook-Source",
        occurred="json:date_modified_gmt",  # date_modified is the time of day at the shop
        deadline=8,  # it waits 60 s, and never sends again
        retries=False,
        secret="WooCommerce > Settings > Advanced > Webhooks > webhook: the secret",
        docs="https://woocommerce.com/document/webhooks/",
    ),
}
