"""The embedded queue, through Google's own clients and real push endpoints."""

import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import (
    DeadLetterPolicy,
    PubsubMessage,
    PushConfig,
    ReceivedMessage,
    RetryPolicy,
    Subscription,
)

from tests.servers import ROOT, Server, clean_environment, free_port, start, until
from tools.broker import main
from tools.queue.commits import Commits, connect
from tools.queue.rules import Backoff, RequestError, check_endpoint

# Google's client warns of it; a pull that does not wait is what these tests need.
pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag")

LEAST, MOST = 0.02, 0.2
BROKER = [sys.executable, "-m", "tools.broker"]
NUMBERS = count()


class Queue:
    """A broker of its own process and the clients that talk to it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.port = folder, free_port()
        self.data = folder / "queue.db"
        self.server = self.start()
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{self.port}")
        self.publisher, self.subscriber = PublisherClient(), SubscriberClient()

    def command(self) -> list[str]:
        return [
            *BROKER,
            f"--port={self.port}",
            f"--data={self.data}",
            f"--min-backoff={LEAST}",
            f"--max-backoff={MOST}",
        ]

    def start(self) -> Server:
        return start(self.command(), self.port, self.folder / "broker.txt", clean_environment())

    def restart(self) -> None:
        self.server.kill()
        self.server = self.start()
        until(self.is_found_again)

    def is_found_again(self) -> bool:
        """Whether the clients have noticed that the broker is back."""
        for find in (self.publisher.get_topic, self.subscriber.get_subscription):
            try:
                find({}, retry=None, timeout=1)
            except exceptions.ServiceUnavailable:
                return False
            except exceptions.GoogleAPICallError:
                continue  # it has answered
        return True

    def topic(self) -> str:
        return str(self.publisher.create_topic(name=f"projects/p/topics/topic-{next(NUMBERS)}", timeout=5).name)

    def subscribe(self, topic: str, endpoint: str = "", **settings: Any) -> str:
        name = f"projects/p/subscriptions/subscription-{next(NUMBERS)}"
        push = PushConfig(push_endpoint=endpoint)
        wish = Subscription(name=name, topic=topic, push_config=push, **settings)
        return str(self.subscriber.create_subscription(wish, timeout=5).name)

    def publish(self, topic: str, *datas: bytes, **attributes: str) -> list[str]:
        messages = [PubsubMessage(data=data, attributes=attributes) for data in datas]
        return list(self.publisher.publish(topic=topic, messages=messages, retry=None, timeout=5).message_ids)

    def pull(self, subscription: str, at_once: bool = False, most: int = 1000) -> list[ReceivedMessage]:
        request = {"subscription": subscription, "max_messages": most, "return_immediately": at_once}
        return list(self.subscriber.pull(request, retry=None, timeout=5).received_messages)

    def acknowledge(self, subscription: str, messages: list[ReceivedMessage]) -> None:
        self.subscriber.acknowledge(subscription=subscription, ack_ids=[m.ack_id for m in messages], timeout=5)

    def drain(self, subscription: str) -> list[PubsubMessage]:
        """Pull and acknowledge until nothing comes."""
        found = []
        while messages := self.pull(subscription, at_once=True):
            self.acknowledge(subscription, messages)
            found += [m.message for m in messages]
        return found


class Endpoint:
    """A little HTTP server that keeps every push it gets, with its time, and answers what it is told to."""

    def __init__(self, answer: Callable[[dict[str, Any]], int] = lambda _: 204, port: int = 0) -> None:
        self.pushes: list[tuple[float, dict[str, Any]]] = []
        self.headers: list[Any] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                now = time.monotonic()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.headers.append(self.headers)
                endpoint.pushes.append((now, body))
                self.send_response(answer(body))
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/projects/p?x=1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, body in self.pushes]

    def ids(self) -> list[str]:
        return [body["message"]["messageId"] for body in self.bodies]

    def has(self, pushes: int) -> bool:
        return len(self.pushes) >= pushes

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        queue = Queue(tmp_path_factory.mktemp("queue"), monkeypatch)
        yield queue
        queue.server.stop()


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    queue = Queue(tmp_path, monkeypatch)
    yield queue
    queue.server.stop()


@pytest.fixture
def endpoint() -> Iterator[Callable[..., Endpoint]]:
    made: list[Endpoint] = []

    def make(*args: Any, **kwargs: Any) -> Endpoint:
        made.append(Endpoint(*args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def policy(topic: str, attempts: int = 5) -> DeadLetterPolicy:
    return DeadLetterPolicy(dead_letter_topic=topic, max_delivery_attempts=attempts)


def test_a_message_is_pulled_with_its_bytes_and_gone_once_acknowledged(shared: Queue) -> None:
    topic = shared.topic()
    subscription = shared.subscribe(topic)
    (message_id,) = shared.publish(topic, b"\xff\x00\xfe", kind="raw")
    (received,) = shared.pull(subscription)
    assert (received.message.data, dict(received.message.attributes)) == (b"\xff\x00\xfe", {"kind": "raw"})
    assert (received.message.message_id, received.delivery_attempt) == (message_id, 0)
    assert abs(received.message.publish_time.timestamp() - time.time()) < 5
    shared.acknowledge(subscription, [received])
    assert shared.pull(subscription, at_once=True) == []


def test_the_stock_publisher_works_too(shared: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = shared.topic()
    subscription = shared.subscribe(topic)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{shared.port}")
    client = pubsub_v1.PublisherClient()
    ids = [client.publish(topic, b"%d" % n).result(5) for n in range(20)]
    assert [m.message_id for m in shared.drain(subscription)] == ids


def test_the_ids_of_a_batch_are_in_its_order(shared: Queue) -> None:
    topic = shared.topic()
    subscription = shared.subscribe(topic)
    datas = [b"%d" % n for n in range(500)]
    ids = shared.publish(topic, *datas)
    assert [(m.message_id, m.data) for m in shared.drain(subscription)] == list(zip(ids, datas, strict=True))


def test_every_subscription_of_a_topic_gets_its_own_copy(shared: Queue) -> None:
    topic = shared.topic()
    first, second = shared.subscribe(topic), shared.subscribe(topic)
    shared.publish(topic, b"x")
    assert [len(shared.drain(name)) for name in (first, second, first)] == [1, 1, 0]


def test_what_was_published_before_a_subscription_is_not_kept_for_it(shared: Queue) -> None:
    topic = shared.topic()
    assert shared.publish(topic, b"x")
    assert shared.drain(shared.subscribe(topic)) == []


def test_a_message_comes_again_after_its_ack_deadline(shared: Queue) -> None:
    topic = shared.topic()
    subscription = shared.subscribe(topic, ack_deadline_seconds=1)
    shared.publish(topic, b"x")
    assert len(shared.pull(subscription)) == 1
    assert shared.pull(subscription, at_once=True) == []
    until(lambda: shared.pull(subscription), 2)


def test_a_lease_can_be_lengthened_and_given_back(shared: Queue) -> None:
    topic = shared.topic()
    subscription = shared.subscribe(topic, ack_deadline_seconds=1)
    shared.publish(topic, b"x")
    (held,) = shared.pull(subscription)
    modify = shared.subscriber.modify_ack_deadline
    modify(subscription=subscription, ack_ids=[held.ack_id], ack_deadline_seconds=60)
    time.sleep(1.1)
    assert shared.pull(subscription, at_once=True) == []
    modify(subscription=subscription, ack_ids=[held.ack_id], ack_deadline_seconds=0)
    (again,) = shared.pull(subscription)
    modify(subscription=subscription, ack_ids=[held.ack_id], ack_deadline_seconds=0)  # not its lease any more
    time.sleep(LEAST * 3)
    assert shared.pull(subscription, at_once=True) == []
    shared.acknowledge(subscription, [again])


def test_the_ack_deadline_of_a_subscription_can_be_changed_and_nothing_else(shared: Queue) -> None:
    topic = shared.topic()
    subscription = shared.subscribe(topic)
    wish = Subscription(name=subscription, topic=topic, ack_deadline_seconds=1)
    change = partial(shared.subscriber.update_subscription, subscription=wish, timeout=5)
    assert change(update_mask=FieldMask(paths=["ack_deadline_seconds"])).ack_deadline_seconds == 1
    shared.publish(topic, b"x")
    assert len(shared.pull(subscription)) == 1
    until(lambda: shared.pull(subscription), 2)
    with pytest.raises(exceptions.InvalidArgument):
        change(update_mask=FieldMask(paths=["ack_deadline_seconds", "retry_policy"]))


def test_an_empty_pull_waits_a_little_and_is_woken_by_a_publish(shared: Queue) -> None:
    topic = shared.topic()
    subscription = shared.subscribe(topic)
    started = time.monotonic()
    assert shared.pull(subscription) == []
    assert 0.5 < time.monotonic() - started < 3
    threading.Timer(0.1, shared.publish, (topic, b"x")).start()
    started = time.monotonic()
    assert len(shared.pull(subscription)) == 1
    assert time.monotonic() - started < 0.5


def test_one_pull_carries_no_more_than_googles_client_takes(shared: Queue) -> None:
    topic = shared.topic()
    subscription = shared.subscribe(topic)
    for _ in range(3):
        shared.publish(topic, bytes(1_900_000))
    assert [len(shared.pull(subscription, at_once=True)) for _ in range(3)] == [2, 1, 0]


def test_a_push_has_exactly_the_body_of_pub_sub(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    sink, topic = endpoint(), shared.topic()
    subscription = shared.subscribe(topic, sink.url)
    (message_id,) = shared.publish(topic, b"\xff\x00{", **{"ce-id": "1"})
    until(lambda: sink.pushes)
    (body,) = sink.bodies
    published = body["message"]["publishTime"]
    assert body == {
        "message": {
            "data": "/wB7",
            "attributes": {"ce-id": "1"},
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": published,
            "publish_time": published,
        },
        "subscription": subscription,
    }
    assert published.startswith(time.strftime("%Y-%m-%dT%H:", time.gmtime()))
    assert published.endswith("Z")
    assert sink.headers[0]["Content-Type"] == "application/json"


def test_a_push_leaves_out_data_that_is_empty(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    sink, topic = endpoint(), shared.topic()
    shared.subscribe(topic, sink.url, dead_letter_policy=policy(topic))
    shared.publish(topic, b"", kind="empty")
    until(lambda: sink.pushes)
    assert "data" not in sink.bodies[0]["message"]
    assert sink.bodies[0]["deliveryAttempt"] == 1


def test_only_the_success_codes_of_pub_sub_acknowledge(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    sink, topic = endpoint(lambda body: int(body["message"]["attributes"]["status"])), shared.topic()
    good, bad = (102, 200, 201, 202, 204), (203, 206, 299, 301, 302, 307, 400, 401, 404, 429, 500, 503)
    shared.subscribe(topic, sink.url)
    for status in good + bad:
        shared.publish(topic, b"", status=str(status))

    def seen(status: int) -> int:
        return sum(body["message"]["attributes"]["status"] == str(status) for body in sink.bodies)

    until(lambda: all(seen(status) >= 3 for status in bad))
    assert [seen(status) for status in good] == [1] * len(good)


def test_a_failed_push_comes_again_after_doubling_waits(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    sink, topic = endpoint(lambda _: 503), shared.topic()
    shared.subscribe(topic, sink.url)
    shared.publish(topic, b"x")
    until(lambda: len(sink.pushes) >= 6)
    times = [at for at, _ in sink.pushes]
    waits = [after - before for before, after in pairwise(times)]
    expected = [LEAST, LEAST * 2, LEAST * 4, LEAST * 8, MOST]
    assert all(wish <= wait < wish + 0.2 for wish, wait in zip(expected, waits, strict=False)), waits


def test_backoff_follows_the_retry_policy() -> None:
    policy = RetryPolicy(minimum_backoff=timedelta(seconds=3), maximum_backoff=timedelta(seconds=20))
    push = PushConfig(push_endpoint="http://127.0.0.1:9/")
    waits = {
        "none": [Backoff().delay(Subscription(push_config=push), n) for n in (1, 2, 99)],
        "none, and pulled": [Backoff().delay(Subscription(), n) for n in (1, 2, 99)],
        "default": [Backoff().delay(Subscription(retry_policy=RetryPolicy()), n) for n in (1, 2, 3, 7, 9_999)],
        "its own": [Backoff().delay(Subscription(retry_policy=policy), n) for n in (1, 2, 3, 4)],
        "option": [Backoff(1, 5).delay(Subscription(retry_policy=policy), n) for n in (1, 2, 3, 4)],
    }
    assert waits == {
        "none": [0.1, 0.2, 60],
        "none, and pulled": [0, 0, 0],
        "default": [10, 20, 40, 600, 600],
        "its own": [3, 6, 12, 20],
        "option": [1, 2, 4, 5],
    }


def test_a_push_without_an_answer_fails_at_the_ack_deadline(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    stuck = threading.Event()
    sink, topic = endpoint(lambda _: 204 if stuck.wait(10) else 500), shared.topic()
    shared.subscribe(topic, sink.url, ack_deadline_seconds=1)
    shared.publish(topic, b"x")
    until(lambda: len(sink.pushes) == 2, 3)
    stuck.set()
    assert 1 <= sink.pushes[1][0] - sink.pushes[0][0] < 1.8


def test_many_pushes_are_under_way_at_once(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    together = threading.Barrier(32)
    sink, topic = endpoint(lambda _: 204 if together.wait(5) >= 0 else 500), shared.topic()
    shared.subscribe(topic, sink.url)
    shared.publish(topic, *[b"x"] * 64)
    until(lambda: len(sink.pushes) >= 64)
    assert not together.broken


def test_a_slow_endpoint_holds_up_no_other_subscription(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    stuck = threading.Event()
    slow, fast, topic = endpoint(lambda _: 204 if stuck.wait(10) else 500), endpoint(), shared.topic()
    shared.subscribe(topic, slow.url)
    shared.subscribe(topic, fast.url)
    shared.publish(topic, *[b"x"] * 100)
    until(lambda: len(fast.pushes) == 100, 5)
    stuck.set()


def test_a_fresh_message_is_pushed_within_milliseconds(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    sink, topic = endpoint(), shared.topic()
    shared.subscribe(topic, sink.url)
    waits = []
    for n in range(20):
        shared.publish(topic, b"x")
        answered = time.monotonic()
        until(partial(sink.has, n + 1), every=0.001)
        waits.append(sink.pushes[n][0] - answered)
    assert sorted(waits)[10] < 0.05, waits


def test_pushes_go_on_when_the_endpoint_is_back(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    topic, port = shared.topic(), free_port()
    shared.subscribe(topic, f"http://127.0.0.1:{port}/")
    ids = shared.publish(topic, b"1", b"2", b"3")
    time.sleep(0.3)
    sink = endpoint(port=port)
    until(lambda: sorted(sink.ids()) == sorted(ids), 3)


def test_a_push_subscription_can_be_pointed_elsewhere(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    sink, topic = endpoint(), shared.topic()
    subscription = shared.subscribe(topic, f"http://127.0.0.1:{free_port()}/")
    ids = shared.publish(topic, b"x")
    shared.subscriber.modify_push_config(subscription=subscription, push_config=PushConfig(push_endpoint=sink.url))
    until(lambda: sink.ids() == ids, 3)


def test_a_message_that_fails_n_times_becomes_a_dead_letter(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    sink, topic, dead = endpoint(lambda _: 500), shared.topic(), shared.topic()
    letters = shared.subscribe(dead)
    subscription = shared.subscribe(topic, sink.url, dead_letter_policy=policy(dead))
    (message_id,) = shared.publish(topic, b"\xffx", kind="bad")
    (letter,) = until(lambda: shared.drain(letters))
    assert [body["deliveryAttempt"] for body in sink.bodies] == [1, 2, 3, 4, 5]
    assert letter.data == b"\xffx"
    assert letter.message_id != message_id
    published = letter.attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime")
    assert published.replace("+00:00", "")[:19] == sink.bodies[0]["message"]["publishTime"][:19]
    assert published.endswith("+00:00")
    assert dict(letter.attributes) == {
        "kind": "bad",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": subscription.split("/")[-1],
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
    }
    time.sleep(MOST * 1.5)
    assert len(sink.pushes) == 5


def test_a_pulled_message_that_is_given_back_n_times_becomes_a_dead_letter(shared: Queue) -> None:
    topic, dead = shared.topic(), shared.topic()
    letters = shared.subscribe(dead)
    subscription = shared.subscribe(topic, dead_letter_policy=policy(dead), ack_deadline_seconds=1)
    shared.publish(topic, b"x")
    for attempt in range(1, 5):
        (held,) = until(lambda: shared.pull(subscription))
        assert held.delivery_attempt == attempt
        ids = [held.ack_id]
        shared.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ids, ack_deadline_seconds=0)
    until(lambda: shared.pull(subscription))  # the fifth time it is let run out
    assert shared.drain(letters) == []
    time.sleep(1.1)
    assert shared.pull(subscription, at_once=True) == []
    assert len(shared.drain(letters)) == 1


def test_without_its_dead_letter_topic_a_message_is_tried_on(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    ready = threading.Event()  # a letter to a topic that nobody is subscribed to yet would be lost

    def answer(body: dict[str, Any]) -> int:
        return 500 if body["deliveryAttempt"] < 7 or ready.wait(8) else 504

    sink, topic, dead = endpoint(answer), shared.topic(), f"projects/p/topics/later-{next(NUMBERS)}"
    shared.subscribe(topic, sink.url, dead_letter_policy=policy(dead))
    shared.publish(topic, b"x")
    until(lambda: sink.has(7))
    shared.publisher.create_topic(name=dead)
    letters = shared.subscribe(dead)
    ready.set()
    (letter,) = until(lambda: shared.drain(letters))
    assert letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "7"


LIMITS = {
    "nothing": PubsubMessage(),
    "empty key": PubsubMessage(data=b"x", attributes={"": "x"}),
    "long key": PubsubMessage(data=b"x", attributes={"é" * 128 + "x": "x"}),
    "goog key": PubsubMessage(data=b"x", attributes={"googx": "x"}),
    "long value": PubsubMessage(data=b"x", attributes={"k": "é" * 512 + "x"}),
    "many attributes": PubsubMessage(data=b"x", attributes={f"k{n}": "x" for n in range(101)}),
    "large": PubsubMessage(data=bytes(10_000_000)),
}


@pytest.mark.parametrize("message", LIMITS.values(), ids=list(LIMITS))
def test_what_pub_sub_refuses_is_refused(shared: Queue, message: PubsubMessage) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        shared.publisher.publish(topic=shared.topic(), messages=[PubsubMessage(data=b"good"), message], timeout=5)


def test_what_is_just_within_the_limits_is_taken(shared: Queue, endpoint: Callable[..., Endpoint]) -> None:
    sink, topic = endpoint(), shared.topic()
    shared.subscribe(topic, sink.url)
    attributes = {"é" * 128: "é" * 512} | {f"k{n}": "" for n in range(99)}
    shared.publish(topic, b"", **attributes)
    until(lambda: sink.pushes)
    data = bytes(range(256)) * 39_062
    shared.publish(topic, data)
    until(lambda: len(sink.pushes) == 2)
    first, second = [body["message"] for body in sink.bodies]
    assert first["attributes"] == attributes
    assert b64decode(second["data"], validate=True) == data


def test_errors_are_those_of_pub_sub(shared: Queue) -> None:
    topic, nothing = shared.topic(), "projects/p/subscriptions/nothing"
    subscription = shared.subscribe(topic)
    pushed = shared.subscribe(topic, "http://127.0.0.1:9/")
    publisher, subscriber = shared.publisher, shared.subscriber
    wrong: list[tuple[type[Exception], Callable[[], Any]]] = [
        (exceptions.NotFound, lambda: shared.publish("projects/p/topics/nothing", b"x")),
        (exceptions.NotFound, lambda: publisher.get_topic(topic="projects/p/topics/nothing")),
        (exceptions.NotFound, lambda: shared.subscribe("projects/p/topics/nothing")),
        (exceptions.NotFound, lambda: subscriber.get_subscription(subscription=nothing)),
        (exceptions.NotFound, lambda: shared.pull(nothing)),
        (exceptions.NotFound, lambda: subscriber.acknowledge(subscription=nothing, ack_ids=["1-1"])),
        (exceptions.AlreadyExists, lambda: publisher.create_topic(name=topic)),
        (exceptions.AlreadyExists, lambda: subscriber.create_subscription(name=subscription, topic=topic)),
        (exceptions.InvalidArgument, lambda: publisher.create_topic(name="topic")),
        (exceptions.InvalidArgument, lambda: subscriber.create_subscription(name="x", topic=topic)),
        (exceptions.InvalidArgument, lambda: shared.subscribe(topic, "nowhere")),
        (exceptions.InvalidArgument, lambda: shared.subscribe(topic, ack_deadline_seconds=601)),
        (exceptions.InvalidArgument, lambda: shared.subscribe(topic, dead_letter_policy=policy(topic, 4))),
        (exceptions.InvalidArgument, lambda: shared.pull(subscription, most=0)),
        (exceptions.InvalidArgument, lambda: subscriber.acknowledge(subscription=subscription, ack_ids=["x"])),
        (exceptions.FailedPrecondition, lambda: shared.pull(pushed)),
        (exceptions.MethodNotImplemented, lambda: publisher.delete_topic(topic=topic)),
    ]
    for kind, call in wrong:
        with pytest.raises(kind):
            call()
    assert publisher.get_topic(topic=topic).name == topic
    assert subscriber.get_subscription(subscription=subscription).ack_deadline_seconds == 10


def test_an_endpoint_is_an_http_url_and_may_be_https() -> None:
    check_endpoint("https://example.com:8443/x?y=z")
    for wrong in ("", "nowhere", "ftp://example.com", "http://", "http:///x", "http://example.com/é", "http://a b"):
        with pytest.raises(RequestError):
            check_endpoint(wrong)


def test_a_publish_that_was_answered_survives_kill_9(queue: Queue) -> None:
    topic = queue.topic()
    subscription = queue.subscribe(topic)
    answered: list[str] = []

    def publish() -> None:
        while True:
            try:
                answered.extend(queue.publish(topic, b"1", b"2"))
            except exceptions.GoogleAPICallError:
                return

    threads = [threading.Thread(target=publish) for _ in range(16)]
    for thread in threads:
        thread.start()
    until(lambda: len(answered) > 400)
    queue.server.kill()
    for thread in threads:
        thread.join(10)
    queue.restart()
    delivered = {m.message_id for m in queue.drain(subscription)}
    assert len(answered) > 400
    assert set(answered) <= delivered


def test_a_push_that_kill_9_cut_off_is_made_again_at_once_and_counted(
    queue: Queue, endpoint: Callable[..., Endpoint]
) -> None:
    stuck = threading.Event()
    sink, topic = endpoint(lambda body: 204 if body["deliveryAttempt"] > 1 or stuck.wait(20) else 500), queue.topic()
    queue.subscribe(topic, sink.url, ack_deadline_seconds=600, dead_letter_policy=policy(topic))
    queue.publish(topic, b"x")
    until(lambda: sink.pushes)
    queue.restart()
    until(lambda: len(sink.pushes) == 2, 2)
    stuck.set()
    assert [body["deliveryAttempt"] for body in sink.bodies] == [1, 2]


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    db = connect(tmp_path / "queue.db")
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_callers_that_share_a_commit_do_not_share_a_failure(tmp_path: Path) -> None:
    commits, first, go = Commits(tmp_path / "queue.db"), threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        first.set()
        go.wait(5)

    def keep(db: sqlite3.Connection, name: str, fail: bool) -> None:
        db.execute("INSERT INTO topics VALUES (?, ?)", (name, b""))
        assert not fail

    with ThreadPoolExecutor(3) as pool:
        pool.submit(commits.do, hold)
        first.wait(5)
        good = pool.submit(commits.do, partial(keep, name="good", fail=False))
        bad = pool.submit(commits.do, partial(keep, name="bad", fail=True))
        time.sleep(0.2)  # both wait for the first, and go together
        go.set()
    assert (good.exception(), type(bad.exception())) == (None, AssertionError)
    commits.close()
    assert connect(tmp_path / "queue.db").execute("SELECT name FROM topics").fetchall() == [("good",)]


def test_a_full_disk_refuses_and_loses_nothing(queue: Queue) -> None:
    topic = queue.topic()
    subscription = queue.subscribe(topic)
    answered = queue.publish(topic, b"before")
    limit = queue.data.with_name("queue.db-wal").stat().st_size + 200_000
    pid = queue.server.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))

    def fill() -> None:
        while len(answered) < 100:
            answered.extend(queue.publish(topic, bytes(10_000)))

    with pytest.raises(exceptions.ServiceUnavailable):
        fill()
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    answered += queue.publish(topic, b"after")
    queue.restart()
    assert [m.message_id for m in queue.drain(subscription)] == answered
    assert len(answered) > 5


def test_it_ends_cleanly_when_told_to_even_while_an_endpoint_hangs(
    queue: Queue, endpoint: Callable[..., Endpoint]
) -> None:
    stuck = threading.Event()
    sink, topic = endpoint(lambda _: 204 if stuck.wait(20) else 500), queue.topic()
    queue.subscribe(topic, sink.url, ack_deadline_seconds=600)
    ids = queue.publish(topic, b"x")
    until(lambda: sink.ids() == ids)
    os.kill(queue.server.process.pid, signal.SIGTERM)
    assert queue.server.process.wait(5) == 0
    queue.server = queue.start()
    until(lambda: sink.ids() == ids * 2)
    os.kill(queue.server.process.pid, signal.SIGINT)
    assert queue.server.process.wait(5) == 0
    stuck.set()
    assert queue.server.output.read_text() == f"queue 127.0.0.1:{queue.port}\n" * 2


def test_a_second_broker_on_the_same_file_does_not_start(shared: Queue) -> None:
    command = [*BROKER, f"--data={shared.data}", "--port=0"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=ROOT, check=False)
    says = f"broker: can't use {shared.data} as a queue: another broker uses it\n"
    assert (run.returncode, run.stdout, run.stderr) == (1, "", says)


def test_a_file_that_is_not_a_queue_is_refused_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "queue.db"
    path.write_bytes(b"not a database " * 1000)
    assert main([f"--data={path}", "--port=0"]) == 1
    assert capsys.readouterr().err == f"broker: can't use {path} as a queue: file is not a database\n"
    assert path.read_bytes() == b"not a database " * 1000
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    assert main([f"--data={other}", "--port=0"]) == 1
    assert capsys.readouterr().err == f"broker: {other} is a database, but not a queue's\n"


def test_a_port_that_is_taken_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([f"--data={tmp_path}/queue.db", f"--port={port}"]) == 1
    assert f"broker: can't listen on 127.0.0.1:{port}" in capsys.readouterr().err
