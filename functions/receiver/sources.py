"""Reads sources.yaml: who may send here."""

import re
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from . import log
from .entries import Entry, Wrong, entries, read
from .errors import Misconfigured, UnknownSource
from .matching import matches
from .options import MOST, OPTIONS, check
from .providers import PROVIDERS, Provider
from .schemes import SCHEMES, Scheme

# The platform keeps some paths for itself: https://docs.cloud.google.com/run/docs/known-issues#ah
NAME = re.compile(r"(?!eventlog$|z$)(?!.*--)[a-z](?:[a-z0-9-]{0,38}[a-y0-9])?")
# What an entry may say of its sender's proof, what it may change of its provider's row, and what is its own.
SETTINGS = ("tolerance", "topics", "webhook_id", "client_id", "audience", "email", "issuer")
ROW = ("type", "id", "subject", "occurred", "max_body", "deadline")
OWN = ("only", "headers", "public_url", "origins")
# `expect_every` is in none of them, since nothing here acts on it: Terraform reads the same file and makes an alert of
# it. It is checked here all the same, so that a mistake is told with its line, and in the local run.


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of sources.yaml: a sender, its provider's row with what the entry changes, and what is kept of it."""

    name: str
    prefix: str
    provider: Provider
    only: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    public_url: str = ""
    origins: tuple[str, ...] = ()
    id_is_signed: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods it uses."""
        handshake = self.provider.handshake
        return tuple(sorted({"POST", *(handshake.methods if handshake else ())}))

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


def load(path: str | Path, most: int = MOST) -> Sources:
    """Read the file; Misconfigured names the line, the key and what is allowed.

    `most` is how many bytes the body of any source may have. A larger `max_body` of an entry or a row is cut down to
    it, which is no error: the same file may be deployed where less gets through.
    """
    try:
        found = Sources({name: _source(name, entry, most) for name, entry in read(Path(path)).items()})
    except Wrong as wrong:
        raise Misconfigured(f"{path} line {wrong.line}: {wrong}") from None
    for name in [name for name, source in found.items() if source.provider.scheme is None]:
        log.write("WARNING", f"{name} accepts anything from anyone (verify: none)", source=name)
    return found


def _source(name: str, entry: Entry, most: int) -> Source:
    if not NAME.fullmatch(name):
        raise Wrong(
            entry,
            "a name is lower-case letters, digits and single '-', 1 to 40, begins with a letter, does not "
            "end in '-' or 'z', and is not eventlog",
        )
    options = entries(entry.node, entry)
    for option, where in options.items():
        check(option, where)
    if ("provider" in options) == ("verify" in options):
        raise Wrong(entry, "needs either provider (a known one) or verify (how it proves itself)")
    given = {option: where.value for option, where in options.items()}
    row = PROVIDERS[given["provider"]] if "provider" in given else Provider(_scheme(options["verify"]), docs="")
    row = replace(row, **{option: _frozen(given[option]) for option in ROW if option in given})
    row = replace(row, max_body=min(row.max_body, most))
    if row.batch and row.occurred:
        raise Wrong(options["occurred"], "has no use here: this sender may put several events into one body")
    if row.scheme:
        row = replace(row, scheme=_with_settings(row.scheme, options))
    if missing := [option for option in row.needs if option not in given]:
        raise Wrong(entry, f"needs {missing[0]}: {OPTIONS[missing[0]][1]}")
    own = {option: _frozen(given[option]) for option in OWN if option in given}
    return Source(name, given.get("provider", name), row, id_is_signed=_id_is_signed(row), **own)


def _with_settings(scheme: Scheme, options: dict[str, Entry]) -> Scheme:
    """The scheme with what its source says of it; Wrong if it has no use for that."""
    known = {field.name for field in fields(scheme)}
    given = {option: where for option, where in options.items() if option in SETTINGS}
    for option, where in given.items():
        if option not in known:
            raise Wrong(where, "has no use here: this sender's proof does not ask for it")
    return replace(scheme, **{option: _frozen(where.value) for option, where in given.items()})


def _id_is_signed(row: Provider) -> bool:
    """Whether the proof covers every place of the id, so that nobody can put another event's id into a request."""
    places = [place for part in ((row.id,) if isinstance(row.id, str) else row.id) for place in part.split("|")]
    return bool(places) and row.scheme is not None and all(row.scheme.covers(place) for place in places)


def _scheme(entry: Entry) -> Scheme | None:
    """Read `none`, the name of a scheme, or `{name: {parameter: value}}`."""
    if entry.value == "none":
        return None
    if isinstance(entry.value, str):
        name, parameters = entry.value, {}
    else:
        (name, inner), *more = list(entries(entry.node, entry).items()) or [("", entry)]
        parameters = {} if inner.value is None else {k: v.value for k, v in entries(inner.node, inner).items()}
        if more:
            raise Wrong(entry, "takes one scheme")
    if name not in SCHEMES:
        raise Wrong(entry, f"there are {', '.join(SCHEMES)}, and none (which accepts anything from anyone)")
    known = {field.name: field for field in fields(SCHEMES[name]) if field.type is str and field.name != "asks"}
    for parameter, value in parameters.items():
        if parameter not in known or not isinstance(value, str):
            raise Wrong(entry, f"{name} has no {parameter} of that kind; it takes text for {', '.join(known)}")
    if missing := [field.name for field in known.values() if field.default is MISSING and field.name not in parameters]:
        raise Wrong(entry, f"{name} needs {', '.join(missing)}")
    try:
        return SCHEMES[name](**parameters)
    except ValueError as error:
        raise Wrong(entry, f"{name}: {error}") from None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
