"""How long a new instance takes from the start of its process to its first 200: imports and first publish."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from statistics import median

from tests.servers import Server, free_port

from .client import send
from .effort import Effort
from .load import BenchmarkError
from .stage import DEPLOYED, EMPTY, NAIVE, OURS, Stage
from .table import Bars, Cell, Table
from .turns import in_turns, ratio
from .webhook import PUSH

NAMES = [EMPTY, NAIVE, OURS, DEPLOYED]
PATIENCE = 30


def cold_start(stage: Stage, effort: Effort) -> Table:
    """Start each function so many times, in turns; medians."""
    seconds = in_turns(NAMES, effort.starts, lambda name: first_answer(stage, name), "cold starts")
    rows: list[list[Cell]] = [[name, median(own), ratio(own, seconds[NAIVE])] for name, own in seconds.items()]
    drawn = Bars("first 200", "{:.2f} s", {name: median(own) for name, own in seconds.items()})
    headings = ["function", "s to first 200", "of naive"]
    return Table("Cold start", headings, ["", ".2f", ".2f"], rows, drawn=drawn)


def first_answer(stage: Stage, name: str, **env: str) -> float:
    """The seconds that a function takes from its start to its first 200."""
    with answering(stage, name, **env) as (_, seconds):
        return seconds


@contextmanager
def answering(stage: Stage, name: str, **env: str) -> Iterator[tuple[Server, float]]:
    """Start a function while sending to it; the server, and the seconds until it answered 200."""
    port = free_port()
    with ThreadPoolExecutor(1) as pool:
        begun = time.perf_counter()
        answered = pool.submit(knock, port)
        with stage.function(name, port, **env) as server:
            yield server, answered.result() - begun


def knock(port: int) -> float:
    """Send a webhook again and again until it is answered 200, and tell the time; BenchmarkError after 30 s."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    end = time.perf_counter() + PATIENCE
    while send(connection, PUSH).status != 200:
        if time.perf_counter() > end:
            raise BenchmarkError(f"no 200 within {PATIENCE} s of the start")
        time.sleep(0.002)
    connection.close()
    return time.perf_counter()
