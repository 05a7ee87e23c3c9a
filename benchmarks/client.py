"""A load generator in Python: each connection a thread, all in a process of their own."""

import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import chain, repeat, takewhile

from .webhook import BODY, HEADERS, PATH

PATIENCE = 10


@dataclass
class Answer:
    """What came back for one delivery, and when it was sent and answered; status 0 is no answer at all."""

    delivery: str
    status: int
    begun: float
    ended: float


def send_for(port: int, connections: int, seconds: float) -> list[Answer]:
    """Send the same delivery again and again for some seconds."""
    return _elsewhere(_repeated, port, connections, seconds)


def send_each(port: int, connections: int, deliveries: list[str]) -> list[Answer]:
    """Send each delivery once."""
    return _elsewhere(_shared, port, connections, deliveries)


def send(connection: HTTPConnection, delivery: str) -> Answer:
    """Send one delivery over an open connection, and read the answer."""
    begun = time.perf_counter()
    try:
        connection.request("POST", PATH, BODY, HEADERS | {"X-GitHub-Delivery": delivery})
        response = connection.getresponse()
        response.read()
        status = response.status
    except (OSError, HTTPException):
        connection.close()
        status = 0
    return Answer(delivery, status, begun, time.perf_counter())


def _elsewhere(task: Callable[..., list[Answer]], *args: object) -> list[Answer]:
    """Run a task in a new process, so that making the load and measuring it do not share an interpreter."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(task, *args).result()


def _repeated(port: int, connections: int, seconds: float) -> list[Answer]:
    end = time.monotonic() + seconds
    same = repeat(HEADERS["X-GitHub-Delivery"])
    return _clients(port, [takewhile(lambda _: time.monotonic() < end, same) for _ in range(connections)])


def _shared(port: int, connections: int, deliveries: list[str]) -> list[Answer]:
    return _clients(port, [deliveries[i::connections] for i in range(connections)])


def _clients(port: int, shares: list[Iterable[str]]) -> list[Answer]:
    def client(share: Iterable[str]) -> list[Answer]:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        answers = [send(connection, delivery) for delivery in share]
        connection.close()
        return answers

    with ThreadPoolExecutor(len(shares)) as pool:
        return list(chain.from_iterable(pool.map(client, shares)))
