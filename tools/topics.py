"""Makes the topics and the subscriptions of the local run, in the queue of PUBSUB_EMULATOR_HOST."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from google.api_core.exceptions import AlreadyExists, ServiceUnavailable
from google.api_core.retry import Retry, if_exception_type
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import (
    DeadLetterPolicy,
    PublisherClient,
    PushConfig,
    RetryPolicy,
    SubscriberClient,
    Subscription,
    Topic,
)

from . import local

UNTIL_IT_LISTENS = Retry(predicate=if_exception_type(ServiceUnavailable), initial=0.1, maximum=0.5, timeout=20)


def main(processor: str) -> None:
    """Make what is missing; the queue pushes to `processor` as the subscription in Google Cloud does."""
    publisher, subscriber = PublisherClient(), SubscriberClient()
    for topic in (local.TOPIC, local.DEAD_LETTER_TOPIC):
        _make(publisher.create_topic, Topic(name=topic))
    push = PushConfig(push_endpoint=processor)
    wanted = Subscription(
        name=local.SUBSCRIPTION,
        topic=local.TOPIC,
        push_config=push,
        ack_deadline_seconds=600,
        retry_policy=RetryPolicy(minimum_backoff=Duration(seconds=10), maximum_backoff=Duration(seconds=600)),
        dead_letter_policy=DeadLetterPolicy(
            dead_letter_topic=local.DEAD_LETTER_TOPIC,
            max_delivery_attempts=int(os.environ.get("MAX_ATTEMPTS", "5")),
        ),
    )
    _make(subscriber.create_subscription, wanted)
    dead = Subscription(name=local.DEAD_LETTERS, topic=local.DEAD_LETTER_TOPIC, ack_deadline_seconds=600)
    _make(subscriber.create_subscription, dead)
    # They may stand from another run, with other ports, or from an older version, with a short deadline.
    subscriber.modify_push_config(subscription=local.SUBSCRIPTION, push_config=push, timeout=5)
    mask = FieldMask(paths=["ack_deadline_seconds"])
    subscriber.update_subscription(subscription=dead, update_mask=mask, timeout=5)


def _make(create: Callable[..., Any], what: Topic | Subscription) -> None:
    with suppress(AlreadyExists):
        create(request=what, retry=UNTIL_IT_LISTENS, timeout=5)


if __name__ == "__main__":
    main(sys.argv[1])
