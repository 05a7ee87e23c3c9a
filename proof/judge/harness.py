"""Fetches the harness at one commit, and installs it with the versions that it locks."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.servers import ROOT

SOURCE = "https://github.com/luckyteagirl/webhook-receiver-conformance"
COMMIT = "981c2c975cb4e7e3b4d063b8f8cb74d9b4cf075b"
SCENARIOS = "examples/scenarios/p0-reference-corpus.json"
CLONE, ENVIRONMENT = ROOT / ".local/judge/harness", ROOT / ".venv-judge"


def fetch(given: Path | None) -> Path:
    """Return the folder of the harness: the one given, or a clone of our own."""
    clone = given or CLONE
    if given is None and not (clone / SCENARIOS).exists():
        clone.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(clone, ignore_errors=True)
        run("can't clone the harness; give a clone of it with --clone", "git", "clone", "--quiet", SOURCE, str(clone))
        run("the harness has lost its commit", "git", "-C", str(clone), "checkout", "--quiet", COMMIT)
    if not (clone / SCENARIOS).exists():
        sys.exit(f"{clone} is no clone of {SOURCE}: it has no {SCENARIOS}")
    head = run("no git there", "git", "-C", str(clone), "rev-parse", "HEAD")
    if head != COMMIT:
        print(f"note: {clone} is at {head[:7]}, and what is expected here is of {COMMIT[:7]}")
    return clone.resolve()


def install(clone: Path, python: str) -> Path:
    """Install the harness into an environment of its own; its Python."""
    mine, done = ENVIRONMENT / "bin/python", ENVIRONMENT / COMMIT
    if done.exists():
        return mine
    wanted = "import sys; sys.exit(sys.version_info < (3, 12))"
    run(f"the harness needs Python 3.12 or later, and {python} is none; name one with --python", python, "-c", wanted)
    print(f"installing the harness into {ENVIRONMENT.name}", flush=True)
    run("can't make an environment", python, "-m", "venv", "--clear", str(ENVIRONMENT))
    versions = ENVIRONMENT / "constraints.txt"
    locked = tomllib.loads((clone / "uv.lock").read_text())["package"]
    versions.write_text("".join(f"{p['name']}=={p['version']}\n" for p in locked if "registry" in p["source"]))
    pip = [str(mine), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run("can't install the harness", *pip, str(clone), "pytest", "-c", str(versions))  # its corpus imports pytest
    done.touch()
    return mine


def run(trouble: str, *command: str) -> str:
    """Run a command, and return what it prints; end with a sentence when it fails."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"{trouble} ({error})")
    if ended.returncode:
        said = ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"]
        sys.exit(f"{trouble} ({said[0]})")
    return ended.stdout.strip()
