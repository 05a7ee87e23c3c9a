"""How many requests a second each function answers, and how soon."""

from contextlib import ExitStack

from .effort import Effort
from .rates import Loads, curves, figures, loaded, warm
from .stage import EMPTY, NAIVE, OURS, PLAIN, Stage
from .table import Curves, Table
from .turns import ratio

NAMES = [EMPTY, NAIVE, OURS]
CONNECTIONS = [1, 8, 32, 80]
TOGETHER = 32  # where it is measured, too, what it brings that messages ride together
HEADINGS = ["connections", "function", "requests/s", "of empty", "of naive", "p50 ms", "p99 ms"]
FORMATS = ["d", "", ",.0f", ".2f", ".2f", ".1f", ".1f"]


def throughput(stage: Stage, effort: Effort) -> Table:
    """Load all functions, in turns of a few seconds; BenchmarkError if an answer was no success."""
    with ExitStack() as stack:
        ports = {name: stack.enter_context(stage.function(name)).port for name in [*NAMES, PLAIN]}
        warm(ports, max(CONNECTIONS), effort)
        by_connections = {connections: measured(ports, connections, effort) for connections in CONNECTIONS}
    rows = [[c, n, *figures(loads, n, [EMPTY, NAIVE])] for c, loads in by_connections.items() for n in loads]
    own, alone = ([each.rate for each in by_connections[TOGETHER][name]] for name in (OURS, PLAIN))
    remark = f"That messages ride together brings {ratio(own, alone):.2f} times the rate at {TOGETHER} connections."
    drawn = Curves("Google's emulator", "connections", "requests/s", curves(NAMES, by_connections))
    return Table("Throughput, with Google's emulator as the queue", HEADINGS, FORMATS, rows, [remark], drawn)


def measured(ports: dict[str, int], connections: int, effort: Effort) -> Loads:
    """Load those functions that are measured over so many connections."""
    chosen = {name: port for name, port in ports.items() if name != PLAIN or connections == TOGETHER}
    return loaded(chosen, connections, effort)
