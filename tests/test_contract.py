"""The contract between the two functions: what the receiver writes, the processor reads."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.processor.event import Event
from functions.processor.message import read
from functions.receiver import message
from functions.receiver.places import Places
from functions.receiver.sources import Source, load
from functions.receiver.webhook import Webhook
from tests.servers import ROOT

BODY = b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}'


def source(tmp_path: Path, text: str) -> Source:
    (tmp_path / "sources.yaml").write_text(text)
    return next(iter(load(tmp_path / "sources.yaml").values()))


def through_the_queue(written: message.Message) -> Event:
    push = {
        "message": {
            "data": base64.b64encode(written.data).decode(),
            "attributes": written.attributes,
            "messageId": "1",
            "publishTime": "2026-01-02T03:04:05.678Z",
        },
        "subscription": "projects/p/subscriptions/webhooks-processor",
        "deliveryAttempt": 2,
    }
    return read(json.dumps(push).encode(), deadline=0)


def test_an_event_arrives_as_it_was_sent(tmp_path: Path) -> None:
    stripe = source(tmp_path, "payments-eu: {provider: stripe, headers: [User-Agent]}")
    headers = {"content-type": "application/json", "user-agent": "Stripe/1.0"}
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    event = through_the_queue(message.write(Places(Webhook(BODY, headers, received=1700000000.5)), stripe, trace))
    assert (event.type, event.source, event.id) == ("stripe.payment_intent.succeeded", "payments-eu", "evt_1")
    assert event.time == datetime(2023, 11, 14, 22, 13, 20, 500000, UTC)
    assert (event.data, event.json()["id"]) == (BODY, "evt_1")
    assert (event.subject, event.content_type, event.attempt) == ("pi_1", "application/json", 2)
    assert (event.headers, event.traceparent) == ({"user-agent": "Stripe/1.0"}, trace)


def test_of_two_events_that_arrive_swapped_the_newer_is_known(tmp_path: Path) -> None:
    stripe = source(tmp_path, "stripe: {provider: stripe}")
    bodies = (BODY.replace(b'"type"', b'"created": %d, "type"' % made) for made in (1700000002, 1700000001))
    newer, older = (through_the_queue(message.write(Places(Webhook(body)), stripe)) for body in bodies)
    assert newer.subject == older.subject
    assert newer.occurred_at
    assert older.occurred_at
    assert newer.time < older.time
    assert newer.occurred_at > older.occurred_at == datetime(2023, 11, 14, 22, 13, 21, tzinfo=UTC)


def test_a_sender_that_does_not_say_when_it_happened_leaves_it_open(tmp_path: Path) -> None:
    github = source(tmp_path, "github: {provider: github}")
    assert through_the_queue(message.write(Places(Webhook(BODY)), github)).occurred_at is None


@pytest.mark.parametrize("file", sorted((ROOT / "tests/contract").glob("message-v*.json")), ids=lambda file: file.stem)
def test_every_form_that_a_receiver_ever_wrote_is_read(file: Path) -> None:
    for example in json.loads(file.read_text()):
        written = message.Message(base64.b64decode(example["message"]["data"]), example["message"]["attributes"])
        event = through_the_queue(written)
        assert (event.id, event.data.decode()) == (written.id, example["body"])
        assert (event.occurred_at is None) == (file.stem == "message-v1")


@pytest.mark.parametrize("body", [b"", b"\xff\x00\xfe", b"{" * 100_000, "é☃".encode()], ids=repr)
def test_any_bytes_arrive_as_they_were_sent(tmp_path: Path, body: bytes) -> None:
    github = source(tmp_path, "github: {provider: github}")
    event = through_the_queue(message.write(Places(Webhook(body)), github))
    assert event.data == body
    assert event.type == "github.unknown"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a: {provider: stripe}", True),
        ("a: {provider: github, id: json:id}", True),
        ("a: {provider: gitlab, id: json:id}", False),
        ("a: {provider: github, id: header:X-GitHub-Delivery}", False),
    ],
    ids=["signed id", "id in a signed body", "id in an unsigned body", "id in an unsigned header"],
)
def test_a_body_counts_for_the_key_unless_the_id_is_signed(tmp_path: Path, text: str, same: bool) -> None:
    sender = source(tmp_path, text)
    headers = {"x-github-delivery": "1"}
    keys = {
        through_the_queue(message.write(Places(Webhook(body, headers)), sender)).key
        for body in (BODY, BODY.replace(b"pi_1", b"pi_2"))
    }
    assert len(keys) == (1 if same else 2)
