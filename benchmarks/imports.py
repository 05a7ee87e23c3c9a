"""What a start imports, and what that takes: Python's own import times, summed by package."""

import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from .coldstart import answering
from .effort import Effort
from .stage import DEPLOYED, NAIVE, Stage
from .table import Cell, Table
from .turns import in_turns

NAMES = [DEPLOYED, NAIVE]
DEAREST = 10
LINE = re.compile(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", re.MULTILINE)
STANDARD, OWN, OTHERS, ALL = "the standard library", "the function's own files", "others", "all"


def imports(stage: Stage, effort: Effort) -> Table:
    """Start the receivers with import times turned on, until their first 200; the dearest packages of ours."""
    found = in_turns(NAMES, max(2, effort.starts // 2), lambda name: profile(stage, name), "imports")
    headings = ["package", f"{DEPLOYED}, ms", f"{NAIVE}, ms"]
    title = "What a start spends on imports, from its first to its first 200"
    return Table(title, headings, ["", ".1f", ".1f"], dearest(*(medians(found[name]) for name in NAMES)))


def profile(stage: Stage, name: str) -> dict[str, float]:
    """Milliseconds by package, of one start."""
    with answering(stage, name, PYTHONPROFILEIMPORTTIME="1") as (server, _):
        pass
    return by_package(server.output.read_text())


def by_package(printed: str) -> dict[str, float]:
    """Sum what each module took by itself, in milliseconds; Google's packages are told apart by their second name."""
    spent: dict[str, float] = defaultdict(float)
    for microseconds, module in LINE.findall(printed):
        spent[package_of(module)] += int(microseconds) / 1e3
    return dict(spent)


def package_of(module: str) -> str:
    """The package that a module belongs to."""
    first, *rest = module.split(".")
    if first == "main":
        return OWN
    if first in sys.stdlib_module_names:
        return STANDARD
    return f"{first}.{rest[0]}" if first == "google" and rest else first


def medians(profiles: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of several profiles, by package."""
    return {package: median(each.get(package, 0.0) for each in profiles) for package in set().union(*profiles)}


def dearest(ours: Mapping[str, float], naive: Mapping[str, float]) -> list[list[Cell]]:
    """The dearest packages of ours, the rest of both, and the sums."""
    names = sorted(ours, key=lambda name: -ours[name])[:DEAREST]
    sums = [sum(profile.values()) for profile in (ours, naive)]
    shown: list[list[float]] = [[ours[name], naive.get(name, 0.0)] for name in names]
    rest = [total - sum(column) for total, column in zip(sums, zip(*shown, strict=True), strict=True)]
    return [[name, *row] for name, row in zip([*names, OTHERS, ALL], [*shown, rest, sums], strict=True)]
