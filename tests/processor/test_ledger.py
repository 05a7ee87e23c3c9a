"""One behaviour for every ledger; each implementation is made by a fixture below."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from functions.processor.errors import Busy, LedgerDown, Misconfigured
from functions.processor.ledger import KEPT_DAYS, LEASE, Claim, Ledger, State, open_ledger
from functions.processor.ledger.sqlite import SqliteLedger
from tests.servers import ROOT

NOON = 1_772_366_400.0


class Clock:
    """A clock that moves when it is told to."""

    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Ledger:
    return {"sqlite": lambda: SqliteLedger(str(tmp_path / "ledger.db"), clock=clock)}[request.param]()


def claim(ledger: Ledger, replay: int = 0) -> Claim:
    claim = ledger.claim("key", replay)
    assert claim
    return claim


def test_an_event_is_claimed_by_its_first_delivery(ledger: Ledger) -> None:
    first = claim(ledger)
    assert (first.fence, first.finished) == (1, frozenset())


def test_a_claimed_event_is_busy_until_its_lease_ends(ledger: Ledger, clock: Clock) -> None:
    claim(ledger)
    clock.now += LEASE - 1
    with pytest.raises(Busy):
        ledger.claim("key")


def test_other_events_are_free(ledger: Ledger) -> None:
    claim(ledger)
    assert ledger.claim("another")


def test_a_stale_lease_is_taken_over_with_the_next_fence(ledger: Ledger, clock: Clock) -> None:
    first = claim(ledger)
    clock.now += LEASE
    second = claim(ledger)
    assert second.fence == 2
    assert second.owner != first.owner


@pytest.mark.parametrize("state", State)
def test_a_zombie_writes_nothing(ledger: Ledger, clock: Clock, state: State) -> None:
    zombie = claim(ledger)
    clock.now += LEASE
    owner = claim(ledger)
    with pytest.raises(Busy):
        ledger.write(zombie.after("a.late"), state)
    with pytest.raises(Busy):
        ledger.claim("key")
    ledger.write(owner, State.FREE)
    assert claim(ledger).finished == frozenset()


def test_a_zombie_writes_nothing_after_its_successor_is_done(ledger: Ledger, clock: Clock) -> None:
    zombie = claim(ledger)
    clock.now += LEASE
    ledger.write(claim(ledger), State.DONE)
    with pytest.raises(Busy):
        ledger.write(zombie, State.FREE)
    assert ledger.claim("key") is None


def test_a_late_owner_that_nobody_replaced_still_finishes(ledger: Ledger, clock: Clock) -> None:
    late = claim(ledger)
    clock.now += 2 * LEASE
    ledger.write(late, State.DONE)
    assert ledger.claim("key") is None


def test_an_owner_writes_nothing_after_it_gave_back(ledger: Ledger) -> None:
    first = claim(ledger)
    ledger.write(first, State.FREE)
    with pytest.raises(Busy):
        ledger.write(first, State.DONE)


def test_a_done_event_is_a_duplicate_for_ever(ledger: Ledger, clock: Clock) -> None:
    ledger.write(claim(ledger), State.DONE)
    clock.now += 31 * 86400
    assert ledger.claim("key") is None
    assert ledger.claim("key", replay=1) is None


def test_an_event_given_back_is_taken_over_at_once(ledger: Ledger) -> None:
    ledger.write(claim(ledger), State.FREE)
    assert claim(ledger).fence == 2


@pytest.mark.parametrize("state", [State.OPEN, State.FREE], ids=["crashed", "given back"])
def test_finished_handlers_are_remembered(ledger: Ledger, clock: Clock, state: State) -> None:
    ledger.write(claim(ledger).after("a.one").after("a.two"), state)
    clock.now += LEASE
    again = claim(ledger)
    assert again.finished == {"a.one", "a.two"}
    assert again.after("a.three").finished == {"a.one", "a.two", "a.three"}


def test_each_handler_that_finishes_renews_the_lease(ledger: Ledger, clock: Clock) -> None:
    first = claim(ledger)
    clock.now += LEASE - 1
    ledger.write(first.after("a.one"), State.OPEN)
    clock.now += LEASE - 1
    with pytest.raises(Busy):
        ledger.claim("key")


def test_a_dead_event_is_a_duplicate_until_it_is_replayed(ledger: Ledger) -> None:
    ledger.write(claim(ledger).after("a.one"), State.DEAD)
    assert ledger.claim("key") is None
    replayed = claim(ledger, replay=1)
    assert (replayed.fence, replayed.finished) == (2, frozenset({"a.one"}))


def test_a_replayed_event_that_died_again_needs_a_later_replay(ledger: Ledger) -> None:
    ledger.write(claim(ledger), State.DEAD)
    ledger.write(claim(ledger, replay=1), State.DEAD)
    assert ledger.claim("key", replay=1) is None
    assert ledger.claim("key", replay=2)


def test_an_old_delivery_does_not_undo_a_replay(ledger: Ledger) -> None:
    ledger.write(claim(ledger), State.DEAD)
    ledger.write(claim(ledger, replay=1), State.FREE)
    ledger.write(claim(ledger, replay=0), State.DEAD)
    assert ledger.claim("key", replay=1) is None


def test_a_hundred_threads_make_one_claim(ledger: Ledger) -> None:
    start = threading.Barrier(25)

    def deliver(number: int) -> str:
        if number < 25:
            start.wait()
        try:
            return "claimed" if ledger.claim("key") else "duplicate"
        except Busy:
            return "busy"

    with ThreadPoolExecutor(25) as pool:
        assert Counter(pool.map(deliver, range(100))) == {"claimed": 1, "busy": 99}


# From here on: what only the file can do, or have done to it.

RACE = """
import sys, time
from functions.processor.errors import Busy
from functions.processor.ledger import open_ledger
print("up", flush=True)
sys.stdin.readline()
ledger = open_ledger("sqlite:" + sys.argv[1])
for key in range(50):
    try:
        print(key, "claimed" if ledger.claim(str(key)) else "duplicate")
    except Busy:
        print(key, "busy")
