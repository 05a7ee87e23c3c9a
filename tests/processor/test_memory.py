"""An event is gone with its delivery: large ones that come again would fill an instance before Python looks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT, clean_environment

# Counts what is left of some deliveries while Python does not look for garbage by itself.
COUNT = """
import gc, json, sys
from werkzeug.test import EnvironBuilder
from flask import Request
from functions.processor import main
from functions.processor.errors import GiveUp
from functions.processor.event import Event
from functions.processor.router import on
from tests.processor.pushes import push

KIND = sys.argv[1]
main.DEAD_LETTERS.park = lambda *_: None

@on("kept.*")
def handle(event):
    if KIND == "given up":
        raise GiveUp("no use")
    assert KIND == "processed"

def deliver(number):
    given = push(**{"ce-id": str(number), "ce-type": "kept.event"})
    if KIND == "malformed":
        del given["message"]
    return main.process(Request(EnvironBuilder(method="POST", json=given).get_environ())).status_code

deliver(0)
gc.collect()
gc.disable()
statuses = [deliver(number) for number in range(1, 6)]
left = [kept for kept in gc.get_objects() if isinstance(kept, Event)]
print(json.dumps([statuses, len(left)]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("kind", "status"), [("processed", 204), ("given up", 204), ("retry", 503), ("malformed", 400)]
)
def test_nothing_keeps_an_event_that_is_answered(kind: str, status: int, tmp_path: Path) -> None:
    env = clean_environment() | {
        "LEDGER": f"sqlite:{tmp_path}/ledger.db",
        "DEAD_LETTER_TOPIC": "projects/p/topics/dead",
    }
    run = subprocess.run(
        [sys.executable, "-c", COUNT, kind], check=True, cwd=ROOT, env=env, timeout=60, capture_output=True, text=True
    )
    assert json.loads(run.stderr.splitlines()[-1]) == [[status] * 5, 0]
