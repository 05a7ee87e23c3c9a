"""How long a new instance takes from the start of its process to its first 200: imports and first publish."""

import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from statistics import median

from tabulate import tabulate

from tests.servers import free_port

from .client import send
from .load import BenchmarkError
from .stage import NAIVE, OURS, Stage
from .turns import in_turns, ratio
from .webhook import HEADERS

NAMES = [NAIVE, OURS]
PATIENCE = 30


def cold_start(stage: Stage, times: int) -> str:
    """Start each function so many times, in turns, and write a table."""
    seconds = in_turns(NAMES, times, lambda name: first_answer(stage, name), "cold starts")
    rows = [[name, median(own), ratio(own, seconds[NAIVE])] for name, own in seconds.items()]
    return tabulate(rows, ["cold start", "s to first 200", f"of {NAIVE}"], floatfmt=("", ".2f", ".2f"))


def first_answer(stage: Stage, name: str) -> float:
    """Start a function while sending to it; the seconds until it answered 200."""
    port = free_port()
    with ThreadPoolExecutor(1) as pool:
        begun = time.perf_counter()
        answered = pool.submit(knock, port)
        with stage.function(name, port):
            return answered.result() - begun


def knock(port: int) -> float:
    """Send a webhook again and again until it is answered 200, and tell the time; BenchmarkError after 30 s."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    end = time.perf_counter() + PATIENCE
    while send(connection, HEADERS["X-GitHub-Delivery"]).status != 200:
        if time.perf_counter() > end:
            raise BenchmarkError(f"no 200 within {PATIENCE} s of the start")
        time.sleep(0.002)
    connection.close()
    return time.perf_counter()
