"""What it takes to list and to replay many dead letters, on the queue of the local run."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from google.pubsub_v1 import PubsubMessage

from tests.servers import ROOT

from .effort import Effort
from .load import BenchmarkError
from .queues import embedded_queue
from .stage import publisher_of, subscriber_of
from .table import Cell, Table
from .webhook import PUSH

AT_ONCE = 1_000
EVENT = {"ce-specversion": "1.0", "ce-source": "/github", "ce-type": "github.push", "content-type": "application/json"}
DEAD = {"ce-deadreason": "last-attempt", "ce-deaderror": "ConnectionError", "ce-deadattempts": "5"}
# The peak is Linux's for this program alone: getrusage would count its parent's.
MEASURED = """
import sys, time
from tools import dead_letters, replay
began = time.monotonic()
{"dead-letters": dead_letters, "replay": replay}[sys.argv.pop(1)].main()
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.monotonic() - began, int(peak) / 1024)
"""


def replay(effort: Effort) -> Table:
    """Fill a queue with dead letters, list them, and replay them all; a line for each number."""
    rows: list[list[Cell]] = []
    with TemporaryDirectory() as folder, embedded_queue(Path(folder, "queue")) as queue:
        host = f"127.0.0.1:{queue.port}"
        for size in effort.letters:
            _fill(host, f"bench-{size}", size)
            listed, _ = _measure(host, f"bench-{size}", f"{size} dead letter", "dead-letters")
            replayed, peak = _measure(host, f"bench-{size}", f"replayed {size}, left 0", "replay", "--rate=0")
            rows.append([size, listed, replayed, replayed / size * 1e6, peak])
    headings = ["dead letters", "to list, s", "to replay, s", "µs for each", "peak memory, MiB"]
    title = "What it takes to list and replay dead letters, with the queue of the local run"
    return Table(title, headings, [",d", ".2f", ".2f", ",.0f", ".0f"], rows)


def _fill(host: str, project: str, size: int) -> None:
    """Park so many pushes of 2 KB; the topic has a subscription, so that what is replayed is kept, too."""
    publisher, subscriber = publisher_of(host), subscriber_of(host)
    for topic, subscription in (("webhooks", "webhooks-processor"), ("webhooks-dead", "webhooks-dead")):
        name = publisher.create_topic(name=f"projects/{project}/topics/{topic}").name
        wish = {"name": f"projects/{project}/subscriptions/{subscription}", "topic": name, "ack_deadline_seconds": 600}
        subscriber.create_subscription(wish)
    for first in range(0, size, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, size))
        letters = [PubsubMessage(data=PUSH.body, attributes={**EVENT, **DEAD, "ce-id": str(n)}) for n in numbers]
        publisher.publish(topic=name, messages=letters, retry=None, timeout=60)


def _measure(host: str, project: str, expected: str, *command: str) -> tuple[float, float]:
    """Run a command in a process of its own: its seconds, without the start of Python, and its peak in MiB."""
    line = [sys.executable, "-c", MEASURED, *command, "--project", project]
    env = os.environ | {"PUBSUB_EMULATOR_HOST": host}
    ended = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if expected not in ended.stdout:
        raise BenchmarkError(f"{' '.join(command)} of {project}: {ended.stdout}{ended.stderr}")
    seconds, peak = ended.stdout.split()[-2:]
    return float(seconds), float(peak)
