"""Lets a fuzzer look for a surprise in all that strangers can reach, one target after the other (`make fuzz`)."""

import argparse
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from .targets import TARGETS

FOLDER = Path(".local/fuzz")
SECONDS = 10
LONGEST = 512  # bytes of an input, most of which are choices
SLOWEST = 10  # seconds that one input may take: more is a finding
GRACE = 60  # seconds in which a fuzzer has to begin and to end
COVERAGE = re.compile(r" cov: (\d+) ")
NUMBER = re.compile(r"^stat::(number_of_executed_units|average_exec_per_sec): +(\d+)$", re.MULTILINE)
ERROR = re.compile(r"=== Uncaught Python exception: ===\n(.+)|ERROR: libFuzzer: (.+)")
INPUT = re.compile(r"Test unit written to (\S+)")


@dataclass(frozen=True)
class Result:
    """What came of fuzzing a target; `finding` is empty if nothing was found, `input` is the file that finds it."""

    target: str
    executions: int = 0
    rate: int = 0
    coverage: int = 0
    finding: str = ""
    input: str = ""


def main() -> None:
    """Fuzz, and print a table; the exit status is 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m proof.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"for each target ({SECONDS})")
    parser.add_argument("--target", choices=TARGETS, metavar="NAME", help=f"one of {', '.join(TARGETS)} (all)")
    args = parser.parse_args()
    if args.seconds < 1:
        parser.error("--seconds is 1 or more")
    try:
        import atheris  # noqa: F401
    except ImportError as error:
        sys.exit(f"fuzz: {error}; atheris is made for Linux on x86-64 (make test tries the same targets without it)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the fuzzer is ended and the table printed
    results: list[Result] = []
    try:
        for name in [args.target] if args.target else TARGETS:
            results.append(fuzz(name, args.seconds))
            print(told(results[-1]), flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        print(f"\n{table(results)}")
    sys.exit(any(result.finding for result in results))


def fuzz(name: str, seconds: int) -> Result:
    """Fuzz a target for so long, in a process of its own; what was of interest stays for the next time."""
    folder, log = FOLDER / name, FOLDER / f"{name}.log"
    folder.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-max_len={LONGEST}", "-len_control=0"]
    options += ["-print_final_stats=1", f"-artifact_prefix={folder}/", str(folder)]
    with log.open("wb") as output:
        command = [sys.executable, "-m", "proof.fuzz.one", name, *options]
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            status = child.wait(seconds + GRACE)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            child.kill()
            child.wait()
    return read(name, status, log.read_text(errors="replace"))


def read(name: str, status: int | None, output: str) -> Result:
    """What the fuzzer says of a target; that it ended in another way than it should is a finding too."""
    coverage, error, file = COVERAGE.findall(output), ERROR.search(output), INPUT.search(output)
    numbers = {key: int(value) for key, value in NUMBER.findall(output)}
    executions = numbers.get("number_of_executed_units", 0)
    finding = (error[1] or error[2]) if error else ""
    if not finding and (status or not executions):
        last = output.strip().splitlines()[-1:]
        finding = f"it ended with {status}: {''.join(last)}"
    rate = numbers.get("average_exec_per_sec", 0)
    return Result(name, executions, rate, int(coverage[-1]) if coverage else 0, finding, file[1] if file else "")


def told(result: Result) -> str:
    """A line for a target, and for what was found where it is."""
    found = [f"  {result.finding}", f"  input: {result.input or 'none'}", f"  log: {FOLDER / result.target}.log"]
    return "\n".join([f"{result.target}: {result.executions:,} executions", *(found if result.finding else [])])


def table(results: list[Result]) -> str:
    """A line for each target."""
    rows = [(r.target, r.executions, r.rate, r.coverage, r.finding[:60] or "-") for r in results]
    everything = ("all", sum(r.executions for r in results), "", "", sum(bool(r.finding) for r in results))
    return tabulate([*rows, everything], ["target", "executions", "a second", "coverage", "finding"], intfmt=",")


if __name__ == "__main__":
    main()
