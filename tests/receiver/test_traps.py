"""What the platform does behind the receiver's back: cut-off bodies, stalled senders, forks, signals."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path

import pytest
import requests

from functions.receiver.request import ending_after
from functions.receiver.webhook import Webhook
from tests.conftest import Queue, Receiver, check_log, one_queue, read_reply, start_receiver
from tests.servers import ROOT, until

pytestmark = one_queue
NUMBERS = count(1)


def head(receiver: Receiver, source: str = "hasty", method: str = "POST", **more: str) -> bytes:
    """The head of a request with a valid token; `_` in the name of a header stands for `-`."""
    headers = {"Host": "x", "X-Token": receiver.secrets["hasty"][0]}
    if source != "hasty" and source in receiver.secrets:
        headers = {"Host": "x", "X-Token": receiver.secrets[source][0]}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} /{source} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def signed_head(webhook: Webhook, source: str = "github", **more: str) -> bytes:
    headers = {"Host": "x", **webhook.headers} | {name.replace("_", "-"): value for name, value in more.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /{source} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


# Bodies that are cut off, or slow


@pytest.mark.parametrize("body", [b"", b"12345", b"x" * 99], ids=["nothing", "a part", "all but one byte"])
def test_a_body_shorter_than_its_length_is_refused(receiver: Receiver, body: bytes) -> None:
    reply = receiver.exchange(head(receiver, Content_Length="100"), body, half_close=True)
    assert reply.status == 400
    assert receiver.lines_of("hasty")[-1]["reason"] == "cut-off"
    assert receiver.queue.messages() == []


CUT_CHUNKS = {
    "inside a chunk": b"64\r\n12345",
    "after a chunk": chunk(b"12345"),
    "before the last line": chunk(b"12345") + b"0\r\n",
    "no number": b"zz\r\n12345\r\n0\r\n\r\n",
    "a negative number": b"-5\r\n12345\r\n0\r\n\r\n",
    "a number too small": b"2\r\n12345\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", CUT_CHUNKS.values(), ids=CUT_CHUNKS)
def test_a_chunked_body_that_does_not_end_as_it_should_is_refused(receiver: Receiver, body: bytes) -> None:
    reply = receiver.exchange(head(receiver, Transfer_Encoding="chunked"), body, half_close=True)
    assert reply.status in (0, 400)
    assert receiver.queue.messages() == []


def test_a_chunked_body_is_one_body(receiver: Receiver) -> None:
    body = bytes(range(256)) * 100
    webhook = receiver.signed("github", body, X_GitHub_Event="push")
    chunks = b"".join(chunk(body[i : i + 700]) for i in range(0, len(body), 700)) + b"0\r\n\r\n"
    assert receiver.exchange(signed_head(webhook, Transfer_Encoding="chunked"), chunks).status == 200
    assert [message.data for message in receiver.queue.messages()] == [body]


def test_a_slow_but_honest_body_is_one_body(receiver: Receiver) -> None:
    for more, pieces in (
        ({"Content_Length": "10"}, [b"01234", b"56789"]),
        ({"Transfer_Encoding": "chunked"}, [chunk(b"01234")[:6], chunk(b"01234")[6:] + chunk(b"56789") + b"0\r\n\r\n"]),
    ):
        assert receiver.exchange(head(receiver, **more), *pieces, pause=0.3).status == 200
        assert [message.data for message in receiver.queue.messages()] == [b"0123456789"]


@pytest.mark.parametrize(
    ("more", "piece"),
    [({"Content_Length": "1000"}, b"x"), ({"Transfer_Encoding": "chunked"}, chunk(b"x"))],
    ids=["with its length", "chunked"],
)
def test_a_body_that_drips_ends_at_the_deadline(receiver: Receiver, more: dict[str, str], piece: bytes) -> None:
    with receiver.connect() as connection:
        started = time.monotonic()
        connection.sendall(head(receiver, **more))
        drops = threading.Event()

        def drip() -> None:
            while not drops.wait(0.1):
                try:
                    connection.sendall(piece)
                except OSError:
                    return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        reply = read_reply(connection, started)
        drops.set()
        thread.join()
    assert reply.status == 503
    assert 0.9 < reply.seconds < 1.7
    assert receiver.lines_of("hasty")[-1]["reason"] == "deadline"
    assert receiver.queue.messages() == []


def test_a_sender_that_goes_away_midway_is_refused_and_forgotten(receiver: Receiver) -> None:
    before = len(receiver.lines_of("hasty"))
    for body in (b"", b"12345"):
        with receiver.connect() as connection:
            connection.sendall(head(receiver, Content_Length="100") + body)
            time.sleep(0.05)
    lines = until(lambda: len(found := receiver.lines_of("hasty")[before:]) == 2 and found)
    assert [line["reason"] for line in lines] == ["cut-off", "cut-off"]
    assert receiver.queue.messages() == []
    assert receiver.exchange(head(receiver, Content_Length="2"), b"ok").status == 200


def test_a_sender_that_is_gone_when_its_time_is_up_is_no_surprise(
    running: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    surprises: list[object] = []
    monkeypatch.setattr(threading, "excepthook", surprises.append)
    peer, other = socket.socketpair()
    other.close()
    with ending_after(0.01, peer):
        peer.close()
        until(lambda: not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)], 2)
    assert not surprises


# Refusals before the body


STALLED = {
    "no such source": ("nobody", "POST", 404),
    "no such method": ("hasty", "PUT", 405),
    "a body over the limit": ("small", "POST", 413),
    "no secret": ("keyless", "POST", 413),
}


@pytest.mark.parametrize("body", [b"", b"x" * 1000], ids=["no body", "a part of the body"])
@pytest.mark.parametrize(("source", "method", "status"), STALLED.values(), ids=STALLED)
def test_a_refusal_does_not_wait_for_a_body_that_stalls(
    receiver: Receiver, source: str, method: str, status: int, body: bytes
) -> None:
    reply = receiver.exchange(head(receiver, source, method, Content_Length="10000000") + body)
    assert (reply.status, reply.body) == (status, b"")
    assert reply.seconds < 0.5
    assert reply.headers["cache-control"] == "no-store"
    assert receiver.queue.messages() == []


def test_a_refusal_ends_its_connection(receiver: Receiver) -> None:
    reply = receiver.exchange(head(receiver, "nobody", Content_Length="2") + b"{}")
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        pytest.param({}, 0, id="at once"),
        pytest.param({}, 5.2, id="when gunicorn gives them up"),
        pytest.param({"Connection": "close"}, 0.1, id="although they promised to close"),
    ],
)
def test_senders_that_were_refused_and_stay_do_not_hold_up_others(
    receiver: Receiver, more: dict[str, str], seconds: float
) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            connection = stack.enter_context(receiver.connect())
            connection.sendall(head(receiver, "nobody", Content_Length="10000000", **more) + b"x")
            assert read_reply(connection, 0).status == 404
        time.sleep(seconds)
        reply = receiver.exchange(head(receiver, Content_Length="2") + b"ok")
    assert reply.status == 200
    assert reply.seconds < 0.5


# What the HTTP server lets through


SMUGGLED = {
    "length and chunks": "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    "two lengths": "Content-Length: 2\r\nContent-Length: 3\r\n",
    "two lengths in one": "Content-Length: 2, 2\r\n",
    "a length with a sign": "Content-Length: +2\r\n",
    "a negative length": "Content-Length: -2\r\n",
    "a length that is none": "Content-Length: 0x2\r\n",
    "a folded line": "Content-Length: 2\r\nX-Folded: a\r\n b\r\n",
    "a zero byte": "Content-Length: 2\r\nX-Zero: a\x00b\r\n",
    "a bare carriage return": "Content-Length: 2\r\nX-Bare: a\rb\r\n",
    "a space before the colon": "Content-Length : 2\r\n",
    "chunks twice": "Transfer-Encoding: chunked, chunked\r\n",
    "an encoding that hides chunks": "Transfer-Encoding: xchunked\r\n",
}


@pytest.mark.parametrize("lines", SMUGGLED.values(), ids=SMUGGLED)
def test_a_request_whose_end_is_in_doubt_is_refused(receiver: Receiver, lines: str) -> None:
    token = f"X-Token: {receiver.secrets['hasty'][0]}\r\n"
    sent = f"POST /hasty HTTP/1.1\r\nHost: x\r\n{token}{lines}\r\n".encode("latin-1")
    reply = receiver.exchange(sent + b"{}", half_close=True)
    assert reply.status in (400, 501)
    assert receiver.queue.messages() == []


def test_a_header_with_underscores_is_not_the_one_with_dashes(receiver: Receiver) -> None:
    webhook = receiver.signed("github", b"{}", X_GitHub_Event="push")
    wrong = {name.replace("-", "_"): value for name, value in webhook.headers.items() if "hub" in name}
    assert receiver.exchange(signed_head(Webhook(headers=wrong), Content_Length="2"), b"{}").status == 401
    assert receiver.queue.messages() == []


def test_a_proof_that_is_sent_twice_is_refused(receiver: Receiver) -> None:
    token = f"X-Token: {receiver.secrets['hasty'][0]}\r\n"
    sent = f"POST /hasty HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n{token}{token}\r\n".encode()
    assert receiver.exchange(sent, b"{}").status == 401
    assert receiver.queue.messages() == []


@pytest.mark.parametrize(
    "lines", ["X-Large: " + "x" * 9000 + "\r\n", "".join(f"X-{i}: 1\r\n" for i in range(101))], ids=["long", "many"]
)
def test_headers_that_are_too_long_or_too_many_are_refused(receiver: Receiver, lines: str) -> None:
    token = f"X-Token: {receiver.secrets['hasty'][0]}\r\n"
    sent = f"POST /hasty HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n{token}{lines}\r\n".encode()
    assert receiver.exchange(sent, b"{}").status == 431
    assert receiver.queue.messages() == []


def test_two_requests_on_one_connection_are_two_events(receiver: Receiver) -> None:
    twice = [head(receiver, Content_Length="2") + b"{}" for _ in range(2)]
    with receiver.connect() as connection:
        connection.sendall(twice[0] + twice[1])
        got = b""
        while got.count(b"HTTP/1.1 200 OK") < 2:
            more = connection.recv(1000)
            assert more, got
            got += more
    assert [message.data for message in receiver.queue.messages()] == [b"{}", b"{}"]


# Processes


@pytest.fixture(scope="module")
def deployed(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver with as many threads as are deployed, which a test may treat badly."""
    receiver = start_receiver(queue, tmp_path_factory.mktemp("deployed"), THREADS="80")
    try:
        queue.messages()
        yield receiver
    finally:
        receiver.server.kill()
    check_log(receiver)


