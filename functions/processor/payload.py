"""Reads the body of an event into the type that its handler asks for."""

import functools
from typing import TYPE_CHECKING, Any

from .errors import InvalidPayload, Misconfigured
from .event import Event

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MOST_NAMED = 10


def read(event: Event, kind: Any) -> Any:
    """Return the body as `kind`; InvalidPayload names the fields that are wrong and the rules they break, no values.

    Any type that pydantic knows will do: a model, a dataclass, `list[Item]`. https://docs.pydantic.dev/latest/errors/
    """
    from pydantic import ValidationError

    try:
        return adapter(kind).validate_json(event.inflated())
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        named = [f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['type']}" for each in wrong[:MOST_NAMED]]
        more = [f"and {len(wrong) - MOST_NAMED} more"] if len(wrong) > MOST_NAMED else []
        raise InvalidPayload("; ".join(named + more)) from None


@functools.cache
def adapter(kind: Any) -> "TypeAdapter[Any]":
    """Build what reads a type, once; Misconfigured if pydantic can't."""
    from pydantic import PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(kind)
    except PydanticUserError as error:
        raise Misconfigured(f"payload={kind!r} is no type that pydantic can read: {error.message}") from error
