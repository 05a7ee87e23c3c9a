"""Runs the queue and both functions on this machine, in one terminal, until Ctrl-C."""

import os
import shlex
import socket
import sys
import threading
import time
from pathlib import Path

from honcho.manager import Manager

from functions.receiver.errors import Misconfigured
from functions.receiver.sources import load

from . import local

HOST = "127.0.0.1"
PORT = int(os.environ.get("PORT", "8080"))
PROCESSOR_PORT = int(os.environ.get("PROCESSOR_PORT", "8081"))
QUEUE_PORT = int(os.environ.get("QUEUE_PORT", "8082"))
URL = f"http://{HOST}:{PORT}"
PYTHON = shlex.quote(sys.executable)


def main() -> int:
    """Start all, say when they are ready, stop all."""
    queue = os.environ.get("PUBSUB_EMULATOR_HOST")
    for port in [PORT, PROCESSOR_PORT] + ([] if queue else [QUEUE_PORT]):
        if _listens(port):
            sys.exit(f"port {port} is taken: stop what listens there, or choose PORT=, PROCESSOR_PORT= or QUEUE_PORT=")
    try:
        file = local.sources_file(URL)
        sources = load(file)
    except Misconfigured as error:
        sys.exit(f"surehook can't start: {error}")
    keys = local.DemoKeys()
    keys.make(sources)
    env = _environment(queue or f"{HOST}:{QUEUE_PORT}")
    manager = Manager()
    if not queue:
        data = shlex.quote(str(local.FOLDER / "queue.db"))
        manager.add_process(
            "queue", _kept_alive(f"{PYTHON} -m tools.broker --port {QUEUE_PORT} --data {data}"), env=env
        )
    manager.add_process("processor", _function("processor", "process", PROCESSOR_PORT), env=env | _processor())
    receiver = {"TOPIC": local.TOPIC, "KEYS": "env", "SOURCES": str(file.resolve())} | keys.for_receiver()
    topics = f"{PYTHON} -m tools.topics http://{HOST}:{PROCESSOR_PORT}"
    manager.add_process("receiver", f"{topics} && {_function('receiver', 'receive', PORT)}", env=env | receiver)
    threading.Thread(target=_say_when_ready, daemon=True).start()
    manager.loop()
    return int(manager.returncode or 0) if manager.returncode != 130 else 0  # 130 is Ctrl-C, as it should end


def _environment(queue: str) -> dict[str, str]:
    yours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KEY_", "TOKEN_", "PUBLISHED_", "FUNCTION_"))
    }
    return yours | {"PUBSUB_EMULATOR_HOST": queue, "PROJECT": local.PROJECT, "THREADS": "16", "PYTHONPATH": "."}


def _processor() -> dict[str, str]:
    ledger = (local.FOLDER / "ledger.db").resolve()
    attempts = os.environ.get("MAX_ATTEMPTS", "5")
    return {"LEDGER": f"sqlite:{ledger}", "DEAD_LETTER_TOPIC": local.DEAD_LETTER_TOPIC, "MAX_ATTEMPTS": attempts}


def _function(name: str, target: str, port: int) -> str:
    source = shlex.quote(str(Path("functions") / name / "main.py"))
    return _kept_alive(
        f"{PYTHON} -m functions_framework --target {target} --source {source} --host {HOST} --port {port}"
    )


def _kept_alive(command: str) -> str:
    """Start it again when it is killed, as the platform does; an error of its own (a wrong file, say) ends the run."""
    again = "echo ended: starting it again; sleep 1"
    return f"{{ while :; do {command}; code=$?; [ $code -gt 0 ] && [ $code -lt 128 ] && exit $code; {again}; done; }}"


def _listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex((HOST, port)) == 0


def _say_when_ready() -> None:
    while not (_listens(PORT) and _listens(PROCESSOR_PORT)):
        time.sleep(0.1)
    print(f"ready {URL}", "now type, in another terminal: make send SOURCE=github EVENT=push", sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
