"""How many requests a second each function answers, and how soon."""

from contextlib import ExitStack
from statistics import median

from tabulate import tabulate

from .load import Load, load
from .stage import EMPTY, NAIVE, OURS, PLAIN, Stage
from .turns import in_turns, ratio

NAMES = [EMPTY, NAIVE, PLAIN, OURS]
BASES = {"of empty": EMPTY, "of naive": NAIVE, "of one call": PLAIN}
CONNECTIONS = [1, 32]
WARM_UP, SECONDS = 5, 2


def throughput(stage: Stage, rounds: int) -> str:
    """Load all functions, in turns of a few seconds, and write a table; BenchmarkError if an answer was no success."""
    with ExitStack() as stack:
        ports = {name: stack.enter_context(stage.function(name)).port for name in NAMES}
        for port in ports.values():  # the queue too has code to compile
            load(port, max(CONNECTIONS), WARM_UP)
        rows = [row for connections in CONNECTIONS for row in compare(ports, connections, rounds)]
    headers = ["connections", "function", "requests/s", *BASES, "p50 ms", "p99 ms"]
    return tabulate(rows, headers, floatfmt=("", "", ".0f", ".2f", ".2f", ".2f", ".1f", ".1f"))


def compare(ports: dict[str, int], connections: int, rounds: int) -> list[list[object]]:
    """Load the functions over so many connections each; a row of medians for each function."""
    title = f"{connections} connections"
    loads = in_turns(NAMES, rounds, lambda name: load(ports[name], connections, SECONDS), title)
    return [[connections, name, *figures(loads[name], [loads[base] for base in BASES.values()])] for name in NAMES]


def figures(own: list[Load], bases: list[list[Load]]) -> list[float]:
    """The rate of one function, its ratio to others, and its latencies."""
    rates = [each.rate for each in own]
    ratios = [ratio(rates, [each.rate for each in base]) for base in bases]
    return [median(rates), *ratios, median(each.p50 for each in own), median(each.p99 for each in own)]
