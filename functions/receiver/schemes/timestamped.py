"""A time and keyed hashes in one header: Stripe."""

from dataclasses import dataclass

from ..errors import Unproved
from ..places import Places
from ..webhook import Webhook
from .base import with_headers
from .mac import MOST_SIGNATURES, Mac
from .template import signed
from .times import check_time, seconds


@dataclass(frozen=True, slots=True)
class Timestamped(Mac):
    """Time and keyed hashes in one header of names and values: Stripe's `t=1492774577,v1=6ffb...`.

    `timestamp` and `signature` are their names there; both empty: the time is the first item, the rest are hashes.
    Other names are ignored, whatever they promise. Between several such groups stands `groups`.
    """

    signs: str = "{timestamp}.{body}"
    timestamp: str = "t"
    signature: str = "v1"
    separator: str = ","
    groups: str = ""

    def __post_init__(self) -> None:
        Mac.__post_init__(self)
        if not self.header:
            raise ValueError("header: can't be empty")
        if not self.separator or bool(self.timestamp) != bool(self.signature):
            raise ValueError("separator can't be empty, and timestamp and signature only together")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        time = seconds(webhook)
        items = [(self.timestamp, time), (self.signature, self._wanted(webhook, time, secret))]
        text = self.separator.join(f"{name}={value}" if name else value for name, value in items)
        return with_headers(webhook, **{self.header: text})

    def verify(self, webhook: Webhook, secret: str) -> None:
        if not (given := webhook.header(self.header)):
            raise Unproved("missing")
        groups = given.split(self.groups) if self.groups else [given]
        if len(groups) > MOST_SIGNATURES:
            raise Unproved("signatures")
        refusals: list[Unproved] = []
        for group in groups:
            try:
                return self._verify(group, webhook, secret)
            except Unproved as refusal:
                refusals.append(refusal)
        raise refusals[0]

    def _verify(self, group: str, webhook: Webhook, secret: str) -> None:
        items = group.split(self.separator)
        if self.timestamp:
            pairs = [item.strip().partition("=") for item in items]
            times = [value for name, _, value in pairs if name == self.timestamp]
            candidates = [value for name, _, value in pairs if name == self.signature]
        else:
            times, candidates = items[:1], items[1:]
        if len(times) != 1:
            raise Unproved("timestamp")
        check_time(times[0], webhook, self.tolerance)
        self.check(candidates, self._wanted(webhook, times[0], secret))

    def _wanted(self, webhook: Webhook, time: str, secret: str) -> str:
        return self.mac(secret, signed(self.signs, Places(webhook), time))
