"""Receives webhooks: 200 means that Pub/Sub has the event."""

import os
import sys
import time

import flask
import functions_framework

from . import cpu, log, message, sources
from .answers import OK, Answer
from .deadline import Deadline
from .errors import Failed, Misconfigured, NotAccepted, Unproved
from .keys import keys_from
from .places import Places
from .publisher import Publisher
from .request import path_of, read, traceparent_of
from .response import respond
from .schemes import Key, prove
from .settings import Settings
from .webhook import Webhook

try:
    SETTINGS = Settings.read(os.environ)
    SOURCES = sources.load(SETTINGS.sources)
except Misconfigured as error:
    sys.exit(f"surehook can't start: {error}")
KEYS = keys_from(SETTINGS.keys, SETTINGS.project)
PUBLISHER = Publisher(SETTINGS.topic)
os.register_at_fork(after_in_child=cpu.stay_on_one)  # in each worker: the server is made before they are


@functions_framework.http
def receive(request: flask.Request) -> flask.Response:
    """Answer one request of a sender, and leave one line in the log."""
    started = time.monotonic()
    entry: dict[str, str | None] = {"traceparent": traceparent_of(request)}
    try:
        answer = _answer(request, entry)
        severity, reason = "INFO", None
    except Exception as error:
        refusal = error if isinstance(error, NotAccepted) else Failed(f"bug-{type(error).__name__}")
        answer = Answer(refusal.status, headers=refusal.headers)
        severity, reason, entry["outcome"] = refusal.severity, refusal.reason, refusal.outcome
    ms = round((time.monotonic() - started) * 1000, 1)
    log.write(severity, f"{entry['outcome']} {entry.get('type') or request.path}", reason=reason, ms=ms, **entry)
    return respond(answer)


def _answer(request: flask.Request, entry: dict[str, str | None]) -> Answer:
    source = SOURCES.at(path_of(request))
    entry["source"] = source.name
    deadline = Deadline(source.provider.deadline)
    with read(request, source, deadline) as webhook:
        places, handshake = Places(webhook), source.provider.handshake
        if webhook.method == "GET" and handshake:
            entry["outcome"] = "handshake"
            return handshake.reply(places, KEYS.of(f"{source.name}_token", deadline)) or OK
        key = _prove(webhook, source, deadline)
        entry["key_version"] = key.version if key else None
        if key and handshake and not handshake.token and (reply := handshake.reply(places, [key])):
            entry["outcome"] = "handshake"
            return reply
        event = message.write(places, source, entry["traceparent"])
        entry |= {"type": event.type, "id": event.id}
        if source.drops(event.type):
            entry["outcome"] = "dropped"
            return OK
        entry["message_id"] = PUBLISHER.publish(event, deadline)
        entry["outcome"] = "accepted"
        return source.provider.success


def _prove(webhook: Webhook, source: sources.Source, deadline: Deadline) -> Key | None:
    """Find the key that proves the webhook; None only for `verify: none`."""
    if source.provider.scheme is None:
        return None
    known = KEYS.of(source.name, deadline)
    try:
        return prove(source.provider.scheme, webhook, known)
    except Unproved:
        if (fresh := KEYS.refreshed(source.name, deadline)) == known:
            raise
        return prove(source.provider.scheme, webhook, fresh)
