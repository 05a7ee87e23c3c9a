"""Thousands of events, some sent twice, handlers that fail, and a processor that is killed every five seconds."""

import json
import os
import random
import sqlite3
import sys
import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, PubsubMessage, PushConfig, Subscription

from functions.processor.event import Event
from tests.processor.pushes import ATTRIBUTES, start_processor
from tests.servers import (
    FIRESTORE,
    Server,
    clean_environment,
    emulator_program,
    free_port,
    require_emulator,
    start,
    start_function,
    until,
)

EVENTS = int(os.environ.get("STORM_EVENTS", "2000"))
KILL_EVERY = 5.0
TOPIC, DEAD_TOPIC = "projects/storm/topics/webhooks", "projects/storm/topics/webhooks-dead"
PUSH, DEAD = "projects/storm/subscriptions/webhooks-processor", "projects/storm/subscriptions/webhooks-dead"
# Each handler writes down that it ran, and in which process, before it says so to anybody else; then it may fail.
HANDLERS = """
import os, random
from . import Event, GiveUp, on

RECORD = os.open(os.path.join(os.environ["EFFECTS"], "record"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def work(name, event):
    if random.random() < 0.2:
        raise RuntimeError
    os.write(RECORD, f"{name} {event.id} {os.getpid()}\\n".encode())

@on("shop.*")
def first(event: Event) -> None:
    work("first", event)

@on("shop.*")
def second(event: Event) -> None:
    work("second", event)

@on("shop.hopeless")
def third(event: Event) -> None:
    raise GiveUp("never")
"""


@dataclass
class Storm:
    """What is left when it is over."""

    ids: set[str]
    hopeless: set[str]
    record: list[tuple[str, str, int]]
    killed: set[int]
    states: dict[str, str]
    dead: list[dict[str, str]]


@pytest.fixture(scope="module")
def storms(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Storm]]]:
    """A storm for each ledger, both at once: most of their time they wait for the leases of what was killed."""
    settings = {"sqlite": {"LEDGER": f"sqlite:{tmp_path_factory.mktemp('ledger')}/ledger.db"}}
    if emulator_program(FIRESTORE):
        emulator: Server = request.getfixturevalue("firestore")
        host = f"127.0.0.1:{emulator.port}"
        project = f"storm-{uuid.uuid4().hex}"
        settings["firestore"] = {"LEDGER": "firestore", "PROJECT": project, "FIRESTORE_EMULATOR_HOST": host}
    with ThreadPoolExecutor() as pool:
        yield {name: pool.submit(begin, tmp_path_factory.mktemp(name), own) for name, own in settings.items()}


@pytest.fixture(scope="module", params=["sqlite", "firestore"])
def storm(request: pytest.FixtureRequest, storms: dict[str, Future[Storm]]) -> Storm:
    if request.param not in storms:
        require_emulator(FIRESTORE)
    return storms[request.param].result()


def begin(folder: Path, settings: dict[str, str]) -> Storm:
    """A storm on a queue of its own."""
    queue = start_queue(folder)
    try:
        return rage(folder, queue, settings)
    finally:
        queue.stop()


def start_queue(folder: Path) -> Server:
    port = free_port()
    backoff = ["--min-backoff=0.2", "--max-backoff=2"]
    command = [sys.executable, "-m", "tools.broker", f"--port={port}", f"--data={folder}/queue.db", *backoff]
    return start(command, port, folder / "queue.log", clean_environment())


def rage(folder: Path, queue: Server, settings: dict[str, str]) -> Storm:
    """Send everything while the processor is killed again and again; return when nothing is left to do."""
    channel = grpc.insecure_channel(f"127.0.0.1:{queue.port}", [("grpc.max_receive_message_length", -1)])
    publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    env = settings | {
        "EFFECTS": str(folder),
        "DEAD_LETTER_TOPIC": DEAD_TOPIC,
        "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{queue.port}",
        "MAX_ATTEMPTS": "100",
        "HANDLER_TIMEOUT": "1",
    }
    processor = start_processor(folder, HANDLERS, **env)
    make_queue(publisher, subscriber, processor.url)
    over, killed = threading.Event(), set[int]()

    def kill() -> None:
        nonlocal processor
        while not over.wait(KILL_EVERY):
            killed.update(processor.children())
            processor.kill()
            processor = start_function("processor", processor.output, processor.port, folder / "processor", **env)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        ids, hopeless, messages = publish(publisher)
        until(lambda: messages <= acknowledged(processor), 400, 1)
    finally:
        over.set()
        killer.join()
        processor.stop()
    record = [line.split() for line in (folder / "record").read_text().splitlines()]
    runs = [(name, id_, int(pid)) for name, id_, pid in record]
    return Storm(ids, hopeless, runs, killed, states(settings), dead(subscriber))


