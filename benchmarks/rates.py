"""Loads several functions in turns, and sets the figures of one beside those of another."""

from collections.abc import Mapping, Sequence
from statistics import median

from .effort import Effort
from .load import Load, load, unjudged
from .turns import in_turns, ratio
from .webhook import PUSH, Post

Loads = dict[str, list[Load]]


def loaded(ports: Mapping[str, int], connections: int, effort: Effort, post: Post = PUSH) -> Loads:
    """Load functions over so many connections each; what was measured, by name and round."""
    title = f"{len(post.body):,} bytes, {connections} connections"
    return in_turns([*ports], effort.rounds, lambda name: load(ports[name], connections, effort.seconds, post), title)


def warm(ports: Mapping[str, int], connections: int, effort: Effort, post: Post = PUSH) -> None:
    """Load functions before they are measured: the queue behind them, too, has code to compile, and may be late."""
    for port in ports.values():
        unjudged(port, connections, effort.warm_up, post)


def figures(loads: Loads, name: str, bases: Sequence[str]) -> list[float | None]:
    """The rate of one function, its ratios to others, and its p50 and p99; medians of all rounds."""
    own = loads[name]
    ratios = [ratio(_rates(own), _rates(loads[base])) if base in loads else None for base in bases]
    return [rate(loads, name), *ratios, median(each.p50 for each in own), p99(loads, name)]


def rate(loads: Loads, name: str) -> float:
    """The median of the rates of a function."""
    return median(_rates(loads[name]))


def p99(loads: Loads, name: str) -> float:
    """The median of the p99 of a function."""
    return median(each.p99 for each in loads[name])


def curves(names: Sequence[str], by_x: Mapping[int, Loads]) -> dict[str, dict[float, float]]:
    """The rates of each function by what its loads differ in, as the chart takes them."""
    return {name: {x: rate(loads, name) for x, loads in by_x.items()} for name in names}


def _rates(loads: Sequence[Load]) -> list[float]:
    return [each.rate for each in loads]
