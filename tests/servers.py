"""Real servers for the tests: the two functions as the platform runs them, and the queues they talk to."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

ROOT = Path(__file__).parent.parent
PUBSUB = "platform/pubsub-emulator/bin/cloud-pubsub-emulator"
FIRESTORE = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
FIRESTORE_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody on this machine takes connections on a port."""
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], Any], seconds: float = 10, every: float = 0.02) -> Any:
    """Wait for a condition to be true, and return its value; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"still not so after {seconds} s"
        time.sleep(every)
    return value


@dataclass
class Server:
    """A process that listens on 127.0.0.1, with everything it printed in a file."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines it has logged so far."""
        return [json.loads(line) for line in self.output.read_text().splitlines() if line.startswith("{")]

    def children(self) -> list[int]:
        """Process ids of its workers."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout
        return [int(pid) for pid in found.split()]

    def kill(self) -> None:
        """Kill -9, workers included; the master first, who would start another worker."""
        workers = self.children()
        self.process.kill()
        self.process.wait()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not listens(self.port))  # a process with many threads takes a while to be gone

    def stop(self) -> None:
        """Ask it to end, and insist after 10 s."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


def start(command: list[str], port: int, output: Path, env: dict[str, str], seconds: float = 30) -> Server:
    """Start a command and wait until its port answers; its whole output is in the error if it does not."""
    with output.open("ab") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=env, cwd=ROOT)
    server = Server(process, port, output)

    def listening() -> bool:
        assert process.poll() is None, f"{command} ended with {process.returncode}:\n{output.read_text()}"
        return listens(port)

    try:
        until(listening, seconds, 0.05)
    except BaseException:
        server.stop()
        raise
    return server


def clean_environment(**more: str) -> dict[str, str]:
    """The environment of this process without what belongs to the functions, and with `more`."""
    ours = ("KEY_", "TOKEN_", "PUBSUB_", "FIRESTORE_", "FUNCTION_", "MAX_")
    names = ("SOURCES", "KEYS", "TOPIC", "LEDGER", "PROJECT", "THREADS", "PORT", "LOG_LEVEL", "DEAD_LETTER_TOPIC")
    env = {k: v for k, v in os.environ.items() if not k.startswith(ours) and k not in names}
    return env | more


def start_function(name: str, output: Path, port: int | None = None, folder: Path | None = None, **env: str) -> Server:
    """Start a function as the platform does: functions-framework, gunicorn, one worker."""
    port = port or free_port()
    source = (folder or ROOT / "functions" / name) / "main.py"
    target = {"receiver": "receive", "processor": "process"}[name]
    command = [sys.executable, "-m", "functions_framework", "--target", target, "--source", str(source)]
    env = {"THREADS": "16"} | env
    return start([*command, "--host", "127.0.0.1", "--port", str(port)], port, output, clean_environment(**env))


def emulator_program(part: str = PUBSUB) -> Path | None:
    """A program of the Google Cloud CLI, where it is installed with it: Google's Pub/Sub emulator, or Firestore's."""
    gcloud = shutil.which("gcloud")
    places = [Path(gcloud).resolve().parent.parent] if gcloud else []
    for sdk in [*places, Path("/usr/lib/google-cloud-sdk")]:
        if (sdk / part).exists() and shutil.which("java"):
            return sdk / part
    return None


def require_emulator(part: str = PUBSUB) -> None:
    """Skip the test where an emulator of Google's is not installed; fail it where REQUIRE_EMULATORS is set."""
    if emulator_program(part) is None:
        name = "pubsub-emulator" if part == PUBSUB else "cloud-firestore-emulator"
        reason = f"an emulator of Google's is not installed (gcloud components install {name}, and Java)"
        (pytest.fail if os.environ.get("REQUIRE_EMULATORS") else pytest.skip)(reason)


def start_emulator(output: Path, port: int | None = None) -> Server:
    """Start Google's Pub/Sub emulator itself (its gcloud command would leave the program behind)."""
    port = port or free_port()
    program = emulator_program()
    assert program, "Google's Pub/Sub emulator is not installed"
    env = clean_environment()
    return start([str(program), "--host=127.0.0.1", f"--port={port}"], port, output, env)


def start_firestore(output: Path, port: int | None = None) -> Server:
    """Start Google's Firestore emulator itself, and wait for its first slow answer; it keeps everything in memory."""
    port = port or free_port()
    program = emulator_program(FIRESTORE)
    assert program, "Google's Firestore emulator is not installed"
    java = ["java", "-Duser.language=en", "-cp", str(program), FIRESTORE_CLASS]
    server = start([*java, "--host=127.0.0.1", f"--port={port}"], port, output, clean_environment())
    database = "projects/warm-up/databases/(default)"
    document = f"{database}/documents/warm/up"
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        client = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
        client.commit({"database": database, "writes": [{"update": {"name": document}}]}, timeout=30)
        list(client.batch_get_documents({"database": database, "documents": [document]}, timeout=30))
    return server