def make_queue(publisher: PublisherClient, subscriber: SubscriberClient, endpoint: str) -> None:
    """Topics and subscriptions as they are deployed, with shorter waits."""
    for topic in (TOPIC, DEAD_TOPIC):
        publisher.create_topic(name=topic, timeout=10)
    policy = DeadLetterPolicy(dead_letter_topic=DEAD_TOPIC, max_delivery_attempts=100)
    wish = Subscription(
        name=PUSH,
        topic=TOPIC,
        push_config=PushConfig(push_endpoint=endpoint),
        ack_deadline_seconds=600,
        dead_letter_policy=policy,
    )
    subscriber.create_subscription(wish, timeout=10)
    subscriber.create_subscription(Subscription(name=DEAD, topic=DEAD_TOPIC, ack_deadline_seconds=600), timeout=10)


def publish(publisher: PublisherClient) -> tuple[set[str], set[str], set[str]]:
    """Publish all events, one in ten of them twice, in no order; one in a hundred can't be done."""
    ids = [uuid.uuid4().hex for _ in range(EVENTS)]
    hopeless = set(ids[::100])
    sent = ids + random.sample(ids, EVENTS // 10)
    random.shuffle(sent)
    messages = [
        PubsubMessage(
            data=b'{"id": "%b"}' % id_.encode(),
            attributes=ATTRIBUTES | {"ce-id": id_, "ce-type": "shop.hopeless" if id_ in hopeless else "shop.order"},
        )
        for id_ in sent
    ]
    found: set[str] = set()
    for i in range(0, len(messages), 500):
        found.update(publisher.publish(topic=TOPIC, messages=messages[i : i + 500], timeout=10).message_ids)
    return set(ids), hopeless, found


def acknowledged(processor: Server) -> set[str]:
    """The messages that need no more work: each delivery writes its line before it answers."""
    ends = ("processed", "duplicate", "dead-lettered")
    return {line["message_id"] for line in processor.lines if line.get("outcome") in ends}


def states(settings: dict[str, str]) -> dict[str, str]:
    """What the ledger knows, by key: the state and the handlers finished."""
    if settings["LEDGER"] != "firestore":
        with sqlite3.connect(settings["LEDGER"].removeprefix("sqlite:")) as db:
            rows = db.execute("SELECT key, state, finished FROM ledger").fetchall()
            return {key: f"{state} {' '.join(json.loads(finished))}" for key, state, finished in rows}
    channel = grpc.insecure_channel(settings["FIRESTORE_EMULATOR_HOST"], [("grpc.max_receive_message_length", -1)])
    client = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
    parent = f"projects/{settings['PROJECT']}/databases/(default)/documents"
    found = {}
    for document in client.list_documents({"parent": parent, "collection_id": "webhook-events", "page_size": 1000}):
        finished = [value.string_value for value in document.fields["finished"].array_value.values]
        state = f"{document.fields['state'].string_value} {' '.join(finished)}"
        found[document.name.rpartition("/")[2]] = state
    return found


def dead(subscriber: SubscriberClient) -> list[dict[str, str]]:
    """The attributes of all dead letters."""
    found: list[dict[str, str]] = []
    while received := subscriber.pull(subscription=DEAD, max_messages=1000, timeout=10).received_messages:
        found += [dict(each.message.attributes) for each in received]
    return found


def key(id_: str) -> str:
    data = b'{"id": "%b"}' % id_.encode()
    return Event(type="shop.order", source="shop", id=id_, data=data).key


def test_nothing_is_missing_and_every_event_is_completed_once_by_each_handler(storm: Storm) -> None:
    buried = {letter["ce-id"] for letter in storm.dead}
    done = {key(id_): "done shop.first shop.second" for id_ in storm.ids - buried}
    assert {key_: state for key_, state in storm.states.items() if not state.startswith("dead")} == done
    assert set(storm.states) == {key(id_) for id_ in storm.ids}


def test_what_could_not_be_done_is_a_dead_letter_with_its_reason(storm: Storm) -> None:
    reasons = Counter(letter["ce-deadreason"] for letter in storm.dead)
    assert set(reasons) == {"gave-up"}
    assert {letter["ce-id"] for letter in storm.dead} == storm.hopeless
    # A kill between the publish of a dead letter and its record makes it twice.
    assert reasons["gave-up"] - len(storm.hopeless) <= len(storm.killed)
    assert {letter["ce-deaderror"] for letter in storm.dead} == {"GiveUp: never"}


def test_an_effect_was_done_twice_only_where_a_kill_fell_before_its_record(storm: Storm) -> None:
    runs = defaultdict(list)
    for handler, id_, pid in storm.record:
        runs[handler, id_].append(pid)
    assert set(runs) == {(handler, id_) for handler in ("first", "second") for id_ in storm.ids}
    twice = {what: pids for what, pids in runs.items() if len(pids) > 1}
    for pids in twice.values():
        assert set(pids[:-1]) <= storm.killed
        assert len(set(pids)) == len(pids)


def test_the_processor_was_killed_again_and_again(storm: Storm) -> None:
    assert len(storm.killed) >= 3
