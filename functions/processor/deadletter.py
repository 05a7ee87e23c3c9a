"""Parks what can't be done in the dead-letter topic, with the reason."""

import functools
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .errors import Failure, NotParked
from .event import Event

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient

# https://docs.cloud.google.com/pubsub/quotas#resource_limits
LONGEST = 1024


class DeadLetters:
    """The dead-letter topic; without one, an event that can't be done is given back until Pub/Sub itself parks it."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def park(self, event: Event, reason: str, failures: Sequence[Failure] = ()) -> None:
        """Publish an event as it came, with why it is here; NotParked, within 4 s, if the topic did not take it."""
        if not self._topic:
            raise NotParked("no-dead-letter-topic", failures)
        attributes = {**event.attributes, **epitaph(event, reason, failures, datetime.now(UTC))}
        try:
            # Imported at the first use, in the worker: it is slow, and gRPC does not survive the platform's fork.
            from google.api_core.retry import Retry
            from google.pubsub_v1 import PubsubMessage

            _client(os.getpid()).publish(
                topic=self._topic,
                messages=[PubsubMessage(data=event.data, attributes=attributes)],
                retry=Retry(initial=0.1, maximum=1, multiplier=2, timeout=4),
                timeout=2,
            )
        except Exception as error:
            raise NotParked("dead-letter-failed", failures) from error


def epitaph(event: Event, reason: str, failures: Sequence[Failure], now: datetime) -> Mapping[str, str]:
    """Write the attributes of a dead letter: a fixed reason, the last error, the attempts where they are counted."""
    attributes = {"ce-deadreason": reason, "ce-deadtime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    for failure in failures[-1:]:
        attributes["ce-deaderror"] = _printable(f"{failure.error}: {failure.why}" if failure.why else failure.error)
    if event.attempt:
        attributes["ce-deadattempts"] = str(event.attempt)
    return attributes


def _printable(text: str) -> str:
    """Put blanks for control characters, and cut at what Pub/Sub allows without splitting a character."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean.encode()[:LONGEST].decode(errors="ignore")


@functools.cache
def _client(pid: int) -> "PublisherClient":
    """Make one client for each process; PUBSUB_EMULATOR_HOST leads it to an emulator."""
    from google.pubsub_v1 import PublisherClient

    return PublisherClient()
