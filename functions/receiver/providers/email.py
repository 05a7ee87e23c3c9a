"""Mail and newsletters."""

from ..handshakes import echo_challenge, empty_mandrill, get_probe
from .later import Basic, DetachedJws, Ecdsa, Hmac, StandardWebhooks, Token, UrlForm
from .row import LARGE, Provider

PROVIDERS = {
    "brevo": Provider(
        Token(header="Authorization", prefix="Bearer "),
        type="json:event",
        subject="json:message-id",
        batch=True,  # if the webhook was made with batched: true
        try_again=429,  # a 5xx is final
        retries=True,
        secret="The webhook's authentication method Token: the token that you set there",
        docs="https://developers.brevo.com/docs/secure-webhook-calls",
    ),
    "constant-contact": Provider(
        # The keys are the same for all of its customers: a proof shows the sender, not whose subscription it is.
        DetachedJws("x-ctct-webhook-sig", keys="https://developer.constantcontact.com/.well-known/jwks.json"),
        type="json:event_type",
        retries=True,
        secret="none: its public keys are fetched",
        docs="https://developer.constantcontact.com/api_guide/webhook_authenticity.html",
    ),
    "customer-io": Provider(
        # It tries again for 7 days, and doesn't say whether it signs anew.
        Hmac("X-CIO-Signature", signs="v0:{timestamp}:{body}", timestamp="X-CIO-Timestamp", tolerance=604_800),
        type=("json:object_type", "json:metric"),
        id="json:event_id",
        subject="json:data.customer_id",
        occurred="json:timestamp",
        deadline=3.2,  # it waits 4 s, and keeps back all later events until this one is taken
        retries=True,
        secret="Data & Integrations > Integrations > Reporting Webhooks: the webhook signing key",
        docs="https://docs.customer.io/journeys/webhooks/",
    ),
    "klaviyo": Provider(
        # Not held against the clock: the header is an HTTP date, and has been seen hours away from the body's own.
        Hmac("Klaviyo-Signature", signs="{body}{header:Klaviyo-Timestamp}"),
        batch=True,
        max_body=LARGE,  # up to 1,000 events, each with its whole payload
        secret="The secret key that you gave the webhook when you made it (16 characters or more)",
        docs="https://developers.klaviyo.com/en/docs/working_with_system_webhooks",
    ),
    "loops": Provider(
        StandardWebhooks(),
        type="json:eventName",
        id="header:webhook-id",
        subject="json:contactIdentity.id",
        occurred="json:eventTime",
        secret="Settings > Webhooks: the signing secret (whsec_...)",
        docs="https://loops.so/docs/webhooks",
    ),
    "mailchimp": Provider(
        Token(query="token"),
        handshake=get_probe,
        type="form:type",
        subject="form:data[list_id]",
        retries=True,
        secret="What you put as ?token=... into the webhook's callback URL; it signs nothing",
        docs="https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/",
    ),
    "mailgun": Provider(
        # Time and token are signed, the event is not. It tries again for 8 h, and doesn't say whether it signs anew.
        Hmac(
            signature="json:signature.signature|form:signature",
            signs="{json:signature.timestamp|form:timestamp}{json:signature.token|form:token}",
            timestamp="json:signature.timestamp|form:timestamp",
            tolerance=32_400,
        ),
        type="json:event-data.event",
        id=("json:event-data.id", "json:event-data.timestamp"),  # the id is unique within a day
        subject="json:event-data.message.headers.message-id",
        occurred="json:event-data.timestamp",
        max_body=LARGE,  # a message received, with what is attached to it
        retries=True,
        secret="Send > Sending > Webhooks: the HTTP webhook signing key (not an API key)",
        docs="https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
    ),
    "mandrill": Provider(
        UrlForm("X-Mandrill-Signature", body_hash=""),
        handshake=empty_mandrill,
        batch=True,
        max_body=LARGE,  # up to 1,000 events, or messages received with what is attached to them
        retries=True,
        secret="Settings > Webhooks: the webhook's key, shown once the webhook exists",
        docs="https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/",
    ),
    "nylas": Provider(
        Hmac("X-Nylas-Signature"),
        handshake=echo_challenge,
        type="json:type",
        id="json:id",
        subject="json:data.object.grant_id",
        occurred="json:time",
        retries=True,  # after a 408, 429, 502 or 503, but not after a 500
        secret="The webhook_secret in the answer when the webhook is made, after the challenge",
        docs="https://developer.nylas.com/docs/v3/notifications/",
    ),
    "postmark": Provider(
        Basic(),
        type="json:RecordType",  # a message received (inbound) has none
        id="header:X-PM-Webhook-Trace-Id",
        subject="json:MessageID",
        occurred="json:DeliveredAt|json:BouncedAt|json:ReceivedAt|json:ChangedAt",
        max_body=LARGE,  # a message received, with what is attached to it
        retries=True,  # after a 5xx, 408 or 429; any other 4xx is final
        secret="The user:password that you put into the webhook's URL or its Basic auth fields",
        docs="https://postmarkapp.com/developer/webhooks/webhooks-overview",
    ),
    "resend": Provider(
        StandardWebhooks(prefix="svix"),
        type="json:type",
        id="header:svix-id",
        subject="json:data.email_id",
        occurred="json:created_at",
        retries=True,
        secret="Webhooks > the webhook: the signing secret (whsec_...)",
        docs="https://resend.com/docs/webhooks/verify-webhooks-requests",
    ),
    "sendgrid": Provider(
        # It tries again for 24 h, and doesn't say whether it signs anew.
        Ecdsa(
            "X-Twilio-Email-Event-Webhook-Signature",
            signs="{timestamp}{body}",
            timestamp="X-Twilio-Email-Event-Webhook-Timestamp",
            tolerance=90_000,
        ),
        batch=True,
        retries=True,
        secret="Mail Settings > Event Webhooks > Signature Verification: the public key (MFkw...)",
        docs="https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/"
        "getting-started-event-webhook-security-features",
    ),
    "sparkpost": Provider(
        Basic(),
        id="header:X-MessageSystems-Batch-ID",
        batch=True,
        max_body=LARGE,  # a batch is 350 events or more
        retries=True,
        secret="The webhook's Basic Auth: user:password, as you set them",
        docs="https://developers.sparkpost.com/api/webhooks/",
    ),
}
