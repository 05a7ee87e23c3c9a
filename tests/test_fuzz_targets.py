"""What `make fuzz` fuzzes holds for chance as well, and what is broken on purpose is found."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from functions.processor.errors import Malformed
from functions.receiver.errors import Unproved
from functions.receiver.schemes import MODULES
from proof.fuzz.__main__ import read
from proof.fuzz.draw import Draw
from proof.fuzz.forgeries import FORGERIES, SCHEMES, SENDER, keys_of
from proof.fuzz.targets import TARGETS
from tests.servers import ROOT, clean_environment, until

pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # of keys that were changed
KINDS = {type(scheme).__name__: type(scheme) for scheme in SCHEMES.values()}
BROKEN = (Phase.generate,)  # it is found: nobody wants to read the smallest example


def tried(name: str, examples: int, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    """Give a target so many bytes that hypothesis makes."""

    @settings(
        max_examples=examples,
        phases=phases,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],
    )
    @given(st.binary(max_size=20) | st.integers(0, 2**32).map(lambda seed: Random(seed).randbytes(60)))
    def give(data: bytes) -> None:
        TARGETS[name](data)

    give()


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_surprise_a_target(name: str) -> None:
    tried(name, 15)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_not_changed_gets_through(name: str) -> None:
    assert TARGETS[name](b"")


def test_every_kind_of_scheme_is_a_target() -> None:
    assert FORGERIES.keys() == MODULES.keys()


def test_where_the_bytes_have_ended_nothing_is_changed() -> None:
    draw = Draw(b"")
    assert (draw.number(300), draw.one("ab"), draw.text(), draw.splice(b"as it was")) == (0, "a", "", b"as it was")


# What is broken on purpose


def surprise(*_: object, **__: object) -> None:
    raise ZeroDivisionError


def nothing(*_: object, **__: object) -> None:
    """Take anything for right."""


def unread(question: Any, place: str, *_: object) -> str:
    """Give back whatever was sent."""
    return question.find(place) or ""


def longer(text: str) -> str:
    """Make one attribute longer than it may be."""
    return text + "x" * 1024 if text == "application/json" else text


def other_bytes(request: object, length: int | None, *_: object) -> bytes:
    """Read as much as was sent, and something else."""
    return b"x" * (length or 0)


def key_alone(scheme: object, webhook: object, secret: str) -> None:
    """Look at the key, and not at what came."""
    if secret not in [keys_of(name, SENDER)[1] for name in SCHEMES]:
        raise Unproved("mismatch")


@pytest.mark.parametrize("name", KINDS)
def test_a_scheme_that_raises_something_else_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS[name], "verify", surprise)
    with pytest.raises(ZeroDivisionError):
        TARGETS[name](b"")


BREAKS: dict[str, tuple[str, str, str, Callable[..., Any]]] = {
    "a stranger gets in": ("Hmac", "functions.receiver.schemes.mac", "Mac.check", nothing),
    "a stranger's token is taken": ("Token", "functions.receiver.schemes.shared", "same", lambda *_: True),
    "a signed id may change": ("StandardWebhooks", "functions.receiver.schemes", "StandardWebhooks.verify", key_alone),
    "a body is cut": ("requests", "functions.receiver.request", "_body", lambda *_: b""),
    "a body is another": ("requests", "functions.receiver.request", "_body", other_bytes),
    "a trace is no text": ("requests", "proof.fuzz.targets", "traceparent_of", surprise),
    "any parser raises": ("parsers", "functions.receiver.bodies", "read_json", surprise),
    "no token is asked for": ("handshakes", "functions.receiver.handshakes.tokens", "check_token", nothing),
    "all is echoed": ("handshakes", "functions.receiver.handshakes.question", "Question.echo", unread),
    "an event has no id": ("messages", "functions.receiver.message", "_id", lambda *_: ""),
    "an attribute is too long": ("messages", "functions.receiver.message", "_safe", longer),
    "what is no JSON is let through": ("pushes", "functions.processor.message", "_object", surprise),
    "a pattern takes all": ("patterns", "functions.processor.matching", "matches", lambda *_: True),
}


@pytest.mark.parametrize(("name", "module", "what", "broken"), BREAKS.values(), ids=BREAKS)
def test_what_is_broken_on_purpose_is_found(
    name: str, module: str, what: str, broken: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, _, attribute = what.rpartition(".")
    at = import_module(module)
    monkeypatch.setattr(getattr(at, holder) if holder else at, attribute, broken)
    with pytest.raises((AssertionError, ZeroDivisionError, Malformed)):
        tried(name, 300, BROKEN)


# The command


COMMAND = [sys.executable, "-m", "proof.fuzz"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy in which something may be broken, and which keeps what the fuzzer writes."""
    shutil.copytree(ROOT / "functions", tmp_path / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("proof", "samples", "tests", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments]
    return subprocess.run(
        command, cwd=folder, env=clean_environment(**env), capture_output=True, text=True, timeout=120
    )


def test_a_target_in_which_there_is_nothing_is_fuzzed_and_counted(copy: Path) -> None:
    pytest.importorskip("atheris")
    done = run(copy, "--seconds", "1", "--target", "patterns")
    assert done.returncode == 0, done.stdout + done.stderr
    name, executions, _, coverage, finding = done.stdout.splitlines()[-2].split()
    assert (name, finding) == ("patterns", "-")
    assert int(executions.replace(",", "")) > 100
    assert int(coverage) > 0


def test_a_bug_is_found_by_the_fuzzer_and_what_finds_it_is_kept(copy: Path) -> None:
    pytest.importorskip("atheris")
    file = copy / "functions/processor/message.py"
    broken = file.read_text().replace("except (ValueError, RecursionError) as", "except RecursionError as")
    assert broken != file.read_text()
    file.write_text(broken)
    done = run(copy, "--seconds", "30", "--target", "pushes")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "DecodeError" in done.stdout
    (path,) = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  input:")]
    found = (copy / path).read_bytes()
    again = "import sys; from proof.fuzz.targets import TARGETS; TARGETS['pushes'](sys.stdin.buffer.read())"
    failed = subprocess.run([sys.executable, "-c", again], input=found, cwd=copy, capture_output=True)
    assert b"DecodeError" in failed.stderr


def test_who_interrupts_it_gets_the_table_and_leaves_nothing_running(copy: Path) -> None:
    pytest.importorskip("atheris")
    output = copy / "output.txt"
    with output.open("wb") as sink:
        process = subprocess.Popen(COMMAND, cwd=copy, env=clean_environment(), stdout=sink, start_new_session=True)
        try:
            until(lambda: [log for log in copy.glob(".local/fuzz/requests.log") if b"INITED" in log.read_bytes()], 60)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
        finally:
            process.kill()
            process.wait()
    assert "executions" in output.read_text()
    assert not subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True).stdout


