"""Chat, telephone, meetings, social networks."""

from ..answers import Answer, as_json
from ..handshakes import event_ping, hub_challenge, interaction_ping, url_validation, url_verification
from ..schemes import Ed25519, Hmac, Token, UrlForm
from .row import Provider

# Discord tries again for 10 minutes and documents no tolerance.
_DISCORD = Ed25519("X-Signature-Ed25519", "X-Signature-Timestamp", tolerance=900)

PROVIDERS = {
    "slack": Provider(
        Hmac("X-Slack-Signature", prefix="v0=", signs="v0:{timestamp}:{body}", timestamp="X-Slack-Request-Timestamp"),
        handshake=url_verification,
        type="json:event.type",
        id="json:event_id",
        subject="json:team_id",
        deadline=2.5,  # it waits 3 s
        docs="https://docs.slack.dev/authentication/verifying-requests-from-slack",
    ),
    "meta": Provider(
        Hmac("X-Hub-Signature-256", prefix="sha256="),
        handshake=hub_challenge,
        type="json:object",
        batch=True,
        docs="https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
    ),
    "zoom": Provider(
        Hmac("x-zm-signature", prefix="v0=", signs="v0:{timestamp}:{body}", timestamp="x-zm-request-timestamp"),
        handshake=url_validation,
        type="json:event",
        subject="json:payload.account_id",
        deadline=2.5,  # it waits 3 s
        docs="https://developers.zoom.us/docs/api/webhooks/",
    ),
    "twilio": Provider(
        UrlForm("X-Twilio-Signature"),
        type="form:MessageStatus|form:SmsStatus|form:CallStatus|form:EventType|json:type",
        id="header:I-Twilio-Idempotency-Token",
        subject="form:MessageSid|form:CallSid",
        docs="https://www.twilio.com/docs/usage/webhooks/webhooks-security",
    ),
    "telegram": Provider(
        Token(header="X-Telegram-Bot-Api-Secret-Token"),
        type="besides:update_id",
        id="json:update_id",
        docs="https://core.telegram.org/bots/api#setwebhook",
    ),
    "discord": Provider(
        _DISCORD,
        handshake=event_ping,
        type="json:event.type",
        subject="json:application_id",
        success=Answer(204),
        deadline=2.5,  # it waits 3 s
        docs="https://docs.discord.com/developers/events/webhook-events",
    ),
    "discord-interactions": Provider(
        _DISCORD,
        handshake=interaction_ping,
        type="json:type",
        id="json:id",
        subject="json:application_id",
        success=as_json({"type": 5}),  # deferred: whoever handles the event sends the answer itself
        deadline=2.5,
        docs="https://docs.discord.com/developers/interactions/overview",
    ),
}