def send(receiver: Receiver, body: bytes, source: str = "hasty") -> int:
    """Post a body, and return the status; 0 if the connection ended."""
    try:
        return receiver.post(source, receiver.signed(source, body)).status_code
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return 0


def answers(receiver: Receiver, body: bytes) -> bool:
    return send(receiver, body) == 200


def has_another_worker(receiver: Receiver, than: int) -> bool:
    workers = receiver.server.children()
    return bool(workers) and than not in workers


def test_fifty_stalled_senders_do_not_stop_an_honest_one(deployed: Receiver) -> None:
    webhook = deployed.signed("gitlab", b"x" * 1000)
    with ExitStack() as stack:
        for i in range(50):
            how = {"Content_Length": "1000"} if i % 2 else {"Transfer_Encoding": "chunked"}
            connection = stack.enter_context(deployed.connect())
            body = b"x" * 500 if i % 2 else chunk(b"x" * 500)[:200]
            connection.sendall(signed_head(webhook, "gitlab", **how) + body)
        for _ in range(3):
            started = time.monotonic()
            assert send(deployed, b"honest") == 200
            assert time.monotonic() - started < 1
    assert [message.data for message in deployed.queue.messages()] == [b"honest"] * 3


def out_of_memory(receiver: Receiver) -> list[str]:
    return [line["severity"] for line in receiver.lines_of("github") if line.get("reason") == "memory"]


