"""What a dead letter says of itself, and which of them are chosen on a command line."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.processor.matching import matches

from .ages import age

# What Pub/Sub adds when it parks a message itself: https://docs.cloud.google.com/pubsub/docs/dead-letter-topics
FORWARDED = "CloudPubSubDeadLetterSource"


@dataclass(frozen=True)
class Letter:
    """A message of the dead letters: an event that the processor or Pub/Sub has parked, or anything else."""

    message_id: str
    ack_id: str
    published: datetime
    attributes: Mapping[str, str]
    data: bytes

    @property
    def size(self) -> int:
        """Count the bytes that it takes in a call, about."""
        return len(self.data) + sum(len((name + value).encode()) for name, value in self.attributes.items())

    @classmethod
    def of(cls, received: Any) -> "Letter":
        """Take it out of what a pull has brought, a ReceivedMessage in the form of protobuf."""
        message = received.message
        published = message.publish_time.ToDatetime(tzinfo=UTC)
        return cls(message.message_id, received.ack_id, published, dict(message.attributes), message.data)

    @property
    def source(self) -> str:
        return self.attributes.get("ce-source", "").removeprefix("/")

    @property
    def type(self) -> str:
        return self.attributes.get("ce-type", "")

    @property
    def id(self) -> str:
        """The id of the event; what is no event goes by its message's."""
        return printable(self.attributes.get("ce-id") or self.message_id)

    @property
    def reason(self) -> str:
        """Why it is here: as the processor wrote it, or `pubsub` where Pub/Sub itself gave up."""
        forwarded = any(name.startswith(FORWARDED) for name in self.attributes)
        return self.attributes.get("ce-deadreason") or ("pubsub" if forwarded else "unknown")

    @property
    def error(self) -> str:
        return self.attributes.get("ce-deaderror", "")

    @property
    def attempts(self) -> str:
        return self.attributes.get("ce-deadattempts") or self.attributes.get(f"{FORWARDED}DeliveryCount", "")

    @property
    def replays(self) -> int:
        """How often it has been replayed already; what is no number was not written by us."""
        count = self.attributes.get("ce-replay", "")
        return int(count) if re.fullmatch(r"[0-9]{1,9}", count, re.ASCII) else 0

    @property
    def died(self) -> datetime:
        """When it was parked, in UTC; where nobody has written that, when it was published."""
        try:
            died = datetime.fromisoformat(self.attributes.get("ce-deadtime", ""))
            return died.astimezone(UTC) if died.tzinfo else self.published
        except (ValueError, OverflowError):
            return self.published


@dataclass(frozen=True)
class Choice:
    """The dead letters that are meant: all, unless something is given."""

    source: str = "*"
    type: str = "*"
    reason: str = "*"
    id: str | None = None
    older: timedelta | None = None
    newer: timedelta | None = None

    def has(self, letter: Letter, now: datetime) -> bool:
        """Say whether a dead letter is one of them."""
        dead_for = now - letter.died
        return (
            matches(self.source, letter.source)
            and matches(self.type, letter.type)
            and matches(self.reason, letter.reason)
            and self.id in (None, letter.id)
            and (self.older is None or dead_for > self.older)
            and (self.newer is None or dead_for < self.newer)
        )

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> "Choice":
        """Take it out of the arguments that `add_arguments` has defined."""
        return cls(**{field.name: getattr(arguments, field.name) for field in fields(cls)})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define what both commands understand: where the dead letters are, and which are meant."""
    parser.add_argument("--project", help="a project in Google Cloud; without it, the queue of `make run`")
    parser.add_argument("--source", default="*", metavar="NAME", help="`*` stands for any text, here and below")
    parser.add_argument("--type", default="*", help="a type such as github.push, or stripe.*")
    parser.add_argument(
        "--reason", default="*", help="gave-up, invalid-payload, last-attempt, max-age, unhandled, pubsub, or unknown"
    )
    parser.add_argument("--id", help="the id of one event")
    parser.add_argument("--older", type=age, metavar="AGE", help="dead for longer than 90s, 30m, 2h or 3d")
    parser.add_argument("--newer", type=age, metavar="AGE", help="dead for less than that")


def printable(text: str) -> str:
    """Write control characters as their escapes: whoever sends a webhook must not command a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
