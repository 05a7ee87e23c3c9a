"""How a message gets into the queue: together where that helps, and never at another's cost."""

import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import count

import grpc
import pytest
from google.pubsub_v1.types import PublishRequest, PublishResponse, PubsubMessage

from functions.receiver import channel
from functions.receiver import publisher as module
from functions.receiver.deadline import Deadline
from functions.receiver.errors import Failed
from functions.receiver.message import Message
from functions.receiver.publisher import FEW, MOST_BYTES, MOST_IN_FLIGHT, MOST_MESSAGES, PATIENCE, SLOW, Publisher
from tests.proxy import Fault, Proxy
from tests.servers import ROOT, clean_environment, free_port, until

TOPIC = "projects/tests/topics/webhooks"
REFUSED = b"refuse me"
UNLIMITED = [("grpc.max_receive_message_length", -1)]


class FakePubSub:
    """A topic that keeps every call it gets and answers what it is told to.

    Calls wait while `open` is clear, then for `delay()` seconds. `codes` are the statuses of the next calls, `code`
    that of all. Like Pub/Sub, it refuses a whole call for one message that it does not like.
    """

    def __init__(self, port: int = 0) -> None:
        self.calls: list[list[PubsubMessage]] = []
        self.taken: dict[str, PubsubMessage] = {}
        self.topics: set[str] = set()
        self.most_in_flight = 0
        self.delay: Callable[[], float] = lambda: 0
        self.codes: list[grpc.StatusCode] = []
        self.code: grpc.StatusCode | None = None
        self.surplus_ids = 0
        self.last_call = 0.0
        self.open = threading.Event()
        self.open.set()
        self._in_flight, self._ids, self._lock = 0, count(1), threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(128), options=UNLIMITED)
        publish = grpc.unary_unary_rpc_method_handler(
            self._publish,
            request_deserializer=PublishRequest.deserialize,
            response_serializer=PublishResponse.serialize,
        )
        service = grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": publish})
        self._server.add_generic_rpc_handlers((service,))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    def stop(self) -> None:
        """End every call and close the port."""
        stopped = self._server.stop(0)
        self.open.set()
        stopped.wait()

    def sizes(self) -> list[int]:
        """How many messages each call had."""
        return [len(call) for call in self.calls]

    def _publish(self, request: PublishRequest, context: grpc.ServicerContext) -> PublishResponse:
        with self._lock:
            self.topics.add(request.topic)
            self.last_call = time.monotonic()
            self.calls.append(list(request.messages))
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            code = self.codes.pop(0) if self.codes else self.code
        try:
            self.open.wait()
            time.sleep(self.delay())
            if code:
                context.abort(code, "as the test wants it")
            if any(message.data == REFUSED for message in request.messages):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "one of the messages is malformed")
            return PublishResponse(message_ids=self._take(list(request.messages)))
        finally:
            with self._lock:
                self._in_flight -= 1

    def _take(self, messages: list[PubsubMessage]) -> list[str]:
        with self._lock:
            ids = [str(next(self._ids)) for _ in messages]
            self.taken |= dict(zip(ids, messages, strict=True))
        return ids + ["surplus"] * self.surplus_ids


@pytest.fixture
def pubsub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePubSub]:
    server = FakePubSub()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    yield server
    server.stop()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(150) as threads:
        yield threads


def message(data: bytes = b"{}", **attributes: str) -> Message:
    return Message(data, {"ce-id": "1"} | attributes)


def publish(publisher: Publisher, data: bytes = b"{}", seconds: float = 4) -> str:
    return publisher.publish(message(data), Deadline(seconds))


def outcome(publisher: Publisher, data: bytes = b"{}", seconds: float = 4) -> tuple[str, float]:
    """The id of a message or why it has none, and after how many seconds."""
    start = time.monotonic()
    try:
        news = publish(publisher, data, seconds)
    except Failed as failed:
        news = failed.reason
    return news, time.monotonic() - start


def waiting(publisher: Publisher, many: int) -> None:
    """Wait until so many messages wait for the next call."""
    until(lambda: len(publisher._waiting) == many)


def check_at_rest(publisher: Publisher) -> None:
    """Nobody waits, no call is in flight, and nobody holds the lock."""
    until(lambda: publisher._in_flight == 0 and not publisher._waiting, 1.5)
    assert publisher._lock.acquire(timeout=1)
    publisher._lock.release()


