"""Webhooks that are a few changes away from another."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from functions.receiver.schemes.base import with_headers
from functions.receiver.webhook import Webhook

from .draw import Draw

BODIES = {
    "application/json": b'{"a": "1"}',
    "application/x-www-form-urlencoded": b"a=1",
    "multipart/form-data; boundary=x": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
    "text/plain": b"",
}
METHODS = ("POST", "GET", "HEAD", "PUT", "OPTIONS", "")


def change(draw: Draw, webhook: Webhook) -> Webhook:
    """Make some changes to a webhook, or none."""
    for _ in range(draw.number(4)):
        webhook = draw.one(CHANGES)(draw, webhook)
    return webhook


def _body(draw: Draw, webhook: Webhook) -> Webhook:
    return replace(webhook, body=draw.splice(webhook.body))


def _json(draw: Draw, webhook: Webhook) -> Webhook:
    return replace(webhook, body=draw.rewrite(webhook.body))


def _token(draw: Draw, webhook: Webhook) -> Webhook:
    return replace(webhook, body=draw.reform(webhook.body))


def _header(draw: Draw, webhook: Webhook) -> Webhook:
    name = draw.one([*webhook.headers, "content-type"])
    return with_headers(webhook, **{name: draw.one((draw.mistype, draw.respell, draw.recode))(webhook.header(name))})


def _no_header(draw: Draw, webhook: Webhook) -> Webhook:
    name = draw.one([*webhook.headers, ""])
    return replace(webhook, headers={other: value for other, value in webhook.headers.items() if other != name})


def _type(draw: Draw, webhook: Webhook) -> Webhook:
    content_type, body = draw.one([*BODIES.items()])
    return with_headers(replace(webhook, body=draw.one((webhook.body, body))), **{"content-type": content_type})


def _query(draw: Draw, webhook: Webhook) -> Webhook:
    query = draw.respell(webhook.query)
    return replace(webhook, query=query, url=f"{webhook.url.partition('?')[0]}?{query}")


def _method(draw: Draw, webhook: Webhook) -> Webhook:
    return replace(webhook, method=draw.one(METHODS))


CHANGES: Sequence[Callable[[Draw, Webhook], Webhook]] = (
    _header,
    _header,
    _header,
    _body,
    _json,
    _query,
    _no_header,
    _token,
    _type,
    _method,
)
