"""Has a public conformance harness judge receiver, queue and processor: `python -m proof.judge`."""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tabulate import tabulate

from tests.servers import ROOT, clean_environment

from . import command, harness
from .project import CANARY
from .stage import CORPUS_SECRET, Stage, stage
from .verdicts import is_fine, of_command, of_corpus

FOLDER = ROOT / ".local/judge/run"


def main() -> int:
    """Judge, and print a table with a row for each scenario; 1 if a verdict is not what it should be."""
    parser = argparse.ArgumentParser(prog="python -m proof.judge", description=__doc__)
    parser.add_argument("--clone", type=Path, help="a clone of the harness, where it can't be fetched")
    parser.add_argument("--python", default="python3.13", help="the Python that the harness gets")
    options = parser.parse_args()
    clone = harness.fetch(options.clone)
    python = harness.install(clone, options.python)
    scenarios = json.loads((clone / harness.SCENARIOS).read_text())["scenarios"]
    started = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with stage(FOLDER, [source(s["id"]) for s in scenarios]) as running:
        first = corpus(running, python, clone)
        second = command.judge(running, python.with_name("webhook-conformance"))
        leaks = leaked(running)
    rows = [(s["id"], s["name"], first.get(s["id"], "missing"), of_command(s["name"], second)) for s in scenarios]
    print(tabulate(rows, ["", "scenario", "its corpus", "its command"]))
    print(f"{', '.join(leaks) or 'nothing secret'} in our logs; {time.monotonic() - started:.0f} s; more in {FOLDER}")
    return int(bool(leaks) or not all(is_fine(verdict) for row in rows for verdict in row[2:]))


def source(scenario: str) -> str:
    """The source that a scenario of the corpus is sent to."""
    return f"surehook-{scenario.lower()}"


def corpus(running: Stage, python: Path, clone: Path) -> dict[str, str]:
    """Let the harness run its corpus, and restart the functions when it asks for it; a verdict for each scenario."""
    line = [str(python), "-m", "proof.judge.corpus", str(clone)]
    own = {"RECEIVER": running.receiver.url, "OBSERVER": running.observer.url, "FOLDER": str(running.folder)}
    verdicts = {}
    with subprocess.Popen(line, cwd=ROOT, env=clean_environment(**own), stdout=subprocess.PIPE) as process:
        for said in map(json.loads, process.stdout or ()):
            if said == {"do": "restart"}:
                running.restart()
                (running.folder / "restarted").touch()
                continue
            effects = running.effects({"source": source(said["scenario"])})
            facts = {"answers": said["answers"], "effect_count": effects}
            verdicts[said["scenario"]] = of_corpus(said["scenario"], said["verdict"], facts)
    return verdicts


def leaked(running: Stage) -> list[str]:
    """What was logged of the secrets, and of the customer's address."""
    logs = running.receiver.output.read_text() + running.processor.output.read_text()
    return [word for word in (CANARY, CORPUS_SECRET, running.secret) if word in logs]


if __name__ == "__main__":
    sys.exit(main())
