"""Why a webhook is not accepted: every error knows its status and its reason."""

from typing import ClassVar


class NotAccepted(Exception):
    """A webhook that gets no success; `reason` is a fixed code for the log, never text of the sender's."""

    status: ClassVar[int]
    outcome: ClassVar[str] = "refused"
    severity: ClassVar[str] = "WARNING"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says besides its status."""
        return {}


class Malformed(NotAccepted):
    """The request is cut off, or a handshake makes no sense."""

    status = 400


class Unproved(NotAccepted):
    """The request does not prove who sent it. The sender learns no more than that."""

    status = 401


class UnknownSource(NotAccepted):
    """No such path."""

    status = 404


class WrongCode(NotAccepted):
    """A verify code that is not ours, from a sender who wants to see it not found."""

    status = 404


class WrongMethod(NotAccepted):
    """The source does not use this method; `allowed` goes into the Allow header."""

    status = 405

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__("method")
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.allowed)}


class BodyTooLarge(NotAccepted):
    """The body is over the limit of its source. Some senders never try again after this, so it is an ERROR."""

    status = 413
    severity = "ERROR"


class UrlTooLong(NotAccepted):
    """The path and query are over 8 KB."""

    status = 414


class Failed(NotAccepted):
    """The fault is ours (queue, secrets, configuration, time): the sender shall try again."""

    status = 503
    outcome = "failed"
    severity = "ERROR"

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "10"}


class Misconfigured(Exception):
    """The function can't start; the text names what is wrong, where, and what is allowed."""
