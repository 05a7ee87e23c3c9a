"""Where in a webhook something stands: `json:event.type`, `header:X-Topic`, `form:EventType`, `query:event`."""

import re
from functools import cached_property, lru_cache
from typing import Any

from .bodies import claims_of, read_fields, read_form, read_json
from .webhook import Webhook

PLACE = re.compile(r"(?:json|form|query|header|besides|jwt):[\x21-\x7b\x7d\x7e]+")
PLACES = (
    "header:NAME, json:PATH.TO, form:FIELD, form:FIELD:PATH.IN.ITS.JSON, query:NAME, besides:KEY,KEY "
    "or jwt:CLAIM (of a body that is a token)"
)


def is_place(text: str) -> bool:
    """Whether `text` names a place, or several to be tried in turn, with `|` between them."""
    return all(PLACE.fullmatch(place) for place in text.split("|"))


class Places:
    """Looks things up in one webhook; what has to be parsed is parsed once, and only when asked for."""

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook

    def find(self, places: str) -> str | None:
        """The text at the first of these places that holds some; None where there is none.

        Numbers and true or false are given as JSON writes them; null, empty text, objects and arrays are nothing.
        """
        for kind, name in _split(places):
            if found := LOOKUPS[kind](self, name):
                return found
        return None

    def every(self, path: str) -> list[str | None]:
        """The texts at a path of the JSON in which `*` is each item of an array; None for each that is none."""
        return [_text(value) for value in _at(self.document, path)]

    def _header(self, name: str) -> str | None:
        return self.webhook.header(name)

    def _query(self, name: str) -> str | None:
        return _only(read_fields(self.webhook.query), name)

    def _form(self, name: str) -> str | None:
        field, _, path = name.partition(":")
        value = _only(self.fields, field)
        return _text(_first(read_json(value), path)) if path and value else value

    def _json(self, path: str) -> str | None:
        return _text(_first(self.document, path))

    def _jwt(self, path: str) -> str | None:
        return _text(_first(read_json(claims_of(self.webhook.body)), path))

    def _besides(self, keys: str) -> str | None:
        """The one key of the document besides these (Telegram names the kind of an update so)."""
        known = keys.split(",")
        rest = [name for name in self.document if name not in known] if isinstance(self.document, dict) else []
        return rest[0] if len(rest) == 1 else None

    @cached_property
    def document(self) -> Any:
        """The body as JSON; None where it is none."""
        return read_json(self.webhook.body)

    @cached_property
    def fields(self) -> dict[str, list[str]]:
        """The body as a form; empty where it is none."""
        return read_form(self.webhook)


# Not kept by each Places: that would be a cycle, which keeps a body until Python looks for those.
LOOKUPS = {
    "header": Places._header,
    "query": Places._query,
    "form": Places._form,
    "json": Places._json,
    "besides": Places._besides,
    "jwt": Places._jwt,
}


@lru_cache(maxsize=1024)
def _split(places: str) -> list[tuple[str, str]]:
    return [(kind, name) for kind, _, name in (place.partition(":") for place in places.split("|"))]


def _first(document: Any, path: str) -> Any:
    return next(iter(_at(document, path)), None)


def _at(document: Any, path: str) -> list[Any]:
    """What stands at a path of names, of numbers (an item of an array), and of `*` (every item of an array)."""
    found = [document]
    for key in path.split("."):
        found = [inner for value in found for inner in _step(value, key)]
    return found


def _step(value: Any, key: str) -> list[Any]:
    if not isinstance(value, list):
        return [value.get(key) if isinstance(value, dict) else None]
    if key == "*":
        return value
    return value[int(key) :][:1] if key.isascii() and key.isdecimal() else [None]


def _only(fields: dict[str, list[str]], name: str) -> str | None:
    values = fields.get(name, [])
    return values[0] if len(values) == 1 else None


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None
