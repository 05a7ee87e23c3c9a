"""Reads the Pub/Sub message that the receiver wrote back into an Event."""

import json
import re
from base64 import b64decode
from datetime import datetime
from math import inf
from typing import Any

from .errors import Malformed
from .event import Event


def read(body: bytes, deadline: float = inf) -> Event:
    """Read a wrapped push, Pub/Sub's own or an Eventarc trigger's, into an Event; Malformed if it is anything else.

    https://docs.cloud.google.com/pubsub/docs/push#receive_push
    """
    push = _object(body, "body")
    message = push.get("message")
    if not isinstance(message, dict):
        raise Malformed("message")
    attributes = _strings(message.get("attributes"), "attributes")
    return Event(
        **_cloudevent(attributes),
        data=_data(message.get("data", "")),
        attributes=attributes,
        attempt=_attempt(push.get("deliveryAttempt")),
        message_id=_message_id(message.get("messageId")),
        publish_time=_time(message.get("publishTime"), "publishTime"),
        deadline=deadline,
    )


def _cloudevent(attributes: dict[str, str]) -> dict[str, Any]:
    """Read the attributes of a CloudEvent 1.0, and our own as the receiver writes them."""
    if attributes.get("ce-specversion") != "1.0":
        raise Malformed("ce-specversion")
    return {
        "type": _match(r".+", attributes, "ce-type"),
        "source": _match(r"/.+", attributes, "ce-source")[1:],
        "id": _match(r".+", attributes, "ce-id"),
        "time": _time(attributes.get("ce-time"), "ce-time"),
        "occurred_at": _occurred_at(attributes),
        "subject": attributes.get("ce-subject"),
        "content_type": attributes.get("content-type"),
        "content_encoding": attributes.get("content-encoding"),
        "headers": _strings(_object(attributes.get("ce-headers", "{}"), "ce-headers"), "ce-headers"),
        "signed": attributes.get("ce-signed") == "id",
        "replay": int(_match(r"[0-9]{1,9}", {"ce-replay": "0"} | attributes, "ce-replay")),
        "again": attributes.get("ce-again") == "1",
        "traceparent": attributes.get("ce-traceparent"),
    }


def _object(text: bytes | str, part: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(part) from error
    if not isinstance(value, dict):
        raise Malformed(part)
    return value


def _strings(value: object, part: str) -> dict[str, str]:
    """Accept names with texts; half a surrogate pair is none, although JSON can spell it."""
    if not isinstance(value, dict):
        raise Malformed(part)
    try:
        "".join(name + text for name, text in value.items()).encode()
    except (TypeError, UnicodeEncodeError) as error:
        raise Malformed(part) from error
    return value


def _match(pattern: str, attributes: dict[str, str], name: str) -> str:
    value = attributes.get(name, "")
    if not re.fullmatch(pattern, value, re.ASCII | re.DOTALL):
        raise Malformed(name)
    return value


def _data(value: object) -> bytes:
    if not isinstance(value, str):
        raise Malformed("data")
    try:
        return b64decode(value, validate=True)
    except ValueError as error:
        raise Malformed("data") from error


def _time(value: object, part: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise Malformed(part) from error
    if moment.tzinfo is None:
        raise Malformed(part)
    return moment


def _occurred_at(attributes: dict[str, str]) -> datetime | None:
    """Read when it happened; most senders don't say, and messages of older receivers have none."""
    return _time(attributes["ce-occurred"], "ce-occurred") if "ce-occurred" in attributes else None


def _message_id(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]{1,256}", value):
        raise Malformed("messageId")
    return value


def _attempt(value: object) -> int | None:
    """Read the number of this delivery; a subscription without a dead-letter policy does not count."""
    if value is None:
        return None
    if type(value) is not int or value < 1:
        raise Malformed("deliveryAttempt")
    return value
