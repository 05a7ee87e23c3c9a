"""The receiver over HTTP, as the platform runs it, with a real queue behind it."""

import gzip
import hashlib
import hmac
import json
import re
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from functions.receiver.keys import variable
from functions.receiver.places import Places
from functions.receiver.providers import PROVIDERS, Provider
from functions.receiver.schemes import Publishes
from functions.receiver.webhook import Webhook
from tests.conftest import SOURCES, Queue, Receiver, check_log, one_queue, start_queue, start_receiver
from tests.rows import sample
from tools.samples import fresh

ATTRIBUTES = {
    "ce-specversion",
    "ce-id",
    "ce-source",
    "ce-type",
    "ce-time",
    "ce-occurred",
    "ce-subject",
    "ce-traceparent",
    "ce-signed",
    "ce-headers",
    "content-type",
    "content-encoding",
}
FORM = "application/x-www-form-urlencoded"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TRACE = "0af7651916cd43dd8448eb211c80319c"
FIELDS = {
    "severity",
    "message",
    "outcome",
    "reason",
    "source",
    "type",
    "id",
    "message_id",
    "key_version",
    "status",
    "ms",
    "logging.googleapis.com/trace",
}


@dataclass(frozen=True)
class Event:
    """An event of a provider, and what its message says of it; `id` is empty where only a fresh one can be expected."""

    body: bytes = b'{"hello": "w\xc3\xb6rld",\r\n "n": 1e400}\n'
    headers: dict[str, str] = field(default_factory=dict)
    type: str = ""
    id: str = ""
    subject: str | None = None
    signed: bool = False
    answer: str = ""


EVENTS = {
    "github": Event(headers={"X-GitHub-Event": "push", "X-GitHub-Delivery": "72d3"}, type="push", id="72d3"),
    "gitlab": Event(
        b'{"object_kind":"push","project":{"path_with_namespace":"a/b"}}',
        {"Idempotency-Key": "i-1"},
        type="push",
        id="i-1",
        subject="a/b",
    ),
    "stripe": Event(
        b'{"id":"evt_1","type":"charge.refunded","data":{"object":{"id":"ch_1"}}}',
        type="charge.refunded",
        id="evt_1",
        subject="ch_1",
        signed=True,
    ),
    "slack": Event(
        b'{"type":"event_callback","team_id":"T1","event_id":"Ev1","event":{"type":"app_mention"}}',
        type="app_mention",
        id="Ev1",
        subject="T1",
        signed=True,
    ),
    "shopify": Event(
        headers={"X-Shopify-Topic": "orders/paid", "X-Shopify-Event-Id": "e1", "X-Shopify-Shop-Domain": "s.example"},
        type="orders/paid",
        id="2:e111:orders/paid",
        subject="s.example",
    ),
    "meta": Event(b'{"object":"page","entry":[{"id":"1"},{"id":"2"}]}', type="page"),
    "zoom": Event(b'{"event":"meeting.ended","payload":{"account_id":"A1"}}', type="meeting.ended", subject="A1"),
    "twilio": Event(
        b"MessageSid=SM1&MessageStatus=delivered&Body=caf%C3%A9",
        {"Content-Type": "application/x-www-form-urlencoded", "I-Twilio-Idempotency-Token": "t-1"},
        type="delivered",
        id="t-1",
        subject="SM1",
        answer="<Response/>",
    ),
    "telegram": Event(b'{"update_id":7,"message":{"text":"\\ud83d\\ude00"}}', type="message", id="7"),
    "discord": Event(
        b'{"type":1,"application_id":"9","event":{"type":"ENTITLEMENT_CREATE"}}',
        type="ENTITLEMENT_CREATE",
        subject="9",
    ),
    "discord-interactions": Event(
        b'{"type":2,"id":"77","application_id":"9"}',
        type="2",
        id="77",
        subject="9",
        signed=True,
        answer='{"type": 5}',
    ),
    "mixpanel": Event(
        b'{"action":"members","parameters":{"mixpanel_cohort_id":"42"}}',
        type="members",
        subject="42",
        answer='{"action": "members", "status": "success"}',
    ),
    "cloudevents": Event(
        headers={"Ce-Type": "a.b", "Ce-Source": "/shop", "Ce-Id": "7", "Ce-Subject": "s"},
        type="a.b",
        id="5:/shop1:7",
        subject="s",
    ),
    "standard-webhooks": Event(b'{"type":"a.b"}', {"webhook-id": "msg_1"}, type="a.b", id="msg_1", signed=True),
    "svix": Event(b'{"event_type":"a.b"}', {"svix-id": "msg_2"}, type="a.b", id="msg_2", signed=True),
}
rows = pytest.mark.parametrize("row", PROVIDERS)
examples = pytest.mark.parametrize("row", EVENTS)
OF_ANOTHER_STATUS = [name for name, row in PROVIDERS.items() if row.try_again != 503]


def event_of(receiver: Receiver, row: str) -> Webhook:
    """What the provider of a row sends, before it proves itself: its sample, as a new event."""
    return fresh(sample(row, time.time()), receiver.sources[row])


def webhook_of(receiver: Receiver, row: str) -> Webhook:
    """What the provider of a row sends."""
    return receiver.sign(row, event_of(receiver, row))


def example_of(receiver: Receiver, row: str) -> Webhook:
    """The event of a row in EVENTS, signed."""
    event = EVENTS[row]
    headers = {"content-type": "application/json"} | {name.lower(): value for name, value in event.headers.items()}
    return receiver.sign(row, Webhook(event.body, headers))


