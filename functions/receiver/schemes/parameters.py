"""A keyed hash of all parameters, wherever they stand, sorted: Vonage's SMS."""

from dataclasses import dataclass

from ..bodies import has_twins
from ..errors import Unproved
from ..places import Places
from ..webhook import Webhook
from .base import IN_BODY
from .mac import Mac
from .put import put
from .times import check_time, seconds
from .urlform import fields_of, pairs_of


@dataclass(frozen=True, slots=True)
class SortedParameters(Mac):
    """All parameters but the signature, sorted, as `&name=value`: Vonage's SMS, with `sig` and `timestamp` among them.

    They come in the query, in a form, or at the top of the JSON. `&` and `=` inside a value are signed as `_`.
    https://developer.vonage.com/en/getting-started/concepts/signing-messages
    """

    signature: str = "sig"
    timestamp: str = "timestamp"

    def __post_init__(self) -> None:
        Mac.__post_init__(self)
        if not self.signature or not self.timestamp:
            raise ValueError("signature and timestamp can't be empty")

    def sign(self, webhook: Webhook, secret: str) -> Webhook:
        kind = "json" if isinstance(Places(webhook).document, dict) else "form" if webhook.body else "query"
        webhook = put(webhook, f"{kind}:{self.timestamp}", seconds(webhook))
        return put(webhook, f"{kind}:{self.signature}", self._wanted(self._parameters(webhook), secret))

    def verify(self, webhook: Webhook, secret: str) -> None:
        pairs = self._parameters(webhook)
        if len(given := [value for name, value in pairs if name == self.signature]) != 1 or not given[0]:
            raise Unproved("missing")
        if len(times := [value for name, value in pairs if name == self.timestamp]) != 1:
            raise Unproved("timestamp")
        check_time(times[0], webhook, self.tolerance)
        self.check(given, self._wanted(pairs, secret))

    def _parameters(self, webhook: Webhook) -> list[tuple[str, str]]:
        pairs = pairs_of(webhook.query)
        document = Places(webhook).document
        if not isinstance(document, dict):
            pairs += fields_of(webhook)
        elif not all(isinstance(value, str) for value in document.values()) or has_twins(webhook.body):
            raise Unproved("body-uncovered")
        else:
            pairs += document.items()
        if any("&" in name or "=" in name for name, _ in pairs):
            raise Unproved("body-uncovered")  # only in values are they signed as something else
        return pairs

    def _wanted(self, pairs: list[tuple[str, str]], secret: str) -> str:
        safe = [(name, value.replace("&", "_").replace("=", "_")) for name, value in sorted(pairs)]
        text = "".join(f"&{name}={value}" for name, value in safe if name != self.signature)
        return self.mac(secret, text.encode(errors="surrogateescape"))

    def covers(self, place: str) -> bool:
        return place.partition(":")[0] in (*IN_BODY, "query")
