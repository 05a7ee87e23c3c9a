"""A body is gone with its request: many large ones would fill an instance before Python looks for garbage."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT, clean_environment, free_port

# Counts what is left of some requests while Python does not look for garbage by itself.
COUNT = """
import gc, hashlib, hmac, json, sys
from io import BytesIO
import flask
from functions.receiver import main
from functions.receiver.webhook import Webhook

KIND, REQUESTS, SECRET = sys.argv[1], 5, b"It's a Secret to Everybody"
if KIND != "failed":
    main.PUBLISHER.publish = lambda event, deadline: "1"

def send(number):
    body = b'{"n": %d}' % number
    given = body[:-1] if KIND == "cut off" else body
    signed = b"other" if KIND == "refused" else body
    signature = "sha256=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    path = "/nobody" if KIND == "nowhere" else "/github"
    main.receive(flask.Request({
        "REQUEST_METHOD": "POST", "PATH_INFO": path, "RAW_URI": path, "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(given), "HTTP_X_HUB_SIGNATURE_256": signature, "HTTP_X_GITHUB_EVENT": "push",
    }))

send(0)
gc.collect()
gc.disable()
for number in range(REQUESTS):
    send(number)
left = [kept for kept in gc.get_objects() if isinstance(kept, Webhook)]
print(json.dumps({"kept": len(left)}), file=sys.stderr)
"""


@pytest.mark.parametrize("kind", ["accepted", "refused", "cut off", "nowhere", "failed"])
def test_nothing_keeps_a_webhook_that_is_answered(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text("github: {provider: github, deadline: 0.5}\n")
    env = clean_environment() | {
        "TOPIC": "projects/p/topics/topic",
        "KEYS": "env",
        "KEY_GITHUB": "It's a Secret to Everybody",
        "SOURCES": str(file),
        "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{free_port()}",
    }
    run = subprocess.run(
        [sys.executable, "-c", COUNT, kind], check=True, cwd=ROOT, env=env, timeout=60, capture_output=True, text=True
    )
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [line["outcome"] for line in lines] == [{"cut off": "refused", "nowhere": "refused"}.get(kind, kind)] * 6
    assert json.loads(run.stderr.splitlines()[-1]) == {"kept": 0}
