"""What senders send: the samples of samples/<provider>/, each with an id of its own."""

import sys
import uuid
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from functions.receiver.errors import NotAccepted
from functions.receiver.handshakes import Proof, Question
from functions.receiver.places import Places
from functions.receiver.schemes.base import with_headers
from functions.receiver.schemes.put import put
from functions.receiver.sources import Source
from functions.receiver.webhook import Webhook

FOLDER = Path(__file__).parent.parent / "samples"
TYPES = {
    ".json": "application/json",
    ".form": "application/x-www-form-urlencoded",
    ".multipart": "multipart/form-data",
    ".xml": "application/atom+xml",
}


def find(source: Source, event: str = "") -> Webhook:
    """The sample of an event, or the first that is one; it ends the program with the list if there is no such one.

    Where its provider has no samples, a little JSON with a type.
    """
    folder = FOLDER / source.prefix
    # The name of a file is the type of its event; what can't stand in a name is escaped as in a URL.
    there = {unquote(str(file.relative_to(folder).with_suffix(""))): file for file in sorted(folder.rglob("*.*"))}
    if event and event not in there:
        sys.exit(f"no sample {event} of {source.prefix}; there are {', '.join(there) or 'none'}")
    found = [_read(source, name, file) for name, file in there.items() if not event or name == event]
    events = [webhook for webhook in found if not _is_question(source, webhook)]
    return (events or found or [_made_up(source)])[0]


def _read(source: Source, event: str, file: Path) -> Webhook:
    webhook = Webhook(file.read_bytes())
    boundary = webhook.body.partition(b"\r\n")[0].removeprefix(b"--").decode("latin-1")
    content_type = TYPES[file.suffix] + (f"; boundary={boundary}" if file.suffix == ".multipart" else "")
    webhook = with_headers(webhook, **{"content-type": content_type})
    kind, _, name = _first(source.provider.type).partition(":")
    return with_headers(webhook, **{name: event}) if kind == "header" else webhook


def _made_up(source: Source) -> Webhook:
    webhook = Webhook(b"{}", {"content-type": "application/json"})
    place = _first(source.provider.type)
    return put(webhook, place, "test") if place.startswith(("json:", "header:", "query:")) else webhook


def _is_question(source: Source, webhook: Webhook) -> bool:
    handshake = source.provider.handshake
    if handshake is None or handshake.proof in (Proof.TOKEN, Proof.HASH, Proof.HASH_OF_TOKEN):
        return False
    try:
        return "POST" in handshake.methods and handshake.reply(Question(Places(webhook))) is not None
    except (NotAccepted, IndexError):  # a question all the same, which wants a key or another answer
        return True


def fresh(webhook: Webhook, source: Source) -> Webhook:
    """Give a sample an id of its own, where the provider has it; all other bytes stay as they are."""
    places = (source.provider.id,) if isinstance(source.provider.id, str) else source.provider.id
    for place in places:
        kind, _, name = _first(place).partition(":")
        if kind == "header" and not webhook.header(name):
            webhook = with_headers(webhook, **{name: str(uuid.uuid4())})
        elif kind in ("json", "jwt") and place == places[0] and (old := Places(webhook).find(f"json:{name}")):
            webhook = replace(webhook, body=webhook.body.replace(old.encode(), _another(old).encode()))
    return webhook


def _first(places: str | tuple[str, ...]) -> str:
    return (places if isinstance(places, str) else places[0]).partition("|")[0]


def _another(number: str) -> str:
    """An id of the same kind and length."""
    if number.isdigit():
        return f"{uuid.uuid4().int:039}"[-len(number) + 1 :].rjust(len(number), number[0])
    return number[:-8] + uuid.uuid4().hex[:8]
