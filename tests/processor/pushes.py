"""Pushes as Pub/Sub makes them, and a processor with handlers of the test's own."""

import json
import shutil
from base64 import b64encode
from pathlib import Path
from typing import Any

import requests

from tests.servers import ROOT, Server, free_port, start_function

CONTRACT = json.loads((ROOT / "tests/contract/push-v1.json").read_text())
ATTRIBUTES = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/shop",
    "ce-type": "shop.order",
    "ce-time": "2026-03-01T12:34:56.789012Z",
}


def push(data: bytes | None = b"{}", attempt: int | None = None, **attributes: str) -> dict[str, Any]:
    """A wrapped push; `ce_id="2"` sets the attribute ce-id."""
    given = {name.replace("_", "-"): value for name, value in attributes.items()}
    message: dict[str, Any] = {
        "attributes": ATTRIBUTES | given,
        "messageId": "17",
        "publishTime": "2026-03-01T12:34:56.9Z",
    }
    if data is not None:
        message["data"] = b64encode(data).decode()
    more = {} if attempt is None else {"deliveryAttempt": attempt}
    return {"message": message, "subscription": "projects/demo/subscriptions/webhooks-processor", **more}


def start_processor(folder: Path, handlers: str, **env: str) -> Server:
    """Start a copy of the processor in `folder`, with one file of handlers; they find the folder in `EFFECTS`."""
    copy = folder / "processor"
    shutil.copytree(ROOT / "functions/processor", copy, ignore=shutil.ignore_patterns("__pycache__"))
    for example in (copy / "handlers").glob("[!_]*.py"):
        example.unlink()
    (copy / "handlers/shop.py").write_text(handlers)
    env = {"LEDGER": f"sqlite:{folder}/ledger.db", "EFFECTS": str(folder)} | env
    return start_function("processor", folder / "output.log", free_port(), copy, **env)


def deliver(server: Server, body: dict[str, Any] | bytes, **more: Any) -> requests.Response:
    """Post a push as Pub/Sub does."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | more.pop("headers", {})
    return requests.post(server.url, data=data, headers=headers, timeout=20, **more)