def hold_up_a_call(
    publisher: Publisher, pubsub: FakePubSub, pool: ThreadPoolExecutor, seconds: float = 6
) -> Future[str]:
    """Publish a message whose call is held up until the topic is open."""
    before = len(pubsub.calls)
    pubsub.open.clear()
    first = pool.submit(publish, publisher, b"first", seconds)
    until(lambda: len(pubsub.calls) == before + 1)
    return first


def behind_a_call(
    publisher: Publisher, pubsub: FakePubSub, pool: ThreadPoolExecutor, datas: list[bytes], seconds: float = 6
) -> tuple[Future[str], list[Future[str]]]:
    """Hold up one call, and let messages wait behind it; all other places for calls are taken."""
    first = hold_up_a_call(publisher, pubsub, pool, seconds)
    publisher._in_flight = MOST_IN_FLIGHT
    others = []
    for data in datas:
        others.append(pool.submit(publish, publisher, data, seconds))
        waiting(publisher, len(others))
    return first, others


def free_the_other_places(publisher: Publisher) -> None:
    time.sleep(2 * PATIENCE)  # whoever waits has tried to set out beside the call, and now waits for news alone
    with publisher._lock:
        publisher._in_flight -= MOST_IN_FLIGHT - 1


# One message


def test_an_idle_publisher_sends_at_once_and_alone(pubsub: FakePubSub) -> None:
    publisher = Publisher(TOPIC)
    publish(publisher)
    took = min(outcome(publisher)[1] for _ in range(20))
    assert took < 0.02
    assert pubsub.sizes() == [1] * 21
    assert pubsub.topics == {TOPIC}
    check_at_rest(publisher)


def test_the_message_is_the_bytes_and_the_attributes_and_nothing_else(pubsub: FakePubSub) -> None:
    number = Publisher(TOPIC).publish(message(b"\x00\xff{", timeout="5", ordering_key="k"), Deadline(4))
    taken = pubsub.taken[number]
    assert (taken.data, taken.ordering_key) == (b"\x00\xff{", "")
    assert dict(taken.attributes) == {"ce-id": "1", "timeout": "5", "ordering_key": "k"}


def test_attributes_that_are_named_like_parameters_are_only_attributes(pubsub: FakePubSub) -> None:
    names = {"timeout": "0", "retry": "x", "topic": "t", "data": "d", "ordering_key": "k", "metadata": "m"}
    start = time.monotonic()
    Publisher(TOPIC).publish(Message(b"{}", names), Deadline(4))
    assert time.monotonic() - start < 1
    ((only,),) = pubsub.calls
    assert (dict(only.attributes), only.data, only.ordering_key) == (names, b"{}", "")
    assert pubsub.topics == {TOPIC}


def test_an_empty_body_is_a_message(pubsub: FakePubSub) -> None:
    assert pubsub.taken[publish(Publisher(TOPIC), b"")].data == b""


# Together


def test_messages_that_come_during_a_call_ride_together_in_the_next(
    pubsub: FakePubSub, pool: ThreadPoolExecutor
) -> None:
    publisher = Publisher(TOPIC)
    first, others = behind_a_call(publisher, pubsub, pool, [b"%d" % n for n in range(20)])
    free_the_other_places(publisher)
    pubsub.open.set()
    assert pubsub.taken[first.result()].data == b"first"
    assert [pubsub.taken[other.result()].data for other in others] == [b"%d" % n for n in range(20)]
    assert pubsub.sizes() == [1, 20]
    check_at_rest(publisher)


def test_no_call_has_more_than_a_hundred_messages(pubsub: FakePubSub, pool: ThreadPoolExecutor) -> None:
    publisher = Publisher(TOPIC)
    first, others = behind_a_call(publisher, pubsub, pool, [b"%d" % n for n in range(130)])
    free_the_other_places(publisher)
    pubsub.open.set()
    assert len({future.result() for future in [first, *others]}) == 131
    assert sorted(pubsub.sizes()) == [1, 30, MOST_MESSAGES]
    check_at_rest(publisher)


def test_no_call_has_more_bytes_than_google_takes(pubsub: FakePubSub, pool: ThreadPoolExecutor) -> None:
    publisher = Publisher(TOPIC)
    datas = [bytes([n]) * 2_000_000 for n in range(6)] + [b"x" * 9_000_000]
    first, others = behind_a_call(publisher, pubsub, pool, datas, 15)
    free_the_other_places(publisher)
    pubsub.open.set()
    assert [pubsub.taken[other.result()].data == data for other, data in zip(others, datas, strict=True)] == [True] * 7
    assert sorted(pubsub.sizes()) == [1, 1, 2, 4]
    assert all(sum(len(m.data) for m in call) <= MOST_BYTES for call in pubsub.calls)
    assert all(len(PublishRequest.serialize(PublishRequest(messages=call))) < 10_000_000 for call in pubsub.calls)
    assert first.result()
    check_at_rest(publisher)


