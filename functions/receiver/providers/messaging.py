"""Chat, telephone, meetings, social networks."""

from ..answers import Answer, as_json
from ..handshakes import (
    crc,
    empty_events,
    event_ping,
    eventsub,
    hub_challenge,
    hub_challenge_json,
    interaction_ping,
    linkedin_challenge,
    url_validation,
    url_verification,
    verify_code,
    websub_challenge,
)
from .later import (
    Ed25519,
    Hmac,
    Jwt,
    Plivo,
    SinchApplication,
    SortedParameters,
    Timestamped,
    Token,
    UrlForm,
    WebSub,
)
from .row import Provider

# Discord tries again for 10 minutes and documents no tolerance.
_DISCORD = Ed25519("X-Signature-Ed25519", "X-Signature-Timestamp", tolerance=900)

PROVIDERS = {
    "ably": Provider(
        # Only batched requests are signed.
        Hmac("X-Ably-Signature", encoding="base64", key="after-colon"),
        batch=True,
        retries=True,
        secret="App > API Keys: the key chosen for signing, whole (name:secret)",
        docs="https://ably.com/docs/platform/integrations/webhooks",
    ),
    "discord": Provider(
        _DISCORD,
        handshake=event_ping,
        type="json:event.type",
        subject="json:application_id",
        occurred="json:event.timestamp",
        success=Answer(204),
        deadline=2.5,  # it waits 3 s
        retries=True,
        secret="Developer Portal > General Information: the Public Key (hex)",
        docs="https://docs.discord.com/developers/events/webhook-events",
    ),
    "discord-interactions": Provider(
        _DISCORD,
        handshake=interaction_ping,
        type="json:type",
        id="json:id",
        subject="json:application_id",
        success=as_json({"type": 5}),  # deferred: the handler sends the answer itself (autocompletion can't wait)
        deadline=2.5,
        retries=False,
        secret="Developer Portal > General Information: the Public Key (hex)",
        docs="https://docs.discord.com/developers/interactions/overview",
    ),
    "fitbit": Provider(
        # The Google Health API has taken this API's place: it was to end in September 2026.
        Hmac("X-Fitbit-Signature", digest="sha1", encoding="base64", key="oauth"),
        handshake=verify_code,
        batch=True,
        success=Answer(204),
        secret="dev.fitbit.com > Manage > your application: the Client Secret",
        docs="https://dev.fitbit.com/build/reference/web-api/developer-guide/using-subscriptions/",
    ),
    "knock": Provider(
        Timestamped("x-knock-signature", signature="s", encoding="base64"),
        type="json:type",
        occurred="json:created_at",
        retries=True,
        secret="Developers > Webhooks > endpoint: the signing secret",
        docs="https://docs.knock.app/developer-tools/outbound-webhooks/overview",
    ),
    "line": Provider(
        Hmac("X-Line-Signature", encoding="base64"),
        handshake=empty_events,
        subject="json:destination",
        batch=True,
        deadline=1.5,  # it waits 2 s
        retries=True,  # once redelivery is switched on in the console
        secret="LINE Developers Console > channel > Basic settings: the Channel secret",
        docs="https://developers.line.biz/en/docs/messaging-api/receiving-messages/",
    ),
    "linkedin": Provider(
        Hmac("X-LI-Signature", signs="hmacsha256={body}"),  # the words are hashed, not sent
        handshake=linkedin_challenge,
        type="json:type",
        batch=True,
        secret="Developer Portal > app > Auth: the Primary Client Secret",
        docs="https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation",
    ),
    "messagebird": Provider(
        Jwt(
            "MessageBird-Signature-JWT",
            algorithm="HS256|HS384|HS512",
            issuer="MessageBird",
            body_hash="payload_hash",
            url_hash="url_hash",
        ),
        type="json:type",  # SMS status reports come by GET, without a body: they can't be taken
        subject="json:conversation.id",
        occurred="json:message.updatedDatetime|json:conversation.updatedDatetime",
        secret="Dashboard > Developers > API access: the signing key, not the access key",
        docs="https://developers.messagebird.com/docs/verify-http-requests",
    ),
    "meta": Provider(
        Hmac("X-Hub-Signature-256", prefix="sha256="),
        handshake=hub_challenge,
        type="json:object",
        batch=True,
        retries=True,
        secret="App Dashboard > App settings > Basic: the App secret",
        docs="https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
    ),
    "plivo": Provider(
        Plivo("X-Plivo-Signature-V3|X-Plivo-Signature-Ma-V3"),
        type="form:Event|form:CallStatus",
        subject="form:CallUUID",
        success=Answer(200, "<Response/>", "text/xml"),  # Plivo XML: do nothing
        secret="Console > Overview: the Auth Token of the account",
        docs="https://docs.plivo.com/docs/voice/xml/request/validation",
    ),
    "plivo-messaging": Provider(
        # The second version: URL and nonce are signed, the body is not.
        Hmac(
            "X-Plivo-Signature-V2|X-Plivo-Signature-Ma-V2",
            encoding="base64",
            signs="{base-url}{header:X-Plivo-Signature-V2-Nonce}",
        ),
        type="form:Status",
        subject="form:MessageUUID",
        secret="Console > Overview: the Auth Token of the account",
        docs="https://docs.plivo.com/docs/messaging/concepts/signature-validation",
    ),
    "pusher": Provider(
        Hmac("X-Pusher-Signature"),
        batch=True,
        deadline=3,  # it waits 4 s
        retries=True,
        secret="Channels > app > App Keys: the secret",
        docs="https://pusher.com/docs/channels/server_api/webhooks/",
    ),
    "sendbird": Provider(
        Hmac("x-sendbird-signature"),
        type="json:category",
        subject="json:app_id",
        retries=True,
        secret="Dashboard > Settings > General: the master API token, no secondary one",
        docs="https://docs.sendbird.com/docs/chat/platform-api/v3/webhook/webhook-overview",
    ),
    "sinch-application": Provider(
        SinchApplication(),  # for notifications; incoming and answered calls want SVAML in the answer
        type="json:event",
        subject="json:callid",
        occurred="json:timestamp",
        secret="Dashboard > Voice or Verification > app: the application secret (base64)",
        docs="https://developers.sinch.com/docs/voice/api-reference/authentication/callback-signed-request",
    ),
    "sinch-conversation": Provider(
        Hmac(
            "x-sinch-webhook-signature",
            encoding="base64",
            signs="{body}.{header:x-sinch-webhook-signature-nonce}.{timestamp}",
            timestamp="x-sinch-webhook-signature-timestamp",
            expects={"x-sinch-webhook-signature-algorithm": "HmacSHA256"},
            tolerance=86_400,  # whether later attempts are signed anew is not documented
        ),
        type="besides:app_id,accepted_time,event_time,project_id,message_metadata,correlation_id",
        subject="json:app_id",
        occurred="json:event_time|json:accepted_time",
        retries=True,
        secret="Conversation API > app > webhook: the secret token that you set",
        docs="https://developers.sinch.com/docs/conversation/callbacks",
    ),
    "sinch-numbers": Provider(
        Hmac("X-Sinch-Signature", digest="sha1"),
        type="json:eventType",
        id="json:eventId",
        subject="json:resourceId",
        retries=True,
        secret="Numbers API > callback configuration: the hmacSecret that you set",
        docs="https://developers.sinch.com/docs/numbers/api-reference/numbers/numbers-callbacks",
    ),
    "slack": Provider(
        Hmac("X-Slack-Signature", prefix="v0=", signs="v0:{timestamp}:{body}", timestamp="X-Slack-Request-Timestamp"),
        handshake=url_verification,
        type="json:event.type|json:type|form:payload:type|form:command",
        id="json:event_id",
        subject="json:team_id",
        occurred="json:event.event_ts|json:event_time",
        deadline=2.5,  # it waits 3 s
        retries=True,
        secret="Basic Information > App Credentials: the Signing Secret",
        docs="https://docs.slack.dev/authentication/verifying-requests-from-slack",
    ),
    "strava": Provider(
        Token(query="token"),  # events are not signed: what proves them is the URL
        handshake=hub_challenge_json,
        type=("json:object_type", "json:aspect_type"),
        subject="json:owner_id",
        occurred="json:event_time",
        deadline=1.5,  # it waits 2 s
        retries=True,
        secret="the token that you put into the callback_url's query",
        docs="https://developers.strava.com/docs/webhooks/",
    ),
    "telegram": Provider(
        Token(header="X-Telegram-Bot-Api-Secret-Token"),
        type="besides:update_id",
        id="json:update_id",
        occurred="json:message.date|json:edited_message.edit_date"
        "|json:channel_post.date|json:edited_channel_post.edit_date",
        retries=True,
        secret="the secret_token that you give to setWebhook",
        docs="https://core.telegram.org/bots/api#setwebhook",
    ),
    "telnyx": Provider(
        Ed25519(
            "telnyx-signature-ed25519",
            "telnyx-timestamp",
            signs="{timestamp}|{body}",
            encoding="base64",
            key="base64",
        ),
        type="json:data.event_type",
        id="json:data.id",
        occurred="json:data.occurred_at",
        deadline=1.5,  # it waits 2 s
        retries=True,
        secret="Mission Control > Keys & Credentials > Public Key (base64)",
        docs="https://developers.telnyx.com/docs/development/api-fundamentals/webhooks/receiving-webhooks",
    ),
    "tiktok": Provider(
        # It tries again for 72 hours and doesn't document that later attempts are signed anew.
        Timestamped("TikTok-Signature", signature="s", tolerance=259_200),
        type="json:event",
        subject="json:user_openid",
        occurred="json:create_time",
        retries=True,
        secret="TikTok for Developers > Manage apps > app: the Client secret",
        docs="https://developers.tiktok.com/doc/webhooks-verification",
    ),
    "twilio": Provider(
        UrlForm("X-Twilio-Signature"),
        type="form:MessageStatus|form:SmsStatus|form:CallStatus|form:EventType|json:type",
        id="header:I-Twilio-Idempotency-Token",
        subject="form:MessageSid|form:CallSid",
        occurred="form:Timestamp",  # of calls; messages have none
        success=Answer(200, "<Response/>", "text/xml"),  # TwiML: do nothing, say nothing
        deadline=8,  # it waits 15 s
        retries=False,  # unless the URL's fragment asks for it (#rc=...)
        secret="Console > Account Info: the primary Auth Token",
        docs="https://www.twilio.com/docs/usage/webhooks/webhooks-security",
    ),
    "twitch": Provider(
        Hmac(
            "Twitch-Eventsub-Message-Signature",
            prefix="sha256=",
            signs="{id}{timestamp}{body}",
            timestamp="Twitch-Eventsub-Message-Timestamp",
            id="Twitch-Eventsub-Message-Id",
            tolerance=600,
        ),
        handshake=eventsub,
        type="header:Twitch-Eventsub-Subscription-Type",
        id="header:Twitch-Eventsub-Message-Id",
        subject="json:subscription.condition.broadcaster_user_id",
        retries=True,
        secret="the transport.secret that you give with the subscription (10 to 100 characters)",
        docs="https://dev.twitch.tv/docs/eventsub/handling-webhook-events",
    ),
    "vonage": Provider(
        Jwt(
            "Authorization",
            prefix="Bearer ",
            issuer="Vonage",
            body_hash="payload_hash",
            tolerance=86_400,  # it tries again for a day; whether signed anew is not documented
        ),
        type="json:status|json:message_type|json:event|json:type",
        subject="json:message_uuid|json:uuid|json:request_id",
        occurred="json:timestamp",
        retries=True,
        secret="Dashboard > API Settings: the signature secret of the account",
        docs="https://developer.vonage.com/en/getting-started/concepts/webhooks",
    ),
    "vonage-sms": Provider(
        SortedParameters(tolerance=86_400),  # it tries again for a day; whether signed anew is not documented
        type="form:status|json:status|form:type|json:type",
        subject="form:messageId|json:messageId",
        retries=True,
        secret="Dashboard > API Settings: the signature secret; signature method SHA-256 HMAC, webhooks by POST",
        docs="https://developer.vonage.com/en/getting-started/concepts/signing-messages",
    ),
    "websub": Provider(
        WebSub("X-Hub-Signature"),
        handshake=websub_challenge,
        batch=True,  # a feed may hold several entries
        secret="the hub.secret that you give when you subscribe; without it nothing is signed",
        docs="https://www.w3.org/TR/websub/",
    ),
    "x": Provider(
        Hmac("x-twitter-webhooks-signature", encoding="base64", prefix="sha256="),
        handshake=crc,
        type="besides:for_user_id,user_has_blocked,is_blocked_by,users,apps",
        subject="json:for_user_id",
        batch=True,
        secret="Developer Console > app > Keys and tokens: the API (consumer) secret",
        docs="https://docs.x.com/x-api/webhooks/introduction",
    ),
    "zoom": Provider(
        Hmac(
            "x-zm-signature",
            prefix="v0=",
            signs="v0:{timestamp}:{body}",
            timestamp="x-zm-request-timestamp",
            tolerance=5_400,  # the last retry comes after 85 minutes; whether it is signed anew is not documented
        ),
        handshake=url_validation,
        type="json:event",
        subject="json:payload.account_id",
        occurred="json:event_ts",
        deadline=2.5,  # it waits 3 s
        retries=True,
        secret="App Marketplace > app > Features > Access: the Secret Token",
        docs="https://developers.zoom.us/docs/api/webhooks/",
    ),
}
