"""Draws the chart: rates as lines, and what a start and an instance take as bars beside the naive receiver's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .stage import EMPTY, NAIVE, OURS
from .table import Bars, Curves

COLORS = {EMPTY: "#8a8f98", NAIVE: "#d9730d", OURS: "#1f6feb"}
STYLES = ["-", "--", ":"]
INCHES, DPI = (12, 7.6), 100


def draw(drawn: Sequence[Curves | Bars], file: Path) -> None:
    """Write a PNG of 1,200 points across: a panel for each of the curves, and one for all bars."""
    # Loaded only here: it is large, and nothing else needs it.
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    curves = [each for each in drawn if isinstance(each, Curves)]
    figure, axes = pyplot.subplots(-(-(len(curves) + 1) // 2), 2, figsize=INCHES, dpi=DPI, squeeze=False)
    panels = list(axes.flat)
    for axis, panel in zip(panels, curves, strict=False):
        draw_curves(axis, panel)
    draw_bars(panels[len(curves)], [each for each in drawn if isinstance(each, Bars)])
    for unused in panels[len(curves) + 1 :]:
        unused.axis("off")
    figure.tight_layout(pad=1.5)
    figure.savefig(file)
    pyplot.close(figure)


def draw_curves(axis: Any, panel: Curves) -> None:
    """Draw lines; what is across grows by multiples, and each value that was measured is named there."""
    across = sorted({x for points in panel.of.values() for x in points})
    for name, (color, style) in looks(list(panel.of)).items():
        points = panel.of[name]
        axis.plot([*points], [*points.values()], style, color=color, marker="o", markersize=4, label=name)
    axis.set_xscale("log", base=2)
    axis.set_xticks(across, [f"{x:,.0f}" for x in across])
    axis.minorticks_off()
    if panel.wide:
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.set(title=panel.title, xlabel=panel.across, ylabel=panel.up)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=9)


def draw_bars(axis: Any, groups: Sequence[Bars]) -> None:
    """Draw each group as multiples of the naive receiver's figure, with the figures themselves above the bars."""
    names = list(groups[0].of)
    width = 0.8 / len(names)
    for place, (name, (color, style)) in enumerate(looks(names).items()):
        at = [number + (place - (len(names) - 1) / 2) * width for number in range(len(groups))]
        heights = [group.of[name] / group.of[NAIVE] for group in groups]
        bars = axis.bar(
            at, heights, width * 0.9, color=color, label=name, hatch="" if style == "-" else "//", edgecolor="white"
        )
        axis.bar_label(bars, [group.label.format(group.of[name]) for group in groups], fontsize=9, padding=2)
    axis.set_xticks(range(len(groups)), [group.title for group in groups])
    axis.set(title="A start, and an instance", ylabel=f"of the {NAIVE}")
    axis.margins(y=0.3)
    axis.legend(frameon=False, fontsize=9, ncols=2, loc="upper center")


def looks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """A color for each kind of function, and a style for each that is of the same kind."""
    found: dict[str, tuple[str, str]] = {}
    for name in names:
        color = next((color for kind, color in COLORS.items() if name.startswith(kind)), "black")
        found[name] = color, STYLES[sum(color == other for other, _ in found.values()) % len(STYLES)]
    return found
