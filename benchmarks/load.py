"""Loads one function for a while: with wrk where it is installed, else with our own client."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from uuid import uuid4

from . import client
from .webhook import NUMBER, PUSH, Post

WRK = shutil.which("wrk")
SCRIPT = """
wrk.method = "POST"
wrk.body = io.open(%s, "rb"):read("*a")
wrk.headers = {%s}
function done(summary, latency)
  local e = summary.errors
  local failures = e.status + e.connect + e.read + e.write + e.timeout
  io.write(string.format('\\n{"rate": %%f, "p50": %%f, "p99": %%f, "failures": %%d}\\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failures))
end
"""
# As long as NUMBER, since the length of the body is announced.
NUMBERED = """
local first, last, sent = nil, nil, 0
function init()
  whole = wrk.format()
  first, last = whole:find(%s, 1, true)
end
function request()
  sent = sent + 1
  return whole:sub(1, first - 1) .. string.format("%s%%016d", sent) .. whole:sub(last + 1)
end
"""


@dataclass
class Load:
    """What one round measured: answers a second, the latency in milliseconds, and answers other than a success."""

    rate: float
    p50: float
    p99: float
    failures: int


class BenchmarkError(Exception):
    """A function did not answer every request with a success, so its figures mean nothing."""


def load(port: int, connections: int, seconds: int, post: Post = PUSH) -> Load:
    """Load a function for some seconds; BenchmarkError if an answer was missing or no success."""
    measured = unjudged(port, connections, seconds, post)
    if measured.failures or not measured.rate:
        raise BenchmarkError(f"{connections} connections: {measured}")
    return measured


def unjudged(port: int, connections: int, seconds: int, post: Post) -> Load:
    """Load a function for some seconds, whatever it answers."""
    return (with_wrk if WRK else with_client)(port, connections, seconds, post)


def with_wrk(port: int, connections: int, seconds: int, post: Post) -> Load:
    """Load a function with wrk, one thread for all connections."""
    with TemporaryDirectory() as folder:
        script, body = Path(folder, "post.lua"), Path(folder, "body")
        body.write_bytes(post.body)
        script.write_text(script_of(post, body))
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={client.PATIENCE}s", f"-s{script}"]
        command = ["wrk", *options, f"http://127.0.0.1:{port}{post.path}"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    return Load(**json.loads(printed.splitlines()[-1]))


def script_of(post: Post, body: Path) -> str:
    """Say in wrk's own language what to send."""
    headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in post.headers.items())
    script = SCRIPT % (json.dumps(str(body)), headers)
    if NUMBER.encode() in post.body:
        script += NUMBERED % (json.dumps(NUMBER), uuid4().hex[:16])
    return script


def with_client(port: int, connections: int, seconds: int, post: Post) -> Load:
    """Load a function with our own client."""
    answers = client.send_for(port, connections, seconds, post)
    cuts = quantiles([(answer.ended - answer.begun) * 1e3 for answer in answers], n=100)
    took = max(answer.ended for answer in answers) - min(answer.begun for answer in answers)
    failures = sum(not 200 <= answer.status < 300 for answer in answers)
    return Load(len(answers) / took, cuts[49], cuts[98], failures)