def test_a_call_that_takes_long_is_passed_by_another(pubsub: FakePubSub, pool: ThreadPoolExecutor) -> None:
    publisher = Publisher(TOPIC)
    first = hold_up_a_call(publisher, pubsub, pool)
    second = pool.submit(publish, publisher, b"second")
    until(lambda: len(pubsub.calls) == 2, 1)
    pubsub.open.set()
    assert {pubsub.taken[future.result()].data for future in (first, second)} == {b"first", b"second"}
    check_at_rest(publisher)


def test_when_calls_are_slow_a_few_messages_set_out_beside_them(
    pubsub: FakePubSub, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 60)
    publisher = Publisher(TOPIC)
    pubsub.delay = lambda: 3 * SLOW
    publish(publisher)
    futures = [hold_up_a_call(publisher, pubsub, pool)]
    futures += [pool.submit(publish, publisher, b"%d" % n) for n in range(FEW - 1)]
    waiting(publisher, FEW - 1)
    assert pubsub.sizes() == [1, 1]
    futures.append(pool.submit(publish, publisher, b"the one that makes them enough"))
    until(lambda: pubsub.sizes() == [1, 1, FEW], 1)
    pubsub.open.set()
    assert len({future.result() for future in futures}) == FEW + 1
    check_at_rest(publisher)


def test_while_calls_are_quick_nobody_sets_out_beside_one(
    pubsub: FakePubSub, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 60)
    publisher = Publisher(TOPIC)
    until(lambda: outcome(publisher)[1] < SLOW)
    quick = pubsub.sizes()
    futures = [hold_up_a_call(publisher, pubsub, pool)]
    futures += [pool.submit(publish, publisher, b"%d" % n) for n in range(3 * FEW)]
    waiting(publisher, 3 * FEW)
    assert pubsub.sizes() == [*quick, 1]
    pubsub.open.set()
    assert len({future.result() for future in futures}) == 3 * FEW + 1
    assert pubsub.sizes() == [*quick, 1, 3 * FEW]
    check_at_rest(publisher)


def test_a_message_that_can_not_be_written_takes_none_of_its_batch_with_it(
    pubsub: FakePubSub, pool: ThreadPoolExecutor
) -> None:
    publisher = Publisher(TOPIC)
    first, others = behind_a_call(publisher, pubsub, pool, [b"%d" % n for n in range(5)])
    broken = pool.submit(publisher.publish, Message(b"", {"ce-id": "\ud800"}), Deadline(4))
    waiting(publisher, 6)
    free_the_other_places(publisher)
    pubsub.open.set()
    with pytest.raises(Failed):
        broken.result()
    assert [pubsub.taken[other.result()].data for other in others] == [b"%d" % n for n in range(5)]
    assert first.result()
    check_at_rest(publisher)


def test_a_few_calls_at_most_are_in_flight(pubsub: FakePubSub, pool: ThreadPoolExecutor) -> None:
    publisher = Publisher(TOPIC)
    pubsub.delay = lambda: 0.1
    assert len(set(pool.map(lambda n: publish(publisher, b"%d" % n), range(100)))) == 100
    assert pubsub.most_in_flight <= MOST_IN_FLIGHT
    assert len(pubsub.calls) < 50
    check_at_rest(publisher)


def test_only_the_message_that_is_refused_fails_and_its_neighbours_are_safe(
    pubsub: FakePubSub, pool: ThreadPoolExecutor
) -> None:
    publisher = Publisher(TOPIC)
    first, others = behind_a_call(publisher, pubsub, pool, [b"a", b"b", REFUSED, b"c", b"d"])
    free_the_other_places(publisher)
    pubsub.open.set()
    assert first.result()
    with pytest.raises(Failed, match="queue-refused"):
        others.pop(2).result()
    assert [pubsub.taken[other.result()].data for other in others] == [b"a", b"b", b"c", b"d"]
    assert pubsub.sizes() == [1, 5, 1, 1, 1, 1, 1]
    check_at_rest(publisher)


