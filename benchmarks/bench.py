"""Measures what a request costs and how that grows, each beside a baseline, in one run (`make bench`)."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from tests.servers import ROOT

from .bodies import bodies
from .coldstart import cold_start
from .effort import FULL, QUICK, Effort
from .facts import facts
from .imports import imports
from .ledger import ledger
from .load import BenchmarkError
from .losses import losses
from .memory import memory
from .page import write
from .processor import processor
from .queues import queues
from .replay import replay
from .roundtrip import roundtrip
from .slow import slow
from .sources import more_sources
from .stage import Stage, stage
from .table import Table
from .throughput import throughput
from .verify import verify


def main() -> None:
    """Measure, print a table for each question as soon as it is answered, and write the page at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a few rounds of each, only to try it: docs/ stays as it is"
    )
    quick = parser.parse_args().quick
    effort, begun = QUICK if quick else FULL, time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped, as on Ctrl-C
    with TemporaryDirectory() as folder:
        known = facts(effort)
        print(known.text(), flush=True)
        with stage(Path(folder)) as ready:
            tables = [shown(table) for table in answers(ready, effort)]
    place = Path(mkdtemp(prefix="bench-")) if quick else ROOT / "docs"
    write(place, known, tables, (time.monotonic() - begun) / 60)
    print(f"\n{place}/bench.md, {place}/bench.png")


def answers(stage: Stage, effort: Effort) -> Iterator[Table]:
    """Every question, in the order of the page."""
    yield throughput(stage, effort)
    yield slow(stage, effort)
    yield roundtrip(stage, effort)
    yield verify()
    yield cold_start(stage, effort)
    yield imports(stage, effort)
    yield memory(stage, effort)
    yield bodies(stage, effort)
    yield more_sources(stage, effort)
    yield processor(stage, effort)
    yield ledger(effort)
    yield queues(stage, effort)
    yield losses(stage)
    yield replay(effort)


def shown(table: Table) -> Table:
    """Print a table."""
    print(f"\n{table.text()}", flush=True)
    return table


if __name__ == "__main__":
    try:
        main()
    except (BenchmarkError, KeyboardInterrupt) as error:
        sys.exit(f"bench: {str(error) or 'stopped'}")
