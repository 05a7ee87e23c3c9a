"""What is written on a dead letter."""

from datetime import UTC, datetime

import pytest

from functions.processor.deadletter import epitaph
from functions.processor.errors import Failure, GiveUp
from functions.processor.event import Event

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def on_the_stone(error: Exception, attempt: int | None = None) -> dict[str, str]:
    event = Event(type="shop.order", source="shop", id="1", attempt=attempt)
    return dict(epitaph(event, "gave-up", [Failure.of("shop.bill", error)], NOON))


def test_reason_error_attempts_and_time_are_written() -> None:
    assert on_the_stone(GiveUp("no such customer"), attempt=3) == {
        "ce-deadreason": "gave-up",
        "ce-deaderror": "GiveUp: no such customer",
        "ce-deadattempts": "3",
        "ce-deadtime": "2026-03-01T12:00:00.000000Z",
    }


def test_attempts_that_nobody_counted_are_left_out() -> None:
    assert "ce-deadattempts" not in on_the_stone(GiveUp("a"))


def test_the_text_of_other_exceptions_is_left_out_for_it_may_hold_secrets() -> None:
    assert on_the_stone(ValueError("secret"))["ce-deaderror"] == "ValueError"


@pytest.mark.parametrize("letter", ["a", "é", "漢", "🎣"])
def test_an_error_is_cut_at_a_character_below_what_the_queue_takes(letter: str) -> None:
    text = on_the_stone(GiveUp(letter * 2000))["ce-deaderror"]
    assert 1024 - 4 < len(text.encode()) <= 1024
    assert set(text.removeprefix("GiveUp: ")) == {letter}


def test_control_characters_and_half_characters_are_blanks() -> None:
    assert on_the_stone(GiveUp("a\nb\x00c\ud800d\x7f"))["ce-deaderror"] == "GiveUp: a b c d "


def test_a_failure_says_where_but_never_what() -> None:
    def inner(secret: str) -> None:
        raise ValueError(secret)

    try:
        inner("secret")
    except ValueError as error:
        failure = Failure.of("shop.bill", error)
    assert failure.where.startswith("test_deadletter.py:")
    assert failure.where.endswith(" inner")
    assert "secret" not in repr(failure)
