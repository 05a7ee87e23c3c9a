"""What the environment may say."""

import pytest

from functions.processor.errors import Misconfigured
from functions.processor.settings import Settings


def test_nothing_but_the_ledger_has_to_be_said() -> None:
    assert Settings.read({"LEDGER": "sqlite:a"}) == Settings("sqlite:a", "", None, 540, False)


def test_all_that_can_be_said() -> None:
    environment = {
        "LEDGER": "sqlite:a",
        "DEAD_LETTER_TOPIC": "projects/p/topics/t",
        "MAX_ATTEMPTS": "20",
        "HANDLER_TIMEOUT": "60",
        "UNHANDLED": "dead-letter",
        "LOG_LEVEL": "WARNING",
    }
    assert Settings.read(environment) == Settings("sqlite:a", "projects/p/topics/t", 20, 60, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_ATTEMPTS", "0"),
        ("MAX_ATTEMPTS", "many"),
        ("MAX_ATTEMPTS", "²"),
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
