"""Dead letters, with Google's Pub/Sub emulator as the topic."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, PubsubMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.processor.pushes import ATTRIBUTES, deliver, push, start_processor
from tests.processor.test_process import HANDLERS, effects, lines, outcomes
from tests.servers import Server, require_emulator, start_emulator

TOPIC, SUBSCRIPTION = "projects/demo/topics/webhooks-dead", "projects/demo/subscriptions/webhooks-dead"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require_emulator()
    server = start_emulator(tmp_path_factory.mktemp("emulator") / "output.log")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def parked(emulator: Server) -> Callable[[str], list[PubsubMessage]]:
    """The dead letters of one event so far."""
    channel = grpc.insecure_channel(f"127.0.0.1:{emulator.port}")
    PublisherClient(transport=PublisherGrpcTransport(channel=channel)).create_topic(name=TOPIC)
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    seen: list[PubsubMessage] = []

    def of(id_: str) -> list[PubsubMessage]:
        pulled = subscriber.pull(subscription=SUBSCRIPTION, max_messages=100, timeout=5)
        for received in pulled.received_messages:
            seen.append(received.message)
            subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[received.ack_id])
        return [message for message in seen if message.attributes["ce-id"] == id_]

    return of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def processor(folder: Path, emulator: Server) -> Iterator[Server]:
    server = start_processor(
        folder,
        HANDLERS,
        DEAD_LETTER_TOPIC=TOPIC,
        PUBSUB_EMULATOR_HOST=f"127.0.0.1:{emulator.port}",
        MAX_ATTEMPTS="5",
        UNHANDLED="dead-letter",
    )
    yield server
    server.stop()


@pytest.fixture
def id_() -> str:
    return uuid.uuid4().hex


Parked = Callable[[str], list[PubsubMessage]]


def test_what_is_given_up_is_parked_at_once_as_it_came(
    processor: Server, folder: Path, parked: Parked, id_: str
) -> None:
    hopeless = push(b"\xff\x00{}", attempt=2, ce_id=id_, ce_type="shop.hopeless")
    assert [deliver(processor, hopeless).status_code for _ in range(2)] == [204, 204]
    assert effects(folder, id_) == ["first", "hopeless"]
    assert outcomes(processor, id_) == ["dead-lettered", "duplicate"]
    (letter,) = parked(id_)
    attributes = dict(letter.attributes)
    assert attributes.pop("ce-deadtime").endswith("Z")
    assert letter.data == b"\xff\x00{}"
    assert attributes == ATTRIBUTES | {
        "ce-id": id_,
        "ce-type": "shop.hopeless",
        "ce-deadreason": "gave-up",
        "ce-deaderror": "GiveUp: no such customer",
        "ce-deadattempts": "2",
    }


def test_the_last_attempt_parks_the_event_with_its_last_error(processor: Server, parked: Parked, id_: str) -> None:
    codes = [deliver(processor, push(attempt=n, ce_id=id_, ce_type="shop.flaky")).status_code for n in range(1, 7)]
    assert codes == [503] * 4 + [204] * 2
    assert outcomes(processor, id_) == ["retry"] * 4 + ["dead-lettered", "duplicate"]
    (letter,) = parked(id_)
    assert (letter.attributes["ce-deadreason"], letter.attributes["ce-deaderror"]) == ("last-attempt", "ValueError")
    (line,) = [line for line in lines(processor, id_) if line["outcome"] == "dead-lettered"]
    assert (line["severity"], line["reason"], line["handler"]) == ("ERROR", "last-attempt", "shop.a_flaky")


def test_a_handler_that_gave_up_waits_for_one_that_may_succeed(
    processor: Server, folder: Path, parked: Parked, id_: str
) -> None:
    codes = [deliver(processor, push(attempt=n, ce_id=id_, ce_type="shop.mixed")).status_code for n in (1, 2)]
    assert codes == [503, 204]
    assert effects(folder, id_) == ["first", "mixed", "mixed"]
    (letter,) = parked(id_)
    assert letter.attributes["ce-deadreason"] == "gave-up"


def test_a_replayed_dead_letter_runs_only_what_has_not_finished(
    processor: Server, folder: Path, parked: Parked, id_: str
) -> None:
    deliver(processor, push(attempt=5, ce_id=id_, ce_type="shop.flaky"))
    (folder / "mended").touch()
    (letter,) = parked(id_)
    replay = push()
    replay["message"]["attributes"] = {**letter.attributes, "ce-replay": "1"}
    assert [deliver(processor, replay).status_code for _ in range(2)] == [204, 204]
    (folder / "mended").unlink()
    assert effects(folder, id_) == ["first", "flaky", "last", "flaky"]
    assert outcomes(processor, id_) == ["dead-lettered", "processed", "duplicate"]


def test_a_payload_that_does_not_validate_is_parked_at_once_with_its_fields(
    processor: Server, folder: Path, parked: Parked, id_: str
) -> None:
    typed = push(b'{"number": "tell-nobody"}', attempt=1, ce_id=id_, ce_type="shop.typed")
    assert [deliver(processor, typed).status_code for _ in range(2)] == [204, 204]
    assert effects(folder, id_) == ["first"]
    (letter,) = parked(id_)
    assert letter.attributes["ce-deadreason"] == "invalid-payload"
    assert letter.attributes["ce-deaderror"] == "InvalidPayload: number: int_parsing; customer: missing"
    (line,) = [line for line in lines(processor, id_) if line["outcome"] == "dead-lettered"]
    assert (line["reason"], line["handler"]) == ("invalid-payload", "shop.typed")
    assert "tell-nobody" not in processor.output.read_text()


def test_where_nobody_counts_attempts_the_age_in_the_queue_parks_an_event(
    tmp_path: Path, emulator: Server, parked: Parked, id_: str
) -> None:
    server = start_processor(
        tmp_path,
        HANDLERS,
        DEAD_LETTER_TOPIC=TOPIC,
        PUBSUB_EMULATOR_HOST=f"127.0.0.1:{emulator.port}",
        MAX_AGE="72000",
        FUNCTION_SIGNATURE_TYPE="cloudevent",
    )
    flaky = push(ce_id=id_, ce_type="shop.flaky", ce_time="2020-01-01T00:00:00Z")
    try:
        for hours, status in [(19, 503), (21, 204), (22, 204)]:
            published = datetime.now(UTC) - timedelta(hours=hours)
            flaky["message"]["publishTime"] = published.isoformat().replace("+00:00", "Z")
            assert deliver(server, flaky).status_code == status
        assert outcomes(server, id_) == ["retry", "dead-lettered", "duplicate"]
        (letter,) = parked(id_)
        assert (letter.attributes["ce-deadreason"], letter.attributes["ce-deaderror"]) == ("max-age", "ValueError")
        assert "ce-deadattempts" not in letter.attributes
    finally:
        server.stop()


def test_a_replay_that_says_so_runs_what_has_finished_again(
    processor: Server, folder: Path, parked: Parked, id_: str
) -> None:
    deliver(processor, push(attempt=5, ce_id=id_, ce_type="shop.flaky"))
    (folder / "mended").touch()
    (letter,) = parked(id_)
    replay = push()
    replay["message"]["attributes"] = {**letter.attributes, "ce-replay": "1", "ce-again": "1"}
    assert [deliver(processor, replay).status_code for _ in range(2)] == [204, 204]
    (folder / "mended").unlink()
    assert effects(folder, id_) == ["first", "flaky", "last", "first", "flaky", "last"]


def test_an_event_that_nobody_wants_is_parked_where_asked(processor: Server, parked: Parked, id_: str) -> None:
    assert deliver(processor, push(ce_id=id_, ce_type="other.order")).status_code == 204
    (letter,) = parked(id_)
    assert letter.attributes["ce-deadreason"] == "unhandled"
    assert outcomes(processor, id_) == ["dead-lettered"]


def test_a_topic_that_is_not_there_keeps_the_event_in_the_queue(tmp_path: Path, emulator: Server, id_: str) -> None:
    host = f"127.0.0.1:{emulator.port}"
    server = start_processor(
        tmp_path, HANDLERS, DEAD_LETTER_TOPIC="projects/demo/topics/not-there", PUBSUB_EMULATOR_HOST=host
    )
    hopeless = push(ce_id=id_, ce_type="shop.hopeless")
    try:
        assert [deliver(server, hopeless).status_code for _ in range(2)] == [503, 503]
        assert effects(tmp_path, id_) == ["first", "hopeless", "hopeless"]
        assert [line["reason"] for line in lines(server, id_)] == ["dead-letter-failed"] * 2
    finally:
        server.stop()
