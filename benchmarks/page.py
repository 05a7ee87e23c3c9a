"""Writes the page of the figures, docs/bench.md, with its chart beside it."""

from collections.abc import Sequence
from pathlib import Path

from .chart import draw
from .table import Table

INTRODUCTION = """\
# Benchmarks

`make bench` measures what a request costs, and writes this page, which is not edited by hand. The receiver stands
beside an empty function, which is what the platform's server takes alone, and beside a
[naive receiver](../benchmarks/naive/main.py), which is correct, and uses the stock client as it comes. Everything ran
on one machine, in one run of {minutes:.0f} minutes. Who is compared takes turns, in rounds of a few seconds, and ratios
are taken round by round: they say more than the figures themselves, which another machine would change.
"""


def write(folder: Path, facts: Table, tables: Sequence[Table], minutes: float) -> None:
    """Write both files."""
    draw([table.drawn for table in tables if table.drawn], folder / "bench.png")
    (folder / "bench.md").write_text(page(facts, tables, minutes))


def page(facts: Table, tables: Sequence[Table], minutes: float) -> str:
    """What it is, what ran, the chart, and every table."""
    chart = "![Rates by connections and by size, and what a start and an instance take](bench.png)\n"
    return "\n".join(
        [INTRODUCTION.format(minutes=minutes), facts.markdown(), chart, *(table.markdown() for table in tables)]
    )
