"""One run of the harness's command, and its verdicts."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from tests.proxy import Proxy

from .project import body, events, project
from .stage import TOKEN, Stage
from .verdicts import PASS
from .words import Said

LATE, UNREACHED = "timeout-then-retry", "connection-failure-then-retry"
# How the first and the last attempt have to end for a scenario to have been what it is called.
ENDS = {LATE: ("unknown_outcome", "acknowledged"), UNREACHED: ("connection_failed", "acknowledged")}
LONGEST = 600  # seconds; with nothing wrong it takes less than a minute
Verdicts = dict[str, str]


class Run:
    """One run of the command in a folder of its own: some scenarios, sent to the receiver or to a proxy before it."""

    def __init__(
        self, stage: Stage, program: Path, names: Sequence[str], by: Proxy | None = None, patience: str = "60s"
    ) -> None:
        self._names, self._program = names, program
        self._folder = stage.folder / f"run-{len(list(stage.folder.glob('run-*')))}"
        self._folder.mkdir()
        for event in [event for name in names for event in events(name)]:
            (self._folder / f"{event}.json").write_text(json.dumps(body(event)))
        receiver = f"http://127.0.0.1:{by.port}" if by else stage.receiver.url
        said = project(names, receiver, stage.observer.url, patience)
        (self._folder / "project.yaml").write_text(json.dumps(said, indent=1))  # all JSON is YAML
        self._env = os.environ | {"SIGNING_SECRET": stage.secret, "OBSERVER_TOKEN": TOKEN}
        self._process = self._start("run")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.crash()

    @property
    def results(self) -> Path | None:
        """Where it writes what it finds, once it does."""
        return next(self._folder.glob("artifacts/*"), None)

    def crash(self) -> None:
        """Kill it, if it has not ended."""
        self._process.kill()
        self._process.wait()

    def resume(self, *how: str) -> int:
        """Let it go on where it ended; its exit status."""
        self._process = self._start("resume", str(self.results), *how)
        return self.wait()

    def verdicts(self) -> Verdicts:
        """Wait for its end; for each scenario `pass`, or what is not as it should be."""
        self.wait()
        results = self.results
        if results is None or not (results / "assertions.jsonl").exists():
            return dict.fromkeys(self._names, (self._folder / "output").read_text().strip() or "no results")
        planned = json.loads((results / "run-manifest.json").read_text())["scenarios"]
        return {
            name: "; ".join([*unexpected(plan, results), *wrong_ends(name, plan, results)]) or PASS
            for name, plan in zip(self._names, planned, strict=True)
        }

    def wait(self) -> int:
        """Wait for its end; its exit status, negative where it took too long and was killed."""
        try:
            return self._process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            self.crash()
            return self._process.returncode

    def _start(self, *command: str) -> "subprocess.Popen[bytes]":
        line = [str(self._program), *command, "--config", "project.yaml"]
        with (self._folder / "output").open("ab") as output:
            return subprocess.Popen(line, cwd=self._folder, env=self._env, stdout=output, stderr=output)


def unexpected(plan: Said, results: Path) -> Iterator[str]:
    """The assertions of a scenario that did not end as they should.

    Its verdict on the whole scenario is of no use here: it takes every refusal for a failure, also one it asked for.
    """
    found = {line["assertion_id"]: line["result"] for line in lines(results / "assertions.jsonl")}
    for assertion in plan["assertions"]:
        name, result = assertion["parameters"]["id"], found.get(assertion["assertion_id"], "missing")
        if result != ("fail" if name.startswith("differs") else "pass"):
            yield f"{name}: {result}"


def wrong_ends(name: str, plan: Said, results: Path) -> Iterator[str]:
    """The attempts of a scenario, where they did not end as its name says."""
    sent = [line for line in lines(results / "deliveries.jsonl") if line["scenario_id"] == plan["scenario_id"]]
    states = [line["state"] for line in sent]
    if name in ENDS and (states[0], states[-1]) != ENDS[name]:
        yield f"attempts: {', '.join(states)}"


def lines(file: Path) -> list[Said]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in file.read_text().splitlines()]
