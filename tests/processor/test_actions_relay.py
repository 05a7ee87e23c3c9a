"""What a relay sends: the sender's bytes, a CloudEvent's headers, a signature, a token."""

import base64
import re
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as StandardVerifier
from standardwebhooks.webhooks import WebhookVerificationError as StandardRefusal
from svix.webhooks import Webhook as SvixVerifier
from svix.webhooks import WebhookVerificationError as SvixRefusal

from functions.processor.actions import relay
from functions.processor.errors import GiveUp, Misconfigured, NotTaken
from functions.processor.event import Event
from functions.receiver.errors import Unproved
from functions.receiver.schemes import StandardWebhooks
from functions.receiver.webhook import Webhook
from tests.conftest import Receiver, one_queue
from tests.processor.pushes import deliver, push, start_processor
from tests.processor.targets import HOST, PUBLIC, Internet, Metadata, Place, Taken, no_threads_left
from tests.servers import until

SECRET = "whsec_" + base64.b64encode(b"a secret that is 32 bytes long..").decode()
OLDER = "whsec_" + base64.b64encode(b"another that is 24 bytes").decode()
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EVENT = Event(
    type="shop.order",
    source="shop",
    id="1",
    data=b'{"order": 1}',
    time=datetime(2026, 3, 1, 12, 34, 56, 789012, UTC),
    content_type="application/json; charset=utf-8",
)


def relayed(place: Place, event: Event = EVENT, **options: Any) -> Taken:
    relay(event, place.url, allow_private=True, **options)
    return place.taken[-1]


# Its bytes and its headers


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", bytes(range(256)), b'{"a": "\xff\x00"}', b"0\r\n\r\n", b"x" * 9_000_000],
    ids=["nothing", "JSON", "every byte", "not UTF-8", "what ends a chunk", "9 MB"],
)
def test_the_body_is_the_sender_s_byte_for_byte(place: Place, data: bytes) -> None:
    taken = relayed(place, replace(EVENT, data=data))
    assert (taken.body, taken["Content-Length"]) == (data, str(len(data)))


def test_the_headers_are_those_of_a_cloudevent_in_binary_mode(place: Place) -> None:
    taken = relayed(place, replace(EVENT, subject="order 1", traceparent=TRACE, content_encoding="gzip"))
    assert dict(taken.headers) == {
        "Host": f"127.0.0.1:{place.port}",
        "Accept-Encoding": "identity",
        "Content-Length": "12",
        "User-Agent": "surehook",
        "Connection": "close",
        "Idempotency-Key": EVENT.key,
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/shop",
        "ce-type": "shop.order",
        "ce-time": "2026-03-01T12:34:56.789012Z",
        "ce-subject": "order%201",
        "Content-Type": "application/json; charset=utf-8",
        "Content-Encoding": "gzip",
        "traceparent": TRACE,
    }


@pytest.mark.parametrize("name", ["Content-Type", "Content-Encoding", "traceparent", "ce-subject"])
def test_what_the_sender_did_not_write_is_not_made_up(place: Place, name: str) -> None:
    assert relayed(place, replace(EVENT, content_type=None))[name] is None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),  # the binding's own example
        ('50% of "all"', "50%25%20of%20%22all%22"),
        ("!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
        ("a\r\nX-Evil: b", "a%0D%0AX-Evil:%20b"),
        ("ümlaut", "%C3%BCmlaut"),
        ("", ""),
    ],
    ids=["the example", "what must be", "what must not be", "lines", "letters", "nothing"],
)
def test_attributes_are_percent_encoded_as_the_binding_says(place: Place, text: str, written: str) -> None:
    assert relayed(place, replace(EVENT, subject=text))["ce-subject"] == written


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("text/plain; name=ü", "text/plain; name=ü"),
        ("text/plain\r\nX-Evil: 1", None),
        ("text/plain\r\n folded", None),
        ("text/€", None),
        ("\x00", None),
    ],
    ids=["Latin-1", "a header in it", "a folded line", "more than a header holds", "control"],
)
def test_a_content_type_is_passed_on_where_a_header_can_hold_it(place: Place, kind: str, written: str | None) -> None:
    taken = relayed(place, replace(EVENT, content_type=kind))
    assert (taken["Content-Type"], taken["X-Evil"]) == (written, None)


def test_the_key_is_the_same_in_every_retry_and_for_every_target(place: Place) -> None:
    place.answer(503, 500, 200)
    for expected in (NotTaken, NotTaken, None):
        try:
            relay(EVENT, place.url, secret=SECRET, allow_private=True)
        except NotTaken:
            assert expected
    assert {taken["Idempotency-Key"] for taken in place.taken} == {EVENT.key}
    assert {taken["webhook-id"] for taken in place.taken} == {EVENT.key}
    assert len(place.taken) == 3


# Its signature

VERIFIERS = {"standardwebhooks": StandardVerifier, "svix": SvixVerifier}


