"""When what a sender tells of happened: the forms that senders write a moment in."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

EARLIEST = 631_152_000  # 1990: what is earlier is a zero, or no time at all
AHEAD = 86_400  # a day: clocks are wrong, and what has no offset may be of another zone
NUMBER = re.compile(r"[0-9]{9,16}(?:\.[0-9]{1,9})?", re.ASCII)
ISO8601 = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
RFC2822 = re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:[+-]\d{4}|GMT|UTC)", re.ASCII)


def moment(text: str, received: float) -> str | None:
    """The moment that `text` names, by RFC 3339; None if it names none that could be true when it was received.

    Seconds, milliseconds or microseconds since 1970, ISO 8601 (UTC if it has no offset), or the form of mails.
    """
    seconds = _read(text)
    return rfc3339(seconds) if seconds is not None and EARLIEST <= seconds <= received + AHEAD else None


def rfc3339(seconds: float) -> str:
    """Unix seconds as RFC 3339 writes them, in UTC, to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _read(text: str) -> float | None:
    if NUMBER.fullmatch(text):
        return _seconds(float(text))
    try:
        if ISO8601.fullmatch(text):
            return _since_1970(datetime.fromisoformat(text))
        if RFC2822.fullmatch(text):
            return _since_1970(parsedate_to_datetime(text))
    except ValueError:  # the 30th of February
        pass
    return None


def _seconds(number: float) -> float:
    """Seconds, out of a number whose size tells its unit: seconds reach 100,000,000,000 in the year 5138."""
    return number if number < 1e11 else number / 1e3 if number < 1e14 else number / 1e6


def _since_1970(when: datetime) -> float:
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
