"""What an instance holds in memory once it was busy."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.servers import Server

from .effort import Effort
from .load import load
from .stage import DEPLOYED, EMPTY, NAIVE, OURS, THREADS, Stage
from .table import Bars, Table, aim
from .turns import in_turns, ratio

NAMES = [EMPTY, NAIVE, OURS, DEPLOYED]
MOST = 110
MB = 1_000_000


def memory(stage: Stage, effort: Effort) -> Table:
    """Load each function over as many connections as it has threads, in turns, and look; medians."""
    found = in_turns(NAMES, max(1, effort.rounds // 3), lambda name: after_load(stage, name, effort), "memory")
    columns = {name: [*zip(*own, strict=True)] for name, own in found.items()}
    rows = [[name, *map(median, own), ratio(own[0], columns[NAIVE][0])] for name, own in columns.items()]
    resident = {name: median(own[0]) for name, own in columns.items()}
    headings = ["function", "worker, MB", "its share, MB", "whole instance, MB", "worker of naive"]
    remarks = [
        "Of the worker, all that is resident (RSS), and its share where it has something in common with others (PSS); "
        "the instance is the shares of the worker and of the process that watches it.",
        aim(f"at most {MOST} MB resident in the worker", max(resident[OURS], resident[DEPLOYED]) <= MOST),
    ]
    drawn = Bars("memory", "{:.0f} MB", resident)
    return Table("Memory after load", headings, ["", ".0f", ".0f", ".0f", ".2f"], rows, remarks, drawn)


def after_load(stage: Stage, name: str, effort: Effort) -> tuple[float, float, float]:
    """Resident memory and share of the worker, and the shares of all processes of the instance, in MB."""
    with stage.function(name) as server:
        load(server.port, THREADS, effort.warm_up)
        return held(server)


def held(server: Server) -> tuple[float, float, float]:
    """Look at an instance as it is now."""
    (worker,) = server.children()
    own, watcher = _rollup(worker), _rollup(server.process.pid)
    return own["Rss"], own["Pss"], own["Pss"] + watcher["Pss"]


def _rollup(pid: int) -> dict[str, float]:
    """What Linux says of a process, in MB: https://docs.kernel.org/filesystems/proc.html"""
    lines: Sequence[list[str]] = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return {name.rstrip(":"): int(size) * 1024 / MB for name, size, *unit in lines if unit == ["kB"]}
