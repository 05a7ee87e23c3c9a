"""Reads a body as JSON or as a form; what is neither is nothing, and never an error."""

import base64
import json
from collections import Counter
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from .webhook import Webhook

MOST_FIELDS = 1000


def read_json(text: str | bytes) -> Any:
    """Read JSON, numbers as they were written; None where it is none.

    A key that stands twice in an object is left out: which one the next reader takes can't be known.
    """
    try:
        return json.loads(
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=_unambiguous,
            parse_int=str,
            parse_float=str,
            parse_constant=lambda name: None,
        )
    except (ValueError, RecursionError):
        return None


def has_twins(text: bytes) -> bool:
    """Whether a key stands twice at the top of a JSON object, so that `read_json` leaves it out."""
    pairs: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=list)
    return len(dict(pairs)) < len(pairs)


def read_fields(encoded: str) -> dict[str, list[str]]:
    """Read a query or a form; empty where it is none."""
    try:
        return parse_qs(encoded, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}


def claims_of(token: bytes) -> bytes:
    """The claims of a JWT as it was sent; empty where it is none."""
    _, _, rest = token.partition(b".")
    claims = rest.partition(b".")[0]
    try:
        return base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4))
    except ValueError:
        return b""


def read_form(webhook: Webhook) -> dict[str, list[str]]:
    """Read the body as a form, also one in several parts; empty where it is none, or says that it is JSON."""
    content_type = webhook.header("content-type")
    if content_type.lower().startswith("application/json"):
        return {}
    if not content_type.lower().startswith("multipart/form-data"):
        # A form escapes its quotes. What has some is JSON, which shall not be a form as well: else a proof of the one
        # could be had for the other.
        return {} if b'"' in webhook.body else read_fields(webhook.body.decode("latin-1"))
    # Loaded only for the one kind of body that needs it.
    from werkzeug.exceptions import HTTPException
    from werkzeug.formparser import FormDataParser
    from werkzeug.http import parse_options_header

    kind, options = parse_options_header(content_type)
    parser = FormDataParser(max_form_memory_size=None, max_form_parts=MOST_FIELDS, silent=False)
    try:
        _, fields, _ = parser.parse(BytesIO(webhook.body), kind.lower(), len(webhook.body), options)
    except (ValueError, HTTPException):
        return {}
    return dict(fields.lists())


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        return {name: value for name, value in pairs if times[name] == 1}
    return found
