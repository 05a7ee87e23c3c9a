"""The secrets of a source: how they are read, kept, renewed and lost."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from functions.receiver.deadline import Deadline
from functions.receiver.errors import Failed, Unproved
from functions.receiver.keys import Keys, keys_from, parse
from functions.receiver.schemes import Key
from functions.receiver.secret_manager import SecretManager
from tests.secret_manager import DESTROYED, DISABLED, FakeSecretManager
from tests.servers import until

OLD, NEW = "old-secret-of-a-source-1", "new-secret-of-a-source-2"
PEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\nGb9ECWmEzf6FQbrB\n-----END PUBLIC KEY-----"
MINUTE, DAY = 60.0, 24 * 3600.0


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Store:
    """A store as the code wants it: a function. It gives one text, or fails with one reason, and counts the calls."""

    def __init__(self, text: str = OLD, version: str = "1") -> None:
        self.text, self.version, self.reason = text, version, ""
        self.calls: list[str] = []

    def __call__(self, name: str, deadline: Deadline) -> tuple[str, str]:
        self.calls.append(name)
        if self.reason:
            raise Failed(self.reason)
        return self.text, self.version


def soon(seconds: float = 2) -> Deadline:
    return Deadline(seconds)


def values(keys: tuple[Key, ...]) -> list[str]:
    return [key.secret for key in keys]


def failure(read: Callable[[], object]) -> str:
    with pytest.raises(Failed) as failed:
        read()
    assert failed.value.status == 503
    return failed.value.reason


# How a secret is written


def test_secrets_are_one_a_line_newest_first_and_each_is_known_by_version_and_line() -> None:
    assert parse(f"{NEW}\n{OLD}", "7") == (Key(NEW, "7:1"), Key(OLD, "7:2"))


FORMS = {
    "with a newline at the end": f"{NEW}\n",
    "with CRLF at the end": f"{NEW}\r\n",
    "with spaces around it": f"  {NEW}\t",
    "with blank lines around it": f"\n\r\n{NEW}\n \n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_what_editors_and_echo_add_is_no_part_of_a_secret(text: str) -> None:
    assert values(parse(text, "1")) == [NEW]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_every_line_end_ends_a_secret_and_blank_lines_are_not_counted(end: str) -> None:
    assert parse(f"{NEW}{end}{end}{OLD}{end}", "3") == (Key(NEW, "3:1"), Key(OLD, "3:2"))


def test_a_pem_block_is_one_secret_beside_others() -> None:
    assert values(parse(f"{NEW}\n{PEM}\n{PEM.replace('Gb9', 'Hc0')}\n{OLD}\n", "1")) == [
        NEW,
        PEM,
        PEM.replace("Gb9", "Hc0"),
        OLD,
    ]


NOTHING = {
    "empty": "",
    "a space": " ",
    "newlines": "\n\r\n",
    "spaces, tabs and newlines": " \t\n \r\n",
    "a placeholder": "changeme",
    "a placeholder in capitals": "CHANGEME\n",
    "three dots": "...",
    "a placeholder of Standard Webhooks": "whsec_...",
    "a placeholder beside a good secret": f"{NEW}\nchangeme\n",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING)
def test_what_is_no_secret_is_our_fault_and_never_a_secret(text: str) -> None:
    assert failure(lambda: parse(text, "1")) == "secret-empty"
    assert failure(lambda: Keys(Store(text)).of("erp", soon())) == "secret-empty"


# The environment


def test_the_environment_has_the_secrets_of_a_source_under_its_name_in_capitals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY_PAYMENTS_EU", f"{NEW}\n{OLD}")
    monkeypatch.setenv("TOKEN_PAYMENTS_EU", "a-verify-token-of-ours")
    keys = keys_from("env", "")
    assert keys.of("payments-eu", soon()) == (Key(NEW, "env:1"), Key(OLD, "env:2"))
    assert values(keys.of("payments-eu_token", soon())) == ["a-verify-token-of-ours"]


def test_a_source_without_a_variable_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEY_ERP", raising=False)
    monkeypatch.setenv("TOKEN_ERP", "only-a-verify-token-here")
    assert failure(lambda: keys_from("env", "").of("erp", soon())) == "secret-missing"


def test_a_variable_that_is_not_utf_8_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_ERP", "caf\udce9-of-sixteen-characters")
    assert failure(lambda: keys_from("env", "").of("erp", soon())) == "secret-form"


# How long it is kept


def test_a_secret_is_asked_for_once_a_minute() -> None:
    clock, store = Clock(), Store()
    keys = Keys(store, clock)
    for second in range(0, 48, 4):
        clock.now = 1_000.0 + second
        assert values(keys.of("erp", soon())) == [OLD]
    assert len(store.calls) == 1
    store.text = NEW
    clock.now += 29  # a fifth later than a minute at most
    assert values(keys.of("erp", soon())) == [NEW]
    assert len(store.calls) == 2


def test_secrets_read_together_are_not_renewed_together() -> None:
    clock, store = Clock(), Store()
    keys = Keys(store, clock)
    names = [f"source-{n}" for n in range(60)]
    renewed: dict[str, int] = {}
    for second in range(75):
        clock.now = 1_000.0 + second
        for name in names:
            keys.of(name, soon())
        renewed |= {name: second for name in names if store.calls.count(name) == 2 and name not in renewed}
    assert renewed.keys() == set(names)
    assert 48 <= min(renewed.values()) < max(renewed.values()) <= 72
    assert len(set(renewed.values())) > 5


def test_what_the_environment_of_one_source_lacks_is_no_matter_to_another() -> None:
    def fetch(name: str, deadline: Deadline) -> tuple[str, str]:
        if name == "broken":
            raise Failed("secret-missing")
        return f"secret-of-{name}-and-of-no-other", "1"

    keys = Keys(fetch)
    assert failure(lambda: keys.of("broken", soon())) == "secret-missing"
    assert values(keys.of("erp", soon())) == ["secret-of-erp-and-of-no-other"]
    assert values(keys.of("github", soon())) == ["secret-of-github-and-of-no-other"]


# Rotation


def test_a_new_version_counts_at_once_after_a_proof_failed() -> None:
    clock, store = Clock(), Store()
    keys = Keys(store, clock)
    keys.of("erp", soon())
    store.text, store.version = f"{NEW}\n{OLD}", "2"
    assert values(keys.of("erp", soon())) == [OLD]
    assert keys.refreshed("erp", soon()) == (Key(NEW, "2:1"), Key(OLD, "2:2"))
    assert values(keys.of("erp", soon())) == [NEW, OLD]


def test_a_secret_that_is_rotated_out_counts_no_more() -> None:
    clock, store = Clock(), Store(f"{NEW}\n{OLD}")
    keys = Keys(store, clock)
    keys.of("erp", soon())
    store.text = NEW
    clock.now += 1.2 * MINUTE
    assert values(keys.of("erp", soon())) == [NEW]


def test_forged_requests_cannot_make_us_ask_more_than_once_a_minute() -> None:
    clock, store = Clock(), Store()
    keys = Keys(store, clock)
    keys.of("erp", soon())
    for second in range(48):
        clock.now = 1_000.0 + second
        for _ in range(50):
            keys.refreshed("erp", soon())
    assert len(store.calls) == 2
    clock.now = 1_000.0 + MINUTE
    keys.refreshed("erp", soon())
    assert len(store.calls) == 3


def test_forged_requests_to_one_source_do_not_use_up_the_renewal_of_another() -> None:
    store = Store()
    keys = Keys(store, Clock())
    for name in ("erp", "github"):
        keys.of(name, soon())
    keys.refreshed("erp", soon())
    store.text = NEW
    assert values(keys.refreshed("github", soon())) == [NEW]


def test_every_request_that_is_signed_with_the_new_secret_gets_in_while_one_fetches_it() -> None:
    store = Store()

    def slow(name: str, deadline: Deadline) -> tuple[str, str]:
        time.sleep(0.2 if store.calls else 0)
        return store(name, deadline)

    keys = Keys(slow)
    keys.of("erp", soon())
    store.text = NEW
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda _: values(keys.refreshed("erp", soon())), range(4)))
    assert seen == [[NEW]] * 4


# A secret that a sender hands over


def test_a_secret_that_is_handed_over_is_kept_and_counts_at_once() -> None:
    store, kept = Store(), list[tuple[str, str]]()

    def keep(name: str, secret: str, deadline: Deadline) -> None:
        kept.append((name, secret))
        store.text, store.reason = secret, ""

    store.reason = "secret-missing"
    keys = Keys(store, Clock(), keep)
    assert failure(lambda: keys.of("asana", soon())) == "secret-missing"
    keys.keep("asana", NEW, soon())
    assert kept == [("asana", NEW)]
    assert values(keys.of("asana", soon())) == [NEW]


@pytest.mark.parametrize("secret", ["", " ", "\n", "changeme", "\ud800", "-----BEGIN PUBLIC KEY-----"], ids=repr)
def test_what_is_no_secret_is_not_kept(secret: str) -> None:
    kept: list[str] = []
    keys = Keys(Store(), Clock(), lambda name, secret, deadline: kept.append(secret))
    assert failure(lambda: keys.keep("asana", secret, soon())) in ("secret-empty", "secret-form")
    assert kept == []


def test_where_a_secret_cannot_be_kept_the_one_that_is_known_still_counts() -> None:
    def refuse(name: str, secret: str, deadline: Deadline) -> None:
        raise Unproved("secret-exists")

    store = Store()
    keys = Keys(store, Clock(), refuse)
    keys.of("asana", soon())
    with pytest.raises(Unproved, match="secret-exists"):
        keys.keep("asana", NEW, soon())
    store.reason = "secret-store"
    assert values(keys.of("asana", soon())) == [OLD]


def test_the_environment_takes_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEY_ASANA", raising=False)
    assert failure(lambda: keys_from("env", "").keep("asana", NEW, soon())) == "secret-read-only"


# The store is down


def test_a_stale_secret_serves_a_day_while_the_store_is_down_and_no_longer() -> None:
    clock, store = Clock(), Store()
    keys = Keys(store, clock)
    keys.of("erp", soon())
    store.reason = "secret-store"
    for hours in (0.1, 1, 12, 23.9):
        clock.now = 1_000.0 + hours * 3600
        assert values(keys.of("erp", soon())) == [OLD]
        assert values(keys.refreshed("erp", soon())) == [OLD]
    clock.now = 1_000.0 + DAY + 1
    assert failure(lambda: keys.of("erp", soon())) == "secret-store"
    assert failure(lambda: keys.refreshed("erp", soon())) == "secret-store"
    store.reason = ""
    clock.now += 3
    assert values(keys.of("erp", soon())) == [OLD]


def test_a_store_that_is_down_is_asked_every_other_second_at_most() -> None:
    clock, store = Clock(), Store()
    store.reason = "secret-store"
    keys = Keys(store, clock)
    for tenth in range(100):
        clock.now = 1_000.0 + tenth / 10
        assert failure(lambda: keys.of("erp", soon())) == "secret-store"
    assert len(store.calls) <= 6


@pytest.mark.parametrize("reason", ["secret-missing", "secret-form", "secret-empty"])
def test_what_was_known_is_forgotten_when_the_store_says_that_there_is_no_secret(reason: str) -> None:
    clock, store = Clock(), Store()
    keys = Keys(store, clock)
    keys.of("erp", soon())
    store.reason = reason
    assert failure(lambda: keys.refreshed("erp", soon())) == reason
    assert failure(lambda: keys.of("erp", soon())) == reason
    store.reason = "secret-store"
    clock.now += 3
    assert failure(lambda: keys.of("erp", soon())) == "secret-store"


def test_an_empty_version_takes_away_the_secret_before_it() -> None:
    clock, store = Clock(), Store()
    keys = Keys(store, clock)
    keys.of("erp", soon())
    store.text = "\n"
    assert failure(lambda: keys.refreshed("erp", soon())) == "secret-empty"


def test_a_fetch_that_ran_out_of_time_takes_no_secret_away() -> None:
    store = Store()
    keys = Keys(store, Clock())
    keys.of("erp", soon())
    store.reason = "deadline"
    assert values(keys.refreshed("erp", soon())) == [OLD]


# The log


def lines(captured: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in captured.readouterr().out.splitlines()]


def test_a_short_secret_is_warned_of_once_and_without_its_value(capfd: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    keys = Keys(Store("hunter2"), clock)
    for _ in range(5):
        keys.of("erp", soon())
        clock.now += 1.3 * MINUTE
    text = capfd.readouterr().out
    (line,) = (json.loads(line) for line in text.splitlines())
    assert (line["severity"], line["reason"], line["source"]) == ("WARNING", "secret-short", "erp")
    assert "hunter2" not in text


def test_a_secret_of_fair_length_is_not_warned_of(capfd: pytest.CaptureFixture[str]) -> None:
    Keys(Store("sixteen-letters!")).of("erp", soon())
    assert lines(capfd) == []


# Google's own client


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSecretManager]:
    server = FakeSecretManager()
    server.start()
    monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", server.host)
    server.add("webhook-erp", OLD)
    yield server
    server.stop()


def test_the_latest_version_is_read_in_one_call_and_told_by_its_number(store: FakeSecretManager) -> None:
    store.add("webhook-erp", f"{NEW}\n{OLD}\n")
    assert Keys(SecretManager("acme")).of("erp", soon()) == (Key(NEW, "2:1"), Key(OLD, "2:2"))
    assert store.calls == ["projects/acme/secrets/webhook-erp/versions/latest"]


def test_the_verify_token_is_a_secret_of_its_own(store: FakeSecretManager) -> None:
    store.add("webhook-erp_token", "a-verify-token-of-ours")
    assert values(Keys(SecretManager("acme")).of("erp_token", soon())) == ["a-verify-token-of-ours"]


def test_a_hundred_requests_at_once_make_one_call(store: FakeSecretManager) -> None:
    store.delay = 0.2
    keys, together = Keys(SecretManager("acme")), threading.Barrier(100)

    def read(_: int) -> list[str]:
        together.wait(10)
        return values(keys.of("erp", soon(5)))

    with ThreadPoolExecutor(100) as pool:
        assert list(pool.map(read, range(100))) == [[OLD]] * 100
    assert (len(store.calls), store.most_in_flight) == (1, 1)


def timed(keys: Keys, name: str, seconds: float) -> tuple[str, float]:
    """Why a read failed, and how many seconds it took."""
    start = time.monotonic()
    reason = failure(lambda: keys.of(name, soon(seconds)))
    return reason, time.monotonic() - start


def test_nobody_waits_for_a_slow_store_past_the_own_deadline(store: FakeSecretManager) -> None:
    store.delay = 10
    keys, deadlines = Keys(SecretManager("acme")), [0.6, 0.4, 0.2] * 10
    with ThreadPoolExecutor(30) as pool:
        outcomes = list(pool.map(lambda seconds: timed(keys, "erp", seconds), deadlines))
    for seconds, (reason, took) in zip(deadlines, outcomes, strict=True):
        assert reason in ("deadline", "secret-store")
        assert took < seconds + 0.3
    assert store.most_in_flight == 1


def test_a_slow_secret_does_not_hold_up_that_of_another_source(store: FakeSecretManager) -> None:
    store.add("webhook-github", NEW)
    keys = Keys(SecretManager("acme"))
    keys.of("github", soon())
    store.delay = 10
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(timed, keys, "erp", 0.5)
        until(lambda: len(store.calls) == 2)
        store.delay = 0
        start = time.monotonic()
        assert values(keys.refreshed("github", soon())) == [NEW]
        assert time.monotonic() - start < 0.3
        assert slow.result()[1] < 0.8


GONE = {
    "not found": grpc.StatusCode.NOT_FOUND,
    "denied": grpc.StatusCode.PERMISSION_DENIED,
    "disabled": grpc.StatusCode.FAILED_PRECONDITION,
}


@pytest.mark.parametrize("code", GONE.values(), ids=GONE)
def test_a_secret_that_is_gone_is_503_at_once_and_what_was_known_is_dropped(
    store: FakeSecretManager, code: grpc.StatusCode
) -> None:
    keys = Keys(SecretManager("acme"))
    keys.of("erp", soon())
    store.refusals["webhook-erp"] = code
    start = time.monotonic()
    assert failure(lambda: keys.refreshed("erp", soon())) == "secret-missing"
    assert failure(lambda: keys.of("erp", soon())) == "secret-missing"
    assert time.monotonic() - start < 0.5
    assert len(store.calls) == 2


def test_a_secret_that_is_not_utf_8_is_our_fault(store: FakeSecretManager) -> None:
    store.add("webhook-erp", b"\xff\xfe" * 20)
    assert failure(lambda: Keys(SecretManager("acme")).of("erp", soon())) == "secret-form"


def handed_over(secret: str = NEW) -> None:
    manager = SecretManager("acme")
    Keys(manager, keep=manager.keep).keep("asana", secret, soon(0.5))


def test_a_secret_that_is_handed_over_is_the_first_version_of_the_empty_one(store: FakeSecretManager) -> None:
    store.create("webhook-asana")
    handed_over()
    assert store.versions("webhook-asana") == [NEW]
    assert Keys(SecretManager("acme")).of("asana", soon()) == (Key(NEW, "1:1"),)


def test_a_stranger_cannot_replace_the_secret_that_a_source_has(store: FakeSecretManager) -> None:
    store.add("webhook-asana", NEW)
    for other in (OLD, NEW + "x", NEW[:-1], NEW.upper()):
        with pytest.raises(Unproved, match="secret-exists"):
            handed_over(other)
    assert store.versions("webhook-asana") == [NEW]


def test_a_secret_that_is_handed_over_twice_is_kept_once(store: FakeSecretManager) -> None:
    store.create("webhook-asana")
    handed_over()
    handed_over()
    assert store.versions("webhook-asana") == [NEW]


@pytest.mark.parametrize("state", [DISABLED, DESTROYED])
def test_a_stranger_cannot_replace_a_secret_that_was_taken_back(store: FakeSecretManager, state: str) -> None:
    store.add("webhook-asana", OLD)
    store.end("webhook-asana", state)
    assert failure(handed_over) == "secret-store"
    assert store.versions("webhook-asana") == [OLD]


UNKNOWN = [code for code in grpc.StatusCode if code not in (grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND)]


@pytest.mark.parametrize("code", UNKNOWN, ids=lambda code: code.name)
def test_no_secret_is_kept_while_nobody_knows_whether_there_is_one(
    store: FakeSecretManager, code: grpc.StatusCode
) -> None:
    store.create("webhook-asana")
    store.refusals["webhook-asana"] = code
    assert failure(handed_over) == "secret-store"
    assert store.versions("webhook-asana") == []


def test_a_secret_that_the_store_does_not_take_is_our_fault(store: FakeSecretManager) -> None:
    store.create("webhook-asana")
    store.refusals_to_add["webhook-asana"] = grpc.StatusCode.PERMISSION_DENIED
    assert failure(handed_over) == "secret-store"


PASSING = {
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "over its quota": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "broken inside": grpc.StatusCode.INTERNAL,
}


@pytest.mark.parametrize("code", PASSING.values(), ids=PASSING)
def test_a_store_that_fails_for_a_moment_is_asked_again_in_time(
    store: FakeSecretManager, code: grpc.StatusCode
) -> None:
    store.refusal = code

    def heal() -> None:
        until(lambda: len(store.calls) > 1)
        store.refusal = None

    healer = threading.Thread(target=heal)
    healer.start()
    assert values(Keys(SecretManager("acme")).of("erp", soon())) == [OLD]
    healer.join()


def test_a_known_secret_serves_while_google_is_down(store: FakeSecretManager) -> None:
    clock = Clock()
    keys = Keys(SecretManager("acme"), clock)
    keys.of("erp", soon())
    store.stop()
    clock.now += 2 * MINUTE
    assert values(keys.of("erp", soon(0.3))) == [OLD]


def test_a_known_secret_leaves_time_to_publish_while_google_is_down(store: FakeSecretManager) -> None:
    clock = Clock()
    keys = Keys(SecretManager("acme"), clock)
    keys.of("erp", soon())
    store.stop()
    clock.now += 2 * MINUTE
    assert values(keys.of("erp", deadline := soon(1))) == [OLD]
    assert deadline.left() > 0.5


def test_after_a_cold_start_without_the_store_it_works_again_soon_and_without_a_restart(
    store: FakeSecretManager,
) -> None:
    port = store.port
    store.stop()
    keys = Keys(SecretManager("acme"))
    assert failure(lambda: keys.of("erp", soon(0.5))) == "secret-store"
    store.start(port)

    def read() -> list[str]:
        try:
            return values(keys.of("erp", soon(0.5)))
        except Failed:
            return []

    assert until(read, 3) == [OLD]


def test_the_store_is_looked_for_every_other_second_however_long_it_was_away(
    store: FakeSecretManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, object] = {}
    connect = grpc.insecure_channel

    def spy(host: str, given: Sequence[tuple[str, object]] = (), **more: Any) -> grpc.Channel:
        options.update(given)
        return connect(host, given, **more)

    monkeypatch.setattr(grpc, "insecure_channel", spy)
    assert values(Keys(SecretManager("acme")).of("erp", soon())) == [OLD]
    assert options.get("grpc.max_reconnect_backoff_ms") in range(100, 2001)


def test_sources_whose_secrets_can_be_read_work_while_another_fails(store: FakeSecretManager) -> None:
    store.add("webhook-github", NEW)
    store.refusals["webhook-erp"] = grpc.StatusCode.UNAVAILABLE
    keys = Keys(SecretManager("acme"))
    assert failure(lambda: keys.of("erp", soon(0.3))) == "secret-store"
    assert values(keys.of("github", soon())) == [NEW]


def test_no_error_and_no_line_of_the_log_holds_a_secret(
    store: FakeSecretManager, capfd: pytest.CaptureFixture[str]
) -> None:
    canary = "canary-7261"
    store.add("webhook-erp", canary)
    keys = Keys(SecretManager("acme"))
    keys.of("erp", soon())
    store.add("webhook-erp", f"{canary}\nchangeme")
    with pytest.raises(Failed) as failed:
        keys.refreshed("erp", soon())
    told = capfd.readouterr()
    assert not re.search(canary, f"{told.out}{told.err}{failed.value!r}{failed.value.__cause__!r}")
