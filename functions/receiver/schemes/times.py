"""The times that senders write, and how far they may be from ours."""

import re
from datetime import UTC, datetime

from ..errors import Unproved
from ..webhook import Webhook

SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
MILLISECONDS = re.compile(r"[0-9]{13}", re.ASCII)
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def check_time(text: str, webhook: Webhook, tolerance: int) -> None:
    """Unproved unless `text` is a time no further than `tolerance` from now, either way.

    Unix seconds, milliseconds (13 digits, so since 2001) and RFC 3339 can't be taken for each other.
    """
    if abs(webhook.received - _read(text)) > tolerance:
        raise Unproved("stale")


def _read(text: str) -> float:
    if SECONDS.fullmatch(text):
        return int(text)
    if MILLISECONDS.fullmatch(text):
        return int(text) / 1000
    try:
        if RFC3339.fullmatch(text):
            return datetime.fromisoformat(text).timestamp()
    except ValueError:  # the 30th of February
        pass
    raise Unproved("timestamp")


def seconds(webhook: Webhook) -> str:
    """When the webhook is sent, in Unix seconds."""
    return str(int(webhook.received))


def rfc3339(webhook: Webhook, precision: str = "seconds") -> str:
    """When the webhook is sent, by RFC 3339: to the `seconds` or `milliseconds`."""
    return datetime.fromtimestamp(webhook.received, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
