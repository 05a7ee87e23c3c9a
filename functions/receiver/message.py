"""Writes the Pub/Sub message: the sender's bytes, and a CloudEvent's attributes around them."""

import hashlib
import json
import re
import uuid
from dataclasses import dataclass

from .moments import moment, rfc3339
from .places import Places
from .sources import Source
from .webhook import Webhook

ID = re.compile(r"[\x20-\x7e]{1,256}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Message:
    """What goes into the queue: the raw body, and attributes whose names are ours alone."""

    data: bytes
    attributes: dict[str, str]

    @property
    def id(self) -> str:
        return self.attributes["ce-id"]

    @property
    def type(self) -> str:
        return self.attributes["ce-type"]


def write(places: Places, source: Source, traceparent: str | None = None) -> Message:
    """Write a proved webhook as a CloudEvent in the Pub/Sub binding.

    https://github.com/google/knative-gcp/blob/main/docs/spec/pubsub-protocol-binding.md
    """
    row, webhook = source.provider, places.webhook
    attributes = {
        "ce-specversion": "1.0",
        "ce-id": _id(places, row.id),
        "ce-source": f"/{source.name}",
        "ce-type": f"{source.prefix}.{_type(places, row.type)}",
        "ce-time": rfc3339(webhook.received),
        "ce-occurred": _occurred(places, row.occurred),
        "ce-subject": places.find(row.subject) if row.subject else None,
        "ce-traceparent": traceparent,
        "ce-signed": "id" if source.id_is_signed else None,
        "ce-headers": _headers(webhook, source.headers),
        "content-type": webhook.header("content-type"),
        "content-encoding": webhook.header("content-encoding"),
    }
    return Message(webhook.body, {name: safe for name, value in attributes.items() if value and (safe := _safe(value))})


def _type(places: Places, where: str | tuple[str, ...]) -> str:
    wanted = (where,) if isinstance(where, str) else where
    parts = [part for place in wanted if place and (part := _safe(places.find(place) or ""))]
    return _safe(".".join(parts)) or "unknown"


def _id(places: Places, where: str | tuple[str, ...]) -> str:
    if where == "digest":
        return f"sha256:{hashlib.sha256(places.webhook.body).hexdigest()}"
    wanted = (where,) if isinstance(where, str) else where
    parts = [part for place in wanted if (part := places.find(place))]
    if not parts or len(parts) < len(wanted):
        return str(uuid.uuid4())  # so that at least the queue's own copies are known to be one event
    whole = parts[0] if len(parts) == 1 else "".join(f"{len(part)}:{part}" for part in parts)
    if ID.fullmatch(whole):
        return whole
    return f"sha256:{hashlib.sha256(whole.encode(errors='surrogatepass')).hexdigest()}"


def _occurred(places: Places, where: str) -> str | None:
    found = places.find(where) if where else None
    return moment(found, places.webhook.received) if found else None


def _headers(webhook: Webhook, names: tuple[str, ...]) -> str | None:
    """The headers that the source keeps, as JSON; one that would take it over 1,024 bytes is left out whole."""
    kept: dict[str, str] = {}
    for name in names:
        if value := webhook.header(name):
            more = kept | {name.lower(): value}
            kept = more if len(json.dumps(more)) <= LONGEST else kept
    return json.dumps(kept) if kept else None


def _safe(value: str) -> str:
    """Text that Pub/Sub takes: no control characters, at most 1,024 bytes of UTF-8, cut at a character."""
    if len(value) <= LONGEST and value.isascii() and value.isprintable():
        return value
    return CONTROL.sub("", value).encode()[:LONGEST].decode(errors="ignore")
