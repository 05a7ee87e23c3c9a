"""A load generator in Python: each connection a thread, all in a process of their own."""

import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import chain, takewhile
from typing import ParamSpec, TypeVar
from uuid import uuid4

from .webhook import Post

PATIENCE = 10
P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Answer:
    """What came back for one request, and when it was sent and answered; status 0 is no answer at all."""

    number: str
    status: int
    begun: float
    ended: float


def send_for(port: int, connections: int, seconds: float, post: Post) -> list[Answer]:
    """Send a request again and again for some seconds."""
    return elsewhere(_repeated, port, connections, seconds, post)


def send_each(port: int, connections: int, post: Post, numbers: list[str]) -> list[Answer]:
    """Send a request once with each number."""
    return elsewhere(_shared, port, connections, post, numbers)


def send(connection: HTTPConnection, post: Post, number: str = "") -> Answer:
    """Send one request over an open connection, and read the answer."""
    wish = post.numbered(number)
    begun = time.perf_counter()
    try:
        connection.request("POST", wish.path, wish.body, wish.headers)
        response = connection.getresponse()
        response.read()
        status = response.status
    except (OSError, HTTPException):
        connection.close()
        status = 0
    return Answer(number, status, begun, time.perf_counter())


def elsewhere(task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a task in a new process, so that making the load and measuring it do not share an interpreter."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(task, *args, **kwargs).result()


def _repeated(port: int, connections: int, seconds: float, post: Post) -> list[Answer]:
    end = time.monotonic() + seconds
    new = iter(lambda: uuid4().hex, "")
    return _clients(port, post, [takewhile(lambda _: time.monotonic() < end, new) for _ in range(connections)])


def _shared(port: int, connections: int, post: Post, numbers: list[str]) -> list[Answer]:
    return _clients(port, post, [numbers[i::connections] for i in range(connections)])


def _clients(port: int, post: Post, shares: list[Iterable[str]]) -> list[Answer]:
    def client(share: Iterable[str]) -> list[Answer]:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        answers = [send(connection, post, number) for number in share]
        connection.close()
        return answers

    with ThreadPoolExecutor(len(shares)) as pool:
        return list(chain.from_iterable(pool.map(client, shares)))
