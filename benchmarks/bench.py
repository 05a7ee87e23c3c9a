"""Measures the receiver, its schemes, the ledgers and the replay, in one run (`make bench`)."""

import argparse
import os
import platform
import signal
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from tabulate import tabulate

from .coldstart import cold_start
from .ledger import ledger
from .load import BenchmarkError, generator
from .losses import losses
from .replay import FULL, QUICK, replay
from .stage import THREADS, stage
from .throughput import SECONDS, throughput
from .verify import verify
from .webhook import BYTES

PACKAGES = ["functions-framework", "gunicorn", "google-cloud-pubsub", "grpcio"]


def main() -> None:
    """Measure, and print a table for each question as soon as it is answered."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 rounds of each, only to try it")
    quick = parser.parse_args().quick
    rounds, starts, events = (2, 2, 100) if quick else (11, 9, 1000)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped, as on Ctrl-C
    with TemporaryDirectory() as folder, stage(Path(folder)) as ready:
        print(facts(rounds, starts), flush=True)
        print(f"\n{throughput(ready, rounds)}", flush=True)
        print(f"\n{cold_start(ready, starts)}", flush=True)
        print(f"\n{losses(ready)}", flush=True)
        print(f"\n{verify()}", flush=True)
        print(f"\n{ledger(events)}", flush=True)
        print(f"\n{replay(QUICK if quick else FULL)}", flush=True)


def facts(rounds: int, starts: int) -> str:
    """What ran, and where."""
    rows = {
        "date": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        "machine": f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start",
        "load": f"{generator()}; a signed GitHub push of {BYTES:,} bytes, from this machine",
        "rounds": f"{rounds} of {SECONDS} s each in turns, medians; {starts} cold starts each in turns, medians",
        "server": f"functions-framework with gunicorn, 1 worker, {THREADS} threads",
        "queue": "Google's Pub/Sub emulator",
        "python": platform.python_version(),
    }
    versions = {package: version(package) for package in PACKAGES}
    return tabulate((rows | versions).items(), tablefmt="plain", disable_numparse=True)


if __name__ == "__main__":
    try:
        main()
    except (BenchmarkError, KeyboardInterrupt) as error:
        sys.exit(f"bench: {str(error) or 'stopped'}")
