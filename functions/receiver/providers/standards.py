"""Not one provider, but a way that many have agreed on."""

from ..schemes import StandardWebhooks
from .row import Provider

PROVIDERS = {
    "standard-webhooks": Provider(
        StandardWebhooks(),
        type="json:type",
        id="header:webhook-id",
        docs="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    ),
    "svix": Provider(
        StandardWebhooks(prefix="svix"),
        type="json:type|json:event_type|json:eventType",
        id="header:svix-id",
        docs="https://docs.svix.com/receiving/verifying-payloads/how-manual",
    ),
}
