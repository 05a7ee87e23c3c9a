"""The faults that `make prove` tries, some of them and each for a second: nothing lost, nothing done twice."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from proof.faults import TRIALS, Trial, calm
from proof.prove import last_look, proof, table
from proof.sender import CANARY, Attempt, body_of
from proof.single import SINGLE
from proof.trial import Proof, Result
from tests.servers import FIRESTORE, ROOT, require_emulator

EVENTS, LASTS = 96, 1.5
SHORT = [trial for trial in TRIALS if trial.short]


@pytest.fixture(scope="module")
def running() -> Iterator[Proof]:
    require_emulator()
    require_emulator(FIRESTORE)
    with proof() as running:
        yield running


@pytest.mark.parametrize("trial", SHORT, ids=lambda trial: trial.name)
def test_a_fault_loses_nothing_and_does_nothing_twice(running: Proof, trial: Trial) -> None:
    result = running.run(trial, EVENTS, min(LASTS, trial.lasts))
    assert not result.complaints
    assert result.answers[200] >= EVENTS


def test_nothing_came_of_them_later(running: Proof) -> None:
    assert not last_look(running)


# What the proof itself would notice

ID = "F00-0-1"
GOOD = {"first": [7], "second": [7]}


def judged(
    tmp_path: Path,
    status: int = 200,
    took: float = 0.1,
    body: bytes | None = None,
    effects: Mapping[str, list[int]] = GOOD,
    forged: int = 401,
    killed: tuple[int, ...] = (),
    **more: Any,
) -> Result:
    """What is said of one event and one forged one, of which this is known."""
    messages = defaultdict(list, {ID: [hashlib.sha256(body or body_of(ID)).hexdigest()]} | more.get("messages", {}))
    done = defaultdict(list, {(name, ID): pids for name, pids in effects.items()})
    record = SimpleNamespace(messages=messages, effects=done, reasons=defaultdict(list), leaks=more.get("leaks", []))
    stage = SimpleNamespace(killed=set(killed), folder=tmp_path)
    attempts = [Attempt(ID, status, 0, took, more.get("leaked", False)), Attempt(f"forged-{ID}", forged, 0, 0.1)]
    trial = Trial("F00", "nothing", calm, answers=frozenset({200, 503}))
    bodies = {attempt.id: body_of(attempt.id) for attempt in attempts}
    return Proof(cast(Any, stage), cast(Any, record)).judge(trial, attempts, bodies, mended=0)


def test_what_is_as_it_should_be_is_no_complaint(tmp_path: Path) -> None:
    result = judged(tmp_path)
    assert (result.complaints, result.lost, result.doubled, result.by_kill) == ([], 0, 0, 0)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "other bytes in the queue": ({"body": b"{}"}, "F00 lost: ['F00-0-1']"),
    "no effect": ({"effects": {"first": [7]}}, "F00 lost: ['F00-0-1']"),
    "an effect twice": ({"effects": GOOD | {"first": [7, 7]}}, "F00 done twice: ['F00-0-1']"),
    "an effect twice, after a kill of another": (
        {"effects": GOOD | {"first": [7, 8]}, "killed": (9,)},
        "F00 done twice: ['F00-0-1']",
    ),
    "a status that nobody may get": ({"status": 500}, "F00 answers: [500]"),
    "an event that was never taken": ({"status": 503}, "F00 never told 200: ['F00-0-1']"),
    "an answer that took too long": ({"took": 5.0}, "F00 seconds for one answer: [5.0]"),
    "a forged event that is told 200": ({"forged": 200}, "F00 got in unproved: ['forged-F00-0-1']"),
    "a forged event in the queue": (
        {"messages": {f"forged-{ID}": ["x"]}},
        "F00 got in unproved: ['forged-F00-0-1']",
    ),
    "a secret in an answer": ({"leaked": True}, "F00 told a secret: ['F00-0-1']"),
    "a secret in an attribute": ({"leaks": ["attribute ce-id"]}, "F00 told a secret: ['attribute ce-id']"),
}


@pytest.mark.parametrize(("known", "complaint"), WRONG.values(), ids=WRONG)
def test_what_is_not_as_it_should_be_is_told(tmp_path: Path, known: dict[str, Any], complaint: str) -> None:
    assert complaint in judged(tmp_path, **known).complaints


def test_a_secret_in_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "receiver.log").write_text(f"Authorization: {CANARY}\n")
    assert judged(tmp_path).complaints == ["F00 told a secret: ['receiver.log']"]


def test_what_a_kill_had_done_twice_is_counted_apart(tmp_path: Path) -> None:
    result = judged(tmp_path, effects=GOOD | {"first": [7, 8]}, killed=(7,))
    assert (result.complaints, result.doubled, result.by_kill) == ([], 0, 1)


def test_the_table_has_a_line_for_each_fault_and_one_for_all(tmp_path: Path) -> None:
    lines = table([judged(tmp_path), judged(tmp_path, effects={})]).splitlines()
    assert [line.split()[-10:-2] for line in lines[2:]] == [
        ["2", "1", "0", "1", "0", "0", "0", "0"],
        ["2", "1", "0", "1", "0", "1", "0", "0"],
        ["4", "2", "0", "2", "0", "1", "0", "0"],
    ]


def test_every_fault_is_tried_or_shown_by_tests_that_are_there() -> None:
    numbers = {trial.id for trial in TRIALS} | {number for number, _, _ in SINGLE}
    assert numbers == {f"F{n:02}" for n in range(37)}
    for _, _, tests in SINGLE:
        for test in tests:
            file, _, name = test.partition("::")
            assert f"def {name}" in (ROOT / file).read_text(), test


def test_the_page_has_every_fault() -> None:
    page = (ROOT / "docs/proof.md").read_text()
    for trial in TRIALS:
        assert re.search(rf"^{trial.id} +{re.escape(trial.name)} ", page, re.MULTILINE), trial.name
    for number, name, tests in SINGLE:
        assert f"| {number} | {name} | " in page
        assert all(f"`{test.partition('::')[2] or test}`" in page for test in tests)
