"""What is signed, as text with names: `v0:{timestamp}:{body}`; in brackets, what is left out where it is missing."""

import base64
import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

from ..places import Places, is_place
from ..webhook import Webhook
from .base import IN_BODY

NAME = r"\{([a-z0-9-]+(?:[:|][^{}]+)?)\}"
# A part in brackets is left out, brackets and all, where the place it names holds nothing.
OPTIONAL = re.compile(r"\[([^\[\]{}]*\{[^{}]+\}[^\[\]{}]*)\]")
PARTS: dict[str, Callable[[Webhook], str | bytes]] = {
    "body": lambda webhook: webhook.body,
    "body-base64": lambda webhook: base64.b64encode(webhook.body),
    "body-md5": lambda webhook: _md5(webhook.body),
    "url": lambda webhook: webhook.url,
    "base-url": lambda webhook: webhook.url.partition("?")[0],
    "path": lambda webhook: path_and_query(webhook).partition("?")[0],
    "path-query": lambda webhook: path_and_query(webhook),
    "method": lambda webhook: webhook.method,
}
BODY = ("body", "body-base64", "body-md5")
OF_URL = ("url", "base-url", "path", "path-query")


@lru_cache(maxsize=1024)
def template(signs: str) -> tuple[str, ...]:
    """Split `v0:{timestamp}:{body}` into text and names in turn; ValueError if it names what there is not."""
    pieces = tuple(re.split(NAME, signs))
    known = (*PARTS, "timestamp", "id")
    names = [name for names in pieces[1::2] for name in names.split("|")]
    if unknown := [name for name in names if name not in known and not (":" in name and is_place(name))]:
        raise ValueError(f"signs: no {{{unknown[0]}}}; there are {', '.join(known)} and places, such as {{json:id}}")
    return pieces


def signed(signs: str, places: Places, timestamp: str = "", number: str = "") -> bytes:
    """The bytes that were signed."""
    if "[" in signs:
        signs = OPTIONAL.sub(lambda part: part[1] if _value(re.split(NAME, part[1])[1], places) else "", signs)
    pieces: list[bytes] = []
    for i, piece in enumerate(template(signs)):
        value = (_value(piece, places, timestamp, number) or "") if i % 2 else piece
        pieces.append(value.encode(errors="surrogatepass") if isinstance(value, str) else value)
    return b"".join(pieces)


def covers(signs: str, place: str) -> bool:
    """Whether what is signed covers a place."""
    parts = [part.lower() for part in template(signs)[1::2]]
    kind = place.partition(":")[0]
    if kind == "query":
        return place in parts or not {"url", "path-query"}.isdisjoint(parts)
    if kind in ("form", "digest"):
        return place.lower() in parts or not set(BODY).isdisjoint(parts)
    # Where the body is signed unless it is a form, JSON always is: nothing is both.
    alternatives = {name for part in parts for name in part.split("|")}
    return place.lower() in parts or (kind in IN_BODY and not set(BODY).isdisjoint(alternatives))


def signs_url(signs: str) -> bool:
    """Whether what is signed has a part of the URL in it."""
    return not set(OF_URL).isdisjoint(template(signs)[1::2])


def path_and_query(webhook: Webhook) -> str:
    """What follows the host in the URL that the sender knows."""
    parts = urlsplit(webhook.url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _md5(body: bytes) -> bytes:
    """The hash of a body in base64; of no body, nothing."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()) if body else b""


def _value(name: str, places: Places, timestamp: str = "", number: str = "") -> str | bytes | None:
    if name in PARTS:
        return PARTS[name](places.webhook)
    if ":" not in name:
        return timestamp if name == "timestamp" else number
    place, _, other = name.partition("|")
    return places.find(place) or (_value(other, places) if other else None)
