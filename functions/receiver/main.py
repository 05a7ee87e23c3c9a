"""Receives webhooks: 200 means that Pub/Sub has the event."""

import gc
import os
import sys
import time

import flask
import functions_framework

from . import log, message, sources, worker
from .answers import Answer
from .deadline import Deadline
from .errors import Failed, Malformed, Misconfigured, NotAccepted, Unproved
from .handshakes import Proof, Question
from .keys import keys_from
from .places import Places
from .published import published_from
from .publisher import Publisher
from .request import path_of, read, traceparent_of
from .response import respond
from .schemes import Key, Publishes, locate, prove
from .settings import Settings
from .webhook import Webhook

try:
    SETTINGS = Settings.read(os.environ)
    SOURCES = sources.load(SETTINGS.sources, SETTINGS.max_body)
except Misconfigured as error:
    sys.exit(f"surehook can't start: {error}")
KEYS = keys_from(SETTINGS.keys, SETTINGS.project)
PUBLISHED = published_from(SETTINGS.keys)
PUBLISHER = Publisher(SETTINGS.topic)
os.register_at_fork(after_in_child=worker.settle)  # in each worker: the server is made before they are


@functions_framework.http
def receive(request: flask.Request) -> flask.Response:
    """Answer one request of a sender, and leave one line in the log."""
    started = time.monotonic()
    entry: dict[str, str | None] = {"traceparent": traceparent_of(request)}
    try:
        answer = _answer(request, entry)
        severity, reason = "INFO", None
    except Exception as error:
        answer, severity, reason = _refuse(error, entry)
    ms = round((time.monotonic() - started) * 1000, 1)
    said = f"{entry['outcome']} {entry.get('type') or request.path}"
    log.write(severity, said, reason=reason, status=answer.status, ms=ms, **entry)
    if entry["outcome"] == "failed":
        gc.collect()  # Google's clients keep an error in the frames it keeps, and with them the body
    return respond(answer)


def _refuse(error: Exception, entry: dict[str, str | None]) -> tuple[Answer, str, str]:
    """Decide what is told and logged of a request that is not accepted; what has no name yet is our fault."""
    refusal = error if isinstance(error, NotAccepted) else Failed(f"bug-{type(error).__name__}")
    entry["outcome"] = refusal.outcome
    answer = Answer(_status(refusal, entry.get("source")), headers=refusal.headers)
    return answer, refusal.severity, refusal.reason


def _status(refusal: NotAccepted, source: str | None) -> int:
    """What a refusal is told by; what is our fault, by the status after which this sender sends again."""
    return SOURCES[source].provider.try_again if source and isinstance(refusal, Failed) else refusal.status


def _answer(request: flask.Request, entry: dict[str, str | None]) -> Answer:
    source = SOURCES.at(path_of(request))
    entry["source"] = source.name
    deadline = Deadline(source.provider.deadline)
    with read(request, source, deadline) as webhook:
        places = Places(webhook)
        if reply := _unproved_reply(places, source, deadline):
            entry["outcome"] = "handshake"
            return reply
        key = _prove(webhook, source, deadline)
        entry["key_version"] = key.version if key else None
        if reply := _proved_reply(places, source, key, deadline):
            entry["outcome"] = "handshake"
            return reply
        event = message.write(places, source, entry["traceparent"])
        entry |= {"type": event.type, "id": event.id}
        if source.drops(event.type):
            entry["outcome"] = "dropped"
        else:
            entry["message_id"] = PUBLISHER.publish(event, deadline)
            entry["outcome"] = "accepted"
        return source.provider.answer(places)


def _unproved_reply(places: Places, source: sources.Source, deadline: Deadline) -> Answer | None:
    """Answer a question that comes without the proof of a webhook; None where there is none."""
    handshake = source.provider.handshake
    if handshake is None or handshake.proof is Proof.SIGNED or places.webhook.method not in handshake.methods:
        return None
    name = f"{source.name}_token" if handshake.has_token else source.name
    reply = handshake.reply(Question(places, lambda: KEYS.of(name, deadline), source.origins))
    if reply and handshake.hands_over:
        KEYS.keep(source.name, places.find(handshake.hands_over) or "", deadline)
    return reply


def _proved_reply(places: Places, source: sources.Source, key: Key | None, deadline: Deadline) -> Answer | None:
    """Answer a question that is proved as a webhook is; None where there is none."""
    handshake, webhook = source.provider.handshake, places.webhook
    reply = None
    if handshake and handshake.signs and handshake.signs.fullmatch(webhook.body.decode("latin-1")):
        raise Unproved("challenge-as-body")
    if handshake and key and handshake.proof is Proof.SIGNED and webhook.method in handshake.methods:
        reply = handshake.reply(Question(places, lambda: (key,), source.origins))
    if reply and reply.visit:
        PUBLISHED.visit(reply.visit, deadline)
    if reply is None and webhook.method != "POST":
        raise Malformed("challenge")
    return reply


def _prove(webhook: Webhook, source: sources.Source, deadline: Deadline) -> Key | None:
    """Find the key that proves the webhook; None only for `verify: none`."""
    if source.provider.scheme is None:
        return None
    known = _keys(webhook, source, deadline)
    try:
        return prove(source.provider.scheme, webhook, known)
    except (Unproved, Failed):  # the latter if it is no key at all
        if (fresh := _keys(webhook, source, deadline, newer=True)) == known:
            raise
        return prove(source.provider.scheme, webhook, fresh)


def _keys(webhook: Webhook, source: sources.Source, deadline: Deadline, newer: bool = False) -> tuple[Key, ...]:
    """What may prove the webhook: the secrets of its source, or the key that its sender publishes."""
    scheme, secrets = source.provider.scheme, tuple[Key, ...]()
    if not isinstance(scheme, Publishes) or scheme.HAS_SECRET:
        secrets = KEYS.refreshed(source.name, deadline) if newer else KEYS.of(source.name, deadline)
    if not isinstance(scheme, Publishes):
        return secrets
    location = locate(scheme, webhook, secrets[0].secret if secrets else "")
    return PUBLISHED.of(source.name, location, deadline, newer)
