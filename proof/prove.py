"""Tries every fault against both functions, and counts what was lost or done twice (`make prove`)."""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tabulate import tabulate
from tqdm import tqdm

from tests.servers import ROOT

from .faults import TRIALS, Trial
from .record import Record
from .sender import CANARY
from .single import SINGLE
from .stage import stage
from .trial import Proof, Result

EVENTS = 3300
HEADERS = ["", "fault", "requests", "200", "503", "401", "none", "lost", "doubled", "by a kill", "worst s", "back s"]


def main() -> None:
    """Run the trials and print a table; the status is 1 if anything was not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m proof.prove", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="how many each fault gets at least")
    parser.add_argument("--only", default="", help="an id or a part of a fault's name")
    options = parser.parse_args()
    chosen = [trial for trial in TRIALS if options.only in (trial.id, "") or options.only in trial.name]
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped, as on Ctrl-C
    results = []
    with proof() as running:
        for trial in tqdm(chosen, "faults", disable=None):
            results.append(running.run(trial, options.events, trial.lasts))
            tqdm.write(f"{trial.id} {trial.name}: {'; '.join(results[-1].complaints) or 'held'}", sys.stderr)
        complaints = [complaint for result in results for complaint in result.complaints] + last_look(running)
    print(table(results))
    print(f"in {time.monotonic() - begun:.0f} s")
    print(*complaints, sep="\n")
    sys.exit(bool(complaints) or (not options.only and single()))


@contextmanager
def proof() -> Iterator[Proof]:
    """Start everything, and keep a record of it."""
    with stage() as started:
        record = Record(started.subscriber, started.folder / "effects")
        try:
            yield Proof(started, record)
        finally:
            record.close()


def last_look(proof: Proof) -> list[str]:
    """What happened to earlier events while later ones were tried, and what the ledger holds."""
    proof.record.look()
    twice, _ = proof.doubled(proof.sent)
    told = [record for record in proof.stage.records() if CANARY in record]
    return [f"done twice, later: {sorted(twice)[:3]}"] * bool(twice) + ["the ledger tells a secret"] * bool(told)


def table(results: Sequence[Result]) -> str:
    """A line for each fault, and one for all of them."""
    rows = [row(result.trial, result) for result in results]
    sums = [sum(int(line[column]) for line in rows) for column in range(2, 10)]
    most = [max(result.worst for result in results), max(result.back for result in results)]
    return tabulate([*rows, ["", "all", *sums, *most]], HEADERS, floatfmt=".1f", intfmt=",")


def row(trial: Trial, result: Result) -> list[str | int | float]:
    """What was counted."""
    answers = [result.answers.get(status, 0) for status in (200, 503, 401, 0)]
    counts = [sum(result.answers.values()), *answers, result.lost, result.doubled, result.by_kill]
    return [trial.id, trial.name, *counts, result.worst, result.back]


def single() -> int:
    """Run the tests of what one request or none is enough for; the exit status of pytest."""
    print(tabulate([(id_, name) for id_, name, _ in SINGLE], ["", "shown by a test of its own"]))
    tests = [test for _, _, tests in SINGLE for test in tests]
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *tests], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    main()
