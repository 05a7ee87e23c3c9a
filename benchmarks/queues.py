"""How fast the queue of the local run takes messages and pushes them, beside Google's emulator."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

from google.pubsub_v1 import PublisherClient, PubsubMessage, Subscription
from google.pubsub_v1.types import PushConfig

from tests.servers import Server, clean_environment, free_port, start, until

from .effort import Effort
from .stage import COUNTING, Stage, publisher_of, subscriber_of
from .table import Cell, Table
from .turns import in_turns, ratio
from .webhook import PUSH

EMBEDDED, GOOGLES = "the embedded queue", "Google's emulator"
ATTRIBUTES = {"ce-specversion": "1.0", "ce-source": "/github", "ce-type": "github.push", "ce-id": "1"}
CALLERS, TOGETHER, PATIENCE = 16, 100, 120
Measure = Callable[[str], float]


def queues(stage: Stage, effort: Effort) -> Table:
    """Publish so many messages to each queue, and let it push as many to an empty function, in turns; medians."""
    with ExitStack() as stack:
        counter = stack.enter_context(stage.function(COUNTING))
        embedded = stack.enter_context(embedded_queue(stage.folder / "embedded"))
        hosts = {EMBEDDED: f"127.0.0.1:{embedded.port}", GOOGLES: f"127.0.0.1:{stage.queue.port}"}
        some, many = effort.messages, effort.messages * 5
        rows = [
            row("published, 1 a call", effort, lambda name: published(hosts[name], some, 1)),
            row(f"published, {TOGETHER} a call", effort, lambda name: published(hosts[name], many, TOGETHER)),
            row("pushed to an empty function", effort, lambda name: pushed(hosts[name], some, counter)),
        ]
    headings = ["messages of 2 KB, a second", EMBEDDED, GOOGLES, "of Google's"]
    remark = f"One client in Python with {CALLERS} callers asks both, and there is a subscription that keeps it all."
    return Table("The queue of the local run", headings, ["", ",.0f", ",.0f", ".2f"], rows, [remark])


def row(what: str, effort: Effort, measure: Measure) -> list[Cell]:
    """Measure both queues in turns, after a first round that does not count."""
    in_turns([EMBEDDED, GOOGLES], 1, measure, f"{what}, warm-up")
    rates = in_turns([EMBEDDED, GOOGLES], effort.rounds, measure, what)
    return [what, *(median(own) for own in rates.values()), ratio(rates[EMBEDDED], rates[GOOGLES])]


def published(host: str, messages: int, together: int) -> float:
    """Publish messages that are kept; how many a second."""
    return messages / publish(host, subscribed(host), messages, together)


def pushed(host: str, messages: int, counter: Server) -> float:
    """Publish messages that are pushed; how many a second arrive."""
    topic, before, begun = subscribed(host, counter.url), counter.output.stat().st_size, time.perf_counter()
    publish(host, topic, messages, TOGETHER)
    until(lambda: counter.output.stat().st_size >= before + messages, PATIENCE)
    return messages / (time.perf_counter() - begun)


def subscribed(host: str, endpoint: str = "") -> str:
    """Make a topic with a subscription, which pushes if there is an endpoint."""
    name = f"queue-{uuid4().hex}"
    topic = publisher_of(host).create_topic(name=f"projects/bench/topics/{name}").name
    wish = Subscription(
        name=f"projects/bench/subscriptions/{name}",
        topic=topic,
        push_config=PushConfig(push_endpoint=endpoint),
        ack_deadline_seconds=600,
    )
    subscriber_of(host).create_subscription(wish)
    return str(topic)


def publish(host: str, topic: str, messages: int, together: int) -> float:
    """Publish so many messages, so many in each call; the seconds it took."""
    client: PublisherClient = publisher_of(host)
    batch = [PubsubMessage(data=PUSH.body, attributes=ATTRIBUTES) for _ in range(together)]
    with ThreadPoolExecutor(CALLERS) as pool:
        begun = time.perf_counter()
        calls = [
            pool.submit(client.publish, topic=topic, messages=batch, retry=None, timeout=60)
            for _ in range(messages // together)
        ]
        for call in calls:
            call.result()
        return time.perf_counter() - begun


@contextmanager
def embedded_queue(folder: Path) -> Iterator[Server]:
    """Run the queue of the local run, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "tools.broker", f"--port={port}", f"--data={folder}/queue.db"]
    folder.mkdir()
    server = start(command, port, folder / "queue.log", clean_environment())
    try:
        yield server
    finally:
        server.stop()
