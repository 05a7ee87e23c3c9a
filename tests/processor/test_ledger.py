"""One behaviour for every ledger; each implementation is made by a fixture below."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.processor.errors import Busy, LedgerDown, Misconfigured
from functions.processor.ledger import KEPT_DAYS, Claim, Ledger, State, open_ledger
from functions.processor.ledger.firestore import FirestoreLedger
from functions.processor.ledger.sqlite import SqliteLedger
from functions.processor.settings import Settings
from tests.servers import ROOT, Server

LEASE = 570
NOON = 1_772_366_400.0


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self._jumps: list[tuple[datetime, float]] = []

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        self._jumps.append((datetime.now(UTC), seconds))

    def __call__(self) -> float:
        """The time now, of a ledger that asks us."""
        return NOON + sum(seconds for _, seconds in self._jumps)

    def age(self, read: datetime, written: datetime) -> timedelta:
        """The age of a write, of a ledger that asks its server, who knows nothing of our jumps."""
        return read - written + timedelta(seconds=sum(s for moment, s in self._jumps if moment > written))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sqlite_ledger(request: pytest.FixtureRequest, clock: Clock) -> Ledger:
    folder: Path = request.getfixturevalue("tmp_path")
    return SqliteLedger(str(folder / "ledger.db"), LEASE, clock)


def firestore_ledger(request: pytest.FixtureRequest, clock: Clock) -> Ledger:
    request.getfixturevalue("firestore_env")
    return FirestoreLedger(f"project-{uuid.uuid4().hex}", "(default)", LEASE, clock.age)


LEDGERS = {"sqlite": sqlite_ledger, "firestore": firestore_ledger}


@pytest.fixture
def firestore_env(firestore: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{firestore.port}")


@pytest.fixture(params=LEDGERS)
def ledger(request: pytest.FixtureRequest, clock: Clock) -> Ledger:
    return LEDGERS[request.param](request, clock)


def claim(ledger: Ledger, replay: int = 0, again: bool = False) -> Claim:
    claim = ledger.claim("key", replay, again)
    assert claim
    return claim


def test_an_event_is_claimed_by_its_first_delivery(ledger: Ledger) -> None:
    first = claim(ledger)
    assert (first.fence, first.finished) == (1, frozenset())


def test_a_claimed_event_is_busy_until_its_lease_ends(ledger: Ledger, clock: Clock) -> None:
    claim(ledger)
    clock.advance(LEASE - 1)
    with pytest.raises(Busy):
        ledger.claim("key")


def test_other_events_are_free(ledger: Ledger) -> None:
    claim(ledger)
    assert ledger.claim("another")


def test_a_stale_lease_is_taken_over_with_the_next_fence(ledger: Ledger, clock: Clock) -> None:
    first = claim(ledger)
    clock.advance(LEASE)
    second = claim(ledger)
    assert second.fence == 2
    assert second.owner != first.owner


@pytest.mark.parametrize("state", State)
def test_a_zombie_writes_nothing(ledger: Ledger, clock: Clock, state: State) -> None:
    zombie = claim(ledger)
    clock.advance(LEASE)
    owner = claim(ledger)
    with pytest.raises(Busy):
        ledger.write(zombie.after("a.late"), state)
    with pytest.raises(Busy):
        ledger.claim("key")
    ledger.write(owner, State.FREE)
    assert claim(ledger).finished == frozenset()


def test_a_zombie_writes_nothing_after_its_successor_is_done(ledger: Ledger, clock: Clock) -> None:
    zombie = claim(ledger)
    clock.advance(LEASE)
    ledger.write(claim(ledger), State.DONE)
    with pytest.raises(Busy):
        ledger.write(zombie, State.FREE)
    assert ledger.claim("key") is None


def test_a_late_owner_that_nobody_replaced_still_finishes(ledger: Ledger, clock: Clock) -> None:
    late = claim(ledger)
    clock.advance(2 * LEASE)
    ledger.write(late, State.DONE)
    assert ledger.claim("key") is None


def test_an_owner_writes_nothing_after_it_gave_back(ledger: Ledger) -> None:
    first = claim(ledger)
    ledger.write(first, State.FREE)
    with pytest.raises(Busy):
        ledger.write(first, State.DONE)


def test_a_done_event_is_a_duplicate_for_ever(ledger: Ledger, clock: Clock) -> None:
    ledger.write(claim(ledger), State.DONE)
    clock.advance(31 * 86400)
    assert ledger.claim("key") is None
    assert ledger.claim("key", replay=1) is None


def test_an_event_given_back_is_taken_over_at_once(ledger: Ledger) -> None:
    ledger.write(claim(ledger), State.FREE)
    assert claim(ledger).fence == 2


@pytest.mark.parametrize("state", [State.OPEN, State.FREE], ids=["crashed", "given back"])
def test_finished_handlers_are_remembered(ledger: Ledger, clock: Clock, state: State) -> None:
    ledger.write(claim(ledger).after("a.one").after("a.two"), state)
    clock.advance(LEASE)
    again = claim(ledger)
    assert again.finished == {"a.one", "a.two"}
    assert again.after("a.three").finished == {"a.one", "a.two", "a.three"}


def test_each_handler_that_finishes_renews_the_lease(ledger: Ledger, clock: Clock) -> None:
    first = claim(ledger)
    clock.advance(LEASE - 1)
    second = ledger.write(first.after("a.one"), State.OPEN)
    clock.advance(LEASE - 1)
    with pytest.raises(Busy):
        ledger.claim("key")
    ledger.write(second, State.DONE)
    assert ledger.claim("key") is None


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


def test_only_a_replay_that_says_so_runs_what_is_done_again_and_only_once(ledger: Ledger) -> None:
    ledger.write(claim(ledger).after("a.one"), State.DONE)
    assert ledger.claim("key", replay=1) is None
    assert ledger.claim("key", replay=0, again=True) is None
    again = claim(ledger, replay=1, again=True)
    assert again.finished == frozenset()
    ledger.write(again.after("a.one"), State.DONE)
    assert ledger.claim("key", replay=1, again=True) is None


@pytest.mark.parametrize("state", [State.FREE, State.OPEN], ids=["given back", "crashed"])
def test_a_retry_of_such_a_replay_runs_only_the_rest(ledger: Ledger, clock: Clock, state: State) -> None:
    ledger.write(claim(ledger).after("a.one").after("a.two"), State.DEAD)
    ledger.write(claim(ledger, replay=1, again=True).after("a.two"), state)
    clock.advance(LEASE)
    assert claim(ledger, replay=1, again=True).finished == {"a.two"}


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
from functions.processor.ledger.sqlite import SqliteLedger
print("up", flush=True)
sys.stdin.readline()
ledger = SqliteLedger(sys.argv[1], 570)
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
from functions.processor.ledger import State
from functions.processor.ledger.sqlite import SqliteLedger
ledger = SqliteLedger(sys.argv[1], 570)
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
        SqliteLedger(str(path), LEASE).claim("key")
    taken = SqliteLedger(str(path), LEASE, lambda: time.time() + LEASE).claim("key")
    assert taken
    assert (taken.fence, taken.finished) == (2, frozenset({"a.one"}))


def test_a_forked_process_opens_the_file_for_itself(tmp_path: Path) -> None:
    ledger = SqliteLedger(str(tmp_path / "ledger.db"), LEASE)
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
    SqliteLedger(str(path), LEASE).claim("first")
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
        SqliteLedger(str(path), LEASE).claim("key")
    assert time.monotonic() - started < 4


def test_a_ledger_that_was_out_of_order_works_again(tmp_path: Path) -> None:
    ledger = SqliteLedger(str(tmp_path / "later/ledger.db"), LEASE)
    with pytest.raises(LedgerDown):
        ledger.claim("key")
    (tmp_path / "later").mkdir()
    assert ledger.claim("key")


def test_threads_take_turns_and_leave_none_waiting_in_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **more: connect(path, **more | {"timeout": 0}))
    SqliteLedger(str(tmp_path / "ledger.db"), LEASE).claim("first")  # whoever opens a new file meets the others
    ledger = SqliteLedger(str(tmp_path / "ledger.db"), LEASE)

    def handle(key: int) -> None:
        claim = ledger.claim(str(key))
        assert claim
        ledger.write(claim, State.DONE)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(handle, range(400)))


def test_a_thread_that_hangs_in_the_store_gives_back_the_events_of_others_in_time(tmp_path: Path) -> None:
    ledger = SqliteLedger(str(tmp_path / "ledger.db"), LEASE)
    started = time.monotonic()
    with ledger._turn, pytest.raises(LedgerDown):
        ledger.claim("key")
    assert time.monotonic() - started < 4
    assert ledger.claim("key")


def test_old_events_are_forgotten_as_new_ones_come(tmp_path: Path, clock: Clock) -> None:
    path = str(tmp_path / "ledger.db")
    ledger = SqliteLedger(path, LEASE, clock)
    for number in range(10):
        ledger.claim(f"old {number}")
    clock.advance(KEPT_DAYS * 86400)
    ledger.claim("in time")
    clock.advance(1)
    for number in range(5):
        ledger.claim(f"new {number}")
    kept = [key for (key,) in sqlite3.connect(path).execute("SELECT key FROM ledger ORDER BY key")]
    assert kept == ["in time", *(f"new {number}" for number in range(5))]


@pytest.mark.parametrize("setting", ["", "sqlite", "sqlite:", "sqlite::memory:", "redis://cache", "firestore:x"])
def test_a_wrong_setting_stops_the_start_and_says_what_is_allowed(setting: str) -> None:
    with pytest.raises(Misconfigured, match="write firestore, or sqlite:PATH with the path of a file"):
        open_ledger(Settings.read({"LEDGER": setting}))


def test_firestore_needs_a_project() -> None:
    with pytest.raises(Misconfigured, match="PROJECT does not say whose"):
        open_ledger(Settings.read({"LEDGER": "firestore"}))


def test_choosing_a_ledger_does_not_touch_it(tmp_path: Path) -> None:
    open_ledger(Settings.read({"LEDGER": f"sqlite:{tmp_path}/ledger.db"}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("environment", "lease"), [({}, 570), ({"HANDLER_TIMEOUT": "60"}, 90)], ids=["default", "shorter"]
)
def test_a_lease_outlasts_the_handlers_by_half_a_minute(environment: dict[str, str], lease: int) -> None:
    ledger = open_ledger(Settings.read({"LEDGER": "firestore", "PROJECT": "demo"} | environment))
    assert isinstance(ledger, FirestoreLedger)
    assert ledger._lease == lease
