"""How many requests a second each receiver answers where every call of the queue takes 20 ms."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from tests.servers import Server, clean_environment, free_port, start

from .effort import Effort
from .rates import curves, figures, loaded, p99, rate, warm
from .stage import NAIVE, OURS, THREADS, Stage
from .table import Curves, Table, aim

CONNECTIONS = [1, 8, 32, 80]
DEFAULT = 4 * (os.cpu_count() or 1)  # what functions-framework takes where nobody says THREADS
BASE, OWN = f"{NAIVE}, {DEFAULT} threads", f"{OURS}, {THREADS} threads"
SUBJECTS = {BASE: (NAIVE, DEFAULT), f"{NAIVE}, {THREADS} threads": (NAIVE, THREADS), OWN: (OURS, THREADS)}
HEADINGS = ["connections", "function", "requests/s", f"of {BASE}", "p50 ms", "p99 ms"]
FORMATS = ["d", "", ",.0f", ".2f", ".1f", ".1f"]
LEAST, MOST_MS = 1_000, 150


def slow(stage: Stage, effort: Effort) -> Table:
    """Load the receivers, in turns, in front of a queue of ours that answers after 20 ms."""
    with ExitStack() as stack:
        here = replace(stage, queue=stack.enter_context(slow_queue(stage.folder)))
        ports = {
            name: stack.enter_context(here.function(subject, THREADS=str(threads))).port
            for name, (subject, threads) in SUBJECTS.items()
        }
        warm(ports, max(CONNECTIONS), effort)
        by_connections = {connections: loaded(ports, connections, effort) for connections in CONNECTIONS}
    rows = [[c, n, *figures(loads, n, [BASE])] for c, loads in by_connections.items() for n in loads]
    most = by_connections[max(CONNECTIONS)]
    reached = rate(most, OWN) >= LEAST and p99(most, OWN) < MOST_MS
    wish = f"at least {LEAST:,} requests a second with a p99 below {MOST_MS} ms over {max(CONNECTIONS)} connections"
    why = f"Where nobody says THREADS, functions-framework takes 4 for each core, which is {DEFAULT} on this machine."
    drawn = Curves("A queue of 20 ms", "connections", "requests/s", curves([*SUBJECTS], by_connections))
    title = "Throughput, with a queue that takes 20 ms for every call"
    return Table(title, HEADINGS, FORMATS, rows, [why, aim(wish, reached)], drawn)


@contextmanager
def slow_queue(folder: Path) -> Iterator[Server]:
    """Start the queue in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.slow_queue", f"--port={port}"]
    server = start(command, port, folder / "slow-queue.log", clean_environment())
    try:
        yield server
    finally:
        server.stop()