def test_the_neighbours_are_safe_when_the_one_that_leads_is_refused(
    pubsub: FakePubSub, pool: ThreadPoolExecutor
) -> None:
    publisher = Publisher(TOPIC)
    first, others = behind_a_call(publisher, pubsub, pool, [REFUSED, b"a", b"b"])
    free_the_other_places(publisher)
    pubsub.open.set()
    with pytest.raises(Failed, match="queue-refused"):
        others.pop(0).result()
    assert [pubsub.taken[future.result()].data for future in [first, *others]] == [b"first", b"a", b"b"]
    check_at_rest(publisher)


def test_a_wrong_number_of_ids_is_no_success(pubsub: FakePubSub, pool: ThreadPoolExecutor) -> None:
    publisher = Publisher(TOPIC)
    for pubsub.surplus_ids in (1, 2):
        assert outcome(publisher)[0] == "queue-down"
    pubsub.surplus_ids = 0
    assert pubsub.taken[publish(publisher)]
    check_at_rest(publisher)


# Deadlines


def test_each_waits_no_longer_than_its_own_deadline(pubsub: FakePubSub, pool: ThreadPoolExecutor) -> None:
    publisher = Publisher(TOPIC)
    pubsub.open.clear()
    patient = [pool.submit(outcome, publisher, b"%d" % n) for n in range(10)]
    hasty = pool.submit(outcome, publisher, b"hasty", 0.3)
    more = [pool.submit(outcome, publisher, b"%d" % n) for n in range(10, 20)]
    reason, took = hasty.result()
    assert reason in ("deadline", "queue-down")
    assert 0.2 < took < 0.6
    pubsub.open.set()
    for n, future in enumerate([*patient, *more]):
        number, took = future.result()
        assert pubsub.taken[number].data == b"%d" % n
        assert took < 2
    check_at_rest(publisher)


def test_a_hasty_request_that_leads_does_not_fail_those_it_leads(pubsub: FakePubSub, pool: ThreadPoolExecutor) -> None:
    publisher = Publisher(TOPIC)
    pubsub.open.clear()
    first = pool.submit(publish, publisher, b"first")
    until(lambda: pubsub.calls)
    publisher._in_flight = MOST_IN_FLIGHT
    hasty = pool.submit(outcome, publisher, b"hasty", 0.6)
    waiting(publisher, 1)
    patient = [pool.submit(publish, publisher, b"%d" % n) for n in range(5)]
    waiting(publisher, 6)
    free_the_other_places(publisher)
    pubsub.delay = lambda: 1 if len(pubsub.calls) == 2 else 0
    pubsub.open.set()
    assert hasty.result()[1] < 1.1
    assert [pubsub.taken[future.result()].data for future in patient] == [b"%d" % n for n in range(5)]
    assert first.result()
    check_at_rest(publisher)


def test_who_leaves_at_its_deadline_is_not_published_later(pubsub: FakePubSub, pool: ThreadPoolExecutor) -> None:
    publisher = Publisher(TOPIC)
    first, (other,) = behind_a_call(publisher, pubsub, pool, [b"other"])
    assert outcome(publisher, b"gone", 0.2)[0] == "deadline"
    free_the_other_places(publisher)
    pubsub.open.set()
    assert first.result() != other.result()
    assert b"gone" not in [m.data for call in pubsub.calls for m in call]
    check_at_rest(publisher)


def test_a_request_that_comes_past_its_deadline_leaves_nothing_behind(
    pubsub: FakePubSub, pool: ThreadPoolExecutor
) -> None:
    publisher = Publisher(TOPIC)
    pubsub.open.clear()
    first = pool.submit(publish, publisher, b"first")
    until(lambda: pubsub.calls)
    for _ in range(MOST_IN_FLIGHT + 1):
        assert outcome(publisher, b"late", 0)[0] == "deadline"
    pubsub.open.set()
    assert first.result()
    check_at_rest(publisher)


def test_whoever_is_given_the_lead_when_its_time_is_up_hands_it_on(
    pubsub: FakePubSub, pool: ThreadPoolExecutor
) -> None:
    publisher = Publisher(TOPIC)
    first, _ = behind_a_call(publisher, pubsub, pool, [])
    hasty = pool.submit(outcome, publisher, b"hasty", 0.3)
    waiting(publisher, 1)
    patient = pool.submit(publish, publisher, b"patient")
    waiting(publisher, 2)
    with publisher._lock:  # one of the calls ends just when the time of the hasty one is up
        time.sleep(0.5)
        publisher._pass_on()
    assert hasty.result()[0] == "deadline"
    pubsub.open.set()
    assert pubsub.taken[patient.result()].data == b"patient"
    assert first.result()
    publisher._in_flight -= MOST_IN_FLIGHT - 2  # the places that were taken by nobody
    check_at_rest(publisher)


