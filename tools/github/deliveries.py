"""Knows which deliveries are to be asked for again."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, Field

# A delivery can take a few minutes to appear in the list:
# https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/troubleshooting-webhooks
LATE = timedelta(minutes=15)
# An attempt that has no answer may be under way: GitHub waits 10 s for one, an Enterprise Server 30 s.
OPEN = timedelta(minutes=1)
# What was asked for and does not show up in this time is asked for once more.
PATIENCE = timedelta(hours=1)


class Delivery(BaseModel, frozen=True):
    """One attempt to deliver an event; all attempts of one event have its guid.

    https://docs.github.com/rest/repos/webhooks#list-deliveries-for-a-repository-webhook
    """

    id: int
    guid: str
    delivered_at: AwareDatetime
    event: str
    action: str | None = None
    status: str = ""
    status_code: int | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it."""
        return self.status == "OK" or 200 <= (self.status_code or 0) < 300

    @property
    def name(self) -> str:
        """The event, with its action where it has one."""
        return f"{self.event}.{self.action}" if self.action else self.event


class Checkpoint(BaseModel):
    """What is known of a webhook's deliveries.

    Everything up to `since` has been listed. By the id of the attempt: `failing` is the newest of each event that
    has not been delivered, `asked` tells when it was asked for.
    """

    since: AwareDatetime | None = None
    failing: dict[int, Delivery] = Field(default_factory=dict)
    asked: dict[int, AwareDatetime] = Field(default_factory=dict)

    def after(self, listed: list[Delivery], start: datetime, oldest: datetime) -> "Checkpoint":
        """What is known once all since `start` is listed; what is older than `oldest` is forgotten."""
        known = {delivery.id: delivery for delivery in [*self.failing.values(), *listed]}
        failing = {d.id: d for d in unsettled(known.values()) if d.delivered_at >= oldest}
        asked = {number: when for number, when in self.asked.items() if number in failing}
        since = self.since
        # Where a gap is left between what had been listed and what is now, it stays: the next run lists the gap.
        if listed and start <= max(since or oldest, oldest):
            newest = max(delivery.delivered_at for delivery in listed)
            since = max(since or start, newest - LATE)
        return Checkpoint(since=since, failing=failing, asked=asked)

    def is_under_way(self, delivery: Delivery, now: datetime) -> bool:
        """Whether an attempt may not have ended, or not have begun."""
        if asked := self.asked.get(delivery.id):
            return now - asked < PATIENCE
        return not delivery.status_code and now - delivery.delivered_at < OPEN


def unsettled(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """The newest attempt of each event of which none succeeded, the oldest first."""
    newest: dict[str, Delivery] = {}
    settled: set[str] = set()
    for delivery in sorted(deliveries, key=_age):
        newest[delivery.guid] = delivery
        if delivery.succeeded:
            settled.add(delivery.guid)
    return sorted((delivery for guid, delivery in newest.items() if guid not in settled), key=_age)


def _age(delivery: Delivery) -> tuple[datetime, int]:
    return delivery.delivered_at, delivery.id
