"""Where in a webhook something stands: `json:event.type`, `header:X-Topic`, `form:EventType`, `query:event`."""

import json
import re
from collections import Counter
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import parse_qs

from .webhook import Webhook

PLACE = re.compile(r"(?:json|form|query|header|besides):[\x21-\x7b\x7d\x7e]+")
PLACES = "header:NAME, json:PATH.TO, form:FIELD, query:NAME or besides:KEY"


def is_place(text: str) -> bool:
    """Whether `text` names a place, or several to be tried in turn, with `|` between them."""
    return all(PLACE.fullmatch(place) for place in text.split("|"))


class Places:
    """Looks things up in one webhook; what has to be parsed is parsed once, and only when asked for."""

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook
        self._lookups = {
            "header": webhook.header,
            "query": self._query,
            "form": self._form,
            "json": self._json,
            "besides": self._besides,
        }

    def find(self, places: str) -> str | None:
        """The text at the first of these places that holds some; None where there is none.

        Numbers and true or false are given as JSON writes them; null, empty text, objects and arrays are nothing.
        """
        for kind, name in _parse(places):
            if found := self._lookups[kind](name):
                return found
        return None

    def _query(self, name: str) -> str | None:
        return _only(_fields(self.webhook.query), name)

    def _form(self, name: str) -> str | None:
        return _only(self._fields_of_body, name)

    def _json(self, path: str) -> str | None:
        value = self.document
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return _text(value)

    def _besides(self, key: str) -> str | None:
        """The one key of the document besides `key` (Telegram names the kind of an update so)."""
        rest = [name for name in self.document if name != key] if isinstance(self.document, dict) else []
        return rest[0] if len(rest) == 1 else None

    @cached_property
    def document(self) -> Any:
        """The body as JSON; None where it is none. A key that stands twice in an object is left out: which one the
        next reader takes can't be known.
        """
        try:
            return json.loads(
                self.webhook.body.decode(),
                object_pairs_hook=_unambiguous,
                parse_int=str,  # as it was written, however long
                parse_float=str,
                parse_constant=lambda name: None,
            )
        except (ValueError, RecursionError):
            return None

    @cached_property
    def _fields_of_body(self) -> dict[str, list[str]]:
        return _fields(self.webhook.body.decode("latin-1"))


@lru_cache
def _parse(places: str) -> list[tuple[str, str]]:
    return [(kind, name) for kind, _, name in (place.partition(":") for place in places.split("|"))]


def _fields(encoded: str) -> dict[str, list[str]]:
    try:
        return parse_qs(encoded, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return {}


def _only(fields: dict[str, list[str]], name: str) -> str | None:
    values = fields.get(name, [])
    return values[0] if len(values) == 1 else None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        return {name: value for name, value in pairs if times[name] == 1}
    return found


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None
