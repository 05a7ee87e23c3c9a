"""What an entry of sources.yaml may say, and how an error puts it."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .entries import Entry, Wrong
from .places import PLACES, is_place
from .providers import PROVIDERS

TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")
ORIGIN = re.compile(r"[A-Za-z0-9.:-]{1,253}")
PERIOD = re.compile(r"([1-9][0-9]{0,3})([mh])")
HEADER = re.compile(r"(?!.*(?i:authorization|cookie|signature|secret|token))[A-Za-z0-9-]+")
MOST = 9_000_000


def _is_texts(value: Any, allowed: Callable[[str], object]) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) and allowed(v) for v in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[!-~]{1,256}", value))


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and is_place(value)


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and _is_number(value, least, most)


def _is_period(value: Any) -> bool:
    # An alert can wait 23.5 hours at most: https://docs.cloud.google.com/monitoring/alerts/metric-absence
    period = PERIOD.fullmatch(value) if isinstance(value, str) else None
    return period is not None and 5 <= int(period[1]) * (60 if period[2] == "h" else 1) <= 23 * 60


def _is_url(value: Any) -> bool:
    try:
        parts = urlsplit(value)
        extra = parts.query or parts.fragment or re.search(r"\s", value)
        return parts.scheme in ("https", "http") and bool(parts.netloc) and not extra and parts.port != 0
    except (ValueError, TypeError, AttributeError):
        return False


OPTIONS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "provider": (lambda v: isinstance(v, str) and v in PROVIDERS, f"one of the {len(PROVIDERS)} of docs/providers.md"),
    "verify": (
        lambda v: isinstance(v, str | dict),
        "a scheme with its parameters, such as {hmac: {header: X-Signature}}",
    ),
    "type": (lambda v: _is_place(v) or _is_texts(v, is_place), f"{PLACES}, or a list of those"),
    "id": (lambda v: v == "digest" or _is_place(v) or _is_texts(v, is_place), f"digest, {PLACES}, or a list of those"),
    "subject": (_is_place, PLACES),
    "occurred": (_is_place, PLACES),
    "only": (lambda v: _is_texts(v, str.strip), "a list of event types, such as [payment_intent.*, charge.refunded]"),
    "headers": (lambda v: _is_texts(v, HEADER.fullmatch), "a list of headers that hold no secret, signature or token"),
    "max_body": (lambda v: _is_whole(v, 1, MOST), f"bytes, 1 to {MOST}"),
    "deadline": (lambda v: _is_number(v, 0.5, 60), "seconds, 0.5 to 60"),
    "tolerance": (lambda v: _is_whole(v, 1, 604_800), "seconds, 1 to 604800"),
    "topics": (lambda v: _is_texts(v, TOPIC.fullmatch), "a list of topics: arn:aws:sns:REGION:ACCOUNT:NAME"),
    "webhook_id": (_is_text, "the webhook's id, as the provider's dashboard shows it"),
    "client_id": (_is_text, "the client id of your project at the provider"),
    "audience": (_is_text, "the audience that the sender's tokens are made for"),
    "email": (lambda v: _is_text(v) and "@" in v, "the service account that the sender's tokens are of"),
    "issuer": (_is_url, "the address of who issues the tokens, such as https://example.kinde.com"),
    "origins": (lambda v: _is_texts(v, ORIGIN.fullmatch), "a list of hosts that may send, such as eventgrid.azure.net"),
    "public_url": (_is_url, "an address such as https://hooks.example.com/twilio, without a query"),
    "expect_every": (_is_period, "whole minutes or hours, 5m to 23h, such as 30m or 6h"),
}


def check(option: str, entry: Entry) -> None:
    """Wrong if there is no such option, or if it does not take that value."""
    if option not in OPTIONS:
        raise Wrong(entry, f"no such option; there are {', '.join(OPTIONS)}")
    allowed, meaning = OPTIONS[option]
    if not allowed(entry.value):
        raise Wrong(entry, f"must be {meaning}{_guess(entry.value) if option == 'provider' else ''}")


def _guess(name: Any) -> str:
    """Which provider may have been meant."""
    from difflib import get_close_matches  # loaded only for a start that fails

    found = get_close_matches(str(name), PROVIDERS, 3)
    return f"; perhaps {' or '.join(found)}" if found else ""
