"""Clouds, their monitoring, content and data."""

from ..answers import as_json, as_json_of
from ..handshakes import (
    adobe_challenge,
    channel_sync,
    event_grid_validation,
    graph_validation,
    ping_event,
    sns_confirmation,
)
from .later import AdobeIo, Basic, Contentful, Hmac, Jwks, Sns, StandardWebhooks, Timestamped, Token
from .row import LARGE, Provider

PROVIDERS = {
    "adobe-io": Provider(
        AdobeIo(),
        handshake=adobe_challenge,
        type="header:x-adobe-event-code",
        id="json:event_id",  # the header has the same; a batch is an array, and so gets none
        subject="json:source",
        batch=True,
        retries=True,
        secret="none; client_id: Developer Console > project > credential",
        docs="https://developer.adobe.com/events/docs/guides/",
    ),
    "alertmanager": Provider(
        Token(header="Authorization", prefix="Bearer "),
        type="json:status",
        subject="json:groupKey",
        batch=True,
        retries=True,
        secret="webhook_configs > http_config > authorization: the credentials",
        docs="https://prometheus.io/docs/alerting/latest/configuration/#webhook_config",
    ),
    "aws-sns": Provider(
        Sns(),
        handshake=sns_confirmation,
        type="json:Type",
        id="json:MessageId",  # a retry keeps it
        subject="json:TopicArn",
        retries=True,
        secret="none; topics: SNS > Topics, the ARN of each (anybody's topic has valid signatures)",
        docs="https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
    ),
    "aws-sns-v1": Provider(
        # A topic whose SignatureVersion is not set to 2 signs with SHA-1.
        Sns(versions="1|2"),
        handshake=sns_confirmation,
        type="json:Type",
        id="json:MessageId",
        subject="json:TopicArn",
        retries=True,
        secret="none; topics: SNS > Topics, the ARN of each",
        docs="https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
    ),
    "azure-event-grid": Provider(
        Token(query="token"),
        handshake=event_grid_validation,
        subject="header:aeg-subscription-name",
        batch=True,
        retries=True,
        secret="the token that you put into the subscription's endpoint URL, ?token=...",
        docs="https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-event-grid-events-schema",
    ),
    "cloudflare": Provider(
        # No id: alert_correlation_id is the same for the start and the end of an incident.
        Token(header="cf-webhook-auth"),
        type="json:alert_type",
        subject="json:account_id",
        secret="Notifications > Destinations > Webhooks: the Secret",
        docs="https://developers.cloudflare.com/notifications/get-started/configure-webhooks/",
    ),
    "contentful": Provider(
        Contentful(tolerance=30),  # what Contentful's own toolkit allows; each attempt is signed anew
        type="header:X-Contentful-Topic",
        id="header:X-Contentful-Idempotency-Key",
        subject="json:sys.id",
        occurred="json:sys.deletedAt|json:sys.updatedAt",
        retries=True,
        secret="Space settings > Webhooks > Settings: the signing secret (64 characters)",
        docs="https://www.contentful.com/developers/docs/extensibility/webhooks/request-verification/",
    ),
    "google-calendar-drive": Provider(
        Token(header="X-Goog-Channel-Token"),
        handshake=channel_sync,
        type="header:X-Goog-Resource-State",
        id=("header:X-Goog-Channel-ID", "header:X-Goog-Message-Number"),
        subject="header:X-Goog-Resource-ID",
        retries=True,
        secret="the token that you give with each watch request",
        docs="https://developers.google.com/workspace/drive/api/guides/push",
    ),
    "google-pubsub-push": Provider(
        # Anybody at Google can have a token for any audience, so the account's address is the proof.
        Jwks(
            "Authorization",
            prefix="Bearer ",
            keys="https://www.googleapis.com/oauth2/v3/certs",
            issuer="https://accounts.google.com|accounts.google.com",
            asks="audience email",
        ),
        id="json:message.messageId",
        subject="json:subscription",
        max_body=LARGE,  # a message has up to 10 MB; larger ones than this are refused
        retries=True,
        secret="none; audience and email (the service account): those of the push subscription",
        docs="https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions",
    ),
    "grafana": Provider(
        # If a timestamp header is set at Grafana, it signs {timestamp}:{body}: say so with `verify: {hmac: ...}`.
        Hmac("X-Grafana-Alerting-Signature"),
        type="json:status",
        subject="json:groupKey",
        batch=True,
        secret="Alerting > Contact points > Webhook > HMAC Signature: the Secret",
        docs="https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/"
        "integrations/webhook-notifier/",
    ),
    "microsoft-graph": Provider(
        Token(json="value.*.clientState"),
        handshake=graph_validation,
        batch=True,
        deadline=2.5,  # it waits 3 s, and delays or drops what goes to slow endpoints
        retries=True,
        secret="the clientState that you give with each subscription",
        docs="https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks",
    ),
    "mixpanel": Provider(
        Basic(),
        type="json:action",
        subject="json:parameters.mixpanel_cohort_id",
        success=as_json_of(action="json:action", status="success"),
        retries=True,
        secret="Integrations > Custom Webhook > Basic Authentication: user:password",
        docs="https://docs.mixpanel.com/docs/cohort-sync/webhooks",
    ),
    "mongodb-atlas": Provider(
        Hmac("X-MMS-Signature", digest="sha1", encoding="base64"),
        type="header:X-MMS-Event",
        subject="json:groupId",
        occurred="json:updated",
        secret="Project Settings > Integrations > Webhook: the Webhook Secret",
        docs="https://www.mongodb.com/docs/atlas/tutorial/webhook-integration/",
    ),
    "sanity": Provider(
        # Its time is in milliseconds. Retries come within a minute, so that the usual tolerance does for them.
        Timestamped("sanity-webhook-signature", encoding="base64url"),
        type="header:sanity-operation",
        id="header:idempotency-key",
        subject="header:sanity-document-id",
        occurred="header:sanity-transaction-time",
        retries=True,
        secret="sanity.io/manage > API > Webhooks > webhook: the Secret",
        docs="https://www.sanity.io/docs/webhooks",
    ),
    "segment": Provider(
        # Of a batch only the first event is signed, so batches are refused: the mapping must have batching off.
        Hmac("X-Signature", digest="sha1"),
        type="json:type",
        id="json:messageId",
        subject="json:userId|json:anonymousId",
        occurred="json:timestamp",
        retries=True,
        secret="Webhooks (Actions) destination > Settings: the Shared Secret",
        docs="https://segment.com/docs/connections/destinations/catalog/actions-webhook/",
    ),
    "snyk": Provider(
        Hmac("X-Hub-Signature", prefix="sha256="),  # the name that GitHub has for SHA-1
        handshake=ping_event("header:X-Snyk-Event", "ping/v0"),
        type="header:X-Snyk-Event",
        id="header:X-Snyk-Transport-ID",
        subject="json:project.id",
        secret="the secret that you give when you create the webhook by the API",
        docs="https://docs.snyk.io/snyk-api/using-specific-snyk-apis/webhooks-apis/"
        "validation-and-versioning-of-payloads",
    ),
    "supabase": Provider(
        StandardWebhooks(),
        type="json:metadata.name",
        id="json:metadata.uuid",  # webhook-id is new with each attempt
        subject="json:user.id|json:user_id",
        occurred="json:metadata.time",
        success=as_json({}),  # without a JSON content type the user's sign-in fails
        retries=True,
        secret="Authentication > Hooks > hook: the secret (v1,whsec_...)",
        docs="https://supabase.com/docs/guides/auth/auth-hooks",
    ),
    "supabase-db": Provider(
        Token(header="Authorization"),
        type="json:type",
        subject="json:table",
        retries=False,
        secret="Database Webhooks > webhook > HTTP Headers: the value of Authorization",
        docs="https://supabase.com/docs/guides/database/webhooks",
    ),
}
