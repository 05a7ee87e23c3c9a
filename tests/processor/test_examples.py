"""The handlers that the template comes with."""

import json
from typing import Any

import pytest

from functions.processor.errors import GiveUp
from functions.processor.event import Event
from functions.processor.handlers.deploy import deploy
from functions.processor.handlers.payments import remind, ship

PAYMENT = {"data": {"object": {"amount": 1200, "currency": "eur"}}}
PUSH = {"ref": "refs/heads/main", "deleted": False, "after": "0123456789", "repository": {"full_name": "octocat/hello"}}


def event(body: Any) -> Event:
    return Event(type="a.b", source="a", id="1", data=json.dumps(body).encode())


def test_a_payment_is_shipped(capfd: pytest.CaptureFixture[str]) -> None:
    ship(event(PAYMENT))
    assert "1200 eur paid: shipping" in capfd.readouterr().out


def test_a_failed_payment_is_asked_for_again(capfd: pytest.CaptureFixture[str]) -> None:
    remind(event(PAYMENT))
    assert "1200 eur not paid: asking for another card" in capfd.readouterr().out


@pytest.mark.parametrize("body", [{}, [], None, {"data": {"object": {}}}, {"data": []}], ids=json.dumps)
def test_what_is_no_payment_is_given_up(body: Any) -> None:
    with pytest.raises(GiveUp):
        ship(event(body))


def test_a_push_to_main_is_deployed(capfd: pytest.CaptureFixture[str]) -> None:
    deploy(event(PUSH))
    assert "deploying 0123456 of octocat/hello" in capfd.readouterr().out


@pytest.mark.parametrize("other", [{"ref": "refs/heads/topic"}, {"ref": "refs/tags/main"}, {"deleted": True}], ids=str)
def test_other_pushes_are_not(other: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    deploy(event(PUSH | other))
    assert capfd.readouterr().out == ""
