"""Writes something into a webhook, as its sender does: the counterpart of places.py."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ..places import Places
from ..webhook import Webhook
from .base import with_headers


def put(webhook: Webhook, places: str, value: str) -> Webhook:
    """The webhook with `value` at the first of these places that it can have."""
    kinds = dict(place.split(":", 1) for place in reversed(places.split("|")))
    if "header" in kinds:
        return with_headers(webhook, **{kinds["header"]: value})
    if "query" in kinds:
        query = _with_field(webhook.query, kinds["query"], value)
        return replace(webhook, query=query, url=f"{webhook.url.partition('?')[0]}?{query}")
    if "json" in kinds and ("form" not in kinds or Places(webhook).document is not None):
        document = json.loads(webhook.body) if Places(webhook).document is not None else {}
        return replace(webhook, body=json.dumps(_at(document, kinds["json"].split("."), value)).encode())
    field, _, path = kinds["form"].partition(":")
    return _in_json_of_field(webhook, field, path, value) if path else _in_field(webhook, field, value)


def _in_field(webhook: Webhook, field: str, value: str) -> Webhook:
    return replace(webhook, body=_with_field(webhook.body.decode("latin-1"), field, value).encode("latin-1"))


def _in_json_of_field(webhook: Webhook, field: str, path: str, value: str) -> Webhook:
    old = Places(webhook).find(f"form:{field}")
    new = json.dumps(_at(json.loads(old) if old else {}, path.split("."), value))
    if old and webhook.header("content-type").startswith("multipart/"):
        return replace(webhook, body=webhook.body.replace(old.encode(), new.encode()))
    return _in_field(webhook, field, new)


def _with_field(encoded: str, field: str, value: str) -> str:
    pairs = [pair for pair in parse_qsl(encoded, keep_blank_values=True) if pair[0] != field]
    return urlencode([*pairs, (field, value)])


def _at(document: Any, path: list[str], value: str) -> Any:
    key, *rest = path
    if key == "*":
        items = document if isinstance(document, list) and document else [{}]
        return [_at(item, rest, value) if rest else value for item in items]
    inner = document.get(key) if isinstance(document, dict) else None
    return {**(document if isinstance(document, dict) else {}), key: _at(inner or {}, rest, value) if rest else value}
