"""Pub/Sub as the tools need it: the local run's queue or a project in Google Cloud, and one sentence for what fails."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from google.api_core.exceptions import (
    Aborted,
    GoogleAPICallError,
    InternalServerError,
    NotFound,
    PermissionDenied,
    RetryError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthenticated,
    Unknown,
)
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import PublisherClient, PubsubMessage, PullResponse, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from grpc import insecure_channel

from . import local
from .letters import printable

# A pull that runs into its timeout is not tried again: what it was bringing is leased, and comes back by itself.
PASSING = if_exception_type(Aborted, InternalServerError, ServiceUnavailable, TooManyRequests, Unknown)
PATIENCE, TIMEOUT = 15.0, 60.0
# A queue of this machine gives in one answer more than gRPC's 4 MiB; one that was started again is found at once.
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_reconnect_backoff_ms", 500)]
NO_CREDENTIALS = "no credentials for Google Cloud: run `gcloud auth application-default login`"


class Trouble(Exception):
    """What keeps a command from its work, in one sentence."""


class PubSub:
    """The dead letters of a project, and the topic that they came from."""

    def __init__(self, project: str | None) -> None:
        self.project = project or local.PROJECT
        self.topic, self.dead_letters = self._own(local.TOPIC), self._own(local.DEAD_LETTERS)
        given = os.environ.get("PUBSUB_EMULATOR_HOST")
        host = given or ("" if project else f"127.0.0.1:{os.environ.get('QUEUE_PORT', '8082')}")
        if host and not _listens(host):
            hint = "(PUBSUB_EMULATOR_HOST)" if given else "- is `make run` running? (in Google Cloud: PROJECT=its-id)"
            raise Trouble(f"nothing listens at {host} {hint}")
        self.local, self.where = bool(host), host or "pubsub.googleapis.com"
        try:
            self._publisher, self._subscriber = _clients(host)
        except GoogleAuthError as error:
            raise Trouble(f"{NO_CREDENTIALS} ({printable(str(error))})") from error

    def _own(self, name: str) -> str:
        _, _, kind, last = name.split("/")
        return f"projects/{self.project}/{kind}/{last}"

    def pull(self, most: int) -> Sequence[Any]:
        """Lease up to so many dead letters, if there are any just now; in the form of protobuf, which is faster."""
        request = {"subscription": self.dead_letters, "max_messages": most, "return_immediately": True}
        with self._explained(self.dead_letters, "roles/pubsub.subscriber"):
            answer = self._subscriber.pull(request, retry=_retry(), timeout=TIMEOUT)
        return PullResponse.pb(answer).received_messages  # type: ignore[no-any-return]

    def publish(self, messages: Sequence[PubsubMessage]) -> Sequence[str]:
        """Publish events in one call; their message ids, in order."""
        with self._explained(self.topic, "roles/pubsub.publisher"):
            answer = self._publisher.publish(topic=self.topic, messages=list(messages), retry=_retry(), timeout=TIMEOUT)
        return list(answer.message_ids)

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Forget dead letters."""
        wish = {"subscription": self.dead_letters, "ack_ids": ack_ids}
        with self._explained(self.dead_letters, "roles/pubsub.subscriber"):
            self._subscriber.acknowledge(wish, retry=_retry(), timeout=TIMEOUT)

    def give_back(self, ack_ids: Sequence[str]) -> None:
        """End the leases of dead letters: whoever pulls next gets them."""
        wish = {"subscription": self.dead_letters, "ack_ids": ack_ids, "ack_deadline_seconds": 0}
        with self._explained(self.dead_letters, "roles/pubsub.subscriber"):
            self._subscriber.modify_ack_deadline(wish, retry=_retry(), timeout=TIMEOUT)

    @contextmanager
    def _explained(self, name: str, role: str) -> Iterator[None]:
        try:
            yield
        except (GoogleAPICallError, RetryError) as error:
            raise Trouble(self._sentence(name, role, error)) from error

    def _sentence(self, name: str, role: str, error: Exception) -> str:
        cause = error.cause if isinstance(error, RetryError) and error.cause else error
        words = printable(getattr(cause, "message", "") or type(cause).__name__)
        match cause:
            case NotFound():
                return f"there is no {name}: `make run` makes it here, Terraform or `make deploy` in Google Cloud"
            case PermissionDenied():
                return f"you may not use {name}: it takes {role} ({words})"
            case Unauthenticated():
                return f"{NO_CREDENTIALS} ({words})"
        return f"{self.where} fails at {name}: {words}"


def _clients(host: str) -> tuple[PublisherClient, SubscriberClient]:
    if not host:
        return PublisherClient(), SubscriberClient()
    channel = insecure_channel(host, OPTIONS)
    publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    return publisher, SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))


def _retry() -> Retry:
    return Retry(predicate=PASSING, initial=0.1, maximum=1, timeout=PATIENCE)


def _listens(host: str) -> bool:
    name, _, port = host.rpartition(":")
    try:
        with socket.create_connection((name.strip("[]"), int(port)), timeout=2):
            return True
    except (OSError, ValueError):
        return False
