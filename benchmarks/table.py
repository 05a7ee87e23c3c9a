"""The answer to a question: figures under headings, what they come to, and what the chart shows of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabulate import tabulate

Cell = str | float | None


@dataclass(frozen=True)
class Curves:
    """One panel of the chart: for each name, y by x; `wide` is for figures that only compare as multiples."""

    title: str
    across: str
    up: str
    of: Mapping[str, Mapping[float, float]]
    wide: bool = False


@dataclass(frozen=True)
class Bars:
    """One group of bars: a figure for each name, and how it is written above its bar."""

    title: str
    label: str
    of: Mapping[str, float]


@dataclass(frozen=True)
class Table:
    """Rows under headings; `formats` says by column how its numbers are written, and is empty for text."""

    title: str
    headings: Sequence[str]
    formats: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    remarks: Sequence[str] = ()
    drawn: Curves | Bars | None = None

    def text(self) -> str:
        """Write it for a terminal."""
        return "\n".join([self.title, "", self._grid("simple"), *self.remarks])

    def markdown(self) -> str:
        """Write it as a section of a page."""
        return "\n\n".join([f"## {self.title}", self._grid("pipe"), *self.remarks]) + "\n"

    def _grid(self, form: str) -> str:
        rows = [[_written(cell, how) for cell, how in zip(row, self.formats, strict=True)] for row in self.rows]
        sides = ["right" if how else "left" for how in self.formats]
        return tabulate(rows, self.headings, form, disable_numparse=True, colalign=sides)


def aim(wanted: str, reached: bool) -> str:
    """Say whether the figures are what they were to be."""
    return f"The aim was {wanted}: {'reached' if reached else 'missed'}."


def _written(cell: Cell, how: str) -> str:
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else format(cell, how)