@pytest.mark.parametrize("least", [0.3, 0.0], ids=["short deadlines", "deadlines that are over already"])
def test_a_storm_of_short_deadlines_and_faults_forgets_nobody(pubsub: FakePubSub, least: float) -> None:
    """Every message has its own id or a reason, in time, whatever the queue does; and at the end all is at rest."""
    publisher, end = Publisher(TOPIC), time.monotonic() + 1.5
    faults = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.INTERNAL]
    pubsub.delay = lambda: random.choice([0, 0, 0.05, 0.2, 0.5])
    wrong: list[str] = []
    safe = count()

    def hammer(thread: int) -> None:
        chance = random.Random(thread)
        for n in count():
            if time.monotonic() > end:
                return
            if chance.random() < 0.05:
                pubsub.codes.append(chance.choice(faults))
            data = REFUSED if chance.random() < 0.03 else b"%d of thread %d" % (n, thread)
            seconds = chance.choice([least, 0.3, 0.4, 0.5, 1])
            news, took = outcome(publisher, data, seconds)
            if news.isdigit():
                next(safe)
            if took > seconds + 1.5:  # forty threads on a busy machine
                wrong.append(f"{seconds} s took {took:.2f} s")
            if news.isdigit() and pubsub.taken[news].data != data:
                wrong.append(f"{data!r} got the id of {pubsub.taken[news].data!r}")
            if not news.isdigit() and news not in ("deadline", "queue-down", "queue-refused"):
                wrong.append(news)

    with ThreadPoolExecutor(40) as threads:
        list(threads.map(hammer, range(40)))
    assert wrong == []
    assert next(safe) > 50
    check_at_rest(publisher)


# A queue at fault


REFUSALS = {
    "topic missing": grpc.StatusCode.NOT_FOUND,
    "denied": grpc.StatusCode.PERMISSION_DENIED,
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "malformed": grpc.StatusCode.INVALID_ARGUMENT,
}


@pytest.mark.parametrize("code", REFUSALS.values(), ids=REFUSALS)
def test_a_queue_that_refuses_is_told_at_once_and_apart(pubsub: FakePubSub, code: grpc.StatusCode) -> None:
    pubsub.code = code
    reason, took = outcome(Publisher(TOPIC))
    assert reason == "queue-refused"
    assert took < 0.5


PASSING = {
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "over its quota": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "broken inside": grpc.StatusCode.INTERNAL,
}
# Google's own client tries these again too, https://docs.cloud.google.com/pubsub/docs/reference/error-codes
FINAL_FOR_US = {
    "aborted": grpc.StatusCode.ABORTED,
    "cancelled": grpc.StatusCode.CANCELLED,
    "unknown": grpc.StatusCode.UNKNOWN,
    "too slow": grpc.StatusCode.DEADLINE_EXCEEDED,
}
TRIED_AGAIN = [pytest.param(code, id=name) for name, code in PASSING.items()] + [
    pytest.param(code, id=name) for name, code in FINAL_FOR_US.items()
]


@pytest.mark.parametrize("code", TRIED_AGAIN)
def test_a_fault_that_passes_within_the_deadline_is_no_failure(pubsub: FakePubSub, code: grpc.StatusCode) -> None:
    pubsub.codes = [code] * 4
    publisher = Publisher(TOPIC)
    assert pubsub.taken[publish(publisher)].data == b"{}"
    assert pubsub.sizes() == [1] * 5
    check_at_rest(publisher)


@pytest.mark.parametrize("code", PASSING.values(), ids=PASSING)
def test_a_fault_that_lasts_ends_with_the_deadline(pubsub: FakePubSub, code: grpc.StatusCode) -> None:
    pubsub.code = code
    publisher = Publisher(TOPIC)
    reason, took = outcome(publisher, seconds=0.8)
    assert reason == "queue-down"
    assert 0.2 < took < 1.3
    check_at_rest(publisher)


def test_a_queue_that_is_down_fails_everybody_in_time(pubsub: FakePubSub, pool: ThreadPoolExecutor) -> None:
    publisher = Publisher(TOPIC)
    pubsub.stop()
    outcomes = list(pool.map(lambda _: outcome(publisher, seconds=0.8), range(30)))
    assert {reason for reason, _ in outcomes} <= {"queue-down", "deadline"}
    assert max(took for _, took in outcomes) < 1.3
    check_at_rest(publisher)