def has_secret(row: Provider) -> bool:
    """Whether a source of the row has a secret: not where its sender publishes a key that anyone may read."""
    return not isinstance(row.scheme, Publishes) or row.scheme.HAS_SECRET


def is_plain(answer: requests.Response) -> None:
    """What every answer has that its provider does not want otherwise."""
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content == b""


# Every row: the bytes that count are those that were sent, since some senders write their proof into the body.


@one_queue
@rows
def test_a_genuine_event_is_answered_as_its_provider_wants_and_queued_byte_for_byte(
    receiver: Receiver, row: str
) -> None:
    webhook = webhook_of(receiver, row)
    wanted = PROVIDERS[row].answer(Places(webhook))
    answer = receiver.post(row, webhook)
    assert (answer.status_code, answer.text) == (wanted.status, wanted.body)
    if wanted.status != 204:
        assert answer.headers["Content-Type"] == wanted.content_type
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    [message] = receiver.queue.messages()
    assert message.data == webhook.body
    assert receiver.lines_of(row)[-1]["message_id"] == message.message_id


@one_queue
@rows
def test_the_message_of_a_row_says_what_the_contract_says(receiver: Receiver, row: str) -> None:
    webhook = webhook_of(receiver, row)
    assert receiver.post(row, webhook).ok
    [message] = receiver.queue.messages()
    attributes = dict(message.attributes)
    assert attributes.keys() <= ATTRIBUTES
    assert all(value and len(value.encode()) <= 1024 for value in attributes.values())
    assert attributes["ce-specversion"] == "1.0"
    assert attributes["ce-source"] == f"/{row}"
    assert attributes["ce-type"].startswith(f"{row}.")
    if not PROVIDERS[row].batch:
        assert (attributes["ce-type"] == f"{row}.unknown") == (not PROVIDERS[row].type)
    assert TIME.fullmatch(attributes["ce-time"])
    assert attributes["content-type"] == webhook.header("content-type")
    assert message.ordering_key == ""


@one_queue
@rows
def test_an_event_that_is_sent_again_has_the_id_that_it_had_and_a_new_one_has_another(
    receiver: Receiver, row: str
) -> None:
    webhook = webhook_of(receiver, row)
    for sent in (webhook, webhook, webhook_of(receiver, row)):
        assert receiver.post(row, sent).ok
    first, again, other = sorted(receiver.queue.messages(), key=lambda message: message.attributes["ce-time"])
    ids = [message.attributes["ce-id"] for message in (first, again, other)]
    assert (ids[0] == ids[1]) == bool(PROVIDERS[row].id)
    assert ids[2] != ids[0] or not is_new_each_time(row)


def is_new_each_time(row: str) -> bool:
    """Whether each sample of a row gets an id of its own, as `fresh` can give one."""
    places = PROVIDERS[row].id
    return any(place.startswith(("json:", "header:")) for place in ([places] if isinstance(places, str) else places))


@one_queue
@rows
def test_an_unsigned_event_is_refused_without_a_word(receiver: Receiver, row: str) -> None:
    for webhook in (event_of(receiver, row), Webhook()):
        answer = receiver.post(row, webhook)
        assert answer.status_code == 401
        is_plain(answer)
    assert receiver.queue.messages() == []


@one_queue
@rows
def test_an_event_with_the_proof_of_another_secret_is_refused(receiver: Receiver, row: str) -> None:
    scheme = PROVIDERS[row].scheme
    assert scheme
    stranger = replace(receiver, secrets={row: scheme.new_keys()})
    answer = receiver.post(row, webhook_of(stranger, row))
    assert answer.status_code == 401
    is_plain(answer)
    assert receiver.queue.messages() == []


@one_queue
@pytest.mark.parametrize("row", [n for n, row in PROVIDERS.items() if row.scheme and row.scheme.covers("json:x")])
def test_an_event_whose_body_was_changed_on_the_way_is_refused(receiver: Receiver, row: str) -> None:
    webhook = webhook_of(receiver, row)
    for body in (webhook.body + b"1", b""):
        assert receiver.post(row, replace(webhook, body=body)).status_code == 401
    assert receiver.queue.messages() == []


# Some rows in full, on both queues


@examples
def test_an_event_is_queued_under_its_type_id_and_subject(receiver: Receiver, row: str) -> None:
    event, webhook = EVENTS[row], example_of(receiver, row)
    answer = receiver.post(row, webhook)
    assert (answer.ok, answer.text) == (True, event.answer)
    [message] = receiver.queue.messages()
    attributes = message.attributes
    assert message.data == webhook.body
    assert attributes["ce-type"] == f"{row}.{event.type}"
    assert attributes["ce-id"] == event.id or (not event.id and str(uuid.UUID(attributes["ce-id"])))
    assert attributes.get("ce-subject") == event.subject
    assert attributes.get("ce-signed") == ("id" if event.signed else None)


@one_queue
@pytest.mark.parametrize("age", [-1, 1], ids=["old", "of the future"])
@pytest.mark.parametrize(
    "row", ["stripe", "slack", "zoom", "discord", "discord-interactions", "standard-webhooks", "svix"]
)
def test_an_event_of_another_time_is_refused(receiver: Receiver, row: str, age: int) -> None:
    scheme = receiver.sources[row].provider.scheme
    assert scheme
    event, now = EVENTS[row], time.time()
    stale = receiver.sign(row, Webhook(event.body, event.headers, received=now + age * (scheme.tolerance + 10)))
    assert receiver.post(row, stale).status_code == 401
    assert receiver.lines_of(row)[-1]["reason"] == "stale"
    assert receiver.queue.messages() == []


# Handshakes


