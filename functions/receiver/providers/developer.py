"""Code, builds, deployments."""

from ..handshakes import github_ping
from ..schemes import Hmac, Token
from .row import LARGE, Provider

PROVIDERS = {
    "github": Provider(
        Hmac("X-Hub-Signature-256", prefix="sha256="),
        handshake=github_ping,
        type="header:X-GitHub-Event",
        id="header:X-GitHub-Delivery",
        max_body=LARGE,
        deadline=8,  # it waits 10 s, and never sends again by itself
        docs="https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
    ),
    "gitlab": Provider(
        Token(header="X-Gitlab-Token"),
        type="json:object_kind|json:event_name",
        id="header:Idempotency-Key",
        subject="json:project.path_with_namespace",
        docs="https://docs.gitlab.com/user/project/integrations/webhooks/",
    ),
}
