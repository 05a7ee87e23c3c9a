"""Every push to main is deployed to staging."""

import os

from .. import log
from ..actions import relay
from . import Event, on

# The address that starts your build, and the secret that it knows us by; without them a push is only logged.
STAGING_URL = os.environ.get("STAGING_URL")
STAGING_SECRET = os.environ.get("STAGING_SECRET")


@on("github.push")
def deploy(event: Event) -> None:
    """Start the staging build for every push to main; an exception here means that the event comes again, later."""
    push = event.json()
    if push["ref"] == "refs/heads/main" and not push["deleted"]:
        commit, repository = push["after"][:7], push["repository"]["full_name"]
        log.write("INFO", f"deploying {commit} of {repository}", event.traceparent, id=event.id)
        if STAGING_URL:
            relay(event, to=STAGING_URL, secret=STAGING_SECRET)