@pytest.mark.parametrize("verifier", VERIFIERS.values(), ids=VERIFIERS)
@pytest.mark.parametrize("secret", [SECRET, f"{SECRET}\n{OLDER}", f" {OLDER}\r\n{SECRET}\n"], ids=["one", "new", "old"])
def test_a_signature_is_taken_by_the_libraries(place: Place, verifier: Any, secret: str) -> None:
    taken = relayed(place, secret=secret)
    headers = {name.lower(): value for name, value in taken.headers}
    verifier(SECRET).verify(taken.body, headers)
    with pytest.raises((StandardRefusal, SvixRefusal)):
        verifier(SECRET).verify(taken.body + b" ", headers)


def proved(taken: Taken, secret: str) -> None:
    headers = {name.lower(): value for name, value in taken.headers}
    StandardWebhooks().verify(Webhook(taken.body, headers), secret)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", EVENT.data], ids=["nothing", "not UTF-8", "JSON"])
def test_a_signature_is_taken_by_our_own_receiver(place: Place, data: bytes) -> None:
    taken = relayed(place, replace(EVENT, data=data), secret=f"{OLDER}\n{SECRET}")
    proved(taken, SECRET)
    proved(taken, OLDER)
    with pytest.raises(Unproved):
        proved(taken, "whsec_" + base64.b64encode(b"x" * 24).decode())


def test_a_signature_is_of_this_moment(place: Place) -> None:
    assert abs(int(relayed(place, secret=SECRET)["webhook-timestamp"] or 0) - time.time()) < 5


def test_without_a_secret_nothing_is_signed(place: Place) -> None:
    assert [name for name, _ in relayed(place).headers if name.lower().startswith("webhook")] == []


@pytest.mark.parametrize(
    "secret",
    [
        "",
        " \n",
        "hush",
        "whsec_",
        "whsec_hush!",
        SECRET[6:],
        OLDER[:-4],
        f"{SECRET}\nhush",
        f"{SECRET[:20]}!{SECRET[20:]}",
    ],
    ids=[
        "empty",
        "blank",
        "a word",
        "no key",
        "no base64",
        "no prefix",
        "too short",
        "a second one",
        "a letter too many",
    ],
)
def test_a_secret_that_is_none_is_our_own_mistake_and_never_repeated(place: Place, secret: str) -> None:
    with pytest.raises(Misconfigured, match="secret") as raised:
        relay(EVENT, place.url, secret=secret, allow_private=True)
    assert "hush" not in str(raised.value)
    assert place.taken == []


# Its token


def bearer(taken: Taken) -> str:
    return (taken["Authorization"] or "").removeprefix("Bearer ")


def claims(taken: Taken) -> str:
    return base64.urlsafe_b64decode(bearer(taken).split(".")[1] + "==").decode()


def test_an_id_token_is_for_the_origin_of_the_target(secure: Place, internet: Internet, metadata: Metadata) -> None:
    relay(EVENT, internet.lead(HOST, PUBLIC, to=secure) + "?a=b", token="id")
    assert f'"aud": "https://{HOST}"' in claims(secure.taken[0])


def test_an_id_token_is_kept_until_it_ends(secure: Place, internet: Internet, metadata: Metadata) -> None:
    url = internet.lead(HOST, PUBLIC, to=secure)
    relay(EVENT, url, token="id")
    relay(EVENT, url, token="id")
    assert len(metadata.asked) == 1
    assert bearer(secure.taken[0]) == bearer(secure.taken[1])


def test_an_id_token_that_is_about_to_end_is_fetched_again(
    secure: Place, internet: Internet, metadata: Metadata
) -> None:
    url, metadata.lifetime = internet.lead(HOST, PUBLIC, to=secure), 60
    relay(EVENT, url, token="id")
    relay(EVENT, url, token="id")
    assert len(metadata.asked) == 2
    assert bearer(secure.taken[0]) != bearer(secure.taken[1])


def test_each_target_gets_an_id_token_of_its_own(secure: Place, internet: Internet, metadata: Metadata) -> None:
    for name in (HOST, "bigquery.googleapis.com"):
        relay(EVENT, internet.lead(name, PUBLIC, to=secure), token="id")
    assert [f'"aud": "https://{name}"' in claims(taken) for name, taken in zip((HOST, "x"), secure.taken, strict=True)]
    assert len({bearer(taken) for taken in secure.taken}) == 2


def test_an_access_token_goes_to_an_api_of_google_s(secure: Place, internet: Internet, metadata: Metadata) -> None:
    for _ in range(2):
        relay(EVENT, internet.lead("bigquery.googleapis.com", PUBLIC, to=secure), token="access")
    assert [bearer(taken) for taken in secure.taken] == ["ACCESS-TOKEN-0"] * 2
    assert "cloud-platform" in metadata.asked[0]


@pytest.mark.parametrize(
    "host", [HOST, "googleapis.com.evil.com", "evilgoogleapis.com", "www.google.com", "bigquery.googleapis.com.evil.io"]
)
def test_an_access_token_goes_nowhere_else(metadata: Metadata, host: str) -> None:
    with pytest.raises(Misconfigured, match=r"goes to \*\.googleapis\.com only"):
        relay(EVENT, f"https://{host}/", token="access", allow_private=True)
    assert metadata.asked == []


