"""What the harness's corpus takes for a receiver: all that it is given goes over HTTP, and all that it is asked, too.

It runs in the harness's Python. Nothing in here knows what a scenario wants.
"""

import json
import logging
import os
import time
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

THEIRS = import_module("reference_receivers.correct")
# Its check of what is logged reads this log, in which its flawed receiver writes; here is what our functions write.
LOG = logging.getLogger("reference_receivers.flawed.sensitive_logging")
LOG.addHandler(logging.NullHandler())
FOLDER, RECEIVER, OBSERVER = Path(os.environ["FOLDER"]), os.environ["RECEIVER"], os.environ["OBSERVER"]
OUTCOMES = {2: THEIRS.ReferenceOutcome.ACCEPTED, 4: THEIRS.ReferenceOutcome.REJECTED}
TYPES = {"inbox_state": "object", "order_state": "object"}
PATIENCE = 120  # seconds; a lease of the ledger is the longest that anything has to wait
begun: set[str] = set()
answers: list[int] = []


class Remote:
    """One scenario's view of receiver, queue and processor: a source of its own."""

    def __init__(self, *, database_path: Path, **_: Any) -> None:
        """Take up a scenario; for the second time in it, it stands for a receiver that was started again."""
        self._source = database_path.stem.lower()
        self._dies = False
        self._accepted = ""
        if self._source in begun:
            print(json.dumps({"do": "restart"}), flush=True)
            until((FOLDER / "restarted").exists)
            (FOLDER / "restarted").unlink()
        begun.add(self._source)

    def fail_next_after_effect(self) -> None:
        """Let the process that handles the next event be killed when it has done the work, before it can say so."""
        self._dies = True

    def handle(self, request: Any) -> Any:
        """Send it, as its sender would."""
        headers = dict(request.headers)
        if self._dies:
            (FOLDER / f"kill-{headers['x-webhook-id']}").touch()
        self._dies = False
        status, _ = post(f"{RECEIVER}/{self._source}", request.body, headers)
        answers.append(status)
        if status < 300:
            self._accepted = headers["x-webhook-id"]
        return THEIRS.ReferenceResponse(status, OUTCOMES.get(status // 100, THEIRS.ReferenceOutcome.UNAVAILABLE))

    def flush(self) -> None:
        """Wait until the processor has tried what was accepted last, and hand over what was logged meanwhile."""
        until(lambda: not self._accepted or f'"id": "{self._accepted}"' in written("output.log"))
        LOG.warning(written("receiver.log") + written("output.log"))

    def probe(self, request: Any) -> Any:
        """Ask the observer, again and again while what it is asked about may still change."""
        parameters = {"source": self._source, "event_ids": request.event_ids, "order_ids": request.order_ids}
        names = [name.value for name in request.evidence_names]
        queries = [{"key": key, "type": TYPES.get(key, "integer"), "parameters": parameters} for key in names]
        wish = {"request_id": "request_01J00000000000000000000000", "operation": "observe", "queries": queries}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {request.token}"}

        def answer() -> Any:
            status, body = post(f"{OBSERVER}/observe", json.dumps(wish).encode(), headers)
            assert status == 200, f"the observer answers {status}"
            found = json.loads(body)
            return None if found["status"] == "pending" else found

        told = until(answer)
        found = {item["key"]: item["value"] for item in told["evidence"]}
        return THEIRS.ReferenceProbeResponse(told["snapshot_id"], request.capabilities, found)


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Send a request; status and body of the answer."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request("POST", parts.path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def until(condition: Any) -> Any:
    """Wait for a condition to be true, and return its value."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, f"still not so after {PATIENCE} s"
        time.sleep(0.1)
    return value


def written(log: str) -> str:
    """All that a function has logged."""
    return (FOLDER / log).read_text()
