"""What the processor reads, and what it refuses."""

import gzip
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.processor.errors import GiveUp, Malformed
from functions.processor.event import Event
from functions.processor.message import read
from tests.processor.pushes import ATTRIBUTES, CONTRACT, push
from tests.servers import ROOT


def read_push(body: Any) -> Event:
    return read(json.dumps(body).encode())


def message(**changes: Any) -> dict[str, Any]:
    """A push whose message has other parts; None takes the part away."""
    parts = push()["message"] | changes
    return {"message": {name: part for name, part in parts.items() if part is not None}}


def attributes(**changes: Any) -> dict[str, Any]:
    """A push whose message has other attributes; None takes the attribute away."""
    changed = ATTRIBUTES | {name.replace("_", "-"): value for name, value in changes.items()}
    return message(attributes={name: value for name, value in changed.items() if value is not None})


def test_the_first_form_ever_released_is_read_for_ever() -> None:
    event = read_push(CONTRACT)
    assert event == Event(
        type="github.push",
        source="github",
        id="72d3162e-cc78-11e3-81ab-4c9367dc0958",
        data=b'{"ref": "refs/heads/main"}\xff\x00',
        time=datetime(2026, 3, 1, 12, 34, 56, 789012, UTC),
        subject="octocat/hello-world",
        content_type="application/json; charset=utf-8",
        content_encoding="identity",
        headers={"x-github-event": "push"},
        signed=True,
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        attempt=3,
        message_id="2070443601311540",
        publish_time=datetime(2026, 3, 1, 12, 34, 56, 912000, UTC),
        attributes=CONTRACT["message"]["attributes"],
    )


def test_the_second_form_which_says_when_it_happened_is_read_for_ever() -> None:
    pushed = json.loads((ROOT / "tests/contract/push-v2.json").read_text())
    assert read_push(pushed) == Event(
        type="stripe.payment_intent.succeeded",
        source="payments-eu",
        id="evt_1",
        data=b'{"id": "evt_1", "type": "payment_intent.succeeded", "created": 1772368495, '
        b'"data": {"object": {"id": "pi_1"}}}',
        time=datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC),
        occurred_at=datetime(2026, 3, 1, 12, 34, 55, tzinfo=UTC),
        subject="pi_1",
        content_type="application/json; charset=utf-8",
        signed=True,
        attempt=1,
        message_id="2070443601311541",
        publish_time=datetime(2026, 3, 1, 12, 34, 56, 123000, UTC),
        attributes=pushed["message"]["attributes"],
    )


def test_the_key_of_an_event_never_changes() -> None:
    assert read_push(CONTRACT).key == "b261b8b6a2e4820ca478af595dd589bf4018c9cf6b26411d2b11d73fe536f746"
    assert read_push(push(b"{}")).key == "6c160c43650af1b90882b1036c572f97219cb5c2cf8c4cf422523cc6a40935d4"


def test_only_what_is_always_there_is_needed() -> None:
    event = read_push(push())
    assert (event.subject, event.content_type, event.headers, event.signed, event.replay) == (None, None, {}, False, 0)
    assert (event.traceparent, event.attempt, event.occurred_at) == (None, None, None)


def test_a_message_without_data_is_an_empty_body() -> None:
    assert read_push(push(None)).data == b""


def test_a_replayed_event_says_how_often() -> None:
    assert read_push(push(ce_replay="2")).replay == 2


