"""What the actions for Google's APIs send, and what they make of the answers."""

import json
import random
import string
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from functions.processor.actions import insert, notify
from functions.processor.errors import GiveUp, Misconfigured, NotTaken
from functions.processor.event import Event
from tests.processor.targets import Internet, Metadata, Place

EVENT = Event(type="shop.order", source="shop", id="1", data=b'{"order": 1}')
# What must never be written anywhere; a word, since only words are taken for codes.
VALUE = "".join(random.choices(string.ascii_letters, k=20))
ROW = {"id": "a", "amount": 1299, "note": "ü", "items": [{"name": "b"}], "empty": None}


@pytest.fixture
def bigquery(secure: Place, internet: Internet, metadata: Metadata) -> Place:
    """BigQuery's API, under its own name, at an address that a VPC gave it."""
    internet.lead("bigquery.googleapis.com", "10.1.2.3", to=secure)
    secure.answer(200, body={"kind": "bigquery#tableDataInsertAllResponse"})
    return secure


@pytest.fixture
def fcm(secure: Place, internet: Internet, metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Firebase Cloud Messaging's API, under its own name."""
    internet.lead("fcm.googleapis.com", "10.1.2.3", to=secure)
    monkeypatch.setenv("PROJECT", "acme-shop")
    secure.answer(200, body={"name": "projects/acme-shop/messages/1"})
    return secure


def said_by(work: Callable[[], None], capfd: pytest.CaptureFixture[str]) -> tuple[BaseException | None, str]:
    """Do it; return what it raised, and all that was written anywhere."""
    try:
        work()
    except (NotTaken, GiveUp) as error:
        return error, "".join([*traceback.format_exception(error), *capfd.readouterr()])
    return None, "".join(capfd.readouterr())


def error_of_google(status: int, reason: str, message: str = "a value") -> dict[str, Any]:
    """An error as Google's older APIs write it."""
    return {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}


# A row in BigQuery


def test_a_row_is_inserted_under_the_key_of_the_event(bigquery: Place) -> None:
    insert(EVENT, "acme-shop.payments.all", ROW)
    (taken,) = bigquery.taken
    assert taken.path == "/bigquery/v2/projects/acme-shop/datasets/payments/tables/all/insertAll"
    assert json.loads(taken.body) == {"rows": [{"insertId": EVENT.key, "json": ROW}]}
    assert taken["Content-Type"] == "application/json"
    assert taken["Authorization"] == "Bearer ACCESS-TOKEN-0"


def test_the_key_of_a_row_is_the_same_in_every_retry(bigquery: Place) -> None:
    bigquery.answer(500, 200)
    with pytest.raises(NotTaken):
        insert(EVENT, "p.d.t", ROW)
    insert(EVENT, "p.d.t", ROW)
    assert len({json.loads(taken.body)["rows"][0]["insertId"] for taken in bigquery.taken}) == 1
    assert len(EVENT.key) <= 128  # what BigQuery takes


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("example.com:acme.d.t", "example.com%3Aacme/datasets/d/tables/t"),
        ("p.d.all payments/2026", "p/datasets/d/tables/all%20payments%2F2026"),
        ("p.d.t$20260301", "p/datasets/d/tables/t%2420260301"),
        ("p.d.größe", "p/datasets/d/tables/gr%C3%B6%C3%9Fe"),
    ],
    ids=["a project of a domain", "what a path may not hold", "a partition", "letters"],
)
def test_a_table_may_have_any_name(bigquery: Place, table: str, path: str) -> None:
    insert(EVENT, table, {})
    assert bigquery.taken[0].path == f"/bigquery/v2/projects/{path}/insertAll"


@pytest.mark.parametrize("table", ["", "t", "d.t", "p..t", "p.d.", ".d.t"])
def test_a_table_without_its_three_parts_is_our_own_mistake(bigquery: Place, table: str) -> None:
    with pytest.raises(Misconfigured, match=r"write project\.dataset\.table"):
        insert(EVENT, table, ROW)
    assert bigquery.taken == []


