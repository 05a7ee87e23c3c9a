"""Our own code with a flaw in it, again and again: each flaw makes a test of ours fail, and for the right reason."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest

from proof.mutants import MUTANTS, Mutant
from tests.servers import FIRESTORE, ROOT, clean_environment, emulator_program, require_emulator

COPIED = ("functions", "tests", "tools", "samples")
# Without what no test here needs: a start of hypothesis takes longer than most of them.
PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
CONTROL = "no flaw"
# What pytest says of an assertion, and of an exception that was expected and did not come.
ASSERTIONS = ("assert ", "AssertionError", "Failed: DID NOT RAISE")


@dataclass
class Run:
    """How pytest ended, what it said, and how each test did: `passed`, or what failed."""

    code: int
    said: str
    tests: dict[str, str]


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[str, Future[Run]]]:
    """The tests in a copy of the project without a flaw, and in one for each flaw; two at a time."""
    mutants = {name: mutant for name, mutant in MUTANTS.items() if not mutant.emulated or emulator_program(FIRESTORE)}
    every = sorted({mutant.caught_by for mutant in mutants.values()})
    with ThreadPoolExecutor(2) as pool:
        yield {CONTROL: pool.submit(run, every)} | {
            name: pool.submit(run, [mutant.caught_by], mutant) for name, mutant in mutants.items()
        }
        pool.shutdown(cancel_futures=True)


def run(tests: list[str], mutant: Mutant | None = None) -> Run:
    """Run tests in a copy of the project, with a flaw or without."""
    with TemporaryDirectory() as folder:
        copy, report = Path(folder), Path(folder) / "report.xml"
        for part in COPIED:
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        if mutant:
            spoil(copy / mutant.file, mutant)
        places = [f"--basetemp={copy / 'temporary'}", f"--junit-xml={report}"]
        command = [*PYTEST, "--timeout=90", *places, *tests]
        done = subprocess.run(command, cwd=copy, env=clean_environment(), capture_output=True, text=True, timeout=120)
        return Run(done.returncode, done.stdout + done.stderr, read(report) if report.exists() else {})


def spoil(file: Path, mutant: Mutant) -> None:
    """Put the flaw in; a text that is not there exactly once is an error of the table."""
    code = file.read_text()
    assert code.count(mutant.text) == 1, f"{mutant.file} has {code.count(mutant.text)} of {mutant.text!r}"
    file.write_text(code.replace(mutant.text, mutant.flaw))


def read(report: Path) -> dict[str, str]:
    """How each test did, by the module and the name that pytest gives it."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        failed = next((f"{part.tag}: {part.get('message')}" for part in case if part.tag != "properties"), "passed")
        found[f"{case.get('classname')}::{case.get('name')}"] = failed
    return found


def told(run: Run, test: str) -> list[str]:
    """What a run says of a test; of all its cases, where it was named without one."""
    path, _, name = test.partition("::")
    wanted = f"{path.removesuffix('.py').replace('/', '.')}::{name}"
    return [how for case, how in run.tests.items() if wanted in (case, case.partition("[")[0])]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_flaw_is_caught_by_the_test_that_is_there_for_it(name: str, runs: dict[str, Future[Run]]) -> None:
    if MUTANTS[name].emulated:
        require_emulator(FIRESTORE)
    run = runs[name].result()
    assert run.code == pytest.ExitCode.TESTS_FAILED, run.said
    failed = [how for how in told(run, MUTANTS[name].caught_by) if how != "passed"]
    assert len(failed) == 1, run.said
    assert failed[0].removeprefix("failure: ").startswith(ASSERTIONS), failed[0]


def test_without_a_flaw_all_these_tests_pass(runs: dict[str, Future[Run]]) -> None:
    run = runs[CONTROL].result()
    assert run.code == pytest.ExitCode.OK, run.said
    assert set(run.tests.values()) == {"passed"}
    assert all(told(run, mutant.caught_by) for name, mutant in MUTANTS.items() if name in runs)


def test_the_page_names_every_flaw_and_its_test() -> None:
    page = (ROOT / "docs/proof.md").read_text()
    for name, mutant in MUTANTS.items():
        assert f"| {name} | `{mutant.file}` | `{mutant.caught_by.partition('::')[2]}` |" in page
