"""Every push to main is deployed: replace the line that says so by a call of your build."""

from .. import log
from . import Event, on


@on("github.push")
def deploy(event: Event) -> None:
    """Deploy what was pushed to main; an exception here means that the event comes again, later."""
    push = event.json()
    if push["ref"] == "refs/heads/main" and not push["deleted"]:
        commit, repository = push["after"][:7], push["repository"]["full_name"]
        log.write("INFO", f"deploying {commit} of {repository}", event.traceparent, id=event.id)
