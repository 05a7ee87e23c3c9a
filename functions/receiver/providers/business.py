"""Customers, staff, books and audits."""

from ..handshakes import empty_events, front_challenge, head_probe, ping_event
from .later import Hmac, StandardWebhooks
from .row import Provider

PROVIDERS = {
    "ashby": Provider(
        Hmac("Ashby-Signature", prefix="sha256="),
        handshake=ping_event("json:action", "ping"),
        type="json:action",
        id="json:webhookActionId",
        retries=True,
        secret="Admin > Integrations > Webhooks > webhook: the secret token that you chose",
        docs="https://developers.ashbyhq.com/docs/authenticating-webhooks",
    ),
    "brex": Provider(
        StandardWebhooks(),
        type="json:event_type",
        id="header:webhook-id",
        subject="json:company_id",
        secret="GET /v1/webhooks/secrets of the API: the signing secret (base64)",
        docs="https://developer.brex.com/docs/webhooks",
    ),
    "checkr": Provider(
        Hmac("X-Checkr-Signature"),
        type="json:type",
        id="json:id",
        subject="json:data.object.id",
        occurred="json:created_at",
        retries=True,
        secret="Dashboard > Developer Settings: the secret API key",
        docs="https://docs.checkr.com/apis/webhooks",
    ),
    "deel": Provider(
        Hmac("x-deel-signature", signs="POST{body}"),
        type="json:data.meta.event_type",
        subject="json:data.meta.organization_id",
        occurred="json:timestamp",
        secret="Developer Center > Webhooks > webhook: the signing key",
        docs="https://developer.deel.com/docs/webhooks-get-started",
    ),
    "finch": Provider(
        StandardWebhooks(prefix="finch", id="finch-event-id"),
        type="json:event_type",
        id="header:finch-event-id",
        subject="json:connection_id|json:company_id",
        secret="Developer Dashboard > Webhooks: the secret, shown once (base64)",
        docs="https://developer.tryfinch.com/developer-resources/Webhooks",
    ),
    "front": Provider(
        # Webhooks of an app. Those of a rule sign otherwise (HMAC-SHA1 with the API secret) and never come again.
        Hmac("X-Front-Signature", encoding="base64", signs="{timestamp}:{body}", timestamp="X-Front-Request-Timestamp"),
        handshake=front_challenge,
        type="json:type",
        id="json:payload.id",
        subject="json:payload.conversation.id",
        occurred="json:payload.emitted_at",
        retries=True,
        secret="Settings > Developers > app > Basic information: the application's signing key",
        docs="https://dev.frontapp.com/docs/application-webhooks",
    ),
    "hubspot": Provider(
        # Version 3 only: versions 1 and 2 are plain hashes with the secret in front.
        Hmac(
            "X-HubSpot-Signature-v3",
            encoding="base64",
            signs="{method}{url}{body}{timestamp}",
            timestamp="X-HubSpot-Request-Timestamp",
        ),
        batch=True,
        retries=True,
        secret="The app's settings > Auth: the client secret",
        docs="https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
    ),
    "intercom": Provider(
        Hmac("X-Hub-Signature", digest="sha1", prefix="sha1="),
        handshake=head_probe,  # its signed ping is an event, intercom.ping
        type="json:topic",
        id="json:id",
        subject="json:data.item.id",
        occurred="json:created_at",
        retries=True,
        secret="Developer Hub > app > Basic information: the client secret",
        docs="https://developers.intercom.com/docs/webhooks/webhook-notifications",
    ),
    "merge-dev": Provider(
        Hmac("X-Merge-Webhook-Signature", encoding="base64url"),
        type="json:hook.event",  # hook.id is the webhook's, not the event's
        subject="json:linked_account.id",
        secret="Advanced > Webhooks > Security: the signature key of the organization",
        docs="https://docs.merge.dev/basics/webhooks/merge-webhooks",
    ),
    "quickbooks": Provider(
        Hmac("intuit-signature", encoding="base64"),
        batch=True,
        deadline=2.5,  # it waits 3 s
        retries=True,
        secret="Developer portal > app > Webhooks: the verifier token",
        docs="https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks",
    ),
    "vanta": Provider(
        StandardWebhooks(prefix="svix"),
        type="json:type|json:eventType",
        id="header:svix-id",
        retries=True,
        secret="Settings > Webhooks > endpoint: the signing secret (whsec_...)",
        docs="https://developer.vanta.com/docs/webhooks",
    ),
    "xero": Provider(
        Hmac("x-xero-signature", encoding="base64"),
        handshake=empty_events,
        batch=True,
        retries=True,
        secret="My Apps > app > Webhooks: the webhooks key",
        docs="https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/",
    ),
    "zendesk": Provider(
        Hmac(
            "X-Zendesk-Webhook-Signature",
            encoding="base64",
            signs="{timestamp}{body}",
            timestamp="X-Zendesk-Webhook-Signature-Timestamp",
        ),
        type="json:type",
        # The body's id is an event's only in event webhooks: a trigger's body holds what its author put there.
        id="header:X-Zendesk-Webhook-Invocation-Id",
        subject="json:subject",
        occurred="json:time",
        retries=True,
        secret="Admin Center > Webhooks > webhook > Actions: the signing secret, as text although it looks like base64",
        docs="https://developer.zendesk.com/documentation/webhooks/verifying/",
    ),
}
