"""The edge of all actions: what an answer means, and when it is over."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from functions.processor.actions import insert, relay, wire
from functions.processor.actions.target import Target
from functions.processor.errors import Failure, GiveUp, NotTaken
from functions.processor.event import Event
from tests.processor.targets import HOST, PUBLIC, Internet, Place, no_threads_left
from tests.servers import ROOT, free_port

EVENT = Event(type="shop.order", source="shop", id="1", data=b'{"order": 1}')


def test_actions_load_nothing_heavy_and_start_no_thread_before_the_first_is_used() -> None:
    code = (
        "import sys, threading, functions.processor.actions;"
        "print([n for n in ('requests', 'urllib3', 'google.auth', 'grpc', 'certifi') if n in sys.modules],"
        "threading.active_count())"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert found.stdout == "[] 1\n", found.stderr


# What an answer means


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_a_success(place: Place, status: int) -> None:
    place.answer(status)
    relay(EVENT, place.url, allow_private=True)
    assert [taken.body for taken in place.taken] == [EVENT.data]


@pytest.mark.parametrize("status", [101, 103, 408, 409, 425, 429, 500, 502, 503, 504, 599, 777])
def test_what_may_pass_is_retried(place: Place, status: int) -> None:
    place.answer(status)
    with pytest.raises(NotTaken, match=f"^{place.url} answered {status}$"):
        relay(EVENT, place.url, allow_private=True)
    assert len(place.taken) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 415, 422, 451, 499])
def test_a_refusal_is_given_up(place: Place, status: int) -> None:
    place.answer(status)
    with pytest.raises(GiveUp, match=f"^{place.url} answered {status}$"):
        relay(EVENT, place.url, allow_private=True)
    assert len(place.taken) == 1


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_given_up_and_not_followed(place: Place, status: int) -> None:
    place.answer(status, Location=f"{place.url}/elsewhere")
    with pytest.raises(GiveUp, match=f"answered {status}: no redirect is followed"):
        relay(EVENT, place.url, allow_private=True)
    assert [taken.path for taken in place.taken] == ["/"]


def test_a_failure_says_who_answered_what_in_the_log_and_on_a_dead_letter(place: Place) -> None:
    place.answer(503)
    with pytest.raises(NotTaken) as failed:
        relay(EVENT, f"{place.url}/path?token=hush", allow_private=True)
    failure = Failure.of("shop.relays", failed.value)
    assert (failure.why, failure.reason) == (f"{place.url} answered 503", "")


def raw(text: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with these bytes, and no more."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(text)
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    return answer


BROKEN = {
    "it closes": b"",
    "it is no HTTP": b"220 mail.example.com ESMTP\r\n\r\n",
    "a line has no end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200,
    "no status": b"HTTP/1.1 OK\r\n\r\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_can_not_be_read_is_retried(place: Place, text: bytes) -> None:
    place.answer(raw(text))
    with pytest.raises(NotTaken, match="can't be reached"):
        relay(EVENT, place.url, allow_private=True)


def test_nobody_who_listens_is_retried() -> None:
    with pytest.raises(NotTaken, match="can't be reached: ConnectionRefusedError"):
        relay(EVENT, f"http://127.0.0.1:{free_port()}", allow_private=True)


def test_a_name_that_leads_nowhere_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*args: Any, **more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(NotTaken, match=f"^https://{HOST} can't be reached: gaierror$"):
        relay(EVENT, f"https://{HOST}/")


@pytest.mark.parametrize("name", ["a..b", "a" * 64 + ".example.com"], ids=["an empty part", "a long part"])
def test_a_name_that_can_be_none_is_retried(name: str) -> None:
    with pytest.raises(NotTaken, match="can't be reached"):
        relay(EVENT, f"https://{name}/")


# When it is over


def drip(head: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Write a beginning, and then one byte after the other without an end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        while True:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    return answer


def keep_silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


SLOW = {
    "it says nothing": keep_silent,
    "its status drips": drip(b"HTTP/1.1 2"),
    "its head drips": drip(b"HTTP/1.1 200 OK\r\nX-Long: "),
    "its body drips": drip(b"HTTP/1.1 200 OK\r\n\r\n"),
    "its body never ends": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
    "its chunks never begin": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "its chunks never end": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n"),
}


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_a_slow_answer_is_waited_for_no_longer_than_the_timeout(
    place: Place, monkeypatch: pytest.MonkeyPatch, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    place.answer(answer)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", place.url)
    started = time.monotonic()
    with pytest.raises(NotTaken, match="did not answer in time"):
        insert(EVENT, "p.d.t", {}, timeout=0.4)
    assert 0.3 < time.monotonic() - started < 1


@pytest.mark.parametrize("name", [name for name in SLOW if "body" in name or "chunks" in name])
def test_a_relay_does_not_wait_for_a_body_that_it_does_not_need(place: Place, name: str) -> None:
    place.answer(SLOW[name])
    relay(EVENT, place.url, allow_private=True, timeout=5)


def test_the_event_s_own_deadline_is_kept(place: Place) -> None:
    place.answer(keep_silent)
    started = time.monotonic()
    with pytest.raises(NotTaken, match="did not answer in time"):
        relay(replace(EVENT, deadline=started + 0.4), place.url, allow_private=True)
    assert 0.3 < time.monotonic() - started < 1


def test_an_event_without_time_left_is_not_sent(place: Place) -> None:
    with pytest.raises(NotTaken, match="no time left"):
        relay(replace(EVENT, deadline=time.monotonic() - 1), place.url, allow_private=True)
    assert place.taken == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_black_hole_is_left_in_time(scheme: str) -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()  # the kernel takes connections, and nobody ever reads
        started = time.monotonic()
        with pytest.raises(NotTaken, match="did not answer in time"):
            relay(EVENT, f"{scheme}://127.0.0.1:{hole.getsockname()[1]}", allow_private=True, timeout=0.4)
        assert 0.3 < time.monotonic() - started < 1


def test_a_receiver_that_reads_nothing_is_left_in_time() -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        event, url = replace(EVENT, data=b"x" * 9_000_000), f"http://127.0.0.1:{hole.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(NotTaken, match="did not answer in time"):
            relay(event, url, allow_private=True, timeout=0.4)
        assert time.monotonic() - started < 1


def test_a_name_that_takes_long_is_left_in_time_and_nothing_is_sent_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def slow(*args: Any, **more: Any) -> Any:
        time.sleep(0.8)
        return real(*args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    started = time.monotonic()
    with pytest.raises(NotTaken, match="did not answer in time"):
        relay(EVENT, place.url, allow_private=True, timeout=0.3)
    assert time.monotonic() - started < 0.7
    time.sleep(1)
    assert place.taken == []


def test_a_handshake_that_ends_too_late_sends_nothing(
    secure: Place, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = wire.trusted()

    class Slow:
        def wrap_socket(self, *args: Any, **more: Any) -> Any:
            connected = context.wrap_socket(*args, **more)
            time.sleep(0.6)
            return connected

    url = internet.lead(HOST, PUBLIC, to=secure)
    with monkeypatch.context() as patch, no_threads_left():
        patch.setattr(wire, "trusted", Slow)
        with pytest.raises(NotTaken, match="did not answer in time"):
            relay(EVENT, url, timeout=0.3)
    assert secure.taken == []


def test_the_first_of_two_addresses_may_be_dead(place: Place, internet: Internet) -> None:
    internet.lead("two.example.com", "127.0.0.2", "127.0.0.1")
    relay(EVENT, f"http://two.example.com:{place.port}/", allow_private=True)
    assert len(place.taken) == 1


def test_an_address_that_swallows_everything_leaves_time_for_the_next(
    place: Place, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = socket.create_connection

    def swallow(address: Any, timeout: float) -> Any:
        if address[0] == "127.0.0.2":
            time.sleep(timeout)
            raise TimeoutError
        return connect(address, timeout)

    monkeypatch.setattr(socket, "create_connection", swallow)
    internet.lead("two.example.com", "127.0.0.2", "127.0.0.1")
    relay(EVENT, f"http://two.example.com:{place.port}/", allow_private=True, timeout=0.8)
    assert len(place.taken) == 1


def test_what_is_cut_off_is_never_sent_in_the_clear(secure: Place, internet: Internet) -> None:
    url = internet.lead(HOST, PUBLIC, to=secure)
    connection = wire.Connection(Target.of(url), False, time.monotonic() + 5)
    connection.connect()
    connection.abort()
    assert isinstance(connection.sock, ssl.SSLSocket)
    assert connection.sock.version()  # it has its keys, without which it would write what it is given
    with pytest.raises(OSError, match=r"EOF|[Pp]ipe|closed|reset"):
        connection.request("POST", "/", b"{}")
    connection.close()
