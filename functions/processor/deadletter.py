"""Parks what can't be done in the dead-letter topic, with the reason."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from .errors import Failure, NotParked
from .event import Event

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
            # Imported at the first use: it takes a while, and few instances need it.
            from google.pubsub_v1 import PublisherClient, PubsubMessage

            from .calls import PATIENCE, client_of, until

            message, end = PubsubMessage(data=event.data, attributes=attributes), time.monotonic() + PATIENCE
            publisher = client_of(PublisherClient, "PUBSUB_EMULATOR_HOST")
            publisher.publish(topic=self._topic, messages=[message], **until(end))
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
