"""The processor as the platform runs it: whole deliveries over HTTP."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.processor.pushes import CONTRACT, deliver, push, start_processor
from tests.processor.test_message import MALFORMED, read_push
from tests.servers import ROOT, Server, clean_environment, until

HANDLERS = """
import os, sys, time
from pathlib import Path
from pydantic import BaseModel
from . import Event, GiveUp, on

FOLDER = Path(os.environ["EFFECTS"])

def effect(name, event):
    with (FOLDER / "effects").open("a") as file:
        file.write(f"{name} {event.id}\\n")

@on("shop.*")
def first(event: Event) -> None:
    effect("first", event)

@on("shop.order")
def second(event: Event) -> None:
    effect("second", event)

@on("shop.flaky")
def a_flaky(event: Event) -> None:
    effect("flaky", event)
    if not (FOLDER / "mended").exists():
        raise ValueError("the secret in an exception")

@on("shop.flaky")
def last(event: Event) -> None:
    effect("last", event)

@on("shop.hopeless")
def hopeless(event: Event) -> None:
    effect("hopeless", event)
    raise GiveUp("no such customer")

@on("shop.mixed")
def mixed_hopeless(event: Event) -> None:
    raise GiveUp("no such customer")

@on("shop.mixed")
def mixed_flaky(event: Event) -> None:
    effect("mixed", event)
    if event.attempt == 1:
        raise ValueError

@on("shop.mixed")
def mixed_hopeless_too(event: Event) -> None:
    raise GiveUp("no such customer either")

@on("shop.slow")
def slow(event: Event) -> None:
    effect("slow", event)
    for _ in range(500):
        if (FOLDER / "go").exists():
            break
        time.sleep(0.02)

@on("shop.exit")
def leaves(event: Event) -> None:
    sys.exit("bye")

@on("shop.late")
def a_late(event: Event) -> None:
    time.sleep(1.2)

@on("shop.late")
def later(event: Event) -> None:
    effect("later", event)

class Order(BaseModel):
    number: int
    customer: str

@on("shop.typed", payload=Order)
def typed(event: Event, order: Order) -> None:
    effect("typed", event)

@on("shop.bytes")
def raw(event: Event) -> None:
    (FOLDER / "bytes").write_bytes(event.data)