"""


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_processes_that_start_together_make_one_claim_each(tmp_path: Path) -> None:
    racers = [python(RACE, str(tmp_path / "new.db")) for _ in range(4)]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "up\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = Counter(line for racer in racers for line in racer.communicate()[0].splitlines())
    assert said == {f"{key} claimed": 1 for key in range(50)} | {f"{key} busy": 3 for key in range(50)}


HANG = """
import sys, time
from functions.processor.ledger import State, open_ledger
ledger = open_ledger("sqlite:" + sys.argv[1])
ledger.write(ledger.claim("key").after("a.one"), State.OPEN)
print("working", flush=True)
time.sleep(60)
"""


def test_the_event_of_a_killed_process_is_taken_over_when_its_lease_ends(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    victim = python(HANG, str(path))
    assert victim.stdout
    assert victim.stdout.readline() == "working\n"
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate()
    with pytest.raises(Busy):
        SqliteLedger(str(path)).claim("key")
    taken = SqliteLedger(str(path), clock=lambda: time.time() + LEASE).claim("key")
    assert taken
    assert (taken.fence, taken.finished) == (2, frozenset({"a.one"}))


def test_a_forked_process_opens_the_file_for_itself(tmp_path: Path) -> None:
    ledger = SqliteLedger(str(tmp_path / "ledger.db"))
    ledger.claim("parent")
    opened = ledger._connection()
    if (child := os.fork()) == 0:
        status = 1
        try:
            status = 0 if ledger.claim("child") and ledger._connection() is not opened else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with pytest.raises(Busy):
        ledger.claim("child")


def locked(path: Path) -> None:
    SqliteLedger(str(path)).claim("first")
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    threading.Timer(4, holder.close).start()


BROKEN: dict[str, Callable[[Path], object]] = {
    "locked by another": locked,
    "in a folder that is not there": lambda path: path.parent.rmdir(),
    "not a database": lambda path: path.write_bytes(b"not a database, but quite long" * 100),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("breaks", BROKEN.values(), ids=BROKEN.keys())
def test_a_ledger_out_of_order_says_so_in_less_than_four_seconds(
    tmp_path: Path, breaks: Callable[[Path], None]
) -> None:
    path = tmp_path / "folder/ledger.db"
    path.parent.mkdir()
    breaks(path)
    started = time.monotonic()
    with pytest.raises(LedgerDown):
        SqliteLedger(str(path)).claim("key")
    assert time.monotonic() - started < 4


def test_a_ledger_that_was_out_of_order_works_again(tmp_path: Path) -> None:
    ledger = SqliteLedger(str(tmp_path / "later/ledger.db"))
    with pytest.raises(LedgerDown):
        ledger.claim("key")
    (tmp_path / "later").mkdir()
    assert ledger.claim("key")


def test_old_events_are_forgotten_as_new_ones_come(tmp_path: Path, clock: Clock) -> None:
    path = str(tmp_path / "ledger.db")
    ledger = SqliteLedger(path, clock=clock)
    for number in range(10):
        ledger.claim(f"old {number}")
    clock.now += KEPT_DAYS * 86400
    ledger.claim("in time")
    clock.now += 1
    for number in range(5):
        ledger.claim(f"new {number}")
    kept = [key for (key,) in sqlite3.connect(path).execute("SELECT key FROM events ORDER BY key")]
    assert kept == ["in time", *(f"new {number}" for number in range(5))]


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("", "write sqlite:PATH"),
        ("sqlite", "write sqlite:PATH"),
        ("sqlite:", "write sqlite:PATH"),
        ("sqlite::memory:", "path of a file"),
        ("redis://cache", "write sqlite:PATH"),
        ("firestore", "does not have yet"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_says_what_is_allowed(setting: str, hint: str) -> None:
    with pytest.raises(Misconfigured, match=hint):
        open_ledger(setting)


def test_choosing_a_ledger_does_not_touch_it(tmp_path: Path) -> None:
    open_ledger(f"sqlite:{tmp_path}/ledger.db")
    assert not list(tmp_path.iterdir())
