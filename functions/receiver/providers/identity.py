"""Users, sign-in, proof of identity."""

from ..handshakes import okta_challenge
from .later import Jwks, StandardWebhooks, Timestamped, Token
from .row import Provider

PROVIDERS = {
    "auth0": Provider(
        Token(header="Authorization"),
        type="json:data.type",  # found where the stream's content format is JSON Object
        batch=True,
        retries=True,
        secret="Monitoring > Streams > the custom webhook: the Authorization Token, as typed there",
        docs="https://auth0.com/docs/customize/log-streams/custom-log-streams",
    ),
    "clerk": Provider(
        StandardWebhooks(prefix="svix"),
        type="json:type",
        id="header:svix-id",
        subject="json:data.id",
        occurred="json:timestamp",
        retries=True,
        secret="Configure > Webhooks > the endpoint: the signing secret (whsec_...)",
        docs="https://clerk.com/docs/reference/backend/verify-webhook",
    ),
    "kinde": Provider(
        # The whole body is the token, which says neither who made it nor until when it holds.
        Jwks("", keys="{issuer}/.well-known/jwks", asks="issuer"),
        type="jwt:type",
        id="jwt:event_id",
        occurred="jwt:event_timestamp",
        retries=True,
        secret="none; issuer: your Kinde domain (https://<subdomain>.kinde.com)",
        docs="https://docs.kinde.com/integrate/webhooks/about-webhooks",
    ),
    "okta": Provider(
        Token(header="Authorization"),
        handshake=okta_challenge,
        id="json:eventId",  # of the request; each event in it has a uuid of its own
        batch=True,
        deadline=2.5,  # it waits 3 s
        retries=True,  # once
        secret="Workflow > Event Hooks > the hook: the Authentication secret; its field must be Authorization",
        docs="https://developer.okta.com/docs/concepts/event-hooks/",
    ),
    "persona": Provider(
        Timestamped("Persona-Signature", groups=" "),
        type="json:data.attributes.name",
        id="json:data.id",
        subject="json:data.attributes.payload.data.id",
        occurred="json:data.attributes.created-at",
        retries=True,
        secret="Integration > Webhooks > the webhook: its secret (wbhsec_...)",
        docs="https://docs.withpersona.com/docs/webhooks-best-practices",
    ),
    "stytch": Provider(
        StandardWebhooks(prefix="svix"),
        type=("json:object_type", "json:action"),
        id="header:svix-id",
        subject="json:id",
        occurred="json:timestamp",
        retries=True,
        secret="Webhooks > the endpoint: the signing secret (whsec_...)",
        docs="https://stytch.com/docs/workspace-management/webhooks",
    ),
    "workos": Provider(
        Timestamped("WorkOS-Signature"),
        type="json:event",
        id="json:id",
        subject="json:data.id",
        occurred="json:created_at",
        retries=True,
        secret="Webhooks > the endpoint: the signing secret, as text even if it begins with whsec_",
        docs="https://workos.com/docs/events/data-syncing/webhooks",
    ),
}