@one_queue
def test_slack_hears_its_challenge_in_json(receiver: Receiver) -> None:
    body = b'{"type":"url_verification","token":"t","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}'
    answer = receiver.post("slack", receiver.signed("slack", body))
    assert (answer.status_code, answer.json()) == (200, {"challenge": json.loads(body)["challenge"]})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert receiver.post("slack", Webhook(body)).status_code == 401
    assert receiver.queue.messages() == []


META = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "verify-me-please-0001"}


def ask(receiver: Receiver, **more: str) -> requests.Response:
    query = META | {name.replace("_", ".", 1): value for name, value in more.items()}
    return requests.get(f"{receiver.server.url}/meta", params=query, timeout=10)


@one_queue
def test_meta_hears_its_challenge_as_text(receiver: Receiver) -> None:
    answer = ask(receiver)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert receiver.lines_of("meta")[-1]["outcome"] == "handshake"
    assert receiver.queue.messages() == []


@one_queue
@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"hub_verify_token": "wrong"}, 401),
        ({"hub_verify_token": ""}, 401),
        ({"hub_verify_token": "verify-me-please-0001\xe9"}, 401),
        ({"hub_mode": "unsubscribe"}, 400),
        ({"hub_challenge": "<script>alert(1)</script>"}, 400),
        ({"hub_challenge": "a&amp;b"}, 400),
        ({"hub_challenge": 'a"b'}, 400),
        ({"hub_challenge": "a\r\nX-Evil: 1"}, 400),
        ({"hub_challenge": "a" * 1025}, 400),
        ({"hub_challenge": ""}, 400),
        ({"hub_challenge": "\u2603"}, 400),
    ],
    ids=[
        "wrong token",
        "empty token",
        "token and more",
        "another mode",
        "a script",
        "an entity",
        "a quote",
        "a new line",
        "too long",
        "empty",
        "not ascii",
    ],
)
def test_nothing_else_is_said_to_one_who_asks_like_meta(receiver: Receiver, more: dict[str, str], status: int) -> None:
    answer = ask(receiver, **more)
    assert answer.status_code == status
    is_plain(answer)
    assert receiver.queue.messages() == []


@one_queue
def test_zoom_hears_the_keyed_hash_of_its_token(receiver: Receiver) -> None:
    body = b'{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}'
    answer = receiver.post("zoom", receiver.signed("zoom", body))
    digest = hmac.digest(receiver.secrets["zoom"][0].encode(), b"qgg8vlvZRS6UYooatFL8Aw", "sha256").hex()
    assert answer.status_code == 200
    assert answer.json() == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": digest}
    assert answer.headers["Content-Type"] == "application/json"
    assert receiver.post("zoom", Webhook(body)).status_code == 401
    assert receiver.queue.messages() == []


@one_queue
@pytest.mark.parametrize(
    "token", ["v0:1700000000:{}", "{}", "a" * 129, "", "a b", "\u0661", None, ["a"]], ids=lambda token: repr(token)[:20]
)
def test_zoom_gets_nothing_signed_that_could_be_an_event(receiver: Receiver, token: Any) -> None:
    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": token}}).encode()
    answer = receiver.post("zoom", receiver.signed("zoom", body))
    assert answer.status_code == 400
    is_plain(answer)
    assert receiver.queue.messages() == []


@one_queue
@pytest.mark.parametrize(
    ("row", "body", "status", "text"),
    [
        ("discord", b'{"version":1,"application_id":"9","type":0}', 204, ""),
        ("discord-interactions", b'{"id":"1","type":1}', 200, '{"type": 1}'),
    ],
    ids=["webhook events", "interactions"],
)
def test_discord_pings_are_answered_only_when_signed(
    receiver: Receiver, row: str, body: bytes, status: int, text: str
) -> None:
    webhook = receiver.signed(row, body)
    answer = receiver.post(row, webhook)
    assert (answer.status_code, answer.text) == (status, text)
    if text:
        assert answer.headers["Content-Type"] == "application/json"
    forged = {"x-signature-ed25519": "0" * 128}
    assert receiver.post(row, webhook, headers=forged).status_code == 401
    assert receiver.queue.messages() == []


@one_queue
def test_the_ping_of_github_is_answered_and_not_queued(receiver: Receiver) -> None:
    ping = receiver.signed("github", b'{"zen":"Keep it logically awesome."}', X_GitHub_Event="ping")
    answer = receiver.post("github", ping)
    assert answer.status_code == 200
    is_plain(answer)
    assert receiver.lines_of("github")[-1]["outcome"] == "handshake"
    assert receiver.post("github", Webhook(b"{}", {"X-GitHub-Event": "ping"})).status_code == 401
    assert receiver.queue.messages() == []


@one_queue
def test_a_probe_by_head_is_answered(receiver: Receiver) -> None:
    answer = requests.head(f"{receiver.server.url}/trello", timeout=10)
    assert answer.status_code == 200
    is_plain(answer)
    assert receiver.lines_of("trello")[-1]["outcome"] == "handshake"
    assert receiver.queue.messages() == []


