"""Whether every event that was answered 200 is in the queue."""

import time
from collections import Counter
from uuid import uuid4

from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import SubscriberClient

from .client import send_each
from .load import BenchmarkError
from .stage import OURS, TOPIC, Stage

SUBSCRIPTION = TOPIC.replace("topics", "subscriptions")
EVENTS, CONNECTIONS, PATIENCE = 500, 32, 10


def losses(stage: Stage) -> str:
    """Send events with ids of their own and look for them in the queue; a line, BenchmarkError unless all arrive."""
    subscriber = stage.subscriber()
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    with stage.function(OURS) as server:
        answers = send_each(server.port, CONNECTIONS, [str(uuid4()) for _ in range(EVENTS)])
    safe = {answer.delivery for answer in answers if answer.status == 200}
    found = queued(subscriber, safe)
    line = f"{EVENTS} sent, {len(safe)} answered 200, {len(found)} of these in the queue: lost {len(safe - found)}"
    if len(found) < EVENTS:
        others = Counter(answer.status for answer in answers if answer.status != 200)
        raise BenchmarkError(f"{line}; other answers by status (0: none): {dict(others)}")
    return line


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