MALFORMED: dict[str, Any] = {
    "nothing": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"message": "\xff"}',
    "nested too deep": b'{"message":' + b"[" * 100_000,
    "a number with too many digits": b'{"message":' + b"1" * 5_000 + b"}",
    "a list": [],
    "no message": {},
    "a CloudEvent that is not wrapped": {"specversion": "1.0", "type": "a", "source": "/a", "id": "1"},
    "a message that is a text": {"message": "text"},
    "data that is not base64": message(data="e30"),
    "data with a line break": message(data="e30=\n"),
    "data in the URL alphabet": message(data="_-8="),
    "data that is an object": message(data={}),
    "no attributes": message(attributes=None),
    "attributes that are a list": message(attributes=[]),
    "an attribute that is a number": attributes(ce_subject=1),
    "an attribute that is null": message(attributes=ATTRIBUTES | {"ce-subject": None}),
    "an attribute with half a character": attributes(ce_id="\ud800"),
    "no version": attributes(ce_specversion=None),
    "a later version": attributes(ce_specversion="2.0"),
    "no id": attributes(ce_id=None),
    "an empty id": attributes(ce_id=""),
    "no type": attributes(ce_type=None),
    "no source": attributes(ce_source=None),
    "a source without its slash": attributes(ce_source="shop"),
    "a source that is only a slash": attributes(ce_source="/"),
    "no time": attributes(ce_time=None),
    "a time that is none": attributes(ce_time="yesterday"),
    "a time without its zone": attributes(ce_time="2026-03-01T12:34:56"),
    "a moment that is none": attributes(ce_occurred="yesterday"),
    "a moment that is empty": attributes(ce_occurred=""),
    "a moment without its zone": attributes(ce_occurred="2026-03-01T12:34:56"),
    "headers that are not JSON": attributes(ce_headers="x"),
    "headers that are a list": attributes(ce_headers="[]"),
    "a header that is a number": attributes(ce_headers='{"a": 1}'),
    "a replay that is not a number": attributes(ce_replay="x"),
    "a negative replay": attributes(ce_replay="-1"),
    "a replay in Arabic digits": attributes(ce_replay="١"),
    "no message id": message(messageId=None),
    "a message id that is a number": message(messageId=17),
    "no publish time": message(publishTime=None),
    "a publish time that is a number": message(publishTime=1772368496),
    "an attempt that is a text": push() | {"deliveryAttempt": "1"},
    "an attempt that is true": push() | {"deliveryAttempt": True},
    "attempt zero": push() | {"deliveryAttempt": 0},
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_any_other_shape_is_malformed(body: Any) -> None:
    with pytest.raises(Malformed):
        read(body if isinstance(body, bytes) else json.dumps(body).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([*ATTRIBUTES, "ce-occurred", "ce-headers", "ce-replay", "ce-signed", "content-type", "x"]), JSON)
def test_no_attribute_is_a_surprise(name: str, value: Any) -> None:
    never_surprises(message(attributes=ATTRIBUTES | {name: value}))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["data", "attributes", "messageId", "publishTime", "x"]), JSON)
def test_no_part_of_a_message_is_a_surprise(name: str, value: Any) -> None:
    never_surprises(message(**{name: value}))


def never_surprises(body: Any) -> None:
    with suppress(Malformed):
        assert len(read_push(body).key) == 64


def event(**more: Any) -> Event:
    return Event(**({"type": "shop.order", "source": "shop", "id": "1"} | more))


def test_the_parts_of_a_key_can_not_flow_into_each_other() -> None:
    keys = {event(source=s, id=i, signed=True).key for s, i in [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc")]}
    assert len(keys) == 4


def test_an_unsigned_id_is_told_apart_by_its_body() -> None:
    assert event(data=b"forged").key != event(data=b"genuine").key


def test_a_signed_id_is_one_event_whatever_its_body() -> None:
    assert event(data=b"1", signed=True).key == event(data=b"2", signed=True).key


def test_a_signed_id_can_not_be_claimed_by_an_unsigned_one() -> None:
    assert event(signed=True).key != event(signed=False).key


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_the_key_does_not_depend_on_the_delivery(signed: bool) -> None:
    again = event(signed=signed, attempt=2, replay=1, message_id="18", type="shop.other")
    assert again.key == event(signed=signed, attempt=1, message_id="17").key


def test_json_parses_the_body() -> None:
    assert event(data=b'{"a": 1}').json() == {"a": 1}


def test_json_inflates_a_body_that_its_sender_compressed() -> None:
    body = gzip.compress(b'{"a": 1}')
    compressed = event(data=body, content_encoding="GZIP")
    assert (compressed.json(), compressed.data) == ({"a": 1}, body)


HOPELESS = {
    "not JSON": event(data=b"a=1"),
    "empty": event(data=b""),
    "nested too deep": event(data=b"[" * 100_000),
    "not gzip": event(data=b"{}", content_encoding="gzip"),
    "half of a gzip": event(data=gzip.compress(b"{}")[:-4], content_encoding="gzip"),
    "a gzip with a wrong checksum": event(data=gzip.compress(b"{}")[:-8] + b"12345678", content_encoding="gzip"),
    "a bomb": event(data=gzip.compress(b" " * 5_000_000 + b"{}"), content_encoding="gzip"),
}


@pytest.mark.parametrize("hopeless", HOPELESS.values(), ids=HOPELESS.keys())
def test_a_body_that_can_never_be_read_is_given_up(hopeless: Event) -> None:
    with pytest.raises(GiveUp):
        hopeless.json()


def test_an_event_shows_neither_body_nor_headers_in_a_log() -> None:
    shown = repr(event(data=b"secret", headers={"a": "secret"}, attributes={"b": "secret"}))
    assert "secret" not in shown
