"""Whether every event that was answered 200 is in the queue."""

import time
from collections import Counter
from dataclasses import replace
from uuid import uuid4

from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import SubscriberClient

from .client import send_each
from .load import BenchmarkError
from .stage import OURS, TOPIC, Stage
from .table import Table
from .webhook import NUMBER, PUSH

SUBSCRIPTION = TOPIC.replace("topics", "subscriptions")
EVENTS, CONNECTIONS, PATIENCE = 500, 32, 10


def losses(stage: Stage) -> Table:
    """Send events with ids of their own and look for them in the queue; BenchmarkError unless all arrive."""
    subscriber = stage.subscriber()
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    post = replace(PUSH, headers=PUSH.headers | {"X-GitHub-Delivery": NUMBER})
    with stage.function(OURS) as server:
        answers = send_each(server.port, CONNECTIONS, post, [uuid4().hex for _ in range(EVENTS)])
    safe = {answer.number for answer in answers if answer.status == 200}
    found = queued(subscriber, safe)
    subscriber.delete_subscription(subscription=SUBSCRIPTION)
    row = [EVENTS, len(safe), len(found), len(safe - found)]
    if len(found) < EVENTS:
        others = Counter(answer.status for answer in answers if answer.status != 200)
        raise BenchmarkError(f"sent, safe, found, lost: {row}; other answers by status (0: none): {dict(others)}")
    return Table("Losses", ["sent", "answered 200", "of these in the queue", "lost"], ["d"] * 4, [row])


def queued(subscriber: SubscriberClient, wanted: set[str]) -> set[str]:
    """Pull until all wanted events were seen, or 10 s have passed; those of them that were."""
    seen: set[str] = set()
    end = time.monotonic() + PATIENCE
    while not wanted <= seen and time.monotonic() < end:
        seen.update(pull(subscriber))
    return wanted & seen


def pull(subscriber: SubscriberClient) -> list[str]:
    """Take up to 1,000 messages off the queue; the ids of their events."""
    try:
        received = subscriber.pull(subscription=SUBSCRIPTION, max_messages=1000, timeout=2).received_messages
    except DeadlineExceeded:  # nothing is waiting
        return []
    if received:
        subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[each.ack_id for each in received])
    return [each.message.attributes["ce-id"] for each in received]