def test_large_bodies_are_held_in_a_memory_of_their_own(deployed: Receiver) -> None:
    webhook = deployed.signed("github", b"", X_GitHub_Event="push")
    with ExitStack() as stack:
        connections = [stack.enter_context(deployed.connect()) for _ in range(10)]
        for connection in connections:
            connection.sendall(signed_head(webhook, Transfer_Encoding="chunked") + chunk(b"x" * 2_000_000))
        until(lambda: len(out_of_memory(deployed)) == 3, 5)  # seven of 9 MB are within 64 MiB
        head_of_large = signed_head(webhook, Content_Length="8000000")
        reply = deployed.exchange(head_of_large + b"x" * 1000)
        assert (reply.status, reply.headers["retry-after"]) == (503, "10")
        assert send(deployed, b"small") == 200
        assert deployed.post("github", deployed.signed("github", b"{}", X_GitHub_Event="push")).status_code == 200
    large = deployed.signed("github", b"y" * 8_000_000, X_GitHub_Event="push")
    until(lambda: deployed.post("github", large).status_code == 200, 5)  # what was held is free again
    assert sorted(len(message.data) for message in deployed.queue.messages()) == [2, 5, 8_000_000]


def test_a_worker_that_is_killed_comes_back_and_keeps_what_it_answered(deployed: Receiver) -> None:
    answered = []
    for i in range(10):
        [worker] = until(deployed.server.children)
        body = f"{i}".encode()
        until(partial(answers, deployed, body))
        answered.append(body)
        os.kill(worker, signal.SIGKILL)
        until(partial(has_another_worker, deployed, worker))
    until(partial(answers, deployed, b"last"))
    assert {message.data for message in deployed.queue.messages()} >= {*answered, b"last"}


