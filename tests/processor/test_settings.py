"""What the environment may say."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.processor.errors import Misconfigured
from functions.processor.event import Event
from functions.processor.settings import Settings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_nothing_but_the_ledger_has_to_be_said() -> None:
    assert Settings.read({"LEDGER": "sqlite:a"}) == Settings(
        project="",
        ledger="sqlite:a",
        firestore_database="(default)",
        dead_letter_topic="",
        max_attempts=None,
        max_age=None,
        handler_timeout=540,
        park_unhandled=False,
    )


def test_all_that_can_be_said() -> None:
    environment = {
        "PROJECT": "p",
        "LEDGER": "firestore",
        "FIRESTORE_DATABASE": "hooks",
        "DEAD_LETTER_TOPIC": "projects/p/topics/t",
        "MAX_ATTEMPTS": "20",
        "MAX_AGE": "72000",
        "HANDLER_TIMEOUT": "60",
        "UNHANDLED": "dead-letter",
        "LOG_LEVEL": "WARNING",
    }
    assert Settings.read(environment) == Settings(
        project="p",
        ledger="firestore",
        firestore_database="hooks",
        dead_letter_topic="projects/p/topics/t",
        max_attempts=20,
        max_age=72_000,
        handler_timeout=60,
        park_unhandled=True,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_ATTEMPTS", "0"),
        ("MAX_ATTEMPTS", "many"),
        ("MAX_ATTEMPTS", "²"),
        ("MAX_AGE", "86401"),
        ("MAX_AGE", "20h"),
        ("HANDLER_TIMEOUT", "541"),
        ("HANDLER_TIMEOUT", "-1"),
        ("UNHANDLED", "drop"),
        ("LOG_LEVEL", "loud"),
        ("LOG_LEVEL", ""),
    ],
)
def test_a_wrong_value_stops_the_start_and_is_named(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=f"{name} is {value!r}: .* write"):
        Settings.read({name: value})


@pytest.mark.parametrize(
    ("environment", "attempt", "hours", "last"),
    [
        ({"MAX_ATTEMPTS": "5"}, 4, 100, ""),
        ({"MAX_ATTEMPTS": "5"}, 5, 0, "last-attempt"),
        ({"MAX_ATTEMPTS": "5"}, 6, 0, "last-attempt"),
        ({"MAX_ATTEMPTS": "5"}, None, 100, ""),
        ({"MAX_AGE": "72000"}, None, 19.9, ""),
        ({"MAX_AGE": "72000"}, None, 20, "max-age"),
        ({}, 100, 100, ""),
    ],
    ids=[
        "one attempt left",
        "last attempt",
        "past the last attempt",
        "nobody counts",
        "young",
        "old",
        "nothing said",
    ],
)
def test_the_last_chance_is_known_by_the_attempts_or_by_the_age_in_the_queue(
    environment: dict[str, str], attempt: int | None, hours: float, last: str
) -> None:
    received = NOON - timedelta(days=30)  # it may come from the dead letters: its own age does not count
    published = NOON - timedelta(hours=hours)
    event = Event(type="a.b", source="a", id="1", time=received, attempt=attempt, publish_time=published)
    assert Settings.read(environment).last_chance(event, NOON) == last