@pytest.mark.parametrize("token", ["id", "access"])
def test_no_token_goes_over_http(place: Place, metadata: Metadata, token: Any) -> None:
    with pytest.raises(Misconfigured, match="https only"):
        relay(EVENT, place.url, token=token, allow_private=True)
    assert (place.taken, metadata.asked) == ([], [])


@pytest.mark.parametrize("token", ["", "ID", "id_token", True])
def test_a_token_of_another_kind_is_our_own_mistake(token: Any) -> None:
    with pytest.raises(Misconfigured, match="write 'id' or 'access'"):
        relay(EVENT, f"https://{HOST}/", token=token)


def test_no_token_is_asked_for_a_place_that_is_refused(internet: Internet, metadata: Metadata) -> None:
    with pytest.raises(GiveUp, match="not on the internet"):
        relay(EVENT, internet.lead(HOST, "10.0.0.1"), token="id")
    assert metadata.asked == []


@pytest.mark.parametrize("token", ["id", "access"])
def test_a_token_that_is_not_to_be_had_is_retried(
    secure: Place, internet: Internet, metadata: Metadata, monkeypatch: pytest.MonkeyPatch, token: Any
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # google-auth waits between its tries
    url, metadata.broken = internet.lead("fcm.googleapis.com", PUBLIC, to=secure), True
    with pytest.raises(NotTaken, match=rf"^no {token} token for https://fcm\.googleapis\.com: \w+Error$"):
        relay(EVENT, url, token=token)
    assert secure.taken == []


def test_a_metadata_server_that_says_nothing_is_left_in_time(
    secure: Place, internet: Internet, metadata: Metadata
) -> None:
    url, metadata.slow = internet.lead(HOST, PUBLIC, to=secure), True
    started = time.monotonic()
    with pytest.raises(NotTaken, match="did not answer in time"):
        relay(EVENT, url, token="id", timeout=0.4)
    assert time.monotonic() - started < 1
    with no_threads_left():
        metadata.slow = False
    assert secure.taken == []


@pytest.mark.parametrize("answer", [200, 403, 503])
def test_no_text_ever_holds_a_secret_or_a_token(
    secure: Place, internet: Internet, metadata: Metadata, capfd: pytest.CaptureFixture[str], answer: int
) -> None:
    secure.answer(answer)
    said = ""
    try:
        relay(EVENT, internet.lead(HOST, PUBLIC, to=secure), secret=f"{SECRET}\n{OLDER}", token="id")
    except (NotTaken, GiveUp) as error:
        said = "".join(traceback.format_exception(error))
    said += "".join(capfd.readouterr())
    signature = secure.taken[0]["webhook-signature"] or ""
    assert re.fullmatch(r"v1,\S+ v1,\S+", signature)
    hidden = [SECRET[6:], OLDER[6:], bearer(secure.taken[0]), *signature.split()]
    assert not [text for text in hidden if text in said]


# From one end to the other

HANDLER = """
import os
from ..actions import relay
from . import Event, on

@on("shop.order")
def forward(event: Event) -> None:
    relay(event, os.environ["TARGET"], secret=os.environ["SECRET"], allow_private=True)
"""


def test_a_processor_as_the_platform_runs_it_relays_and_retries(place: Place, tmp_path: Path) -> None:
    place.answer(503, 200)
    server = start_processor(tmp_path, HANDLER, TARGET=place.url, SECRET=SECRET)
    try:
        statuses = [deliver(server, push(b"\xff", content_type="a/b")).status_code for _ in range(3)]
    finally:
        server.stop()
    assert statuses == [503, 204, 204]
    assert [(taken.body, taken["Content-Type"], taken["ce-id"]) for taken in place.taken] == [(b"\xff", "a/b", "1")] * 2
    assert len({taken["Idempotency-Key"] for taken in place.taken}) == 1
    assert [line["error"] for line in server.lines if line.get("outcome") == "retry"] == ["NotTaken"]
    assert SECRET not in server.output.read_text()


@one_queue
def test_an_event_that_is_relayed_to_a_receiver_comes_out_as_it_went_in(receiver: Receiver) -> None:
    event = replace(EVENT, data=b'{"type": "order", "not UTF-8": "\xff"}')
    url, secret = f"{receiver.server.url}/standard-webhooks", receiver.secrets["standard-webhooks"][0]
    for _ in range(2):
        relay(event, url, secret=secret, allow_private=True)
    messages = until(receiver.queue.messages)
    messages += [] if len(messages) == 2 else until(receiver.queue.messages)
    assert [message.data for message in messages] == [event.data] * 2
    assert {message.attributes["ce-id"] for message in messages} == {event.key}
    with pytest.raises(GiveUp, match="answered 401"):
        relay(event, url, secret=SECRET, allow_private=True)