def test_a_row_that_does_not_fit_is_given_up_with_columns_and_no_values(
    bigquery: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    errors = [
        {
            "reason": "invalid",
            "location": "amount",
            "message": "Cannot convert (bad value): VALUE",
            "debugInfo": "VALUE",
        },
        {"reason": "invalid", "location": "", "message": VALUE},
    ]
    bigquery.answer(200, body={"insertErrors": [{"index": 0, "errors": errors}]})
    error, said = said_by(lambda: insert(EVENT, "p.d.t", {"amount": VALUE}), capfd)
    assert isinstance(error, GiveUp)
    assert str(error) == "BigQuery does not take the row: amount: invalid, invalid"
    assert VALUE not in said


@pytest.mark.parametrize("reason", ["stopped", "timeout", "backendError", "internalError", "rateLimitExceeded", "new"])
def test_a_row_that_was_not_taken_this_time_is_retried(bigquery: Place, reason: str) -> None:
    bigquery.answer(200, body={"insertErrors": [{"index": 0, "errors": [{"reason": reason, "message": VALUE}]}]})
    with pytest.raises(NotTaken, match=f"^BigQuery did not take the row this time: {reason}$"):
        insert(EVENT, "p.d.t", ROW)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'"text"', b'{"insertErrors": 1}', b'{"insertErrors": [{}]}', b'{"insertErrors": [[1]]}'],
)
def test_a_success_that_can_not_be_read_is_retried(bigquery: Place, body: bytes) -> None:
    bigquery.answer(200, body=body)
    with pytest.raises(NotTaken, match="can't be read"):
        insert(EVENT, "p.d.t", ROW)


@pytest.mark.parametrize("reason", ["rateLimitExceeded", "quotaExceeded"])
def test_a_quota_of_bigquery_s_is_retried_although_it_is_a_403(bigquery: Place, reason: str) -> None:
    bigquery.answer(403, body=error_of_google(403, reason))
    with pytest.raises(NotTaken, match=f"^https://bigquery.googleapis.com answered 403 {reason}$"):
        insert(EVENT, "p.d.t", ROW)


@pytest.mark.parametrize(("status", "reason"), [(400, "invalid"), (403, "accessDenied"), (404, "notFound")])
def test_what_bigquery_refuses_is_given_up_with_its_reason_and_no_values(
    bigquery: Place, capfd: pytest.CaptureFixture[str], status: int, reason: str
) -> None:
    bigquery.answer(status, body=error_of_google(status, reason, f'{VALUE} "reason": "{VALUE}"'))
    error, said = said_by(lambda: insert(EVENT, "p.d.t", ROW), capfd)
    assert isinstance(error, GiveUp)
    assert str(error) == f"https://bigquery.googleapis.com answered {status} {reason}"
    assert VALUE not in said


def test_no_more_of_an_answer_is_read_than_is_needed(bigquery: Place) -> None:
    bigquery.answer(400, body=b" " * 70_000 + b'"reason": "invalid"')
    with pytest.raises(GiveUp, match=r"answered 400$"):
        insert(EVENT, "p.d.t", ROW)


def test_an_emulator_gets_the_row_and_no_token(
    place: Place, metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"{place.url}/")
    insert(EVENT, "p.d.t", ROW)
    (taken,) = place.taken
    assert taken.path == "/bigquery/v2/projects/p/datasets/d/tables/t/insertAll"
    assert (taken["Authorization"], metadata.asked) == (None, [])


# A notification


