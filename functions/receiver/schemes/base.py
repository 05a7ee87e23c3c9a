"""What every scheme does, and how a webhook is proved by one of the keys of its source."""

import hmac
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ..errors import Failed, NotAccepted, Unproved
from ..webhook import Webhook
from .location import Location

IN_BODY = ("json", "form", "besides", "jwt", "digest")  # the kinds of places that the body covers
HEADER = re.compile(r"[A-Za-z0-9-]*")


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
    def needs(self) -> tuple[str, ...]:
        """The settings that a source must give: `public_url` where the proof covers the URL, and fields of ours."""
        return ()

    def new_keys(self) -> tuple[str, str]:
        """Make what the sender signs with and what the receiver is given; one secret, unless the keys are a pair."""
        secret = secrets.token_urlsafe(32)
        return secret, secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishes(Scheme):
    """How a sender proves who it is whose key stands at an address of its own: `verify` gets what stands there."""

    HAS_SECRET: ClassVar[bool] = False  # that the key can be asked for with

    @abstractmethod
    def published(self, webhook: Webhook, secret: str) -> Location:
        """Where the key of this webhook stands.

        Unproved if the webhook names a place that is not its sender's, or can't be proved whatever stands there.
        """


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
    try:
        raise next((error for error in refusals if isinstance(error, Failed)), refusals[0])
    finally:
        refusals.clear()  # an error holds its frames: in a cycle with this one, they would keep the body in memory


def locate(scheme: Publishes, webhook: Webhook, secret: str) -> Location:
    """Where the key of the webhook is published; Unproved or Failed, whatever goes wrong."""
    try:
        return scheme.published(webhook, secret)
    except NotAccepted:
        raise
    except Exception:
        raise Unproved("surprise") from None


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


def with_headers(webhook: Webhook, **headers: str) -> Webhook:
    """The webhook with more headers; `_` in a name stands for `-`."""
    return replace(webhook, headers={**webhook.headers, **{k.replace("_", "-").lower(): v for k, v in headers.items()}})


def _bytes(value: str | bytes) -> bytes:
    return value.encode(errors="surrogatepass") if isinstance(value, str) else value
