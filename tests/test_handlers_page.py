"""What docs/handlers.md shows is true: its examples are the template's own, or are run here."""

import re
import sqlite3
import types
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.processor import errors, router
from functions.processor.event import Event
from functions.processor.router import handlers_of
from functions.receiver.errors import NotAccepted
from tests.servers import ROOT
from tools import dead_letters, replay

PAGE = (ROOT / "docs/handlers.md").read_text()
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
EXAMPLES = ["\n".join(line.removeprefix(i) for line in text.splitlines()) for i, text in BLOCK.findall(PAGE)]
HANDLERS = [file.read_text() for file in (ROOT / "functions/processor/handlers").glob("*.py")]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def example(name: str) -> str:
    """The example that defines a function of this name."""
    (found,) = [text for text in EXAMPLES if f"def {name}(" in text]
    return found


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run an example as a file of handlers, and give its one handler an event."""
    monkeypatch.setattr(router, "routes", [])

    def handle(name: str, event: Event) -> errors.Failure | None:
        if not router.routes:
            module = types.ModuleType(f"functions.processor.handlers.{name}")
            module.__dict__["__package__"] = "functions.processor.handlers"
            exec(compile(example(name), name, "exec"), module.__dict__)
        (handler,) = handlers_of(event)
        return handler.failure(event)

    return handle


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    file = str(tmp_path / "shop.db")
    monkeypatch.setenv("SHOP_DATABASE", file)
    shop = sqlite3.connect(file)
    shop.execute("CREATE TABLE credits (key TEXT PRIMARY KEY, payment TEXT, amount INTEGER)")
    shop.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, state TEXT, at TEXT)")
    return shop


def test_each_example_is_in_the_template_or_is_run_here() -> None:
    shown_here = [example(name) for name in ("announce", "credit", "mirror")]
    elsewhere = [text for text in EXAMPLES if text not in shown_here]
    assert len(elsewhere) >= 2
    for text in elsewhere:
        assert any(text in file for file in HANDLERS), text


def test_the_typed_handler_is_given_what_was_pushed(handled: Any, capfd: pytest.CaptureFixture[str]) -> None:
    push = Event(type="github.push", source="github", id="1", data=(ROOT / "samples/github/push.json").read_bytes())
    assert handled("announce", push) is None
    assert "refs/heads/main is now at 6b1f533" in capfd.readouterr().out
    failure = handled("announce", Event(type="github.push", source="github", id="2", data=b"{}"))
    assert (failure.reason, failure.why) == ("invalid-payload", "ref: missing; after: missing")


def test_the_handler_that_knows_its_own_repetition_credits_once(handled: Any, shop: sqlite3.Connection) -> None:
    body = b'{"data": {"object": {"id": "pi_1", "amount": 7}}}'
    payment = Event(type="stripe.payment_intent.succeeded", source="stripe", id="evt_1", data=body)
    assert [handled("credit", payment) for _ in range(2)] == [None, None]
    assert shop.execute("SELECT * FROM credits").fetchall() == [(payment.key, "pi_1", 7)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 0, 1, 0)], ids=["in order", "swapped", "again and again"])
def test_the_handler_of_a_state_keeps_the_newest(
    handled: Any, shop: sqlite3.Connection, order: tuple[int, ...]
) -> None:
    states = [("paid", NOON), ("sent", NOON + timedelta(microseconds=1))]
    for number in order:
        state, at = states[number]
        body = b'{"number": 1, "state": "%b"}' % state.encode()
        event = Event(type="erp.order.changed", source="erp", id=state, data=body, occurred_at=at)
        assert handled("mirror", event) is None
    assert shop.execute("SELECT state FROM orders").fetchall() == [("sent",)]


def test_the_table_of_reasons_is_complete() -> None:
    table = PAGE.partition("| reason | |")[2].partition("\n\n")[0]
    source = "".join(file.read_text() for file in (ROOT / "functions/processor").glob("*.py"))
    given = {"gave-up", "invalid-payload", "last-attempt", "max-age", "unhandled"}
    assert all(f'"{reason}"' in source for reason in given)
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == given | {"pubsub"}


def test_every_field_that_is_named_is_one_of_an_event() -> None:
    table = PAGE.partition("| `event.` | |")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z_]+)(?:\(\))?`", "".join(line.split(" | ")[0] for line in table.splitlines()))
    event = Event(type="a.b", source="a", id="1")
    assert len(named) >= 15
    assert not [name for name in named if not hasattr(event, name)]


def test_the_outcomes_in_the_log_are_those_that_are_named() -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith("| `outcome` |")]
    of_receiver, of_processor = (set(re.findall(r"[a-z]+(?:-[a-z]+)?", part)) for part in line.split(":")[1:])
    kinds: list[Any] = [errors.NotDone, *errors.NotDone.__subclasses__()]
    refusals: list[Any] = [NotAccepted, *NotAccepted.__subclasses__()]
    assert {kind.outcome for kind in kinds} <= of_processor
    assert {kind.outcome for kind in refusals} <= of_receiver
    assert {"processed", "duplicate", "dead-lettered", "unhandled"} <= of_processor


def test_the_tables_that_are_shown_have_the_columns_that_are_printed() -> None:
    dashes = [line for line in PAGE.splitlines() if set(line) == {"-", " "}]
    lines = PAGE.splitlines()
    shown = [re.split(r" {2,}", lines[lines.index(line) - 1]) for line in dashes]
    assert [*dead_letters.COLUMNS] in shown
    assert ["type", "reason", "count"] in shown
    assert ["time (UTC)", "event", "status", "guid"] in shown


def test_the_last_lines_that_are_shown_are_those_that_are_printed() -> None:
    tally = replay.Tally()
    tally.kinds["stripe.payment_intent.succeeded", "gave-up"] += 1
    assert f"\n{tally}\n" in PAGE
    source = (ROOT / "tools/redeliver.py").read_text()
    for words in ("asked for", "could not be", "under way", "listed since"):
        assert words in source
        assert words in PAGE
