"""Pub/Sub's gRPC services, Publisher and Subscriber, on top of the queue's store."""

import re
import time
from collections.abc import Callable
from typing import Any

import grpc
from google.pubsub_v1 import types

from tools.queue.push import Pusher
from tools.queue.rules import (
    MAX_ACK_DEADLINE,
    MAX_MESSAGES,
    RequestError,
    check_endpoint,
    check_name,
    check_publish,
    check_subscription,
    require,
)
from tools.queue.store import Copy, Held, Store

# An empty pull waits for a message this long, in seconds, and leaves its client time to read the answer.
PULL_WAIT = 1.0
PULL_MARGIN = 0.2


class Publisher:
    """google.pubsub.v1.Publisher, as far as the project needs it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create_topic(self, topic: types.Topic, _: grpc.ServicerContext) -> types.Topic:
        """Make a topic."""
        check_name("topics", topic.name)
        self._store.create_topic(topic)
        return topic

    def get_topic(self, request: types.GetTopicRequest, _: grpc.ServicerContext) -> types.Topic:
        """Return a topic."""
        return self._store.topic(request.topic)

    def publish(self, request: types.PublishRequest, _: grpc.ServicerContext) -> types.PublishResponse:
        """Keep messages, and answer with their ids once they are on disk."""
        check_publish(request)
        return types.PublishResponse(message_ids=self._store.publish(request.topic, request.messages))


class Subscriber:
    """google.pubsub.v1.Subscriber, as far as the project needs it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        for name in store.pushing():
            Pusher(store, name).start()

    def create_subscription(self, wish: types.Subscription, _: grpc.ServicerContext) -> types.Subscription:
        """Make a subscription, and push from now on if it has an endpoint."""
        check_subscription(wish)
        wish.ack_deadline_seconds = wish.ack_deadline_seconds or 10
        if "dead_letter_policy" in wish:
            wish.dead_letter_policy.max_delivery_attempts = wish.dead_letter_policy.max_delivery_attempts or 5
        self._store.create_subscription(wish)
        if wish.push_config.push_endpoint:
            Pusher(self._store, wish.name).start()
        return wish

    def get_subscription(self, request: types.GetSubscriptionRequest, _: grpc.ServicerContext) -> types.Subscription:
        """Return a subscription."""
        return self._store.subscription(request.subscription)

    def update_subscription(
        self, request: types.UpdateSubscriptionRequest, _: grpc.ServicerContext
    ) -> types.Subscription:
        """Change an ack deadline, which is all that the project ever changes so."""
        require(list(request.update_mask.paths) == ["ack_deadline_seconds"], "only ack_deadline_seconds can be changed")
        check_subscription(request.subscription)
        return self._store.lease_for(request.subscription.name, request.subscription.ack_deadline_seconds or 10)

    def modify_push_config(self, request: types.ModifyPushConfigRequest, _: grpc.ServicerContext) -> None:
        """Point a push subscription to another endpoint."""
        check_endpoint(request.push_config.push_endpoint)
        pushes = self._store.subscription(request.subscription).push_config.push_endpoint
        require(bool(pushes), "a pull subscription stays one")
        self._store.push_to(request.subscription, request.push_config.push_endpoint)

    def pull(self, request: types.PullRequest, context: grpc.ServicerContext) -> types.PullResponse:
        """Lease messages; while there is none, wait a little, unless told not to."""
        require(request.max_messages > 0, "max_messages is at least 1")
        if self._store.subscription(request.subscription).push_config.push_endpoint:
            raise RequestError(grpc.StatusCode.FAILED_PRECONDITION, "a push subscription is not pulled")
        patience = 0.0 if request.return_immediately else PULL_WAIT
        end = time.monotonic() + min(patience, (context.time_remaining() or PULL_WAIT + PULL_MARGIN) - PULL_MARGIN)
        wake = self._store.wake(request.subscription)
        while True:
            wake.clear()
            lease = self._store.lease(request.subscription, min(request.max_messages, MAX_MESSAGES))
            left = end - time.monotonic()
            if lease.copies or left <= 0 or not context.is_active():
                counted = "dead_letter_policy" in lease.subscription
                return types.PullResponse(received_messages=[received(copy, counted) for copy in lease.copies])
            wake.wait(left if lease.wait is None else min(left, lease.wait))

    def acknowledge(self, request: types.AcknowledgeRequest, _: grpc.ServicerContext) -> None:
        """Forget messages."""
        self._store.subscription(request.subscription)
        self._store.acknowledge(request.subscription, [leased(ack_id) for ack_id in request.ack_ids])

    def modify_ack_deadline(self, request: types.ModifyAckDeadlineRequest, _: grpc.ServicerContext) -> None:
        """Lengthen leases, or give messages back with 0."""
        seconds = request.ack_deadline_seconds
        require(0 <= seconds <= MAX_ACK_DEADLINE, f"an ack deadline is at most {MAX_ACK_DEADLINE} seconds")
        self._store.subscription(request.subscription)
        self._store.extend(request.subscription, [leased(ack_id) for ack_id in request.ack_ids], seconds)