def test_a_queue_that_swallows_everything_fails_everybody_in_time(pubsub: FakePubSub, pool: ThreadPoolExecutor) -> None:
    publisher = Publisher(TOPIC)
    pubsub.open.clear()
    outcomes = list(pool.map(lambda _: outcome(publisher, seconds=0.8), range(30)))
    assert {reason for reason, _ in outcomes} <= {"queue-down", "deadline"}
    assert max(took for _, took in outcomes) < 1.3
    check_at_rest(publisher)


def test_a_port_where_nobody_speaks_pub_sub_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{mute.getsockname()[1]}")
        publisher = Publisher(TOPIC)
        assert outcome(publisher, seconds=0.8)[1] < 1.3
        check_at_rest(publisher)


def test_a_queue_that_swallows_the_first_calls_gets_the_message_in_the_end(pubsub: FakePubSub) -> None:
    pubsub.delay = lambda: 1.8 if len(pubsub.calls) <= 2 else 0
    assert pubsub.taken[publish(Publisher(TOPIC), seconds=6)]


def test_a_queue_that_is_back_gets_the_next_message_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{port}")
    publisher = Publisher(TOPIC)
    for _ in range(3):
        assert outcome(publisher, seconds=0.7)[0] in ("queue-down", "deadline")
    server = FakePubSub(port)
    try:
        number, took = outcome(publisher)
        assert server.taken[number]
        assert took < 1.5
    finally:
        server.stop()


def test_a_message_waits_for_a_queue_that_comes_back_within_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{port}")
    publisher = Publisher(TOPIC)
    with ThreadPoolExecutor(1) as threads:
        early = threads.submit(outcome, publisher)
        time.sleep(0.8)
        server = FakePubSub(port)
        try:
            assert server.taken[early.result()[0]]
        finally:
            server.stop()


# Processes

FORKS = f"""
import os, sys
from functions.receiver.deadline import Deadline
from functions.receiver.message import Message
from functions.receiver.publisher import Publisher

publisher = Publisher({TOPIC!r})
if "first" in sys.argv:
    print(publisher.publish(Message(b"parent", {{"ce-id": "1"}}), Deadline(4)), flush=True)
parents = publisher._client._made
if child := os.fork():
    sys.exit(os.waitpid(child, 0)[1])
print(publisher.publish(Message(b"child", {{"ce-id": "1"}}), Deadline(4)), flush=True)
assert publisher._client._made is not parents, "a channel has crossed the fork"
"""


def run(script: str, pubsub: FakePubSub, *arguments: str) -> list[str]:
    """Run a script against the queue, and give the words that it printed."""
    env = clean_environment(PUBSUB_EMULATOR_HOST=f"127.0.0.1:{pubsub.port}", GRPC_VERBOSITY="NONE")
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        env=env,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize("first", [[], ["first"]], ids=["before any was made", "after one was made"])
def test_a_publisher_works_in_a_forked_process_and_keeps_no_process_alive(pubsub: FakePubSub, first: list[str]) -> None:
    numbers = run(FORKS, pubsub, *first)
    assert time.monotonic() - pubsub.last_call < 3
    assert [pubsub.taken[number].data for number in numbers] == [b"parent", b"child"][1 - len(first) :]


def test_no_channel_is_made_before_the_first_message(pubsub: FakePubSub) -> None:
    before = threading.active_count()
    publisher = Publisher(TOPIC)
    assert publisher._client._made is None
    assert threading.active_count() == before
    publish(publisher)
    assert publisher._client._made is not None


def test_a_connection_that_died_without_a_word_is_given_up(pubsub: FakePubSub, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy(pubsub.port)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{proxy.port}")
    # The same settings with shorter times.
    times = dict(channel.CHANNEL)
    shorter = {name: value // 10 for name, value in times.items() if "keepalive" in name or "ping" in name}
    monkeypatch.setattr(channel, "CHANNEL", [*(times | shorter).items()])
    mine = Publisher(TOPIC)
    mine.publish(message(), Deadline(5))
    time.sleep(1)  # the answers to its own questions of the start have come
    proxy.fail(Fault.STRANDS)
    safe, end = None, time.monotonic() + 3 + 0.5 + 4
    while not safe and time.monotonic() < end:
        with suppress(Failed):
            safe = mine.publish(message(), Deadline(2))
    proxy.stop()
    assert safe