def test_a_notification_is_sent_and_named_by_the_key_of_the_event(fcm: Place) -> None:
    notify(EVENT, "Paid", "12.99 €", topic="payments", data={"order": "1"})
    (taken,) = fcm.taken
    assert taken.path == "/v1/projects/acme-shop/messages:send"
    assert taken["Authorization"] == "Bearer ACCESS-TOKEN-0"
    assert json.loads(taken.body) == {
        "message": {
            "topic": "payments",
            "notification": {"title": "Paid", "body": "12.99 €"},
            "data": {"order": "1", "event_key": EVENT.key},
            "android": {"notification": {"tag": EVENT.key}},
            "apns": {"headers": {"apns-collapse-id": EVENT.key}},
            "webpush": {"notification": {"tag": EVENT.key}},
        }
    }
    assert len(EVENT.key.encode()) <= 64  # what Apple takes


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ({"topic": "a"}, {"topic": "a"}),
        ({"device": "a:b"}, {"token": "a:b"}),
        ({"condition": "'a' in topics"}, {"condition": "'a' in topics"}),
    ],
    ids=["a topic", "a device", "a condition"],
)
def test_a_notification_has_one_target(fcm: Place, to: dict[str, str], message: dict[str, str]) -> None:
    notify(EVENT, "a", "b", **to)  # type: ignore[arg-type]
    sent = json.loads(fcm.taken[0].body)["message"]
    assert {name: sent[name] for name in ("topic", "token", "condition") if name in sent} == message


@pytest.mark.parametrize(
    "to", [{}, {"topic": ""}, {"topic": "a", "device": "b"}, {"device": "a", "condition": "b"}], ids=str
)
def test_no_target_or_several_are_our_own_mistake(fcm: Place, to: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="write one of topic, device and condition"):
        notify(EVENT, "a", "b", **to)  # type: ignore[arg-type]
    assert fcm.taken == []


def test_the_app_s_data_can_not_take_the_place_of_the_key(fcm: Place) -> None:
    notify(EVENT, "a", "b", topic="c", data={"event_key": "mine"})
    assert json.loads(fcm.taken[0].body)["message"]["data"] == {"event_key": EVENT.key}


def test_the_project_may_be_another(fcm: Place) -> None:
    notify(EVENT, "a", "b", topic="c", project="other/..")
    assert fcm.taken[0].path == "/v1/projects/other%2F../messages:send"


def test_without_a_project_it_is_our_own_mistake(fcm: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROJECT")
    with pytest.raises(Misconfigured, match="set PROJECT"):
        notify(EVENT, "a", "b", topic="c")


def error_of_fcm(status: int, canonical: str, code: str) -> dict[str, Any]:
    """An error as FCM writes it. https://firebase.google.com/docs/cloud-messaging/error-codes"""
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    return {"error": {"code": status, "message": VALUE, "status": canonical, "details": details}}


FINAL = [
    (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    (401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
    (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
    (404, "NOT_FOUND", "UNREGISTERED"),
]
PASSING = [
    (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
    (500, "INTERNAL", "INTERNAL"),
    (503, "UNAVAILABLE", "UNAVAILABLE"),
]


@pytest.mark.parametrize(("status", "canonical", "code"), FINAL, ids=[code for *_, code in FINAL])
def test_what_fcm_refuses_is_given_up_with_its_code(
    fcm: Place, capfd: pytest.CaptureFixture[str], status: int, canonical: str, code: str
) -> None:
    fcm.answer(status, body=error_of_fcm(status, canonical, code))
    error, said = said_by(lambda: notify(EVENT, VALUE, VALUE, device=VALUE), capfd)
    assert isinstance(error, GiveUp)
    codes = " ".join(dict.fromkeys([canonical, code]))
    assert str(error) == f"https://fcm.googleapis.com answered {status} {codes}"
    assert VALUE not in said
    assert "ACCESS-TOKEN" not in said


@pytest.mark.parametrize(("status", "canonical", "code"), PASSING, ids=[code for *_, code in PASSING])
def test_what_may_pass_at_fcm_is_retried(fcm: Place, status: int, canonical: str, code: str) -> None:
    fcm.answer(status, body=error_of_fcm(status, canonical, code))
    with pytest.raises(NotTaken, match=f"answered {status} {canonical}"):
        notify(EVENT, "a", "b", device="c")
