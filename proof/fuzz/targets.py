"""What strangers can reach, each a function of bytes: it raises if something happens that must not.

It returns whether something got through: of what is not changed, all does.
"""

import base64
import gzip
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache

import flask

from functions.processor import matching as processors
from functions.processor.errors import GiveUp, NotDone
from functions.processor.message import read
from functions.receiver import matching, message
from functions.receiver.deadline import Deadline
from functions.receiver.errors import NotAccepted, UnknownSource
from functions.receiver.handshakes import Proof
from functions.receiver.places import Places
from functions.receiver.request import LARGE_TOGETHER, MEMORY, path_of, traceparent_of
from functions.receiver.request import read as receive
from functions.receiver.sources import Source, Sources
from functions.receiver.webhook import Webhook
from tests.processor.pushes import CONTRACT, push
from tests.receiver.test_handshakes import QUESTIONS, ask, asked, handshake_of
from tests.rows import ROWS

from .changes import change
from .draw import Draw
from .forgeries import FORGERIES, sample_of
from .parsers import NOW, parsers
from .wire import WHOLE, Environ, parsed, streamed

TEXT = "text/plain; charset=utf-8"
PUSHES = [
    CONTRACT,
    push(gzip.compress(b'{"a": 1}', mtime=0), content_encoding="gzip"),
    push(None, 1, ce_occurred="2026-03-01T12:34:55Z", ce_headers='{"a": "b"}', ce_replay="1", ce_again="1"),
]
ALL = Sources(ROWS)
FRAMED = ("github", "mailchimp", "twilio")  # one with large bodies, one that is asked by GET, and a form


def requests(data: bytes) -> bool:
    """Read a request of any framing, whole or cut off, quick or stalled: its body is what was told of it."""
    draw = Draw(data)
    name = draw.one(FRAMED)
    source = replace(ROWS[name], provider=replace(ROWS[name].provider, max_body=draw.one((9_000_000, 300))))
    webhook = change(draw, sample_of(name))
    sender, receiver = socket.socketpair()
    with sender, receiver:
        environ = draw.one((parsed, streamed))(draw, webhook, sender, receiver)
        came = environ and received(environ, source)
    with MEMORY.hold(LARGE_TOGETHER):
        pass  # so nothing of it is still held
    if not environ or not came:
        return False
    assert len(came.body) <= source.provider.max_body
    assert came.body == webhook.body or not environ[WHOLE], "a body came in other bytes"
    return True


def received(environ: Environ, source: Source) -> Webhook | None:
    """What the receiver reads; None if it refuses it."""
    request = flask.Request({**environ})
    with suppress(NotAccepted):
        path_of(request)
        traceparent_of(request)
        with receive(request, source, Deadline(0.02)) as came:
            assert request.content_length in (None, len(came.body)), "a body was cut off"
            assert len(came.headers) == len([came.header(name) for name in came.headers])
            return came
    return None


def handshakes(data: bytes) -> bool:
    """Ask the questions of all senders in other words: nothing is given back that a browser could take for a page."""
    draw = Draw(data)
    name = draw.one([*QUESTIONS])
    stranger = draw.number(1)
    answer = None
    with suppress(NotAccepted):
        answer = ask(name, change(draw, question_of(name)), ["the-token-of-another"] if stranger else None)
    if answer is None:
        return False
    assert not (stranger and handshake_of(name).proof is Proof.TOKEN), "a question was answered without its token"
    echoed = [*answer.headers.values(), answer.body if answer.content_type == TEXT else ""]
    assert all(text.isascii() and text.isprintable() and not set(text) & set("<>&\"'") for text in echoed)
    return True


@cache
def question_of(name: str) -> Webhook:
    """A question as it comes."""
    return replace(asked(name), received=NOW)


def messages(data: bytes) -> bool:
    """Write what was proved for the queue: it is what Pub/Sub takes, and the processor reads it back."""
    draw = Draw(data)
    name = draw.one([*ROWS])
    source = replace(ROWS[name], headers=("Content-Type", "User-Agent", "X-Request-Id"))
    places = Places(change(draw, sample_of(name)))
    written = message.write(places, source)
    source.drops(written.type)
    source.provider.answer(places)
    assert len(written.attributes) <= 20
    assert all(0 < len(text.encode()) <= 1024 for text in written.attributes.values())
    wrapped = {"data": base64.b64encode(written.data).decode(), "attributes": written.attributes}
    pushed = {"message": wrapped | {"messageId": "1", "publishTime": written.attributes["ce-time"]}}
    event = read(json.dumps(pushed).encode())
    assert (event.data, event.id, event.type) == (places.webhook.body, written.id, written.type)
    return True


def pushes(data: bytes) -> bool:
    """Read what might be on the queue: an event, or malformed."""
    draw = Draw(data)
    pushed = json.dumps(draw.one(PUSHES)).encode()
    for _ in range(draw.number(3)):
        pushed = draw.one((draw.rewrite, draw.splice, draw.reform))(pushed)
    try:
        event = read(pushed)
    except NotDone:
        return False
    with suppress(GiveUp):
        event.json()
    assert len(event.key) == 64
    return True


def patterns(data: bytes) -> bool:
    """Compare a type with a pattern as the standard library does; and find no source but by its own path."""
    draw = Draw(data)
    pattern, name = draw.text()[:200], draw.text()[:2000]
    reference = fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))
    assert matching.matches(pattern, name) == processors.matches(pattern, name) == reference
    path = draw.respell(f"/{draw.one([*ROWS])}")
    try:
        assert ALL.at(path).name == path.removeprefix("/")
    except UnknownSource:
        return False
    return True


TARGETS: Mapping[str, Callable[[bytes], object]] = {
    "requests": requests,
    "parsers": parsers,
    "handshakes": handshakes,
    "messages": messages,
    "pushes": pushes,
    "patterns": patterns,
    **FORGERIES,
}
