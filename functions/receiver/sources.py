"""Reads sources.yaml: who may send here."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from . import log
from .errors import Misconfigured, UnknownSource
from .matching import matches
from .places import PLACES, is_place
from .providers import PROVIDERS, Provider
from .schemes import SCHEMES, Scheme

# The platform keeps some paths for itself: https://docs.cloud.google.com/run/docs/known-issues#ah
NAME = re.compile(r"(?!eventlog$|z$)(?!.*--)[a-z](?:[a-z0-9-]{0,38}[a-y0-9])?")
HEADER = re.compile(r"(?!.*(?i:authorization|cookie|signature|secret|token))[A-Za-z0-9-]+")
MOST = 9_000_000
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of sources.yaml: a sender, its provider's row with what the entry changes, and what is kept of it."""

    name: str
    prefix: str
    provider: Provider
    only: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    public_url: str = ""
    id_is_signed: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods it uses."""
        asks_by_get = self.provider.handshake is not None and self.provider.handshake.token
        return ("GET", "POST") if asks_by_get else ("POST",)

    def drops(self, event_type: str) -> bool:
        """Whether `only` leaves an event out; never one that has no type or shares its body with others."""
        name = event_type.removeprefix(f"{self.prefix}.")
        if not self.only or self.provider.batch or name == "unknown":
            return False
        return not any(matches(pattern, name) for pattern in self.only)


class Sources(dict[str, Source]):
    """All sources by name."""

    def at(self, path: str) -> Source:
        """The source whose path this is; UnknownSource."""
        try:
            return self[path.removeprefix("/")]
        except KeyError:
            raise UnknownSource("path") from None


def load(path: str | Path) -> Sources:
    """Read the file; Misconfigured names the line, the key and what is allowed."""
    try:
        root = yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Misconfigured(f"{path} can't be read as YAML: {error}") from None
    try:
        found = Sources({name: _source(name, entry) for name, entry in _entries(root).items()})
    except _Wrong as wrong:
        raise Misconfigured(f"{path} line {wrong.line}: {wrong}") from None
    for name in [name for name, source in found.items() if source.provider.scheme is None]:
        log.write("WARNING", f"{name} accepts anything from anyone (verify: none)", source=name)
    return found


class _Wrong(Exception):
    def __init__(self, entry: "_Entry", text: str) -> None:
        super().__init__(f"{entry.key}: {text}")
        self.line = entry.line


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key of the file with its value, and where it stands."""

    key: str
    line: int
    node: yaml.Node

    @property
    def value(self) -> Any:
        try:
            return yaml.constructor.SafeConstructor().construct_document(self.node)
        except (yaml.YAMLError, ValueError, TypeError) as error:
            raise _Wrong(self, f"can't be read: {getattr(error, 'problem', None) or error}") from None


def _entries(node: yaml.Node | None, parent: _Entry | None = None) -> dict[str, _Entry]:
    if not isinstance(node, yaml.MappingNode):
        raise _Wrong(parent or _Entry("the file", 1, yaml.ScalarNode("", "")), "must be a mapping of names to values")
    found: dict[str, _Entry] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _Wrong(parent or _Entry("the file", key.start_mark.line + 1, key), "has a name that is no text")
        name = str(key.value)
        entry = _Entry(f"{parent.key}.{name}" if parent else name, key.start_mark.line + 1, value)
        if name in found:
            raise _Wrong(entry, f"stands here for the second time, first on line {found[name].line}")
        found[name] = entry
    return found


def _source(name: str, entry: _Entry) -> Source:
    if not NAME.fullmatch(name):
        raise _Wrong(
            entry,
            "a name is lower-case letters, digits and single '-', 1 to 40, begins with a letter, does not "
            "end in '-' or 'z', and is not eventlog",
        )
    options = _entries(entry.node, entry)
    for option, where in options.items():
        _check(option, where)
    if ("provider" in options) == ("verify" in options):
        raise _Wrong(entry, "needs either provider (a known one) or verify (how it proves itself)")
    given = {option: where.value for option, where in options.items()}
    row = PROVIDERS[given["provider"]] if "provider" in given else Provider(_scheme(options["verify"]), docs="")
    row = replace(row, **{option: _frozen(given[option]) for option in ROW if option in given})
    if row.scheme and "tolerance" in given:
        row = replace(row, scheme=replace(row.scheme, tolerance=given["tolerance"]))
    if row.scheme and row.scheme.signs_url and "public_url" not in given:
        raise _Wrong(entry, "needs public_url, the address the sender calls: the URL is part of what it signs")
    own = {option: _frozen(given[option]) for option in OWN if option in given}
    return Source(name, given.get("provider", name), row, id_is_signed=_id_is_signed(row), **own)