def received(copy: Copy, counted: bool) -> types.ReceivedMessage:
    """Describe a leased copy; its delivery attempt is 0 unless they are counted for a dead-letter policy."""
    attempt = copy.attempt if counted else 0
    return types.ReceivedMessage(ack_id=f"{copy.number}-{copy.attempt}", message=copy.message, delivery_attempt=attempt)


def leased(ack_id: str) -> Held:
    """Read the id and the attempt of a copy back from its ack id."""
    found = re.fullmatch(r"(\d{1,18})-(\d{1,9})", ack_id, re.ASCII)
    if not found:
        raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, f"not an ack id: {ack_id!r}")
    return int(found[1]), int(found[2])


def services(store: Store) -> list[grpc.GenericRpcHandler]:
    """Return both services for a gRPC server; a method that is not here answers UNIMPLEMENTED."""
    publisher, subscriber = Publisher(store), Subscriber(store)
    return [
        service(
            "google.pubsub.v1.Publisher",
            CreateTopic=(types.Topic, publisher.create_topic),
            GetTopic=(types.GetTopicRequest, publisher.get_topic),
            Publish=(types.PublishRequest, publisher.publish),
        ),
        service(
            "google.pubsub.v1.Subscriber",
            CreateSubscription=(types.Subscription, subscriber.create_subscription),
            GetSubscription=(types.GetSubscriptionRequest, subscriber.get_subscription),
            UpdateSubscription=(types.UpdateSubscriptionRequest, subscriber.update_subscription),
            ModifyPushConfig=(types.ModifyPushConfigRequest, subscriber.modify_push_config),
            Pull=(types.PullRequest, subscriber.pull),
            Acknowledge=(types.AcknowledgeRequest, subscriber.acknowledge),
            ModifyAckDeadline=(types.ModifyAckDeadlineRequest, subscriber.modify_ack_deadline),
        ),
    ]


def service(name: str, **methods: tuple[Any, Callable[..., Any]]) -> grpc.GenericRpcHandler:
    """Describe a gRPC service by the request type and the function of each of its methods."""
    handlers = {
        method: grpc.unary_unary_rpc_method_handler(answering(function), kind.deserialize, serialize)
        for method, (kind, function) in methods.items()
    }
    return grpc.method_handlers_generic_handler(name, handlers)


def serialize(answer: Any) -> bytes:
    """Write an answer for the wire; None is google.protobuf.Empty."""
    return b"" if answer is None else type(answer).serialize(answer)


def answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method so that what it refuses becomes a gRPC status."""

    def call(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return function(request, context)
        except RequestError as error:
            return context.abort(error.status, str(error))

    return call
