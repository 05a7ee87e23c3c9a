"""The handlers that the template comes with."""

import json
from typing import Any

import pytest

from functions.processor.errors import GiveUp, NotTaken
from functions.processor.event import Event
from functions.processor.handlers import deploy as deployment
from functions.processor.handlers import payments
from functions.processor.handlers.deploy import deploy
from functions.processor.handlers.payments import store, tell
from tests.processor.targets import HOST, PUBLIC, Internet, Metadata, Place
from tests.servers import ROOT

SECRET = "whsec_YSBzZWNyZXQgdGhhdCBpcyAzMiBieXRlcyBsb25nLi4="
PAYMENT = {"data": {"object": {"id": "pi_1", "amount": 1200, "currency": "eur", "client_secret": "hush"}}}
PUSH = {"ref": "refs/heads/main", "deleted": False, "after": "0123456789", "repository": {"full_name": "octocat/hello"}}


def event(body: Any) -> Event:
    return Event(type="a.b", source="a", id="1", data=json.dumps(body).encode())


def sample(name: str) -> Event:
    return Event(type="a.b", source="a", id="1", data=(ROOT / "samples" / name).read_bytes())


# Trigger an action


def test_a_push_to_main_is_deployed(capfd: pytest.CaptureFixture[str]) -> None:
    deploy(event(PUSH))
    assert "deploying 0123456 of octocat/hello" in capfd.readouterr().out


@pytest.mark.parametrize("other", [{"ref": "refs/heads/topic"}, {"ref": "refs/tags/main"}, {"deleted": True}], ids=str)
def test_other_pushes_are_not(
    other: dict[str, Any], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "STAGING_URL", "https://never.invalid/")
    deploy(event(PUSH | other))
    assert capfd.readouterr().out == ""


def test_a_push_to_main_starts_the_staging_build(
    secure: Place, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "STAGING_URL", internet.lead(HOST, PUBLIC, to=secure))
    monkeypatch.setattr(deployment, "STAGING_SECRET", SECRET)
    push = sample("github/push.json")
    deploy(push)
    (taken,) = secure.taken
    assert (taken.body, taken["webhook-id"]) == (push.data, push.key)
    secure.answer(503)
    with pytest.raises(NotTaken):
        deploy(push)


# Store data


def test_a_payment_is_stored(capfd: pytest.CaptureFixture[str]) -> None:
    store(event(PAYMENT))
    assert "storing 1200 eur" in capfd.readouterr().out


def test_a_payment_becomes_a_row(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payments, "PAYMENTS_TABLE", "acme-shop.shop.payments")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", place.url)
    paid = sample("stripe/payment_intent.succeeded.json")
    store(paid)
    (row,) = json.loads(place.taken[0].body)["rows"]
    received = paid.time.isoformat()
    assert row["insertId"] == paid.key
    assert row["json"] == {"id": "pi_3Acme0000000000001Paid01", "amount": 4990, "currency": "eur", "received": received}


# Relay data


def test_what_was_not_paid_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    tell(event(PAYMENT))
    assert "telling the shop: 1200 eur not paid" in capfd.readouterr().out


def test_what_was_not_paid_reaches_the_phones_of_the_shop(
    secure: Place, internet: Internet, metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet.lead("fcm.googleapis.com", PUBLIC, to=secure)
    monkeypatch.setattr(payments, "PAYMENTS_TOPIC", "payments")
    monkeypatch.setenv("PROJECT", "acme-shop")
    tell(event(PAYMENT))
    message = json.loads(secure.taken[0].body)["message"]
    assert message["topic"] == "payments"
    assert message["notification"] == {"title": "Payment failed", "body": "1200 eur not paid"}


@pytest.mark.parametrize("handler", [store, tell], ids=["stored", "told"])
@pytest.mark.parametrize("body", [{}, [], None, {"data": {"object": {}}}, {"data": []}], ids=json.dumps)
def test_what_is_no_payment_is_given_up(handler: Any, body: Any) -> None:
    with pytest.raises(GiveUp):
        handler(event(body))


def test_no_more_of_a_payment_is_kept_than_is_needed(capfd: pytest.CaptureFixture[str]) -> None:
    store(event(PAYMENT))
    tell(event(PAYMENT))
    assert "hush" not in capfd.readouterr().out