@one_queue
def test_a_question_by_options_is_answered_for_an_origin_that_may_send_and_for_no_other(receiver: Receiver) -> None:
    url = f"{receiver.server.url}/cloudevents"
    mine, theirs = {"WebHook-Request-Origin": "demo.example.com"}, {"WebHook-Request-Origin": "evil.example.com"}
    answer = requests.options(url, headers=mine | {"WebHook-Request-Rate": "120"}, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "demo.example.com"
    assert (answer.headers["WebHook-Allowed-Rate"], answer.headers["Allow"]) == ("120", "POST")
    is_plain(answer)
    for headers in (theirs, {}):
        answer = requests.options(url, headers=headers, timeout=10)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
        assert "WebHook-Allowed-Origin" not in answer.headers
        is_plain(answer)
    assert receiver.queue.messages() == []


@one_queue
@pytest.mark.parametrize(
    "token", ["dGVzdA==", "1", "a" * 128, "e30.x/y+z~-_"], ids=["base64", "short", "long", "marks"]
)
def test_what_x_has_signed_by_asking_gets_nobody_in(receiver: Receiver, token: str) -> None:
    answer = requests.get(f"{receiver.server.url}/x", params={"crc_token": token}, timeout=10)
    assert answer.status_code == 200
    signature = answer.json()["response_token"]
    webhook = Webhook(token.encode(), {"x-twitter-webhooks-signature": signature})
    assert receiver.signed("x", webhook.body).header("x-twitter-webhooks-signature") == signature  # so it is a proof
    assert receiver.post("x", webhook).status_code == 401
    assert receiver.lines_of("x")[-1]["reason"] == "challenge-as-body"
    assert receiver.queue.messages() == []


@one_queue
@pytest.mark.parametrize(
    "body", [b'{"a":1}', b'"a"', b" ", b"a" * 129, b""], ids=["json", "text", "space", "long", "empty"]
)
def test_x_has_nothing_signed_that_could_be_an_event(receiver: Receiver, body: bytes) -> None:
    answer = requests.get(f"{receiver.server.url}/x", params={"crc_token": body.decode()}, timeout=10)
    assert answer.status_code == 400
    is_plain(answer)
    assert receiver.post("x", receiver.signed("x", body)).status_code == 200
    assert [message.data for message in receiver.queue.messages()] == [body]


# Statuses


@one_queue
@pytest.mark.parametrize("path", ["", "nobody", "metrics", "health", ".env", "debug/config", "favicon.ico"])
def test_a_path_that_is_nobodys_is_not_found(receiver: Receiver, path: str) -> None:
    for method in ("GET", "POST"):
        answer = requests.request(method, f"{receiver.server.url}/{path}", data=b"{}", timeout=10)
        assert answer.status_code == 404
        assert path == "favicon.ico" or answer.content == b""
    assert receiver.queue.messages() == []


METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "FOO"]


@one_queue
@pytest.mark.parametrize("source", SOURCES)
def test_a_method_that_a_source_does_not_use_is_refused_with_those_that_it_does(
    receiver: Receiver, source: str
) -> None:
    webhook, used = receiver.signed(source, b"a=1", content_type=FORM), methods_of(receiver, source)
    for method in METHODS:
        if method not in used:
            answer = receiver.post(source, webhook, method=method)
            assert (answer.status_code, answer.headers["Allow"]) == (405, ", ".join(used))
            is_plain(answer)
    assert receiver.queue.messages() == []


def methods_of(receiver: Receiver, source: str) -> list[str]:
    handshake = receiver.sources[source].provider.handshake
    return sorted({"POST", *handshake.methods} if handshake else {"POST"})


@one_queue
@pytest.mark.parametrize(
    ("source", "allowed"),
    [("stripe", "POST"), ("meta", "GET, POST"), ("trello", "HEAD, POST"), ("cloudevents", "OPTIONS, POST")],
)
def test_the_methods_of_a_source_are_those_of_its_events_and_its_questions(
    receiver: Receiver, source: str, allowed: str
) -> None:
    assert requests.put(f"{receiver.server.url}/{source}", timeout=10).headers["Allow"] == allowed


OTHERWISE = [
    (name, method)
    for name, row in PROVIDERS.items()
    if row.handshake
    for method in row.handshake.methods
    if method != "POST"
]


@one_queue
@pytest.mark.parametrize(("row", "method"), OTHERWISE)
def test_an_event_that_comes_by_the_method_of_a_question_is_not_queued(
    receiver: Receiver, row: str, method: str
) -> None:
    webhook = webhook_of(receiver, row)
    assert receiver.post(row, webhook, method=method).status_code in (200, 400, 401, 404, 405)
    assert receiver.queue.messages() == []
    assert receiver.post(row, webhook).ok
    assert [message.data for message in receiver.queue.messages()] == [webhook.body]


@one_queue
def test_a_header_does_not_change_the_method(receiver: Receiver) -> None:
    override = {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST", "X-HTTP-Method": "POST"}
    assert receiver.post("stripe", webhook_of(receiver, "stripe"), method="GET", headers=override).status_code == 405
    assert receiver.queue.messages() == []


@one_queue
def test_a_body_of_the_limit_passes_and_one_byte_more_does_not(receiver: Receiver) -> None:
    for size, status in ((1000, 200), (1001, 413)):
        for data in (b"x" * size, iter([b"x" * 600, b"x" * (size - 600)])):
            answer = receiver.post("small", receiver.signed("small", b""), data=data)
            assert answer.status_code == status
            is_plain(answer)
    assert [len(message.data) for message in receiver.queue.messages()] == [1000, 1000]
    line = receiver.lines_of("small")[-1]
    assert (line["severity"], line["outcome"], line["reason"]) == ("ERROR", "refused", "body")


def test_a_body_of_nine_million_bytes_passes_and_one_byte_more_does_not(receiver: Receiver) -> None:
    body = bytes(range(250)) * 36_000
    assert len(body) == 9_000_000
    assert receiver.post("github", receiver.signed("github", body, X_GitHub_Event="push")).status_code == 200
    [message] = receiver.queue.messages()
    assert message.data == body
    larger = receiver.signed("github", body + b"1", X_GitHub_Event="push")
    with receiver.connect() as connection:  # requests would go on sending, and might miss the answer
        head = f"POST /github HTTP/1.1\r\nHost: x\r\nContent-Length: 9000001\r\n{headers_of(larger)}\r\n"
        connection.sendall(head.encode() + larger.body[:1000])
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert receiver.queue.messages() == []


@one_queue
def test_no_source_takes_more_than_max_body(queue: Queue, tmp_path: Path) -> None:
    other = start_receiver(queue, tmp_path, MAX_BODY="900")
    try:
        for source in ("github", "stripe", "small", "hasty", "anyone"):  # by its row, as usual, or as its entry says
            for size, status in ((900, 200), (901, 413)):
                answer = other.post(source, other.signed(source, b"x" * size))
                assert answer.status_code == status, source
                is_plain(answer)
        assert {len(message.data) for message in queue.messages()} == {900}
    finally:
        other.server.kill()


def headers_of(webhook: Webhook) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in webhook.headers.items())


