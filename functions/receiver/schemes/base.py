"""What every scheme does, and how a webhook is proved by one of the keys of its source."""

import hmac
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..errors import Failed, NotAccepted, Unproved
from ..webhook import Webhook

IN_BODY = ("json", "form", "besides", "digest")  # the kinds of places that the body covers
HEADER = re.compile(r"[A-Za-z0-9-]*")
DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """One secret of a source as the provider shows it, and where it came from (for the log)."""

    secret: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme(ABC):
    """How a sender proves who it is. `tolerance` is how many seconds its clock may be off, where it sends a time."""

    tolerance: int = 300

    @abstractmethod
    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        """Give the webhook its proof, as the provider does."""

    @abstractmethod
    def verify(self, webhook: Webhook, secret: str) -> None:
        """Return if the proof holds; Unproved if it does not."""

    def covers(self, place: str) -> bool:
        """Whether the proof covers what stands at a place (see places.py), so that nobody else can have written it."""
        return False

    @property
    def signs_url(self) -> bool:
        """Whether the proof covers the URL, so that the source must say which one the sender knows."""
        return False

    def new_keys(self) -> tuple[str, str]:
        """Make what the sender signs with and what the receiver is given; one secret, unless the keys are a pair."""
        secret = secrets.token_urlsafe(32)
        return secret, secret


def prove(scheme: Scheme, webhook: Webhook, keys: Sequence[Key]) -> Key:
    """Find the key that proves the webhook.

    Unproved, with the reason of the newest key, if none does; Failed if one of them can't be read as a key at all. A
    surprise inside a verifier is the sender's doing until shown otherwise: it is never let through, and never a 500.
    """
    refusals: list[NotAccepted] = []
    for key in keys:
        try:
            scheme.verify(webhook, key.secret)
        except NotAccepted as error:
            refusals.append(error)
        except Exception:
            refusals.append(Unproved("surprise"))
        else:
            return key
    raise next((error for error in refusals if isinstance(error, Failed)), refusals[0])


def same(given: str | bytes, wanted: str | bytes) -> bool:
    """Compare in constant time; text from headers may hold any character, so bytes are compared."""
    return hmac.compare_digest(_bytes(given), _bytes(wanted))


def among(wanted: str | bytes, candidates: Iterable[str]) -> bool:
    """Whether one is the one wanted; all are compared, so that the time does not tell which."""
    return sum(same(candidate, wanted) for candidate in candidates) > 0


def check_names(*headers: str) -> None:
    """ValueError unless each is the name of a header, or empty."""
    if wrong := [name for name in headers if not HEADER.fullmatch(name)]:
        raise ValueError(f"{wrong[0]!r} is no name of a header")


def check_time(text: str, webhook: Webhook, tolerance: int) -> None:
    """Unproved unless `text` is Unix seconds no further than `tolerance` from now, either way."""
    if not DIGITS.fullmatch(text):
        raise Unproved("timestamp")
    if abs(webhook.received - int(text)) > tolerance:
        raise Unproved("stale")


def with_headers(webhook: Webhook, **headers: str) -> Webhook:
    """The webhook with more headers; `_` in a name stands for `-`."""
    return replace(webhook, headers={**webhook.headers, **{k.replace("_", "-").lower(): v for k, v in headers.items()}})


def _bytes(value: str | bytes) -> bytes:
    return value.encode(errors="surrogatepass") if isinstance(value, str) else value
