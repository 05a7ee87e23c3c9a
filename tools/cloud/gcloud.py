"""Runs gcloud, and says what keeps it from its work."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MISSING = re.compile(r"NOT_FOUND|not found|\b404\b|does not exist", re.IGNORECASE)
# A new account, and an API that was switched on just now, are not known everywhere at once.
NOT_YET = re.compile(r"service account \S+ does not exist|has not been used in project", re.IGNORECASE)
PAUSE, TRIES = 10.0, 12
# Nobody is there to answer a question; and a request that is logged has the secret in it.
QUIETLY = {"CLOUDSDK_CORE_DISABLE_PROMPTS": "true", "CLOUDSDK_CORE_LOG_HTTP": "false"}
INSTALL = "gcloud is not installed: https://docs.cloud.google.com/sdk/docs/install"


class Trouble(Exception):
    """What keeps a verb from its work, in a sentence and the words of gcloud."""


class NotThere(Trouble):
    """What was asked for is not there."""


@dataclass(frozen=True)
class Gcloud:
    """gcloud, for one project; `loud` prints every command before it runs."""

    project: str
    loud: bool = False

    def words(self, command: str) -> list[str]:
        """Take a command apart as a shell does, and add whose it is."""
        return ["gcloud", *shlex.split(command), f"--project={self.project}"]

    def show(self, command: str) -> str:
        """Write a command as it can be typed."""
        return shlex.join(self.words(command))

    def ask(self, command: str) -> str:
        """Return what a command prints; NotThere, or Trouble with what gcloud says."""
        return self.secretly(command).decode(errors="replace").strip()

    def find(self, command: str) -> str:
        """Return what a command prints, and nothing where there is nothing of that name."""
        try:
            return self.ask(command)
        except NotThere:
            return ""

    def secretly(self, command: str, data: bytes = b"") -> bytes:
        """Run a command with bytes on its standard input, and return the bytes that it prints."""
        self._say(command)
        done = _run(self.words(command), data)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            kind = NotThere if MISSING.search(said) and not NOT_YET.search(said) else Trouble
            raise kind(f"this failed: {self.show(command)}\n{said}")
        return done.stdout

    def do(self, command: str) -> None:
        """Run a command that changes something, and let it speak; Trouble if it fails."""
        for tries_left in reversed(range(TRIES)):
            self._say(command)
            code, said = _aloud(self.words(command))
            if not code:
                return
            if not tries_left or not NOT_YET.search(said):
                raise Trouble(f"this failed: {self.show(command)}")
            print(f"not known everywhere yet: again in {PAUSE:g} s", file=sys.stderr)
            time.sleep(PAUSE)

    def _say(self, command: str) -> None:
        if self.loud:
            print(f"$ {self.show(command)}", flush=True)


def setting(name: str) -> str:
    """Return what gcloud is configured to use, and nothing if that is not set."""
    return _run(["gcloud", "config", "get", name]).stdout.decode().strip()


def _run(words: Sequence[str], data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(words, input=data, capture_output=True, env=_environment(), check=False)
    except FileNotFoundError:
        raise Trouble(INSTALL) from None


def _aloud(words: Sequence[str]) -> tuple[int, str]:
    """Run a command and show what it says while it says it: a build takes minutes. Its output nobody needs."""
    said = b""
    nothing = subprocess.DEVNULL
    try:
        with subprocess.Popen(
            words, stdin=nothing, stdout=nothing, stderr=subprocess.PIPE, env=_environment(), bufsize=0
        ) as process:
            assert process.stderr
            while chunk := process.stderr.read(65_536):
                said += chunk
                sys.stderr.write(chunk.decode(errors="replace"))
                sys.stderr.flush()
    except FileNotFoundError:
        raise Trouble(INSTALL) from None
    return process.returncode, said.decode(errors="replace")


def _environment() -> Mapping[str, str]:
    return os.environ | QUIETLY
