"""How Pub/Sub behaves: its limits, its backoff, the body of a push, what a dead letter carries."""

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import grpc
from google.pubsub_v1.types import PublishRequest, PubsubMessage, RetryPolicy, Subscription

# https://docs.cloud.google.com/pubsub/quotas#resource_limits
MAX_REQUEST = 10_000_000
MAX_MESSAGES = 1_000
MAX_ATTRIBUTES = 100
MAX_KEY = 256
MAX_VALUE = 1_024
MAX_ACK_DEADLINE = 600
# https://docs.cloud.google.com/pubsub/docs/push#receive_push
SUCCESS = frozenset({102, 200, 201, 202, 204})

NAME = r"projects/[^/]+/{}/(?!goog)[A-Za-z][\w.~+%-]{{2,254}}"
SOURCE = "CloudPubSubDeadLetterSource"


class RequestError(Exception):
    """A request that Pub/Sub would refuse, with the gRPC status it would give."""

    def __init__(self, status: grpc.StatusCode, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def require(fact: bool, rule: str) -> None:
    """Refuse the request as INVALID_ARGUMENT unless `fact` holds."""
    if not fact:
        raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, rule)


def check_name(kind: str, name: str) -> None:
    """Refuse a name that is not projects/PROJECT/KIND/ID."""
    require(re.fullmatch(NAME.format(kind), name, re.ASCII) is not None, f"not a name of {kind}: {name!r}")


def check_publish(request: PublishRequest) -> None:
    """Refuse what the real service refuses; Google's emulator lets most of it pass."""
    raw = PublishRequest.pb(request)
    require(raw.ByteSize() <= MAX_REQUEST, f"a request has at most {MAX_REQUEST} bytes, this one {raw.ByteSize()}")
    require(1 <= len(raw.messages) <= MAX_MESSAGES, f"a request has 1 to {MAX_MESSAGES} messages")
    for message in raw.messages:
        require(bool(message.data or message.attributes), "a message has data or at least one attribute")
        require(len(message.attributes) <= MAX_ATTRIBUTES, f"a message has at most {MAX_ATTRIBUTES} attributes")
        for key, value in message.attributes.items():
            require(1 <= len(key.encode()) <= MAX_KEY, f"the key of an attribute has 1 to {MAX_KEY} bytes: {key!r}")
            require(not key.startswith("goog"), f"the key of an attribute does not start with goog: {key!r}")
            require(len(value.encode()) <= MAX_VALUE, f"the value of {key!r} has more than {MAX_VALUE} bytes")


def check_endpoint(endpoint: str) -> None:
    """Refuse an endpoint that nothing can be pushed to."""
    require(re.fullmatch(r"https?://[!-.0-~][!-~]*", endpoint) is not None, f"not a push endpoint: {endpoint!r}")


def check_subscription(subscription: Subscription) -> None:
    """Refuse settings out of bounds; ack deadlines under Pub/Sub's 10 s are let pass, for tests."""
    check_name("subscriptions", subscription.name)
    deadline, attempts = subscription.ack_deadline_seconds, subscription.dead_letter_policy.max_delivery_attempts
    require(0 <= deadline <= MAX_ACK_DEADLINE, f"an ack deadline is at most {MAX_ACK_DEADLINE} seconds")
    if subscription.push_config.push_endpoint:
        check_endpoint(subscription.push_config.push_endpoint)
    if "dead_letter_policy" in subscription:
        check_name("topics", subscription.dead_letter_policy.dead_letter_topic)
        require(attempts == 0 or 5 <= attempts <= 100, "max_delivery_attempts is 5 to 100")


@dataclass(frozen=True)
class Backoff:
    """The wait before a message is tried again, in seconds; bounds given here win over a subscription's own."""

    minimum: float | None = None
    maximum: float | None = None

    def delay(self, subscription: Subscription, attempt: int) -> float:
        """Double the minimum with each failed attempt, up to the maximum."""
        low, high = 0.1, 60.0
        if "retry_policy" in subscription:
            low = max(low, seconds(subscription.retry_policy, "minimum_backoff", 10))
            high = seconds(subscription.retry_policy, "maximum_backoff", 600)
        elif not subscription.push_config.push_endpoint:
            low = high = 0.0  # whoever pulls may give back what another is to get: it is due at once
        low = low if self.minimum is None else self.minimum
        high = high if self.maximum is None else self.maximum
        return float(min(high, low * 2 ** min(attempt - 1, 30)))


def seconds(policy: RetryPolicy, bound: str, default: float) -> float:
    """Return a bound of the policy, which may be unset."""
    return float(getattr(policy, bound).total_seconds()) if bound in policy else default


def push_body(message: PubsubMessage, subscription: Subscription, attempt: int) -> bytes:
    """Wrap a message as a push does; what is empty is left out, as in Pub/Sub's JSON."""
    raw = PubsubMessage.pb(message)
    time = raw.publish_time.ToJsonString()
    wrapped: dict[str, Any] = {"messageId": raw.message_id, "message_id": raw.message_id}
    wrapped |= {"publishTime": time, "publish_time": time}
    if raw.data:
        wrapped["data"] = b64encode(raw.data).decode()
    if raw.attributes:
        wrapped["attributes"] = dict(raw.attributes)
    body: dict[str, Any] = {"message": wrapped, "subscription": subscription.name}
    if "dead_letter_policy" in subscription:
        body["deliveryAttempt"] = attempt
    return json.dumps(body).encode()


def dead_letter(message: PubsubMessage, subscription: Subscription, attempts: int) -> PubsubMessage:
    """Copy a message with the attributes that say where it came from, ready to be published."""
    _, project, _, name = subscription.name.split("/")
    published = PubsubMessage.pb(message).publish_time.ToDatetime(tzinfo=UTC)
    copy = PubsubMessage(data=message.data, attributes=message.attributes, ordering_key=message.ordering_key)
    copy.attributes[SOURCE + "DeliveryCount"] = str(attempts)
    copy.attributes[SOURCE + "Subscription"] = name
    copy.attributes[SOURCE + "SubscriptionProject"] = project
    copy.attributes[SOURCE + "TopicPublishTime"] = published.isoformat(timespec="milliseconds")
    return copy
