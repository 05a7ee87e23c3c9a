"""Code, builds, deployments, and what runs them."""

from ..handshakes import github_ping, ping_event
from .later import Basic, Hmac, HttpSignature, Jwt, StandardWebhooks, Timestamped, Token
from .row import LARGE, Provider

PROVIDERS = {
    "autodesk-aps": Provider(
        Hmac("x-adsk-signature", digest="sha1", prefix="sha1hash="),
        type="json:hook.event",
        id="header:x-adsk-delivery-id",
        subject="json:resourceUrn",
        retries=True,
        secret="Webhooks API: the token that you set with POST /webhooks/v1/tokens, or of one hook",
        docs="https://aps.autodesk.com/en/docs/webhooks/v1/developers_guide/event-delivery-guarantees/",
    ),
    "azure-devops": Provider(
        Basic(),
        type="json:eventType",
        id="json:id",
        subject="json:resourceContainers.project.id",
        occurred="json:createdDate",
        retries=True,
        secret="Project settings > Service hooks > Web Hooks: the basic authentication, as user:password",
        docs="https://learn.microsoft.com/en-us/azure/devops/service-hooks/services/webhooks",
    ),
    "bitbucket": Provider(
        # Cloud and Data Center; the header is the one that GitHub used for SHA-1.
        Hmac("X-Hub-Signature", prefix="sha256="),
        handshake=ping_event("header:X-Event-Key", "diagnostics:ping"),
        type="header:X-Event-Key",
        id="header:X-Request-UUID|header:X-Request-Id",
        subject="json:repository.full_name|json:repository.slug",
        occurred="json:date",  # of Data Center; Cloud has none
        retries=True,  # only after a 5xx, and only by Cloud
        secret="Repository settings > Webhooks: the secret",
        docs="https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
    ),
    "buildkite": Provider(
        Timestamped("X-Buildkite-Signature", timestamp="timestamp", signature="signature"),
        handshake=ping_event("header:X-Buildkite-Event", "ping"),
        type="json:event|header:X-Buildkite-Event",
        subject="json:pipeline.slug",
        secret="Settings > Notification Services > Webhook: the token, to be sent as a signature",
        docs="https://buildkite.com/docs/apis/webhooks/pipelines",
    ),
    "circleci": Provider(
        Hmac("circleci-signature", prefix="v1=", separator=","),
        type="json:type",
        id="json:id",
        subject="json:project.slug",
        occurred="json:happened_at",
        retries=True,
        secret="Project settings > Webhooks: the secret token",
        docs="https://circleci.com/docs/guides/integration/outbound-webhooks/",
    ),
    "configcat": Provider(
        # The body is what the user wrote as a template, so its type and subject can't be known here.
        Hmac(
            "X-ConfigCat-Webhook-Signature-V1",
            encoding="base64",
            separator=",",
            signs="{id}{timestamp}{body}",
            timestamp="X-ConfigCat-Webhook-Timestamp",
            id="X-ConfigCat-Webhook-ID",
        ),
        id="header:X-ConfigCat-Webhook-ID",
        secret="Product > Webhooks > webhook: the signing key",
        docs="https://configcat.com/docs/advanced/notifications-webhooks/",
    ),
    "datadog": Provider(
        # The body is a template: this type is that of Datadog's own; an id is left out, as users put an alert's there.
        Token(header="Authorization"),
        type="json:event_type",
        occurred="json:date",
        retries=True,
        secret="Integrations > Webhooks > webhook: the Authorization value among the custom headers",
        docs="https://docs.datadoghq.com/integrations/webhooks/",
    ),
    "docker-hub": Provider(
        # It signs nothing and knows one event, a push; never call the callback_url in the body.
        Token(query="token"),
        subject="json:repository.repo_name",
        occurred="json:push_data.pushed_at",
        secret="yours: a long random text, put as ?token=... into the webhook's URL",
        docs="https://docs.docker.com/docker-hub/repos/manage/webhooks/",
    ),
    "doppler": Provider(
        Hmac("X-Doppler-Signature", prefix="sha256="),
        type="json:type",
        subject="json:project.id",
        secret="Project > Webhooks > webhook: the signing secret",
        docs="https://docs.doppler.com/docs/webhooks",
    ),
    "dub": Provider(
        Hmac("Dub-Signature"),
        type="json:event",
        id="json:id",
        occurred="json:createdAt",
        retries=True,
        secret="Workspace settings > Webhooks > webhook: the signing secret (whsec_..., used as it is)",
        docs="https://dub.co/docs/webhooks/introduction",
    ),
    "framer": Provider(
        # The id of the submission stands behind the body, with nothing between; there is no timestamp.
        Hmac("Framer-Signature", prefix="sha256=", signs="{body}{id}", id="Framer-Webhook-Submission-Id"),
        id="header:Framer-Webhook-Submission-Id",
        retries=True,
        secret="Form > Send To > Webhook: the secret that you typed",
        docs="https://www.framer.com/help/articles/framer-form-webhook-setup",
    ),
    "gemini": Provider(
        # Webhooks of a project; those given with a single request carry a JWT of Google's instead.
        StandardWebhooks(),
        type="json:type",
        id="header:webhook-id",
        subject="json:data.id",
        occurred="json:timestamp",
        retries=True,
        secret="Gemini API: new_signing_secret in the answer when the webhook is created or its secret rotated",
        docs="https://ai.google.dev/gemini-api/docs/webhooks",
    ),
    "gitea": Provider(
        # Also Forgejo and Gogs. Of a form they sign the payload in it, not what they send.
        Hmac("X-Gitea-Signature|X-Forgejo-Signature|X-Gogs-Signature", signs="{form:payload|body}"),
        type="header:X-Gitea-Event|header:X-Forgejo-Event|header:X-Gogs-Event",
        id="header:X-Gitea-Delivery|header:X-Forgejo-Delivery|header:X-Gogs-Delivery",
        subject="json:repository.full_name",
        retries=False,
        secret="Repository settings > Webhooks: the secret",
        docs="https://docs.gitea.com/usage/webhooks",
    ),
    "github": Provider(
        Hmac("X-Hub-Signature-256", prefix="sha256="),
        handshake=github_ping,
        type="header:X-GitHub-Event",
        id="header:X-GitHub-Delivery",
        max_body=LARGE,
        deadline=8,  # it waits 10 s, and never sends again by itself
        retries=False,
        secret="Settings > Webhooks: the secret",
        docs="https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
    ),
    "gitlab": Provider(
        Token(header="X-Gitlab-Token"),
        type="json:object_kind|json:event_name",
        id="header:Idempotency-Key",
        subject="json:project.path_with_namespace",
        secret="Settings > Webhooks: the secret token",
        docs="https://docs.gitlab.com/user/project/integrations/webhooks/",
    ),
    "gitlab-signed": Provider(
        StandardWebhooks(),
        type="json:object_kind|json:event_name",
        id="header:webhook-id",
        subject="json:project.path_with_namespace",
        secret="Settings > Webhooks: the signing token (whsec_...)",
        docs="https://docs.gitlab.com/user/project/integrations/webhooks/",
    ),
    "heroku": Provider(
        Hmac("Heroku-Webhook-Hmac-SHA256", encoding="base64"),
        type="json:webhook_metadata.event.include|json:resource",
        id="json:webhook_metadata.event.id",
        subject="json:data.app.name",
        occurred="json:created_at",
        retries=True,  # at the level sync; at notify it sends once
        secret="the secret given to `heroku webhooks:add --secret`, or that the command printed",
        docs="https://devcenter.heroku.com/articles/app-webhooks",
    ),
    "incident-io": Provider(
        StandardWebhooks(),
        type="json:event_type",
        id="header:webhook-id",
        retries=True,
        secret="Settings > Webhooks > endpoint: the signing secret (whsec_...)",
        docs="https://docs.incident.io/integrations/webhooks",
    ),
    "keygen": Provider(
        HttpSignature("Keygen-Signature"),
        type="json:data.attributes.event",
        id="json:data.id",
        occurred="json:data.attributes.created",
        deadline=8,  # it waits 15 s, and doesn't try again after a timeout, only after another status
        retries=True,
        secret="Settings: the account's Ed25519 public key, in hex; the endpoint's algorithm must be Ed25519",
        docs="https://keygen.sh/docs/using-webhooks",
    ),
    "launchdarkly": Provider(
        Hmac("X-LD-Signature"),
        type="json:kind",
        id="json:_id",
        subject="json:target.resources.0",
        occurred="json:date",
        retries=True,  # once
        secret="Organization settings > Integrations > Webhooks > webhook: the secret (sign this webhook)",
        docs="https://launchdarkly.com/docs/home/infrastructure/webhooks",
    ),
    "mux": Provider(
        Timestamped("Mux-Signature"),
        type="json:type",
        id="json:id",
        subject="json:object.id",
        occurred="json:created_at",
        retries=True,
        secret="Settings > Webhooks > webhook: the signing secret",
        docs="https://www.mux.com/docs/core/verify-webhook-signatures",
    ),
    "netlify": Provider(
        Jwt("X-Webhook-Signature", issuer="netlify", body_hash="sha256"),
        type="header:X-Netlify-Event|json:state",
        subject="json:site_id",
        secret="Project configuration > Notifications > HTTP POST request: the JWS secret token",
        docs="https://docs.netlify.com/site-deploys/notifications/",
    ),
    "new-relic": Provider(
        # The body is a template: this type is that of New Relic's own.
        Token(header="Authorization"),
        type="json:trigger",
        occurred="json:updatedAt",
        secret="Alerts > Destinations > webhook: the Authorization value, with Bearer or Basic if it is sent so",
        docs="https://docs.newrelic.com/docs/alerts/get-notified/notification-integrations/",
    ),
    "openai": Provider(
        StandardWebhooks(key="whsec-or-text"),
        type="json:type",
        id="header:webhook-id",
        subject="json:data.id",
        occurred="json:created_at",
        retries=True,
        secret="Project settings > Webhooks > endpoint: the signing secret (whsec_...)",
        docs="https://platform.openai.com/docs/guides/webhooks",
    ),
    "pagerduty": Provider(
        Hmac("X-PagerDuty-Signature", prefix="v1=", separator=","),
        handshake=ping_event("json:event.event_type", "pagey.ping"),
        type="json:event.event_type",
        id="json:event.id",
        subject="json:event.data.id",
        occurred="json:event.occurred_at",
        retries=True,
        secret="Integrations > Generic Webhooks (v3): the signing secret, shown once on creation",
        docs="https://docs.pagerduty.com/developer/verifying-webhook-signatures",
    ),
    "render": Provider(
        StandardWebhooks(),
        type="json:type",
        id="header:webhook-id",
        subject="json:data.serviceId",
        occurred="json:timestamp",
        retries=True,
        secret="Integrations > Webhooks > webhook: the signing secret (whsec_...)",
        docs="https://render.com/docs/webhooks",
    ),
    "replicate": Provider(
        StandardWebhooks(),
        type="json:status",  # the body is the prediction itself; it names no event
        id="header:webhook-id",
        subject="json:id",
        occurred="json:completed_at|json:started_at|json:created_at",  # since when it has its status
        retries=True,
        secret="API: the key that GET /v1/webhooks/default/secret answers (whsec_...)",
        docs="https://replicate.com/docs/topics/webhooks/verify-webhook",
    ),
    "sentry": Provider(
        # Sentry-Hook-Timestamp is not signed, so it can't prove that a webhook is fresh.
        Hmac("Sentry-Hook-Signature|Sentry-App-Signature"),
        type="header:Sentry-Hook-Resource",
        id="header:Request-ID",
        subject="json:data.issue.id",
        deadline=0.8,  # it waits 1 s
        secret="Settings > Custom Integrations > integration: the client secret",
        docs="https://docs.sentry.io/integrations/integration-platform/webhooks/",
    ),
    "vercel": Provider(
        Hmac("x-vercel-signature", digest="sha1"),
        type="json:type",
        id="json:id",
        subject="json:payload.project.id",
        retries=True,
        secret="Team settings > Webhooks: the secret, shown once; for an integration its client secret",
        docs="https://vercel.com/docs/webhooks/webhooks-api",
    ),
    "webflow": Provider(
        # A webhook created in the dashboard is not signed; create it by the API.
        Hmac("X-Webflow-Signature", signs="{timestamp}:{body}", timestamp="X-Webflow-Timestamp"),
        type="json:triggerType",
        subject="json:payload.siteId",
        occurred="json:payload.submittedAt|json:payload.publishedOn",
        retries=True,
        secret="API: the secret answered when the webhook was created; for an OAuth app its client secret",
        docs="https://developers.webflow.com/data/docs/working-with-webhooks",
    ),
}
