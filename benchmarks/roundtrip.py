"""What one request takes besides the queue's own round trip: nobody else is there."""

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import grpc
from google.pubsub_v1 import PublishRequest, PublishResponse

from functions.receiver import message, sources
from functions.receiver.places import Places
from functions.receiver.webhook import Webhook

from .client import elsewhere
from .effort import Effort
from .load import load
from .stage import EMPTY, OURS, TOPIC, Stage
from .table import Table, aim
from .turns import in_turns
from .webhook import PUSH

QUEUE = "the queue alone"
NAMES = [QUEUE, EMPTY, OURS]
MOST_MS = 1.5


def roundtrip(stage: Stage, effort: Effort) -> Table:
    """Send over one connection, in turns with publishing the same message without any function; medians."""
    with ExitStack() as stack:
        ports = {name: stack.enter_context(stage.function(name)).port for name in (EMPTY, OURS)}
        host, given = f"127.0.0.1:{stage.queue.port}", stage.folder / "sources.yaml"

        def p50(name: str) -> float:
            if name == QUEUE:
                return elsewhere(published, host, given, effort.seconds)
            return load(ports[name], 1, effort.seconds).p50

        in_turns(NAMES, 1, p50, "warm-up")
        times = in_turns(NAMES, effort.rounds, p50, "one connection")
    above = median(whole - part for whole, part in zip(times[OURS], times[QUEUE], strict=True))
    rows = [[name, median(own), above if name == OURS else None] for name, own in times.items()]
    remark = aim(f"at most {MOST_MS} ms above the queue's own round trip", above <= MOST_MS)
    headings = ["one connection", "p50 ms", "above the queue, ms"]
    return Table("One connection, beside the queue's own round trip", headings, ["", ".2f", ".2f"], rows, [remark])


def published(host: str, given: Path, seconds: int) -> float:
    """Publish what the receiver would, by gRPC alone, one message after another; the median in milliseconds."""
    source = sources.load(given)["github"]
    headers = {name.lower(): value for name, value in PUSH.headers.items()}
    written = message.write(Places(Webhook(PUSH.body, headers)), source)
    serialize, read = PublishRequest.pb().SerializeToString, PublishResponse.pb().FromString
    publish = grpc.insecure_channel(host).unary_unary("/google.pubsub.v1.Publisher/Publish", serialize, read)
    request = PublishRequest.pb()(topic=TOPIC, messages=[{"data": written.data, "attributes": written.attributes}])
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.perf_counter()
        publish(request, timeout=10)
        times.append((time.perf_counter() - begun) * 1e3)
    return median(times)