def _id_is_signed(row: Provider) -> bool:
    """Whether the proof covers every place of the id, so that nobody can put another event's id into a request."""
    places = [place for part in ((row.id,) if isinstance(row.id, str) else row.id) for place in part.split("|")]
    return bool(places) and row.scheme is not None and all(row.scheme.covers(place) for place in places)


def _scheme(entry: _Entry) -> Scheme | None:
    """Read `none`, the name of a scheme, or `{name: {parameter: value}}`."""
    if entry.value == "none":
        return None
    if isinstance(entry.value, str):
        name, parameters = entry.value, {}
    else:
        (name, inner), *more = list(_entries(entry.node, entry).items()) or [("", entry)]
        parameters = {} if inner.value is None else {k: v.value for k, v in _entries(inner.node, inner).items()}
        if more:
            raise _Wrong(entry, "takes one scheme")
    if name not in SCHEMES:
        raise _Wrong(entry, f"there are {', '.join(SCHEMES)}, and none (which accepts anything from anyone)")
    known = {field.name: field.type for field in fields(SCHEMES[name]) if field.name != "tolerance"}
    for parameter, value in parameters.items():
        if parameter not in known or not isinstance(value, str):
            raise _Wrong(entry, f"{name} has no {parameter} of that kind; it takes text for {', '.join(known)}")
    try:
        return SCHEMES[name](**parameters)
    except (TypeError, ValueError) as error:
        raise _Wrong(entry, f"{name}: {str(error).partition('() ')[2] or error}") from None


def _check(option: str, entry: _Entry) -> None:
    if option not in OPTIONS:
        raise _Wrong(entry, f"no such option; there are {', '.join(OPTIONS)}")
    allowed, meaning = OPTIONS[option]
    if not allowed(entry.value):
        raise _Wrong(entry, f"must be {meaning}")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _is_texts(value: Any, allowed: Callable[[str], object]) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) and allowed(v) for v in value)


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and is_place(value)


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and _is_number(value, least, most)


def _is_url(value: Any) -> bool:
    try:
        parts = urlsplit(value)
        extra = parts.query or parts.fragment or re.search(r"\s", value)
        return parts.scheme in ("https", "http") and bool(parts.netloc) and not extra and parts.port != 0
    except (ValueError, TypeError, AttributeError):
        return False


ROW = ("type", "id", "subject", "max_body", "deadline")
OWN = ("only", "headers", "public_url")
OPTIONS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "provider": (lambda v: isinstance(v, str) and v in PROVIDERS, f"one of {', '.join(sorted(PROVIDERS))}"),
    "verify": (
        lambda v: isinstance(v, str | dict),
        "a scheme with its parameters, such as {hmac: {header: X-Signature}}",
    ),
    "type": (_is_place, PLACES),
    "id": (lambda v: v == "digest" or _is_place(v) or _is_texts(v, is_place), f"digest, {PLACES}, or a list of those"),
    "subject": (_is_place, PLACES),
    "only": (lambda v: _is_texts(v, str.strip), "a list of event types, such as [payment_intent.*, charge.refunded]"),
    "headers": (lambda v: _is_texts(v, HEADER.fullmatch), "a list of headers that hold no secret, signature or token"),
    "max_body": (lambda v: _is_whole(v, 1, MOST), f"bytes, 1 to {MOST}"),
    "deadline": (lambda v: _is_number(v, 0.5, 60), "seconds, 0.5 to 60"),
    "tolerance": (lambda v: _is_whole(v, 1, 604_800), "seconds, 1 to 604800"),
    "public_url": (_is_url, "an address such as https://hooks.example.com/twilio, without a query"),
}