"""
NAMED = CONTRACT["message"]["attributes"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def processor(folder: Path) -> Iterator[Server]:
    server = start_processor(folder, HANDLERS, MAX_ATTEMPTS="5", HANDLER_TIMEOUT="1", PROJECT="demo")
    yield server
    server.stop()


@pytest.fixture
def id_() -> str:
    return uuid.uuid4().hex


def effects(folder: Path, id_: str) -> list[str]:
    """The effects of the handlers for one event, in order."""
    file = folder / "effects"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.split()[0] for line in lines if line.endswith(f" {id_}")]


def lines(server: Server, id_: str) -> list[dict[str, Any]]:
    return [line for line in server.lines if line.get("id") == id_]


def outcomes(server: Server, id_: str) -> list[str]:
    return [line["outcome"] for line in lines(server, id_)]


def test_an_event_is_processed_once_by_each_handler(processor: Server, folder: Path, id_: str) -> None:
    assert [deliver(processor, push(ce_id=id_)).status_code for _ in range(3)] == [204, 204, 204]
    assert effects(folder, id_) == ["first", "second"]
    assert outcomes(processor, id_) == ["processed", "duplicate", "duplicate"]


def test_the_line_in_the_log_says_what_metrics_need(processor: Server, id_: str) -> None:
    deliver(processor, push(ce_id=id_, attempt=2, ce_traceparent=NAMED["ce-traceparent"]))
    (line,) = lines(processor, id_)
    assert (line.pop("ms") >= 0, line.pop("latency_ms") > 0) == (True, True)
    assert line == {
        "severity": "INFO",
        "message": f"processed shop.order {id_}",
        "outcome": "processed",
        "handler": "shop.first, shop.second",
        "source": "shop",
        "type": "shop.order",
        "id": id_,
        "message_id": "17",
        "attempt": 2,
        "logging.googleapis.com/trace": "projects/demo/traces/4bf92f3577b34da6a3ce929d0e0e4736",
    }


def test_the_bytes_are_those_of_the_sender(processor: Server, folder: Path, id_: str) -> None:
    body = bytes(range(256)) + b"\r\n\xff\xfe"
    assert deliver(processor, push(body, ce_id=id_, ce_type="shop.bytes")).status_code == 204
    assert (folder / "bytes").read_bytes() == body


def test_only_the_handler_that_failed_runs_again(processor: Server, folder: Path, id_: str) -> None:
    flaky = push(ce_id=id_, ce_type="shop.flaky")
    answer = deliver(processor, flaky)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    (folder / "mended").touch()
    assert [deliver(processor, flaky).status_code for _ in range(2)] == [204, 204]
    assert Counter(effects(folder, id_)) == {"first": 1, "last": 1, "flaky": 2}
    assert outcomes(processor, id_) == ["retry", "processed", "duplicate"]
    (folder / "mended").unlink()


def test_a_failure_is_logged_with_its_place_and_without_its_text(processor: Server, id_: str) -> None:
    deliver(processor, push(ce_id=id_, ce_type="shop.flaky"))
    (line,) = lines(processor, id_)
    assert (line["severity"], line["reason"]) == ("WARNING", "handler-failed")
    assert (line["handler"], line["error"]) == ("shop.a_flaky", "ValueError")
    assert line["where"].startswith("shop.py:")
    assert "secret" not in processor.output.read_text()


def test_a_handler_that_exits_gives_the_event_back(processor: Server, folder: Path, id_: str) -> None:
    leaves = push(ce_id=id_, ce_type="shop.exit")
    assert [deliver(processor, leaves).status_code for _ in range(2)] == [503, 503]
    assert effects(folder, id_) == ["first"]
    assert [line["error"] for line in lines(processor, id_)] == ["SystemExit", "SystemExit"]


def test_no_handler_starts_after_the_deadline(processor: Server, folder: Path, id_: str) -> None:
    late = push(ce_id=id_, ce_type="shop.late")
    assert deliver(processor, late).status_code == 503
    assert effects(folder, id_) == ["first"]
    assert deliver(processor, late).status_code == 204
    assert effects(folder, id_) == ["first", "later"]


def test_an_event_that_nobody_wants_is_acknowledged_with_a_warning(processor: Server, id_: str) -> None:
    assert deliver(processor, push(ce_id=id_, ce_type="other.order")).status_code == 204
    (line,) = lines(processor, id_)
    assert (line["severity"], line["outcome"]) == ("WARNING", "unhandled")


@pytest.fixture
def slow(processor: Server, folder: Path, id_: str) -> Iterator[dict[str, Any]]:
    """An event whose handler works until the file `go` is there."""
    yield push(ce_id=id_, ce_type="shop.slow")
    (folder / "go").unlink(missing_ok=True)


def test_an_event_at_work_is_busy_and_never_acknowledged(
    processor: Server, folder: Path, id_: str, slow: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(6) as pool:
        owner = pool.submit(deliver, processor, slow)
        until(lambda: "slow" in effects(folder, id_))
        assert [answer.status_code for answer in pool.map(deliver, [processor] * 5, [slow] * 5)] == [503] * 5
        (folder / "go").touch()
        assert owner.result().status_code == 204
    assert deliver(processor, slow).status_code == 204
    assert effects(folder, id_) == ["first", "slow"]
    assert Counter(outcomes(processor, id_)) == {"busy": 5, "processed": 1, "duplicate": 1}


def test_a_killed_worker_leaves_the_event_to_the_next_owner_of_its_lease(
    processor: Server, folder: Path, id_: str, slow: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        victim = pool.submit(deliver, processor, slow)
        until(lambda: "slow" in effects(folder, id_))
        for worker in processor.children():
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(requests.ConnectionError):
            victim.result()
    (folder / "go").touch()
    assert deliver(processor, slow).status_code == 503
    with sqlite3.connect(folder / "ledger.db") as db:
        db.execute("UPDATE ledger SET written = written - lease WHERE state = 'open'")
    assert deliver(processor, slow).status_code == 204
    assert effects(folder, id_) == ["first", "slow", "slow"]
    assert outcomes(processor, id_) == ["busy", "processed"]


def test_fifty_deliveries_at_once_have_one_effect(processor: Server, folder: Path, id_: str) -> None:
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(deliver, [processor] * 50, [push(ce_id=id_)] * 50))
    assert {answer.status_code for answer in answers} <= {204, 503}
    assert effects(folder, id_) == ["first", "second"]


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_push_is_400_and_runs_nothing(processor: Server, folder: Path, body: Any) -> None:
    before = (folder / "effects").read_text() if (folder / "effects").exists() else ""
    answer = deliver(processor, body)
    assert (answer.status_code, answer.content) == (400, b"")
    assert ((folder / "effects").read_text() if (folder / "effects").exists() else "") == before


@pytest.mark.parametrize(
    "wire",
    [
        b"Content-Length: 100\r\n\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["cut off", "bad chunk", "cut-off chunk", "form"],
)
def test_a_body_that_is_cut_off_or_disguised_is_400(processor: Server, wire: bytes) -> None:
    with socket.create_connection(("127.0.0.1", processor.port), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" + wire)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_pub_sub_only_posts(processor: Server, method: str) -> None:
    answer = requests.request(method, processor.url, json=push(), timeout=10)
    assert (answer.status_code, answer.headers["Allow"], answer.content) == (405, "POST", b"")


def test_every_answer_is_empty_and_not_to_be_kept(processor: Server, id_: str) -> None:
    bodies: list[Any] = [push(ce_id=id_), push(ce_id=id_, ce_type="shop.exit"), b"<script>"]
    for answer in [deliver(processor, body) for body in bodies]:
        assert answer.content == b""
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "script" not in str(answer.headers)


# The headers were recorded where an Eventarc trigger called a service; of the message beside them, ours has the form.
# https://github.com/GoogleCloudPlatform/functions-framework-dart/blob/main/integration_test/test/cloud_event_test.dart
EVENTARC = json.loads((ROOT / "tests/contract/eventarc-v1.json").read_text())


@pytest.mark.parametrize("signature", ["cloudevent", "http", "event"])
def test_an_eventarc_trigger_is_read_as_a_push_is(tmp_path: Path, signature: str) -> None:
    handler = "from . import on\n@on('github.push')\ndef pushed(event): assert event.data.endswith(b'\\xff\\x00')\n"
    server = start_processor(tmp_path, handler, FUNCTION_SIGNATURE_TYPE=signature)
    try:
        for _ in range(2):
            assert deliver(server, EVENTARC["body"], headers=EVENTARC["headers"]).status_code == 204
        assert outcomes(server, NAMED["ce-id"]) == ["processed", "duplicate"]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("environment", "handlers", "hint"),
    [
        ({"LEDGER": ""}, "", "write firestore, or sqlite:PATH"),
        ({"MAX_ATTEMPTS": "x"}, "", "MAX_ATTEMPTS is 'x'"),
        ({}, "import nothing_of_this_name", "handlers/shop.py:1 can't be imported"),
    ],
    ids=["ledger", "number", "handler"],
)
def test_what_is_wrong_stops_the_start(tmp_path: Path, environment: dict[str, str], handlers: str, hint: str) -> None:
    with pytest.raises(AssertionError, match=hint):
        start_processor(tmp_path, handlers, **environment)
    assert (tmp_path / "output.log").read_text().startswith("surehook can't start: ")


QUIET = """
import sys, threading
from functions.processor import main
assert not {"grpc", "google.pubsub_v1"} & set(sys.modules), "gRPC would be forked"
assert threading.active_count() == 1, "a thread would be lost in the fork"
"""


def test_the_start_leaves_nothing_that_a_fork_would_break(tmp_path: Path) -> None:
    environment = clean_environment(LEDGER=f"sqlite:{tmp_path}/ledger.db", DEAD_LETTER_TOPIC="projects/p/topics/t")
    subprocess.run([sys.executable, "-c", QUIET], cwd=ROOT, env=environment, check=True)
    assert not list(tmp_path.iterdir())


NO_CHANNEL = """
import threading
from functions.processor import calls, main
assert calls._client.cache_info().currsize == 0, "a channel would be forked"
assert threading.active_count() == 1, "a thread would be lost in the fork"
"""


def test_the_start_makes_no_channel_to_firestore() -> None:
    environment = clean_environment(LEDGER="firestore", PROJECT="demo", DEAD_LETTER_TOPIC="projects/p/topics/t")
    subprocess.run([sys.executable, "-c", NO_CHANNEL], cwd=ROOT, env=environment, check=True)


def test_a_ledger_that_is_down_gives_the_event_back_and_runs_nothing(tmp_path: Path, id_: str) -> None:
    server = start_processor(tmp_path, HANDLERS, LEDGER=f"sqlite:{tmp_path}/not/there.db")
    try:
        started = time.monotonic()
        answer = deliver(server, push(ce_id=id_))
        assert (answer.status_code, answer.content, time.monotonic() - started < 4) == (503, b"", True)
        assert effects(tmp_path, id_) == []
        (line,) = lines(server, id_)
        assert (line["severity"], line["outcome"], line["reason"]) == ("ERROR", "retry", "ledger-down")
        (tmp_path / "not").mkdir()
        assert deliver(server, push(ce_id=id_)).status_code == 204
    finally:
        server.stop()


def test_without_a_dead_letter_topic_what_is_given_up_is_given_back(processor: Server, folder: Path, id_: str) -> None:
    assert deliver(processor, push(ce_id=id_, ce_type="shop.hopeless")).status_code == 503
    (line,) = lines(processor, id_)
    assert (line["reason"], line["handler"]) == ("no-dead-letter-topic", "shop.hopeless")
    assert line["why"] == "no such customer"


def test_a_fault_of_our_own_gives_the_event_back(processor: Server, folder: Path, id_: str) -> None:
    leaves = push(ce_id=id_, ce_type="shop.exit")
    deliver(processor, leaves)
    with sqlite3.connect(folder / "ledger.db") as db:
        db.execute("UPDATE ledger SET finished = 'not JSON' WHERE key = ?", (read_push(leaves).key,))
    assert deliver(processor, leaves).status_code == 503
    assert [line["reason"] for line in lines(processor, id_)] == ["handler-failed", "internal"]
    assert lines(processor, id_)[-1]["severity"] == "ERROR"
