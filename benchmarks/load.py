"""Loads one function for a while: with wrk where it is installed, else with our own client."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from . import client
from .webhook import BODY, HEADERS, PATH

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


@dataclass
class Load:
    """What one round measured: answers a second, the latency in milliseconds, and answers other than a success."""

    rate: float
    p50: float
    p99: float
    failures: int


class BenchmarkError(Exception):
    """A function did not answer every request with a success, so its figures mean nothing."""


def generator() -> str:
    """Name what makes the load."""
    return "wrk" if WRK else "Python threads with http.client (wrk is not installed)"


def load(port: int, connections: int, seconds: int) -> Load:
    """Load a function for some seconds; BenchmarkError if an answer was missing or no success."""
    measured = (with_wrk if WRK else with_client)(port, connections, seconds)
    if measured.failures or not measured.rate:
        raise BenchmarkError(f"{connections} connections: {measured}")
    return measured


def with_wrk(port: int, connections: int, seconds: int) -> Load:
    """Load a function with wrk, one thread for all connections."""
    with TemporaryDirectory() as folder:
        script, body = Path(folder, "push.lua"), Path(folder, "push.json")
        body.write_bytes(BODY)
        headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in HEADERS.items())
        script.write_text(SCRIPT % (json.dumps(str(body)), headers))
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={client.PATIENCE}s", f"-s{script}"]
        command = ["wrk", *options, f"http://127.0.0.1:{port}{PATH}"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    return Load(**json.loads(printed.splitlines()[-1]))


def with_client(port: int, connections: int, seconds: int) -> Load:
    """Load a function with our own client."""
    answers = client.send_for(port, connections, seconds)
    cuts = quantiles([(answer.ended - answer.begun) * 1e3 for answer in answers], n=100)
    took = max(answer.ended for answer in answers) - min(answer.begun for answer in answers)
    failures = sum(not 200 <= answer.status < 300 for answer in answers)
    return Load(len(answers) / took, cuts[49], cuts[98], failures)
