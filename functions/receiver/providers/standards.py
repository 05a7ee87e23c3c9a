"""Not one provider, but a way that many have agreed on."""

from ..handshakes import webhook_origin
from .later import StandardWebhooks, Token
from .row import Provider

PROVIDERS = {
    "cloudevents": Provider(
        Token(header="Authorization", prefix="Bearer "),
        handshake=webhook_origin,
        type="header:ce-type|json:type",
        # Source and id together are unique. A body that is an array of events has neither, and so no id.
        id=("header:ce-source|json:source", "header:ce-id|json:id"),
        subject="header:ce-subject|json:subject",
        occurred="header:ce-time|json:time",
        secret="the token that the sender writes after Bearer",
        docs="https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md",
    ),
    "standard-webhooks": Provider(
        StandardWebhooks(),
        type="json:type",
        id="header:webhook-id",
        occurred="json:timestamp",
        secret="the sender's signing secret for the endpoint (whsec_...)",
        docs="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    ),
    "svix": Provider(
        StandardWebhooks(prefix="svix"),
        type="json:type|json:event_type|json:eventType",
        id="header:svix-id",
        retries=True,
        secret="Endpoints > endpoint: the Signing Secret (whsec_...)",
        docs="https://docs.svix.com/receiving/verifying-payloads/how-manual",
    ),
}
