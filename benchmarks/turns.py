"""Compares fairly on a noisy machine: everyone takes a turn in each round, and ratios are taken round by round."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def in_turns(names: Sequence[str], rounds: int, measure: Callable[[str], T], title: str) -> dict[str, list[T]]:
    """Measure each name once a round, another one first each time; the results by name, in the order of the rounds."""
    results: dict[str, list[T]] = {name: [] for name in names}
    for turn in tqdm(range(rounds * len(names)), title, leave=False, disable=None):
        number, place = divmod(turn, len(names))
        name = names[(number + place) % len(names)]
        results[name].append(measure(name))
    return results


def ratio(own: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios of each round, which noise that outlasts a round does not move."""
    return median(mine / other for mine, other in zip(own, others, strict=True))