@one_queue
def test_an_url_over_8_kb_is_refused(receiver: Receiver) -> None:
    webhook = replace(receiver.signed("in-query"), query="")
    for longest in (8192, 8193):
        query = receiver.sign("in-query", replace(webhook, query="a=")).query
        query = "a=" + "x" * (longest - len(f"/in-query?{query}")) + query[2:]
        answer = receiver.post("in-query", replace(webhook, query=query))
        assert answer.status_code == (200 if longest == 8192 else 414)
        is_plain(answer)
    assert receiver.exchange(f"POST /{'x' * 100_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).status == 414
    assert len(receiver.queue.messages()) == 1


@one_queue
def test_a_source_without_a_secret_lets_nobody_in_and_asks_to_try_again(receiver: Receiver) -> None:
    for webhook in (Webhook(b"{}"), receiver.signed("keyless")):
        answer = receiver.post("keyless", webhook)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        is_plain(answer)
    line = receiver.lines_of("keyless")[-1]
    assert (line["severity"], line["outcome"], line["reason"]) == ("ERROR", "failed", "secret-missing")
    assert receiver.queue.messages() == []


@pytest.fixture(scope="module")
def emptied(running: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver whose secrets are all empty; its senders sign with those of the other one."""
    names = [variable(kind, row) for kind in ("KEY", "TOKEN") for row in PROVIDERS]
    empty = start_receiver(running.queue, tmp_path_factory.mktemp("emptied"), **dict.fromkeys(names, ""))
    try:
        yield replace(empty, secrets=running.secrets)
    finally:
        empty.server.kill()
    check_log(empty)


@one_queue
@pytest.mark.parametrize("row", [n for n, row in PROVIDERS.items() if has_secret(row)])
def test_an_empty_secret_is_told_to_each_provider_by_the_status_after_which_it_sends_again(
    emptied: Receiver, row: str
) -> None:
    for webhook in (webhook_of(emptied, row), event_of(emptied, row), Webhook()):
        answer = emptied.post(row, webhook)
        assert answer.status_code == PROVIDERS[row].try_again
        assert int(answer.headers["Retry-After"]) > 0
        is_plain(answer)
    line = emptied.lines_of(row)[-1]
    assert (line["severity"], line["outcome"], line["reason"]) == ("ERROR", "failed", "secret-empty")
    assert line["status"] == PROVIDERS[row].try_again
    assert emptied.queue.messages() == []


@one_queue
@pytest.mark.parametrize("row", [n for n, row in PROVIDERS.items() if row.handshake and row.handshake.has_token])
def test_an_empty_verify_token_answers_nobody(emptied: Receiver, row: str) -> None:
    handshake = PROVIDERS[row].handshake
    assert handshake
    for token, statuses in (("", (400, 401, 503)), ("x", (503,))):
        asked = {"hub.mode": "subscribe", "hub.challenge": "1", "challenge_code": "1"}
        query = urlencode(asked | dict.fromkeys(("hub.verify_token", "verify", "token"), token))
        webhook = Webhook(b'{"verification_token": "x"}', {"x-hook-secret": "0" * 32}, query=query)
        answer = emptied.post(row, webhook, method=handshake.methods[0])
        assert answer.status_code in statuses
        is_plain(answer)


@one_queue
def test_a_source_that_verifies_nothing_takes_anything_and_says_so_at_the_start(receiver: Receiver) -> None:
    assert receiver.post("anyone", Webhook(b"\x00\xff")).status_code == 200
    [message] = receiver.queue.messages()
    assert (message.data, message.attributes["ce-type"]) == (b"\x00\xff", "anyone.unknown")
    assert any(line["severity"] == "WARNING" and line.get("source") == "anyone" for line in receiver.server.lines)


# What `only` leaves out


@one_queue
def test_only_drops_what_it_does_not_name_and_says_200(receiver: Receiver) -> None:
    answer = receiver.post("picky", receiver.signed("picky", b'{"id":"evt_1","type":"charge.refunded"}'))
    assert answer.status_code == 200
    is_plain(answer)
    line = receiver.lines_of("picky")[-1]
    assert (line["outcome"], line["type"]) == ("dropped", "stripe.charge.refunded")
    assert receiver.queue.messages() == []
    assert receiver.post("picky", Webhook(b'{"type":"charge.refunded"}')).status_code == 401


@one_queue
@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("picky", b'{"id":"evt_1","type":"payment_intent.succeeded"}'),
        ("picky", b'{"id":"evt_1"}'),
        ("picky", b'{"type":{"a":1}}'),
        ("picky", b'{"type":"charge.refunded","type":"payment_intent.succeeded"}'),
        ("picky", b"not json"),
        ("picky", b"[" * 100_000),
        ("picky", b""),
        ("picky-meta", b'{"object":"page","entry":[]}'),
    ],
    ids=["named", "no type", "an object", "two types", "no json", "deep", "empty", "a batch"],
)
def test_only_keeps_what_it_names_and_what_it_cannot_tell(receiver: Receiver, source: str, body: bytes) -> None:
    assert receiver.post(source, receiver.signed(source, body)).status_code == 200
    assert [message.data for message in receiver.queue.messages()] == [body]


# Odd requests


@one_queue
@pytest.mark.parametrize(
    "path",
    [
        "//github",
        "/github/",
        "/GitHub",
        "/%67ithub",
        "/github%00",
        "/github;x",
        "/../github",
        "/./github",
        "/x/../github",
        "/github%2f",
        "/%2fgithub",
        "/github%0a",
        "/github%20",
        "\\github",
        "/github\\",
        "http://example.com/github",
        "*",
        "/github/github",
        "/%",
        "/\xe9",
        "/%ff%fe",
    ],
)
def test_no_other_spelling_of_a_path_is_the_source(receiver: Receiver, path: str) -> None:
    webhook = receiver.signed("github", b"{}", X_GitHub_Event="push")
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n{headers_of(webhook)}\r\n"
    assert receiver.exchange(head.encode("latin-1") + b"{}").status in (400, 404, 308)
    assert receiver.queue.messages() == []


TYPES = [
    "",
    "text/plain",
    "application/json; charset=utf-7",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=" + "x" * 500,
    "multipart/form-data",
    "application/cloudevents+json",
    "APPLICATION/JSON;;;",
    "\xe9",
    "application/octet-stream",
]


@one_queue
@pytest.mark.parametrize("content_type", TYPES, ids=lambda text: repr(text)[:40])
def test_the_content_type_changes_no_byte(receiver: Receiver, content_type: str) -> None:
    body = b'a=1&b=%20&\xff\x00\r\n--x\r\n{"a": 1}'
    webhook = receiver.signed("github", body, X_GitHub_Event="push")
    answer = receiver.post("github", webhook, headers={"content-type": content_type.encode("latin-1")})
    assert answer.status_code == 200
    [message] = receiver.queue.messages()
    assert message.data == body
    assert message.attributes.get("content-type", "") == content_type


@one_queue
def test_an_empty_body_is_an_event_too(receiver: Receiver) -> None:
    webhook = receiver.signed("github", b"", X_GitHub_Event="push")
    assert receiver.post("github", webhook).status_code == 200
    [message] = receiver.queue.messages()
    assert (message.data, message.attributes["ce-type"]) == (b"", "github.push")


@one_queue
def test_a_compressed_body_stays_compressed(receiver: Receiver) -> None:
    body = gzip.compress(b"0" * 5_000_000)
    webhook = receiver.signed("github", body, X_GitHub_Event="push", Content_Encoding="gzip")
    assert receiver.post("github", webhook).status_code == 200
    [message] = receiver.queue.messages()
    assert (message.data, message.attributes["content-encoding"]) == (body, "gzip")


def test_headers_do_not_reach_the_call_that_publishes(receiver: Receiver) -> None:
    odd = {"Timeout": "0.0001", "Retry": "x", "Ordering-Key": "k", "Topic": "projects/x/topics/y", "Data": "d"}
    odd |= {"Ce-Id": "forged", "Ce-Source": "/forged", "Ce-Type": "forged", "Ce-Replay": "9", "Ce-Signed": "id"}
    started = time.monotonic()
    assert receiver.post("github", example_of(receiver, "github"), headers=odd).status_code == 200
    assert time.monotonic() - started < 1
    [message] = receiver.queue.messages()
    assert message.ordering_key == ""
    assert message.data == EVENTS["github"].body
    assert message.attributes.keys() <= ATTRIBUTES
    assert message.attributes["ce-id"] == "72d3"
    assert not {"forged", "9", "k", "d"} & set(message.attributes.values())
    assert "ce-signed" not in message.attributes


@one_queue
def test_headers_that_a_source_keeps_are_with_the_event_and_no_others(receiver: Receiver) -> None:
    more = {"X-Kept": "yes", "X-Not-Kept": "no", "Authorization": "Basic eDp5", "Cookie": "a=b"}
    more |= {"X-Also-Kept": "x" * 2000, "X-Github-Encoded-Secret": "Zm9v"}
    assert receiver.post("erp", receiver.signed("erp"), headers=more).status_code == 200
    [message] = receiver.queue.messages()
    assert json.loads(message.attributes["ce-headers"]) == {"x-kept": "yes"}
    assert not {"Zm9v", "Basic eDp5", "a=b"} & set(message.attributes.values())
    assert receiver.post("erp", receiver.signed("erp"), headers={"X-Also-Kept": "\xe9"}).status_code == 200
    [message] = receiver.queue.messages()
    assert json.loads(message.attributes["ce-headers"]) == {"x-also-kept": "\xe9"}


@one_queue
def test_a_long_header_that_is_not_ascii_is_cut_at_a_character(receiver: Receiver) -> None:
    webhook = receiver.signed("github", b"{}")
    odd = {"X-GitHub-Event": b"\xe9" * 600, "X-GitHub-Delivery": b"\xe9" * 600, "Content-Type": b"\xe9" * 600}
    assert receiver.post("github", webhook, headers=odd).status_code == 200
    [message] = receiver.queue.messages()
    assert message.attributes["ce-type"] == "github." + "\xe9" * 508
    assert message.attributes["content-type"] == "\xe9" * 512
    assert message.attributes["ce-id"] == "sha256:" + hashlib.sha256(("\xe9" * 600).encode()).hexdigest()


@one_queue
@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ('"\\ud800"', "sha256"),
        ('"a\\u0000b"', "sha256"),
        ('"' + "x" * 5000 + '"', "sha256"),
        ("7", "7"),
        ("null", ""),
        ('""', ""),
        ("{}", ""),
        ("[1]", ""),
        ("1" * 5000, "sha256"),
    ],
    ids=["a surrogate", "a zero byte", "long", "a number", "null", "empty", "an object", "an array", "a huge number"],
)
def test_an_id_of_any_kind_is_safe_in_the_queue(receiver: Receiver, value: str, wanted: str) -> None:
    body = f'{{"id": {value}, "type": {value}, "subject": {value}}}'.encode()
    assert receiver.post("erp", receiver.signed("erp", body)).status_code == 200
    [message] = receiver.queue.messages()
    assert message.data == body
    given = message.attributes["ce-id"]
    assert given.startswith(wanted) if wanted else str(uuid.UUID(given)) == given
    assert all(len(text.encode()) <= 1024 for text in message.attributes.values())


# The log


@one_queue
def test_every_request_leaves_one_line_with_the_fields_that_are_documented(receiver: Receiver) -> None:
    event = EVENTS["stripe"]
    good, trace = receiver.signed("stripe", event.body), {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    requests_and_outcomes: list[tuple[Callable[[], requests.Response], str, str, str | None]] = [
        (lambda: receiver.post("stripe", good, headers=trace), "INFO", "accepted", None),
        (lambda: receiver.post("stripe", Webhook(b"{}")), "WARNING", "refused", "missing"),
        (lambda: receiver.post("nobody", good), "WARNING", "refused", "path"),
        (lambda: receiver.post("stripe", good, method="PUT"), "WARNING", "refused", "method"),
        (lambda: receiver.post("keyless", good), "ERROR", "failed", "secret-missing"),
        (lambda: receiver.post("picky", receiver.signed("picky", b'{"type":"x"}')), "INFO", "dropped", None),
        (lambda: ask(receiver), "INFO", "handshake", None),
        (lambda: receiver.post("small", Webhook(b"x" * 1001)), "ERROR", "refused", "body"),
    ]
    for send, severity, outcome, reason in requests_and_outcomes:
        before = receiver.server.output.read_text()
        answer = send()
        [text] = receiver.server.output.read_text().removeprefix(before).splitlines()
        line = json.loads(text)
        assert (line["severity"], line["outcome"], line.get("reason")) == (severity, outcome, reason)
        assert line.keys() <= FIELDS
        assert line["status"] == answer.status_code
        assert line["ms"] >= 0
    accepted = receiver.lines_of("stripe")[-3]
    assert accepted.keys() == FIELDS - {"reason"}
    assert (accepted["type"], accepted["id"]) == ("stripe.charge.refunded", "evt_1")
    assert (accepted["key_version"], accepted["status"]) == ("env:1", 200)
    assert accepted["logging.googleapis.com/trace"] == f"projects/tests/traces/{TRACE}"
    receiver.queue.messages()


@one_queue
def test_neither_log_nor_answer_nor_attribute_tells_a_secret_a_signature_or_a_body(receiver: Receiver) -> None:
    canary = "CANARY-7f3a"
    for source in ("github", "gitlab", "stripe", "slack", "twilio", "erp", "in-query", "telegram"):
        body = json.dumps({"text": canary}).encode()
        form = {"content-type": "application/x-www-form-urlencoded"} if source == "twilio" else {}
        good = receiver.sign(source, Webhook(body, form))
        bad = replace(good, headers={name: value + canary for name, value in good.headers.items()}, query=canary)
        authorization = {"Authorization": f"Bearer {canary}", "Cookie": canary, "X-Other": canary}
        answers = [receiver.post(source, webhook, headers=authorization) for webhook in (good, bad)]
        assert [answer.status_code for answer in answers] == [200, 401], source
        attributes = [str(dict(message.attributes)) for message in receiver.queue.messages()]
        assert len(attributes) == 1
        told = receiver.server.output.read_text() + "".join(a.text + str(a.headers) for a in answers) + str(attributes)
        assert canary not in told
        assert receiver.secrets[source][0] not in told
        proofs = [value for name, value in good.headers.items() if "sig" in name or "hmac" in name]
        assert not [proof for proof in proofs if proof in told]


INJECTIONS = [
    'x\r\n{"severity":"EMERGENCY","message":"forged"}',
    '{"severity":"EMERGENCY"}',
    '{"logging.googleapis.com/labels":"x"}',
    "\x1b[31mred\x1b[0m",
    "\x00\x07\x08\x7f\x85\u2028\u202e",
    "x" * 10_000,
    "\ud800",
]


@one_queue
@pytest.mark.parametrize("text", INJECTIONS, ids=lambda text: repr(text)[:30])
def test_no_value_of_a_sender_becomes_a_line_or_a_field(receiver: Receiver, text: str) -> None:
    body = json.dumps({"type": text, "id": text, "subject": text}).encode()
    before = receiver.server.output.read_text()
    odd = {"Function-Execution-Id": "ATTACKER", "X-Cloud-Trace-Context": "x/1;o=1", "traceparent": "00-x"}
    assert receiver.post("erp", receiver.signed("erp", body), headers=odd).status_code == 200
    [line] = receiver.server.output.read_text().removeprefix(before).splitlines()
    assert line.isprintable()
    logged = json.loads(line)
    assert logged["severity"] == "INFO"
    assert logged.keys() <= FIELDS - {"logging.googleapis.com/trace"}
    assert all(len(value) <= 256 * 10 for value in logged.values() if isinstance(value, str))
    assert all(str(value).isprintable() for value in logged.values())
    assert "ATTACKER" not in line
    [message] = receiver.queue.messages()
    assert message.data == body


@one_queue
@pytest.mark.parametrize("path", ["/x%0d%7b%22severity%22:%22EMERGENCY%22%7d", "/%1b[31m", "/%00", '/{"severity":"E"}'])
def test_no_path_becomes_a_line_or_a_field(receiver: Receiver, path: str) -> None:
    before = receiver.server.output.read_text()
    assert receiver.exchange(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()).status == 404
    [line] = receiver.server.output.read_text().removeprefix(before).splitlines()
    assert json.loads(line)["severity"] == "WARNING"
    assert all(str(value).isprintable() for value in json.loads(line).values())


@one_queue
@pytest.mark.parametrize(
    ("headers", "traceparent"),
    [
        ({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, f"00-{TRACE}-b7ad6b7169203331-01"),
        ({"X-Cloud-Trace-Context": f"{TRACE}/1;o=1"}, f"00-{TRACE}-0000000000000001-01"),
        ({"X-Cloud-Trace-Context": f"{TRACE}/18446744073709551615"}, f"00-{TRACE}-ffffffffffffffff-00"),
        ({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01\xe9"}, None),
        ({"traceparent": f"00-{TRACE.upper()}-b7ad6b7169203331-01"}, None),
        ({"X-Cloud-Trace-Context": f"{TRACE}/x"}, None),
        ({}, None),
    ],
    ids=["w3c", "google's", "google's with the largest span", "w3c and more", "capitals", "no number", "none"],
)
def test_the_trace_of_a_request_is_in_the_log_and_in_the_message(
    receiver: Receiver, headers: dict[str, str], traceparent: str | None
) -> None:
    assert receiver.post("github", webhook_of(receiver, "github"), headers=headers).status_code == 200
    [message] = receiver.queue.messages()
    assert message.attributes.get("ce-traceparent") == traceparent
    trace = receiver.lines_of("github")[-1].get("logging.googleapis.com/trace")
    assert trace == (traceparent and f"projects/tests/traces/{TRACE}")


# A queue that is away


@pytest.fixture(scope="module", params=["emulator", "embedded"])
def own(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver with a queue of its own, which a test may kill if it brings it back."""
    folder = tmp_path_factory.mktemp("own")
    queue = start_queue(request.param, folder)
    try:
        queue.create()
        receiver = start_receiver(queue, folder)
        yield receiver
        receiver.server.kill()
        receiver.queue.server.kill()
        check_log(receiver)
    finally:
        queue.server.stop()


def post_in(receiver: Receiver, source: str, most: float) -> requests.Response:
    started = time.monotonic()
    answer = receiver.post(source, receiver.signed(source, b"{}"))
    assert time.monotonic() - started < most
    return answer


def test_while_the_queue_is_down_senders_are_asked_to_try_again_and_afterwards_all_is_well(own: Receiver) -> None:
    assert post_in(own, "hasty", 1.5).status_code == 200
    own.queue.server.kill()
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(post_in, own, source, most) for source, most in (("hasty", 1.5), ("slack", 3))]
    for answer in [job.result() for job in jobs]:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        is_plain(answer)
    line = own.lines_of("slack")[-1]
    assert (line["severity"], line["outcome"]) == ("ERROR", "failed")
    assert line["reason"] in ("queue-down", "deadline")
    own.queue = start_queue(own.queue.kind, own.queue.server.output.parent, own.queue.server.port)
    if own.queue.kind == "emulator":  # it keeps nothing
        own.queue.create()
    own.queue.messages()
    assert post_in(own, "gitlab", 4.5).status_code == 200  # the client may take a second to look for it again
    assert [message.data for message in own.queue.messages()] == [b"{}"]


def test_while_the_queue_hangs_senders_are_asked_to_try_again_and_afterwards_all_is_well(own: Receiver) -> None:
    assert post_in(own, "hasty", 1.5).status_code == 200
    own.queue.messages()
    process = own.queue.server.process
    process.send_signal(signal.SIGSTOP)
    try:
        assert post_in(own, "hasty", 1.5).status_code == 503
    finally:
        process.send_signal(signal.SIGCONT)
    assert post_in(own, "hasty", 1.5).status_code == 200
    assert own.queue.messages()


@one_queue
def test_a_topic_that_is_not_there_is_our_fault(queue: Queue, tmp_path: Path) -> None:
    other = start_receiver(queue, tmp_path, TOPIC="projects/tests/topics/absent")
    try:
        for source in ("hasty", *OF_ANOTHER_STATUS):
            answer = post_in(other, source, 4)
            assert answer.status_code == other.sources[source].provider.try_again
            assert answer.headers["Retry-After"] == "10"
            is_plain(answer)
            assert other.lines_of(source)[-1]["reason"] == "queue-refused"
    finally:
        other.server.kill()


@one_queue
def test_only_what_is_our_fault_is_told_otherwise(receiver: Receiver) -> None:
    assert receiver.sources["brevo"].provider.try_again == 429
    assert receiver.post("brevo", Webhook(b"{}")).status_code == 401
    assert receiver.post("brevo", Webhook(b"{}"), method="PUT").status_code == 405
    assert (
        receiver.exchange(b"POST /brevo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", half_close=True).status
        == 400
    )
