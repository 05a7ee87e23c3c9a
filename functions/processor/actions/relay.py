"""Sends an event on to another service."""

import re
import time
from collections.abc import Mapping
from datetime import UTC
from urllib.parse import quote

from ..event import Event
from .post import Request, post
from .signing import sign
from .target import Target
from .tokens import Token, bearer

# Printable ASCII without what must be encoded: space, double quote and percent.
# https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values
PLAIN = "".join(c for c in map(chr, range(0x21, 0x7F)) if c not in '"%')
# What the sender wrote comes back out of the queue as Latin-1; a header holds no more than that.
WRITABLE = re.compile(r"[\x20-\x7e\xa0-\xff]+")


def relay(
    event: Event,
    to: str,
    *,
    secret: str | None = None,
    token: Token | None = None,
    allow_private: bool = False,
    timeout: float = 30,
) -> None:
    """Post an event to a URL: its bytes as they came, and what it is in the headers of a CloudEvent.

    `to` is https and on the internet; with `allow_private` it may be http, and in a network of your own. `secret`
    (`whsec_...`, several one a line) signs by Standard Webhooks; `token` is "id", which Cloud Run and Cloud Functions
    ask for, or "access", which Google's APIs do. `timeout` is in seconds, and never more than the event has left.
    `webhook-id` and `Idempotency-Key` are `event.key`, the same in every retry.

    Returning means a 2xx. GiveUp for a private address, a redirect and a refusal; NotTaken for what may pass, and
    Misconfigured for arguments that can't be right: the event comes again.
    https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode
    """
    target = Target.of(to, allow_private)
    headers = _headers(event)
    if secret is not None:
        headers = {**headers, **sign(secret, event.key, int(time.time()), event.data)}
    request = Request(
        target=target,
        body=event.data,
        headers=headers,
        authorize=bearer(token, target) if token is not None else dict,
        allow_private=allow_private,
        timeout=timeout,
    )
    post(event, request)


def _headers(event: Event) -> Mapping[str, str]:
    attributes = {
        "ce-specversion": "1.0",
        "ce-id": event.id,
        "ce-source": f"/{event.source}",
        "ce-type": event.type,
        "ce-time": event.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "ce-subject": event.subject,
    }
    as_sent = {
        "Content-Type": event.content_type,
        "Content-Encoding": event.content_encoding,
        "traceparent": event.traceparent,
    }
    return {
        "Idempotency-Key": event.key,
        **{name: quote(value, safe=PLAIN) for name, value in attributes.items() if value is not None},
        **{name: value for name, value in as_sent.items() if value and WRITABLE.fullmatch(value)},
    }
