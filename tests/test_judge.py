"""What the judge is told: the observer answers as the harness's protocol says, from what the handler really did."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from proof.judge.observer import CAPABILITIES, EVIDENCE, Asked, Observer
from proof.judge.project import SCENARIOS, project
from proof.judge.stage import HERE
from proof.judge.verdicts import DIFFERENT, UNSAID, is_fine, of_command, of_corpus
from tests.processor.pushes import deliver, push, start_processor
from tests.servers import Server, until

TOKEN = "a-token-of-the-test"
REQUEST = "request_01J00000000000000000000000"


@dataclass
class Shop:
    """A processor with the judge's handler, and the observer of its books."""

    processor: Server
    observer: Observer
    unfinished: set[str] = field(default_factory=set)

    def send(self, id_: str, kind: str = "payment.succeeded", order: str = "") -> int:
        """Push an event; the status of the answer."""
        data = json.dumps({"data": {"order_id": order or f"order-{id_}", "customer_email": "kim@example.com"}})
        wish = push(data.encode(), ce_id=id_, ce_type=f"shop.{kind}", ce_signed="id")
        return deliver(self.processor, wish).status_code

    def ask(self, route: str, token: str | None = TOKEN, method: str = "POST", **more: Any) -> requests.Response:
        """Call the observer."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        wish = {"protocol_version": "1.0", "request_id": REQUEST, "operation": route, **more}
        return requests.request(method, f"{self.observer.url}/{route}", json=wish, headers=headers, timeout=10)

    def observe(self, key: str, *events: str, kind: str = "integer", **more: Any) -> dict[str, Any]:
        """Ask for one piece of evidence."""
        query = {"key": key, "type": kind, "parameters": {"event_ids": list(events), **more}}
        answer: dict[str, Any] = self.ask("observe", queries=[query]).json()
        return answer

    def told(self, key: str, *events: str, **more: Any) -> Any:
        """What it is told to be the value of one piece of evidence."""
        (evidence,) = self.observe(key, *events, **more)["evidence"]
        return evidence["value"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("judge")
    processor = start_processor(folder, (HERE / "handlers/shop.py").read_text(), HANDLER_TIMEOUT="20")

    def pending(asked: Asked) -> bool:
        return bool(running.unfinished & set(asked.get("event_ids", [])))

    running = Shop(processor, Observer(folder / "shop.db", TOKEN, pending))
    yield running
    running.observer.stop()
    processor.stop()


def test_an_event_that_comes_twice_is_told_to_have_happened_once(shop: Shop) -> None:
    assert [shop.send("twice"), shop.send("twice")] == [204, 204]
    assert [shop.told(key, "twice") for key in ("processing_count", "effect_count", "outbox_count")] == [1, 1, 1]


def test_a_refund_that_comes_before_its_payment_is_done_after_it(shop: Shop) -> None:
    assert shop.send("refund", "payment.refunded", "order-1") == 503
    assert shop.told("effect_count", "refund") == 0
    assert shop.send("payment", "payment.succeeded", "order-1") == 204
    until(lambda: shop.send("refund", "payment.refunded", "order-1") == 204)
    expected = {"order-1": {"state": "refunded", "version": 2}}
    assert shop.told("order_state", kind="object", order_ids=["order-1"]) == expected
    assert shop.told("processing_count", "refund", "payment") == 2


def test_a_process_that_is_killed_after_its_work_has_not_finished_it(shop: Shop) -> None:
    (shop.processor.output.parent / "kill-killed").touch()
    with pytest.raises(requests.ConnectionError):
        shop.send("killed")
    assert (shop.told("effect_count", "killed"), shop.told("processing_count", "killed")) == (1, 0)


def test_an_event_that_nobody_has_sent_has_done_nothing(shop: Shop) -> None:
    assert shop.told("processing_count", "nobody's") == 0
    assert shop.told("order_state", kind="object", order_ids=["nobody's"]) == {}


def test_events_of_another_source_are_not_counted(shop: Shop) -> None:
    shop.send("own")
    assert shop.told("effect_count", "own", source="shop") == 1
    assert shop.told("effect_count", "own", source="other") == 0


def test_capabilities_say_that_it_can_only_be_read(shop: Shop) -> None:
    answer = shop.ask("capabilities").json()
    assert (answer["status"], answer["request_id"], answer["evidence"]) == ("ok", REQUEST, [])
    assert answer["capabilities"] == CAPABILITIES
    assert (CAPABILITIES["read_only"], CAPABILITIES["idempotent"]) == (True, True)


def test_an_observation_has_what_the_protocol_wants(shop: Shop) -> None:
    shop.send("form")
    answer = shop.observe("effect_count", "form")
    snapshot = answer.pop("snapshot_id")
    assert answer == {
        "protocol_version": "1.0",
        "request_id": REQUEST,
        "status": "ok",
        "capabilities": CAPABILITIES,
        "evidence": [{"key": "effect_count", "value_type": "integer", "value": 1, "sensitive": False}],
        "error": None,
    }
    assert shop.observe("effect_count", "form")["snapshot_id"] == snapshot
    assert shop.observe("effect_count", "another")["snapshot_id"] != snapshot


def test_what_is_sensitive_is_marked(shop: Shop) -> None:
    shop.send("private")
    (evidence,) = shop.observe("customer", "private", kind="string")["evidence"]
    assert (evidence["value"], evidence["sensitive"]) == ("kim@example.com", True)


def test_nothing_is_told_of_an_event_that_is_not_finished(shop: Shop) -> None:
    shop.unfinished.add("open")
    assert (answer := shop.observe("effect_count", "open"))["status"] == "pending"
    assert (answer["evidence"], answer["snapshot_id"]) == ([], None)


@pytest.mark.parametrize(("key", "kind"), [("secrets", "integer"), ("effect_count", "string")], ids=["key", "type"])
def test_what_it_does_not_know_is_unsupported(shop: Shop, key: str, kind: str) -> None:
    assert shop.observe(key, kind=kind)["status"] == "unsupported"


@pytest.mark.parametrize("route", ["capabilities", "observe"])
@pytest.mark.parametrize(
    "token",
    [None, "", "another", TOKEN[:-1], f"{TOKEN}x", "ü"],
    ids=["none", "empty", "another", "cut off", "longer", "not ASCII"],
)
def test_nobody_is_told_anything_without_the_token(shop: Shop, route: str, token: str | None) -> None:
    answer = shop.ask(route, token=token and token.encode().decode("latin-1"), queries=[])
    assert (answer.status_code, "evidence" in answer.text) == (401, False)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("route", ["capabilities", "observe"])
def test_it_can_be_asked_and_nothing_else(shop: Shop, route: str, method: str) -> None:
    assert shop.ask(route, method=method).status_code == 405


def test_even_a_question_that_writes_leaves_the_books_as_they_are(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.send("kept")
    monkeypatch.setitem(EVIDENCE, "evil", ("integer", "DELETE FROM effects RETURNING 1", len))
    query = {"key": "evil", "type": "integer", "parameters": {}}
    assert shop.ask("observe", queries=[query]).status_code == 500
    assert shop.told("effect_count", "kept") == 1


def test_books_that_are_not_there_are_not_made(tmp_path: Path) -> None:
    observer = Observer(tmp_path / "none.db", TOKEN, lambda asked: False)
    query = {"key": "effect_count", "type": "integer"}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    wish = {"request_id": REQUEST, "queries": [query]}
    assert requests.post(f"{observer.url}/observe", json=wish, headers=headers, timeout=10).status_code == 500
    observer.stop()
    assert not list(tmp_path.iterdir())


SAFE = {"answers": [200], "effect_count": 1}


@pytest.mark.parametrize(
    ("scenario", "verdict", "facts", "fine"),
    [
        ("SCN-001", True, SAFE, True),
        ("SCN-001", False, SAFE, False),
        ("SCN-001", "RuntimeError: no", SAFE, False),
        ("SCN-006", False, SAFE, True),
        ("SCN-006", True, SAFE, False),
        ("SCN-006", "RuntimeError: no", SAFE, False),
        ("SCN-006", False, {"answers": [503], "effect_count": 0}, False),
        ("SCN-006", False, {"answers": [200], "effect_count": 2}, False),
        ("SCN-012", False, SAFE, False),
    ],
    ids=[
        "passes",
        "fails",
        "did not come so far",
        "fails as it must",
        "passes and must not",
        "must fail and did not come so far",
        "fails with another answer",
        "fails with another effect",
        "fails as another must",
    ],
)
def test_a_bad_verdict_is_fine_for_its_known_reason_alone(
    scenario: str, verdict: bool | str, facts: Asked, fine: bool
) -> None:
    assert is_fine(of_corpus(scenario, verdict, facts)) is fine


def test_a_scenario_without_a_verdict_is_not_fine() -> None:
    assert [name for name in SCENARIOS if is_fine(of_command(name, {}))] == []
    assert is_fine(of_command("stale-timestamp", {}))
    assert not is_fine(of_command("stale-timestamp", {"stale-timestamp": "answered: fail"}))


def test_every_scenario_is_sent_or_said_to_be_left_out() -> None:
    assert len(SCENARIOS) + len(UNSAID) == 16
    said = project(list(SCENARIOS), "http://127.0.0.1:1", "http://127.0.0.1:2", "1s")
    names = [f["id"] for f in said["fixtures"]]
    assert len(names) == len(set(names))  # each event is sent by one scenario alone, which counts it
    assert set(DIFFERENT) == {"SCN-006", "SCN-012"}
