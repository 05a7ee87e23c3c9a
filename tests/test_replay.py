"""`make dead-letters` and `make replay`, on both queues: nothing is lost, and nothing comes back unasked."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import PermissionDenied, ServiceUnavailable, Unauthenticated
from google.auth.exceptions import DefaultCredentialsError
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage
from grpc import insecure_channel

from functions.processor.deadletter import epitaph
from functions.processor.event import Event
from tests.conftest import Queue, start_queue
from tests.servers import ROOT, clean_environment, free_port, until
from tools import dead_letters, local, pubsub, replay, scan, topics
from tools.letters import Choice, Letter
from tools.stop import Stop

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag")

NUMBERS = count(1)
FORWARDED = {
    "CloudPubSubDeadLetterSourceDeliveryCount": "5",
    "CloudPubSubDeadLetterSourceSubscription": "webhooks-processor",
    "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
    "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-01-01T00:00:00.000+00:00",
}


class Project:
    """A project of its own in a queue: the dead letters, and a subscription that sees what is replayed."""

    def __init__(self, host: str, name: str = "", lease: int = 600, has_topic: bool = True) -> None:
        self.host, self.name = host, name or f"project-{next(NUMBERS)}"
        self.topic, self.dead_topic = (f"projects/{self.name}/topics/{last}" for last in ("webhooks", "webhooks-dead"))
        self.taken, self.dead = (f"projects/{self.name}/subscriptions/{last}" for last in ("taken", "webhooks-dead"))
        channel = insecure_channel(
            host, [("grpc.max_receive_message_length", -1), ("grpc.max_reconnect_backoff_ms", 200)]
        )
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        for topic, subscription in [(self.dead_topic, self.dead)] + [(self.topic, self.taken)] * has_topic:
            self.publisher.create_topic(name=topic, timeout=10)
            wish = {"name": subscription, "topic": topic, "ack_deadline_seconds": lease}
            self.subscriber.create_subscription(wish, timeout=10)

    def die(self, *letters: PubsubMessage, topic: str = "") -> None:
        """Publish dead letters, a thousand at most."""
        self.publisher.publish(topic=topic or self.dead_topic, messages=list(letters), retry=None, timeout=30)

    def drain(self, subscription: str) -> list[PubsubMessage]:
        """Take what can be had at once."""
        found = []
        while received := self._pull(subscription):
            ids = [one.ack_id for one in received]
            self.subscriber.acknowledge(subscription=subscription, ack_ids=ids, retry=None, timeout=10)
            found += [one.message for one in received]
        return found

    def _pull(self, subscription: str) -> Sequence[ReceivedMessage]:
        request = {"subscription": subscription, "max_messages": 1000, "return_immediately": True}
        return self.subscriber.pull(request, retry=None, timeout=10).received_messages

    def replayed(self) -> list[str]:
        """The ids of the events that are in the topic again."""
        return ids(self.drain(self.taken))

    def left(self) -> list[str]:
        """The ids of the dead letters that can be had at once."""
        return ids(self.drain(self.dead))

    def begin(self, command: str, *options: str) -> subprocess.Popen[str]:
        """Start what a make verb runs."""
        line = [sys.executable, "-m", f"tools.{command}", "--project", self.name, *options]
        env = clean_environment(PUBSUB_EMULATOR_HOST=self.host)
        pipe = subprocess.PIPE
        return subprocess.Popen(line, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True)

    def run(self, command: str, *options: str) -> tuple[int, str, str]:
        """Do what a make verb does: its status, and what it printed."""
        process = self.begin(command, *options)
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, output, self.unsaid(errors) if command == "replay" else errors

    def unsaid(self, errors: str) -> str:
        """What a replay said besides where it is at work, which it says before all else."""
        where = f"dead letters in {self.name} at {self.host}\n"
        assert where in errors
        return errors.replace(where, "")


@pytest.fixture
def project(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", queue.host)
    return Project(queue.host)


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """A queue that a test may kill."""
    queue = start_queue("embedded", tmp_path)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", queue.host)
    yield queue
    queue.server.stop()


def letter(number: object, data: bytes = b"{}", /, **more: str | None) -> PubsubMessage:
    """An event that the processor has parked; `_` in the name of an attribute stands for `-`, None takes it away."""
    own = {"id": str(number), "source": "/shop", "type": "shop.order", "specversion": "1.0"}
    dead = {"deadreason": "gave-up", "deaderror": "KeyError: 'x'", "deadattempts": "2", "deadtime": ago(hours=1)}
    attributes = {f"ce-{name}": value for name, value in (own | dead).items()}
    changed = attributes | {name.replace("_", "-"): value for name, value in more.items()}
    return PubsubMessage(data=data, attributes={name: value for name, value in changed.items() if value is not None})


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat().replace("+00:00", "Z")


def collect(into: list[str], more: Callable[[], list[str]]) -> list[str]:
    """Add what there is more of."""
    into += more()
    return into


def ids(messages: Sequence[PubsubMessage]) -> list[str]:
    return sorted(message.attributes.get("ce-id", "") for message in messages)


def numbers(how_many: int) -> list[str]:
    return sorted(str(n) for n in range(how_many))


def test_a_replayed_event_is_as_its_receiver_wrote_it_but_for_one_mark(project: Project) -> None:
    event = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/shop", "ce-type": "shop.order", "ce-signed": "id"}
    event |= {"content-type": "text/plain", "ce-subject": "é", "ce-headers": '{"a": "b"}'}
    parked = Event(id="1", source="shop", type="shop.order", attributes=event, attempt=5)
    written = epitaph(parked, "last-attempt", (), datetime.now(UTC))
    body = b"\xff\x00{\r\n" + bytes(range(256))
    project.die(PubsubMessage(data=body, attributes={**event, **written, **FORWARDED}))
    assert project.run("replay") == (0, "replayed 1, left 0\n", "")
    (message,) = project.drain(project.taken)
    assert (message.data, dict(message.attributes)) == (body, event | {"ce-replay": "1"})
    assert project.left() == []


def test_a_count_of_replays_goes_on_and_an_earlier_again_does_not(project: Project) -> None:
    project.die(letter(1, ce_replay="2", ce_again="1"))
    assert project.run("replay")[0] == 0
    (message,) = project.drain(project.taken)
    assert message.attributes["ce-replay"] == "3"
    assert "ce-again" not in message.attributes


def test_again_marks_the_event_and_says_what_that_means(project: Project) -> None:
    project.die(letter(1))
    status, output, errors = project.run("replay", "--again")
    assert (status, output) == (0, "replayed 1, left 0\n")
    assert "handlers that had finished run again" in errors
    assert "happens twice" in errors
    (message,) = project.drain(project.taken)
    assert (message.attributes["ce-again"], message.attributes["ce-replay"]) == ("1", "1")


CHOICES = {
    "all": ([], "abcd"),
    "source": (["--source", "erp"], "b"),
    "type": (["--type", "shop.*"], "ad"),
    "both": (["--type", "shop.*", "--source", "erp"], ""),
    "reason": (["--reason", "last-*"], "a"),
    "Pub/Sub's": (["--reason", "pubsub"], "d"),
    "id": (["--id", "c"], "c"),
    "older": (["--older", "2h"], "b"),
    "newer": (["--newer", "30m"], "cd"),  # and d, which was just published
    "between": (["--older", "30m", "--newer", "2h"], "a"),
}


@pytest.mark.parametrize(("options", "chosen"), CHOICES.values(), ids=list(CHOICES))
def test_only_what_is_chosen_is_listed_and_replayed(
    project: Project, options: list[str], chosen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project.die(letter("a", ce_deadreason="last-attempt"))
    project.die(letter("b", ce_source="/erp", ce_type="erp.order", ce_deadtime=ago(days=2)))
    project.die(letter("c", ce_type="cart.left", ce_deadtime=ago(minutes=5)))
    project.die(PubsubMessage(attributes={"ce-id": "d", "ce-source": "/shop", "ce-type": "shop.order"} | FORWARDED))
    dead_letters.main(["--project", project.name, *options])
    assert f"\n{len(chosen)} dead letter" in "\n" + capsys.readouterr().out
    assert replay.main(["--project", project.name, *options]) == 0
    others = sorted(set("abcd") - set(chosen))
    why = f" ({len(others)} not chosen)" if others else ""
    assert capsys.readouterr().out == f"replayed {len(chosen)}, left {len(others)}{why}\n"
    assert project.replayed() == sorted(chosen)
    assert project.left() == others


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(project: Project) -> None:
    project.die(*[letter(n) for n in range(4)], letter(4, ce_type="x.y"), letter(5, ce_replay="3"))
    status, output, _ = project.run("replay", "--dry-run", "--rate", "0.05")
    assert status == 1  # as the run itself would end
    kinds, last = output.rstrip().split("\n\n")
    assert [line.split() for line in kinds.splitlines()[2:]] == [
        ["shop.order", "gave-up", "4"],
        ["x.y", "gave-up", "1"],
    ]
    assert last == "would replay 5, left 1 (1 replayed 3 times already: --force)"
    assert project.replayed() == []
    assert project.left() == numbers(6)


def test_a_listing_gives_back_at_once_what_it_has_read_however_often(project: Project) -> None:
    project.die(*[letter(n) for n in range(150)])
    for _ in range(7):
        assert dead_letters.main(["--project", project.name]) == 0
    assert project.left() == numbers(150)


def test_the_oldest_are_listed_and_all_are_counted(project: Project) -> None:
    project.die(*[letter(n, ce_deadtime=ago(minutes=n + 1)) for n in range(20)])
    project.die(letter("u", ce_deadreason="unhandled", ce_deaderror="x" * 61, ce_replay="2", ce_deadtime=ago(days=1)))
    status, output, errors = project.run("dead_letters", "--limit", "3")
    assert (status, errors) == (0, "")
    rows, kinds, last = output.rstrip().split("\n\n")
    head, _, *lines = [re.split(r"  +", line) for line in rows.splitlines()]
    assert head == ["dead since (UTC)", "source", "type", "id", "reason", "error", "attempts", "replays"]
    assert lines[0][1:] == ["shop", "shop.order", "u", "unhandled", "x" * 59 + "…", "2", "2"]
    assert [line[3] for line in lines] == ["u", "19", "18"]
    assert abs(datetime.fromisoformat(f"{lines[0][0]}Z") - datetime.now(UTC) + timedelta(days=1)).total_seconds() < 60
    assert [line.split() for line in kinds.splitlines()[2:]] == [
        ["shop.order", "gave-up", "20"],
        ["shop.order", "unhandled", "1"],
    ]
    assert last == f"21 dead letters in {project.name} at {project.host}"


def test_nothing_of_a_body_is_listed(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.die(letter(1, b"their address"))
    dead_letters.main(["--project", project.name])
    assert "address" not in capsys.readouterr().out
    with Stop() as stop:
        letters, _ = dead_letters.look(pubsub.PubSub(project.name), Choice(), 50, stop)
    assert [kept.data for kept in letters] == [b""]


BODIES = {
    "text": ('{\r\n\t"name": "Zoë"}'.encode(), '\n\n{\n\t"name": "Zoë"}\n'),
    "nothing": (b"", "\n\nno body\n"),
    "bytes": (b"\xff\x00", "\n\n2 bytes that are no text: ff 00\n"),
    "many bytes": (bytes(300), f"\n\n300 bytes that are no text: {'00 ' * 256}…\n"),
    "what a terminal obeys": (b"\x1b[2J", "\n\n4 bytes that are no text: 1b 5b 32 4a\n"),
    "what hides a line": (b"bad\rgood", "\n\n8 bytes that are no text: 62 61 64 0d 67 6f 6f 64\n"),
    "what turns letters round": ("a\u202eb".encode(), "\n\n5 bytes that are no text: 61 e2 80 ae 62\n"),
}


@pytest.mark.parametrize(("body", "shown"), BODIES.values(), ids=list(BODIES))
def test_a_letter_is_shown_whole_by_its_id(
    project: Project, body: bytes, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project.die(letter("wanted", body, ce_deaderror="x" * 100), letter("other", b"other body"))
    assert dead_letters.main(["--project", project.name, "--id", "wanted"]) == 0
    output = capsys.readouterr().out
    assert shown in output
    assert re.search(r"^ce-deaderror +x{100}$", output, re.MULTILINE)
    assert "other" not in output
    assert project.left() == ["other", "wanted"]


def test_an_id_that_is_not_there_fails(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.die(letter(1))
    assert dead_letters.main(["--project", project.name, "--id", "2"]) == 1
    assert capsys.readouterr().out.startswith("0 dead letters")


def test_control_characters_of_a_sender_never_reach_the_terminal(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b]0;owned\x07\x9b2J\r\n\u202e"
    names = ("ce_source", "ce_type", "ce_id", "ce_deadreason", "ce_deaderror", "ce_deadattempts")
    project.die(letter("", b"", **dict.fromkeys(names, f"/{evil}")), letter("2", b"", **{f"x{evil}": "y"}))
    escaped = r"/\x1b]0;owned\x07\x9b2J\r\n\u202e"
    for options in ([], ["--id", escaped], ["--id", "2"]):
        assert dead_letters.main(["--project", project.name, *options]) == 0
        output = capsys.readouterr().out
        assert not [c for c in output if not c.isprintable() and c != "\n"]
        assert "owned" in output
    assert replay.main(["--project", project.name, "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "owned" in output
    assert not [c for c in output if not c.isprintable() and c != "\n"]


def test_what_is_no_event_is_listed_shown_and_replayed(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    times = ["", "yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
    odd = [PubsubMessage(attributes={"ce-deadtime": text, "ce-replay": "many"}) for text in times]
    project.die(PubsubMessage(data=b"?"), PubsubMessage(data=b"!", attributes=FORWARDED), *odd)
    assert dead_letters.main(["--project", project.name]) == 0
    output = capsys.readouterr().out
    assert re.search(r"^ +unknown +6$", output, re.MULTILINE)
    assert re.search(r"^ +pubsub +1$", output, re.MULTILINE)
    (message_id,) = re.findall(r" (\d+) +pubsub", output)
    assert dead_letters.main(["--project", project.name, "--id", message_id]) == 0
    assert "\n\n!\n" in capsys.readouterr().out
    assert replay.main(["--project", project.name]) == 0
    messages = project.drain(project.taken)
    assert {message.attributes["ce-replay"] for message in messages} == {"1"}
    assert sorted(message.data for message in messages) == [b""] * 5 + [b"!", b"?"]


def test_what_was_replayed_three_times_is_left_unless_forced(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.die(letter(2, ce_replay="2"), letter(3, ce_replay="3"), letter(9, ce_replay="9"))
    assert replay.main(["--project", project.name]) == 1
    assert capsys.readouterr().out == "replayed 1, left 2 (2 replayed 3 times already: --force)\n"
    assert project.replayed() == ["2"]
    assert replay.main(["--project", project.name, "--force"]) == 0
    assert [message.attributes["ce-replay"] for message in project.drain(project.taken)] == ["4", "10"]


def test_an_event_that_dies_again_meanwhile_is_left_for_the_next_run(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = pubsub.PubSub.publish

    def fail_again(queue: pubsub.PubSub, messages: Sequence[PubsubMessage]) -> Sequence[str]:
        found = publish(queue, messages)
        project.die(*[letter(m.attributes["ce-id"], ce_replay=m.attributes["ce-replay"]) for m in messages])
        return found

    monkeypatch.setattr(pubsub.PubSub, "publish", fail_again)
    project.die(letter(1), letter(2), letter(3, ce_replay="3"), letter(4, ce_type="other"))
    assert replay.main(["--project", project.name, "--type", "shop.*"]) == 1
    why = "1 replayed 3 times already: --force; 2 newer than this run; 1 not chosen"
    assert capsys.readouterr().out == f"replayed 2, left 4 ({why})\n"
    assert project.replayed() == ["1", "2"]
    assert project.left() == ["1", "2", "3", "4"]


def test_thousands_are_all_replayed_and_the_bodies_of_large_ones_too(project: Project) -> None:
    for k in range(0, 2500, 500):
        project.die(*[letter(n) for n in range(k, k + 500)])
    bodies = {f"large {n}": bytes([n]) * 3_500_000 for n in range(3)} | {"larger": b"x" * 9_000_000}
    for number, body in bodies.items():
        project.die(letter(number, body))
    assert project.run("replay", "--rate", "0") == (0, "replayed 2504, left 0\n", "")
    messages = project.drain(project.taken)
    assert ids(messages) == sorted(numbers(2500) + list(bodies))
    assert {m.attributes["ce-id"]: m.data for m in messages if len(m.data) > 2} == bodies
    assert project.left() == []


def test_a_call_has_no_more_than_pub_sub_takes() -> None:
    def sizes(of: Sequence[int], most: int) -> list[int]:
        letters = [Letter("1", "1", datetime.now(UTC), {}, bytes(size)) for size in of]
        return [len(batch) for batch in replay.batches(letters, most)]

    assert sizes([1] * 2500, 1000) == [1000, 1000, 500]
    assert sizes([4_500_000, 4_500_000, 1, 9_000_001, 1], 1000) == [2, 1, 1, 1]
    assert sizes([], 1000) == []
    full = Letter("1", "1", datetime.now(UTC), {f"{n}" * 100: "é" * 512 for n in range(100)}, b"")
    assert full.size >= PubsubMessage.pb(PubsubMessage(attributes=full.attributes)).ByteSize() * 0.95


def test_the_rate_is_kept(project: Project) -> None:
    project.die(*[letter(n) for n in range(30)])
    started = time.monotonic()
    assert replay.main(["--project", project.name, "--rate", "15"]) == 0
    assert time.monotonic() - started >= 2  # 15 at once, 15 a second later, and the last has its second, too
    assert project.replayed() == numbers(30)


def test_what_waits_for_its_turn_is_leased_for_seconds_only(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    pull = pubsub.PubSub.pull

    def noted(queue: pubsub.PubSub, most: int) -> Sequence[Any]:
        asked.append(most)
        return pull(queue, most)

    monkeypatch.setattr(pubsub.PubSub, "pull", noted)
    for rate in ("0.5", "4", "100", "1000", "0"):
        assert replay.main(["--project", project.name, "--rate", rate]) == 0
    assert list(dict.fromkeys(asked)) == [2, 20, 500, 1000]


def test_a_letter_is_acknowledged_only_when_its_publish_gave_an_id(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.die(letter(1), letter(2), letter(3))
    monkeypatch.setattr(pubsub.PubSub, "publish", lambda *_: ["1", ""])
    replay.main(["--project", project.name])
    assert project.left() == ["2", "3"]


def test_without_the_topic_nothing_is_lost(project: Project) -> None:
    bare = Project(project.host, has_topic=False)
    bare.die(*[letter(n) for n in range(5)])
    status, output, errors = bare.run("replay")
    assert (status, output) == (1, "")
    assert errors.startswith(f"replay: there is no {bare.topic}: `make run` makes it")
    assert errors.count("\n") == 1
    assert bare.left() == numbers(5)


def test_what_may_share_a_project_with_others_begins_alike() -> None:
    names = (local.TOPIC, local.DEAD_LETTER_TOPIC, local.SUBSCRIPTION, local.DEAD_LETTERS)
    assert all(name.rpartition("/")[2].startswith("webhooks") for name in names)
    assert len(set(names)) == 4


@pytest.mark.parametrize("main", [dead_letters.main, replay.main])
def test_without_the_subscription_one_sentence_says_so(project: Project, main: Callable[[list[str]], int]) -> None:
    with pytest.raises(
        SystemExit, match=r"^[a-z-]+: there is no projects/nobody/subscriptions/webhooks-dead: `make run`"
    ):
        main(["--project", "nobody"])


DIES = """
import os, signal, sys
from tools import pubsub, replay
setattr(pubsub.PubSub, sys.argv.pop(1), lambda *_: os.kill(os.getpid(), signal.SIGKILL))
replay.main()
"""


@pytest.mark.parametrize(("call", "replayed"), [("publish", []), ("acknowledge", ["0", "1", "2"])])
def test_kill_9_around_a_publish_loses_nothing(embedded: Queue, call: str, replayed: list[str]) -> None:
    project = Project(embedded.host, lease=1)
    project.die(*[letter(n) for n in range(3)])
    command = [sys.executable, "-c", DIES, call, "--project", project.name]
    assert subprocess.run(command, cwd=ROOT, timeout=30).returncode == -signal.SIGKILL
    assert project.replayed() == replayed
    until(lambda: project.left() == numbers(3), 3)


def test_kill_9_in_the_middle_loses_nothing(queue: Queue) -> None:
    project = Project(queue.host, lease=10 if queue.kind == "emulator" else 5)
    project.die(*[letter(n) for n in range(400)])
    process = project.begin("replay", "--rate", "50")
    taken: list[str] = []
    until(lambda: len(collect(taken, project.replayed)) >= 150, 20)
    left = project.left()
    process.kill()
    process.communicate()
    taken += project.replayed()
    assert {*taken, *left} != {*numbers(400)}  # some were leased
    until(lambda: {*taken, *collect(left, project.left)} == {*numbers(400)}, 20, 0.2)
    assert 150 <= len(set(taken)) <= 300
    assert len(set(taken) & set(left)) <= 50  # of one call it was not known yet that it was safe


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_ctrl_c_gives_the_others_back_at_once_and_says_how_far_it_came(project: Project, number: int) -> None:
    project.die(*[letter(n) for n in range(300)])
    process = project.begin("replay", "--rate", "50")
    taken: list[str] = []
    until(lambda: len(collect(taken, project.replayed)) >= 50, 20)
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)
    left, taken = project.left(), taken + project.replayed()
    assert (process.returncode, project.unsaid(errors)) == (130, "")
    assert output == f"stopped: replayed {len(taken)}, left 0, and what it had not come to\n"
    assert sorted(taken + left) == numbers(300)
    assert len(left) >= 100  # what was leased for the seconds to come is not published in a hurry


def test_ctrl_c_in_a_listing_gives_everything_back(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.die(*[letter(n) for n in range(150)])
    pull = pubsub.PubSub.pull

    def interrupted(queue: pubsub.PubSub, most: int) -> Sequence[Any]:
        found = pull(queue, 60)
        os.kill(os.getpid(), signal.SIGINT)
        return found

    monkeypatch.setattr(pubsub.PubSub, "pull", interrupted)
    assert dead_letters.main(["--project", project.name]) == 130
    assert capsys.readouterr() == ("", "stopped: all is where it was\n")
    assert project.left() == numbers(150)


def test_an_error_in_a_listing_gives_everything_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.die(*[letter(n) for n in range(150)])
    monkeypatch.setattr(Choice, "has", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        dead_letters.main(["--project", project.name])
    assert project.left() == numbers(150)


def test_a_second_ctrl_c_ends_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        stop.wait(10)
        assert stop.told
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_queue_that_is_killed_half_way_loses_nothing(
    embedded: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    project = Project(embedded.host, lease=600 if comes_back else 1)
    for k in range(0, 3000, 1000):
        project.die(*[letter(n) for n in range(k, k + 1000)])
    publish, calls = pubsub.PubSub.publish, count(1)

    def again() -> None:
        embedded.server = start_queue("embedded", tmp_path, embedded.server.port).server

    def killed(queue: pubsub.PubSub, messages: Sequence[PubsubMessage]) -> Sequence[str]:
        if next(calls) == 2:
            embedded.server.kill()
            if comes_back:
                threading.Timer(0.5, again).start()
        return publish(queue, messages)

    monkeypatch.setattr(pubsub.PubSub, "publish", killed)
    monkeypatch.setattr(pubsub, "PATIENCE", 15 if comes_back else 0.5)
    if comes_back:
        assert replay.main(["--project", project.name, "--rate", "0"]) == 0
        assert project.replayed() == numbers(3000)
        assert project.left() == []
        return
    with pytest.raises(SystemExit, match=r"^replay: 127.0.0.1:\d+ fails at .* before that: replayed 1000, left 0$"):
        replay.main(["--project", project.name, "--rate", "0"])
    again()
    taken = project.replayed()
    left: list[str] = []
    until(lambda: sorted(taken + collect(left, project.left)) == numbers(3000), 5)


def test_without_a_project_it_is_the_queue_of_the_local_run(
    embedded: Queue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST")
    monkeypatch.setenv("QUEUE_PORT", str(embedded.server.port))
    project = Project(embedded.host, local.PROJECT)
    project.die(letter(1))
    assert dead_letters.main([]) == 0
    assert f"1 dead letter in local at {embedded.host}\n" in capsys.readouterr().out
    assert replay.main([]) == 0
    assert project.replayed() == ["1"]


def test_where_nothing_listens_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("QUEUE_PORT", port := str(free_port()))
    sentence = (
        rf"^replay: nothing listens at 127.0.0.1:{port} - is `make run` running\? \(in Google Cloud: PROJECT=its-id\)$"
    )
    with pytest.raises(SystemExit, match=sentence):
        replay.main([])
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"[::1]:{port}")
    with pytest.raises(
        SystemExit, match=rf"^dead-letters: nothing listens at \[::1\]:{port} \(PUBSUB_EMULATOR_HOST\)$"
    ):
        dead_letters.main(["--project", "p"])


def test_without_credentials_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(**_: object) -> None:
        raise DefaultCredentialsError("long and winding")  # type: ignore[no-untyped-call]

    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setattr("google.auth.default", without)
    with pytest.raises(
        SystemExit, match=r"^replay: no credentials for Google Cloud: run `gcloud auth [a-z -]+` \(long and winding\)$"
    ):
        replay.main(["--project", "p"])


REFUSALS: dict[str, tuple[type[Exception], str]] = {
    "permission": (
        PermissionDenied,
        r"you may not use \S+webhooks-dead: it takes roles/pubsub.subscriber \(no\\x1b\)",
    ),
    "credentials": (Unauthenticated, r"no credentials for Google Cloud: .* \(no\\x1b\)"),
    "outage": (ServiceUnavailable, r"\S+ fails at \S+webhooks-dead: no\\x1b"),
}


@pytest.mark.parametrize(("error", "sentence"), REFUSALS.values(), ids=list(REFUSALS))
def test_what_google_refuses_is_one_sentence(
    project: Project, error: type[Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, retry: Callable[[Callable[[], None]], Callable[[], None]], **__: object) -> None:
        def fail() -> None:
            raise error("no\x1b")

        retry(fail)()

    monkeypatch.setattr(pubsub, "PATIENCE", 0.3)
    monkeypatch.setattr(SubscriberClient, "pull", refuse)
    with pytest.raises(SystemExit, match=f"^dead-letters: {sentence}$"):
        dead_letters.main(["--project", project.name])


def test_the_local_run_lengthens_the_leases_of_an_older_queue(embedded: Queue) -> None:
    project = Project(embedded.host, local.PROJECT, lease=10)
    topics.main("http://127.0.0.1:9/")
    assert project.subscriber.get_subscription(subscription=project.dead, timeout=5).ack_deadline_seconds == 600


class Stub:
    """A queue that brings what it is told to, pull by pull: numbers of messages, or nothing."""

    local = False

    def __init__(self, pulls: Iterator[Sequence[int]]) -> None:
        self.pulls = pulls
        self.acknowledged: list[str] = []
        self.given_back: list[str] = []
        self.leases = count(1)

    def pull(self, most: int) -> list[Any]:
        old = datetime.now(UTC) - timedelta(seconds=60)
        return [
            ReceivedMessage.pb(
                ReceivedMessage(
                    ack_id=f"{n}-{next(self.leases)}",
                    # Of the numbers, those under zero are published after the start.
                    message=PubsubMessage(message_id=str(n), publish_time=old + timedelta(hours=n < 0)),
                )
            )
            for n in next(self.pulls, ())
        ]

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        self.acknowledged += ack_ids

    def give_back(self, ack_ids: Sequence[str]) -> None:
        self.given_back += ack_ids


def shown(stub: Stub, settle: bool = False) -> list[str]:
    """Go through what a stub brings; the numbers of the messages that are shown."""
    found = []
    with Stop() as stop, scan.Scan(stub, datetime.now(UTC), stop) as letters:
        for batch in letters:
            found += [letter.message_id for letter in batch]
            if settle:
                letters.settle(batch)
    return found


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "CLOUD", (0.01,) * 4)


@pytest.mark.usefixtures("hasty")
def test_a_few_empty_pulls_are_not_the_end() -> None:
    nothing: list[int] = []
    pulls = [[1], *[nothing] * 4, [2, 3], *[nothing] * 4, [4], *[nothing] * 5, [5]]
    assert shown(Stub(iter(pulls))) == ["1", "2", "3", "4"]


@pytest.mark.usefixtures("hasty")
def test_a_letter_whose_lease_ran_out_is_neither_shown_twice_nor_kept() -> None:
    stub = Stub(iter([[1, 2, 3], [1, 2], [4], [1]]))
    assert shown(stub) == ["1", "2", "3", "4"]
    assert sorted(stub.given_back) == ["1-7", "2-5", "3-3", "4-6"]


@pytest.mark.usefixtures("hasty")
def test_a_letter_that_comes_again_although_it_was_acknowledged_is_acknowledged_again() -> None:
    stub = Stub(iter([[1, 2], [1]]))
    assert shown(stub, settle=True) == ["1", "2"]
    assert (stub.acknowledged, stub.given_back) == (["1-1", "2-2", "1-3"], [])


@pytest.mark.usefixtures("hasty")
def test_leases_that_run_out_for_ever_come_to_an_end() -> None:
    stub = Stub([n % 50 for n in range(k, k + 10)] for k in count(0, 10))
    assert shown(stub) == [str(n) for n in range(50)]


@pytest.mark.usefixtures("hasty")
def test_letters_that_arrive_for_ever_come_to_an_end() -> None:
    fresh = count(1)
    assert shown(Stub(iter(lambda: [-next(fresh)], None))) == ["-1", "-2", "-3", "-4", "-5"]
    mixed = Stub([-next(fresh), n % 3] for n in count())
    assert len(shown(mixed)) < 20


HOLDS = """
from tools.scan import Met
def peak():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))) // 1000
before, met = peak(), Met()
met.keep((str(n), f"{n:0180}") for n in range(300_000))
print(sum(len(ack_ids) for ack_ids in met.held()), peak() - before)
"""


def test_what_is_held_is_not_held_in_memory() -> None:
    ended = subprocess.run([sys.executable, "-c", HOLDS], cwd=ROOT, capture_output=True, text=True, timeout=60)
    held, megabytes = map(int, ended.stdout.split())
    assert held == 300_000
    assert megabytes < 20  # of 60


PEAK = """
import sys
from tools import dead_letters, replay
{"replay": replay, "dead_letters": dead_letters}[sys.argv.pop(1)].main()
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_its_memory_does_not_grow_with_the_dead_letters(embedded: Queue) -> None:
    # The C library keeps what is freed for each thread apart, which would hide the difference.
    env = os.environ | {"MALLOC_ARENA_MAX": "1"}
    few, many = Project(embedded.host), Project(embedded.host)
    for project in (few, *[many] * 6):
        project.die(*[letter(n, bytes(8_000)) for n in range(1000)])
    for line in ("dead_letters", "replay --type=none", "replay --rate=0"):
        peaks = []
        for project in (few, many):
            command = [sys.executable, "-c", PEAK, *line.split(), "--project", project.name]
            ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
            peaks.append(int(ended.stdout.split()[-1]) / 1000)
        assert peaks[1] - peaks[0] < 15, f"{line}: {peaks} MB, for 40 MB more of dead letters"
