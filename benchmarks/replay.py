"""What it takes to list and to replay many dead letters, on the queue of the local run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from google.pubsub_v1 import PublisherClient, PubsubMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from grpc import insecure_channel
from tabulate import tabulate

from tests.servers import ROOT, clean_environment, free_port, start

from .load import BenchmarkError
from .webhook import BODY

QUICK, FULL = (10, 100, 1_000), (10, 1_000, 100_000)
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


def replay(sizes: tuple[int, ...] = FULL) -> str:
    """Fill a queue with dead letters, list them, replay them all, and write a table with a line for each number."""
    rows = []
    with TemporaryDirectory() as folder, _queue(Path(folder)) as host:
        for size in sizes:
            _fill(host, f"bench-{size}", size)
            listed, _ = _measure(host, f"bench-{size}", f"{size} dead letter", "dead-letters")
            replayed, peak = _measure(host, f"bench-{size}", f"replayed {size}, left 0", "replay", "--rate=0")
            rows.append(
                (f"{size:,}", f"{listed:.2f}", f"{replayed:.2f}", f"{replayed / size * 1e6:,.0f}", f"{peak:.0f}")
            )
    headers = ["dead letters", "to list, s", "to replay, s", "µs for each", "peak memory, MiB"]
    return tabulate(rows, headers, disable_numparse=True, colalign=["right"] * len(headers))


@contextmanager
def _queue(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tools.broker", f"--port={port}", f"--data={folder}/queue.db"]
    server = start(command, port, folder / "queue.log", clean_environment())
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop()


def _fill(host: str, project: str, size: int) -> None:
    """Park so many pushes of 2 KB; the topic has a subscription, so that what is replayed is kept, too."""
    channel = insecure_channel(host)
    publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    for topic, subscription in (("webhooks", "webhooks-processor"), ("webhooks-dead", "webhooks-dead")):
        name = publisher.create_topic(name=f"projects/{project}/topics/{topic}").name
        wish = {"name": f"projects/{project}/subscriptions/{subscription}", "topic": name, "ack_deadline_seconds": 600}
        subscriber.create_subscription(wish)
    for first in range(0, size, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, size))
        letters = [PubsubMessage(data=BODY, attributes={**EVENT, **DEAD, "ce-id": str(n)}) for n in numbers]
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
