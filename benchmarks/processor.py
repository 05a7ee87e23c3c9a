"""How many events a second the processor takes, with each ledger, beside an empty function."""

import json
import shutil
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers import ROOT, Server, free_port, start_function

from .effort import Effort
from .ledger import firestore
from .load import BenchmarkError
from .rates import figures, loaded, warm
from .stage import EMPTY, Stage
from .table import Table
from .webhook import NUMBER, PUSH, Post

THREADS = CONNECTIONS = 16
HANDLER = """
from . import Event, on


@on("*")
def nothing(event: Event) -> None:
    pass
"""
EVENT = {
    "ce-specversion": "1.0",
    "ce-id": NUMBER,
    "ce-source": "/github",
    "ce-type": "github.push",
    "ce-time": "2026-03-01T12:34:56.789012Z",
    "content-type": "application/json",
}


def processor(stage: Stage, effort: Effort) -> Table:
    """Push events with ids of their own, in turns, to a processor whose one handler does nothing."""
    with ExitStack() as stack:
        host, _ = stack.enter_context(firestore(stage.folder))
        folder = prepared(stage.folder / "processor")
        ledgers = {
            "sqlite": {"LEDGER": f"sqlite:{stage.folder}/processor.db"},
            "firestore, Google's emulator": {"LEDGER": "firestore", "FIRESTORE_EMULATOR_HOST": host},
        }
        ours = {name: stack.enter_context(running(folder, **env)) for name, env in ledgers.items()}
        servers = {EMPTY: stack.enter_context(stage.function(EMPTY, THREADS=str(THREADS)))} | ours
        ports = {name: server.port for name, server in servers.items()}
        warm(ports, CONNECTIONS, effort, pushed())
        before = {name: len(server.lines) for name, server in ours.items()}
        loads = loaded(ports, CONNECTIONS, effort, pushed())
        for name, server in ours.items():
            check(server, before[name])
    rows = [[name, *figures(loads, name, [EMPTY])] for name in loads]
    headings = ["processor, by its ledger", "events/s", "of empty", "p50 ms", "p99 ms"]
    title = f"The processor, with {THREADS} threads and a handler that does nothing"
    return Table(title, headings, ["", ",.0f", ".2f", ".1f", ".1f"], rows)


def pushed() -> Post:
    """A push of Pub/Sub's with an event in it."""
    message = {"data": b64encode(PUSH.body).decode(), "attributes": EVENT, "messageId": "17"}
    body = {
        "message": message | {"publishTime": "2026-03-01T12:34:56.9Z"},
        "subscription": "projects/bench/subscriptions/p",
    }
    return Post("/", json.dumps(body).encode(), {"Content-Type": "application/json"})


def prepared(folder: Path) -> Path:
    """Copy the processor, with one handler that does nothing."""
    shutil.copytree(ROOT / "functions/processor", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for example in (folder / "handlers").glob("[!_]*.py"):
        example.unlink()
    (folder / "handlers/nothing.py").write_text(HANDLER)
    return folder


@contextmanager
def running(folder: Path, **env: str) -> Iterator[Server]:
    """Run the processor, as the platform does."""
    port = free_port()
    output = folder.parent / f"processor-{port}.log"
    server = start_function("processor", output, port, folder, THREADS=str(THREADS), PROJECT="bench", **env)
    try:
        yield server
    finally:
        server.stop()


def check(server: Server, before: int) -> None:
    """See that it did what was measured: BenchmarkError unless every event was processed, but those of the warm-up."""
    outcomes = Counter(line["outcome"] for line in server.lines[before:])
    if set(outcomes) != {"processed"}:
        raise BenchmarkError(f"the processor: {dict(outcomes)}")
