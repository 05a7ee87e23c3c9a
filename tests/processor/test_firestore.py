"""What only the ledger in Firestore can do, or have done to it: Google's emulator, behind a proxy that fails."""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Self

import pytest

from functions.processor import calls, channel
from functions.processor.errors import Busy, LedgerDown
from functions.processor.ledger import KEPT_DAYS, Claim, State, firestore
from functions.processor.ledger.firestore import FirestoreLedger
from tests.proxy import Fault, Proxy
from tests.servers import Server


@pytest.fixture(scope="module")
def proxy(firestore: Server) -> Iterator[Proxy]:
    proxy = Proxy(firestore.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def project(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A project of the test's own, whose ledgers talk through the proxy, which works before and after."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{proxy.port}")
    yield f"project-{uuid.uuid4().hex}"
    proxy.fail(Fault.NONE)


@pytest.fixture
def ledger(project: str) -> FirestoreLedger:
    return FirestoreLedger(project, "(default)", 570)


def claim(ledger: FirestoreLedger, key: str = "key") -> Claim:
    claim = ledger.claim(key)
    assert claim
    return claim


def stored(ledger: FirestoreLedger, key: str = "key") -> dict[str, object]:
    found, _ = ledger._read(key, time.monotonic() + 3)
    assert found
    fields = type(found).to_dict(found)["fields"]
    return {name: next(iter(value.values())) for name, value in fields.items()}


def test_a_record_holds_nothing_of_the_event_and_ends_after_45_days(ledger: FirestoreLedger) -> None:
    first = claim(ledger)
    ledger.write(first.after("a.one"), State.DONE)
    record = stored(ledger)
    expires = record.pop("expires")
    assert isinstance(expires, datetime | str)
    left = datetime.fromisoformat(str(expires)) - datetime.now(UTC)
    assert timedelta(days=KEPT_DAYS - 1) < left <= timedelta(days=KEPT_DAYS)
    finished = {"values": [{"string_value": "a.one"}]}
    assert record == {
        "state": "done",
        "owner": first.owner,
        "fence": "1",
        "replay": "0",
        "finished": finished,
        "lease": "570",
    }


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_lease_ends_by_the_clock_of_the_server_whatever_ours_says(
    project: str, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    class OffTime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(hours=hours)

    monkeypatch.setattr(firestore, "datetime", OffTime)
    ledger = FirestoreLedger(project, "(default)", 1)
    claim(ledger)
    with pytest.raises(Busy):
        ledger.claim("key")
    time.sleep(1.1)
    assert claim(ledger).fence == 2


def test_the_lease_that_counts_is_that_of_the_owner(project: str) -> None:
    claim(FirestoreLedger(project, "(default)", 1), "short")
    claim(FirestoreLedger(project, "(default)", 570), "long")
    time.sleep(1.1)
    assert FirestoreLedger(project, "(default)", 570).claim("short")
    with pytest.raises(Busy):
        FirestoreLedger(project, "(default)", 1).claim("long")


def test_a_record_that_expires_between_two_looks_gives_the_event_back(
    ledger: FirestoreLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(ledger)
    monkeypatch.setattr(ledger, "_read", lambda key, end: (None, datetime.now(UTC)))
    with pytest.raises(Busy) as busy:
        ledger.claim("key")
    assert busy.value.reason == "expired"


DOWN = {"refuses": Fault.REFUSES, "swallows": Fault.SWALLOWS, "loses replies": Fault.LOSES_REPLIES}


@pytest.mark.parametrize("fault", DOWN.values(), ids=DOWN)
@pytest.mark.parametrize("write", [False, True], ids=["claim", "write"])
def test_a_store_that_is_down_says_so_within_four_seconds_and_is_back_at_once(
    ledger: FirestoreLedger, proxy: Proxy, fault: Fault, write: bool
) -> None:
    mine = claim(ledger, "mine")
    proxy.fail(fault)
    started = time.monotonic()
    with pytest.raises(LedgerDown):
        ledger.write(mine, State.DONE) if write else ledger.claim("key")
    assert time.monotonic() - started < 4
    proxy.fail(Fault.NONE)
    healed = time.monotonic()
    assert ledger.claim("another")
    assert time.monotonic() - healed < 2


def test_a_store_that_swallows_one_try_is_asked_again(ledger: FirestoreLedger, proxy: Proxy) -> None:
    claim(ledger, "another")
    proxy.fail(Fault.SWALLOWS)
    healing = threading.Timer(1.5, proxy.fail, [Fault.NONE])
    healing.start()
    assert ledger.claim("key")
    healing.join()


def test_a_store_that_was_down_for_a_while_is_found_again_within_a_second(
    ledger: FirestoreLedger, proxy: Proxy
) -> None:
    claim(ledger)
    proxy.fail(Fault.REFUSES)
    for _ in range(3):  # a channel that knows no better waits longer after each failure
        with pytest.raises(LedgerDown):
            ledger.claim("another")
    proxy.fail(Fault.NONE)
    healed = time.monotonic()
    assert ledger.claim("another")
    assert time.monotonic() - healed < 1


def test_a_connection_that_died_without_a_word_is_given_up(
    ledger: FirestoreLedger, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same settings with shorter times, on a client of their own.
    times = dict(channel.CHANNEL)
    shorter = {name: value // 10 for name, value in times.items() if "keepalive" in name or "ping" in name}
    monkeypatch.setattr(channel, "CHANNEL", [*(times | shorter).items()])
    calls._client.cache_clear()
    claim(ledger, "another")
    time.sleep(1)  # the answers to its own questions of the start have come
    proxy.fail(Fault.STRANDS)
    healed, end = None, time.monotonic() + 3 + 0.5 + 4
    while not healed and time.monotonic() < end:
        with suppress(LedgerDown):
            healed = ledger.claim(uuid.uuid4().hex)
    calls._client.cache_clear()
    assert healed


def with_lost_reply(ledger: FirestoreLedger, proxy: Proxy, call: Callable[[], Claim | None]) -> Claim | None:
    """Make a call whose request arrives and whose first answer does not."""
    assert ledger.claim(uuid.uuid4().hex)  # so that there is a connection
    proxy.fail(Fault.LOSES_REPLIES)
    healing = threading.Timer(0.5, proxy.fail, [Fault.NONE])
    healing.start()
    try:
        return call()
    finally:
        healing.join()


def test_ten_claims_whose_answers_got_lost_are_known_to_be_ours(ledger: FirestoreLedger, proxy: Proxy) -> None:
    for number in range(10):
        key = f"key {number}"
        mine = with_lost_reply(ledger, proxy, partial(ledger.claim, key))
        assert mine
        assert (mine.fence, stored(ledger, key)["owner"]) == (1, mine.owner)
        with pytest.raises(Busy):
            ledger.claim(key)
        ledger.write(mine, State.DONE)
        assert ledger.claim(key) is None


def test_a_takeover_whose_answer_got_lost_is_known_to_be_ours(ledger: FirestoreLedger, proxy: Proxy) -> None:
    ledger.write(claim(ledger), State.FREE)
    mine = with_lost_reply(ledger, proxy, lambda: ledger.claim("key"))
    assert mine
    assert (mine.fence, stored(ledger)["owner"]) == (2, mine.owner)
    ledger.write(mine, State.DONE)


@pytest.mark.parametrize("state", State)
def test_a_write_whose_answer_got_lost_is_known_to_be_ours(ledger: FirestoreLedger, proxy: Proxy, state: State) -> None:
    mine = claim(ledger)
    written = with_lost_reply(ledger, proxy, lambda: ledger.write(mine.after("a.one"), state))
    assert written
    assert stored(ledger)["state"] == state
    if state is State.OPEN:
        ledger.write(written, State.DONE)


def test_a_claim_that_was_taken_over_while_its_answer_got_lost_is_not_ours(project: str, proxy: Proxy) -> None:
    slow, other = FirestoreLedger(project, "(default)", 0), FirestoreLedger(project, "(default)", 570)
    mine = with_lost_reply(slow, proxy, lambda: slow.claim("key"))
    assert mine
    theirs = claim(other)
    with pytest.raises(Busy) as busy:
        with_lost_reply(slow, proxy, lambda: slow.write(mine, State.DONE))
    assert busy.value.reason == "taken-over"
    other.write(theirs, State.DONE)


def test_a_stale_lease_has_one_heir(project: str) -> None:
    claim(FirestoreLedger(project, "(default)", 0))
    heir = FirestoreLedger(project, "(default)", 570)
    start = threading.Barrier(20)

    def take(_: int) -> int:
        start.wait()
        try:
            return 1 if heir.claim("key") else 100
        except Busy:
            return 0

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(take, range(20))) == 1


def test_a_forked_process_has_a_client_of_its_own(ledger: FirestoreLedger) -> None:
    claim(ledger)
    parents = ledger._client
    if (child := os.fork()) == 0:
        os._exit(0 if ledger._client is not parents else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