def test_whoever_is_answered_200_while_the_receiver_is_told_to_end_has_an_event(queue: Queue, tmp_path: Path) -> None:
    receiver = start_receiver(queue, tmp_path)
    try:
        assert send(receiver, b"first") == 200
        queue.messages()
        statuses: dict[bytes, int] = {}

        def keep_sending(number: int) -> None:
            for i in range(1000):
                body = f"{number}-{i}".encode()
                statuses[body] = send(receiver, body)
                if statuses[body] == 0:
                    return

        with ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(keep_sending, number) for number in range(8)]
            until(lambda: len(statuses) > 40)
            receiver.server.process.send_signal(signal.SIGTERM)
            for job in jobs:
                job.result(20)
        receiver.server.process.wait(10)
    finally:
        receiver.server.kill()
    assert set(statuses.values()) == {0, 200}
    assert {message.data for message in queue.messages()} >= {body for body, status in statuses.items() if status}


def test_a_request_that_is_still_arriving_when_the_receiver_is_told_to_end_is_finished(
    queue: Queue, tmp_path: Path
) -> None:
    receiver = start_receiver(queue, tmp_path)
    try:
        queue.messages()
        with receiver.connect() as connection:
            connection.sendall(head(receiver, Content_Length="10") + b"01234")
            time.sleep(0.2)
            receiver.server.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            connection.sendall(b"56789")
            assert read_reply(connection, 0).status == 200
        assert receiver.server.process.wait(10) == 0
    finally:
        receiver.server.kill()
    assert [message.data for message in queue.messages()] == [b"0123456789"]


@pytest.mark.parametrize(("setting", "times"), [(None, 3), ("0", 1), ("1", 1)], ids=["as it comes", "without", "with"])
def test_the_first_request_after_a_start_is_answered_whatever_grpc_thinks_of_forks(
    queue: Queue, tmp_path: Path, setting: str | None, times: int
) -> None:
    env = {} if setting is None else {"GRPC_ENABLE_FORK_SUPPORT": setting}
    for i in range(times):
        (folder := tmp_path / str(i)).mkdir()
        receiver = start_receiver(queue, folder, **env)
        try:
            assert send(receiver, b"first") == 200
        finally:
            receiver.server.kill()
    assert [message.data for message in queue.messages()] == [b"first"] * times


IMPORT = """
import threading
import grpc

made = []
for name in ("insecure_channel", "secure_channel"):
    setattr(grpc, name, lambda *_, made=made, **__: made.append(1))
import functions.receiver.main
assert not made, made
assert len(threading.enumerate()) == 1, threading.enumerate()
"""


@pytest.mark.parametrize("keys", ["env", "secret-manager"])
def test_nothing_that_a_fork_would_break_is_made_at_import(running: Receiver, tmp_path: Path, keys: str) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text("github: {provider: github}\n")
    env = {**os.environ, "TOPIC": "projects/p/topics/topic", "KEYS": keys, "PROJECT": "p", "SOURCES": str(file)}
    subprocess.run([sys.executable, "-c", IMPORT], check=True, cwd=ROOT, env=env, timeout=60)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system can't bind a process to a CPU")
def test_a_worker_stays_on_one_cpu_and_its_master_does_not(receiver: Receiver) -> None:
    (worker,) = receiver.server.children()
    assert len(os.sched_getaffinity(worker)) == 1
    assert os.sched_getaffinity(receiver.server.process.pid) == os.sched_getaffinity(0)


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="this system knows no batches")
def test_no_thread_of_a_worker_takes_the_cpu_from_another_of_it(receiver: Receiver) -> None:
    (worker,) = receiver.server.children()
    receiver.post("github", Webhook(b"{}"))
    policies = {os.sched_getscheduler(int(thread.name)) for thread in Path(f"/proc/{worker}/task").iterdir()}
    assert policies == {os.SCHED_BATCH}
    assert os.sched_getscheduler(receiver.server.process.pid) == os.sched_getscheduler(0)