def test_where_the_fuzzer_can_not_be_imported_it_says_so(copy: Path) -> None:
    (copy / "other").mkdir()
    (copy / "other/atheris.py").write_text("raise ImportError('no atheris for this machine')")
    done = run(copy, PYTHONPATH=str(copy / "other"))
    assert done.returncode == 1
    assert "no atheris for this machine; atheris is made for Linux on x86-64" in done.stderr


ENDS = {
    "nothing is executed": (0, "INFO: Seed: 1\n", "it ended with 0: INFO: Seed: 1"),
    "it can't be started": (1, "Traceback\nImportError: no\n", "it ended with 1: ImportError: no"),
    "it does not end": (None, "#2 INITED cov: 4 ft: 4\n", "it ended with None: #2 INITED cov: 4 ft: 4"),
    "one input takes too long": (70, "==1== ERROR: libFuzzer: timeout after 15 seconds\n", "timeout after 15 seconds"),
    "it takes all memory": (71, "==1== ERROR: libFuzzer: out-of-memory (used: 2Gb)\n", "out-of-memory (used: 2Gb)"),
}


@pytest.mark.parametrize(("status", "output", "finding"), ENDS.values(), ids=ENDS)
def test_an_end_that_should_not_be_is_a_finding(status: int | None, output: str, finding: str) -> None:
    assert read("requests", status, output).finding == finding
