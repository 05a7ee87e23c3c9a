"""What `make soak` is made of: an even load, and an eye for memory that grows."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from proof.soak import POSTS, complaints, paced, table

FLAT, GROWING = [70.0, *[80.0] * 99], [80.0 + n * 0.1 for n in range(100)]


class Handler(BaseHTTPRequestHandler):
    """Answers 204, and keeps the ids."""

    protocol_version = "HTTP/1.1"
    seen: Counter[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen[self.headers["X-GitHub-Delivery"]] += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def seen() -> Iterator[tuple[int, Counter[str]]]:
    handler = type("Seen", (Handler,), {"seen": Counter[str]()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port, handler.seen  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def test_a_rate_is_kept_and_every_request_is_another(seen: tuple[int, Counter[str]]) -> None:
    port, ids = seen
    begun = time.monotonic()
    answers = paced(port, POSTS["receiver"], 1, rate=64)
    assert time.monotonic() - begun < 5
    assert set(answers) == {204}
    assert 16 <= answers.total() <= 64 + 16
    assert set(ids.values()) == {1}
    assert ids.total() == answers.total()


def test_memory_that_stays_is_no_complaint_and_memory_that_grows_is_one() -> None:
    assert complaints({"receiver": FLAT, "processor": GROWING}) == ["processor grew from 82.5 to 89.5 MB"]


def test_the_table_has_a_line_for_each_tenth() -> None:
    lines = table({"receiver": FLAT}, 600).splitlines()
    assert [line.split() for line in lines[2:5]] == [["1.0", "79.0"], ["2.0", "80.0"], ["3.0", "80.0"]]
    assert len(lines) == 12
