"""Runs the harness's corpus with the harness's own code, in its own Python: `python -m proof.judge.corpus CLONE`.

Writes one JSON line for each scenario: the verdict, and with which statuses the receiver answered.
"""

import importlib.util
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

RUNNER = "tests/e2e/test_reference_corpus.py"


def main(clone: Path) -> None:
    """Run every scenario; what goes wrong in one is its verdict."""
    theirs = load(clone / RUNNER)
    from . import remote  # it needs what only the clone can import

    row = theirs.ReceiverRow("surehook", remote.__name__, "Remote", frozenset())
    with TemporaryDirectory() as folder:
        for scenario in theirs._load_scenarios():
            set_clock(theirs)
            remote.answers.clear()
            try:
                verdict: bool | str = theirs._run_scenario(row, scenario, Path(folder))
            except Exception as error:
                verdict = f"{type(error).__name__}: {error}"
            if list(remote.FOLDER.glob("kill-*")):
                verdict = "nobody was killed"
            said = {"scenario": scenario.scenario_id, "verdict": verdict, "answers": remote.answers}
            print(json.dumps(said), flush=True)


def load(file: Path) -> Any:
    """Import a file of the clone, which finds the rest of it by itself."""
    spec = importlib.util.spec_from_file_location("corpus_runner", file)
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def set_clock(theirs: Any) -> None:
    """Let it sign for now: it signs for a day in 2033, to which it sets the clocks of its own receivers."""
    theirs.NOW = theirs._request.__kwdefaults__["timestamp"] = int(time.time())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
