"""What is known of a provider: a row, never code."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from ..answers import OK, Answer
from ..handshakes import Handshake
from ..places import Places
from ..schemes import Scheme

MIB = 1024 * 1024
LARGE = 9_000_000  # what fits into a Pub/Sub message of 10 MB with its attributes


@dataclass(frozen=True, slots=True)
class Provider:
    """How one provider proves itself, asks, names its events, and wants to be answered.

    `type`, `id`, `subject` and `occurred` are places (see places.py). `type` may be several, joined by dots. `id` may
    be several, taken together, and names only what the provider documents as unique to a delivery or an event;
    `digest` takes equal bodies for the same event. `occurred` is when that happened which it tells of, or since when
    its subject is as it says: the same in every attempt, never when one was sent.
    `deadline` is in seconds, `max_body` in bytes. A `batch` may hold several events in one body. `try_again` is the
    status after which the provider sends again. `retries` is whether it does at all (None: its pages don't say), and
    `secret` where a user finds or sets the secret, and its form: both for the documents.
    """

    scheme: Scheme | None
    _: KW_ONLY
    docs: str
    secret: str = ""
    type: str | tuple[str, ...] = ""
    id: str | tuple[str, ...] = ()
    subject: str = ""
    occurred: str = ""
    handshake: Handshake | None = None
    batch: bool = False
    success: Answer | Callable[[Places], Answer] = OK
    deadline: float = 4
    max_body: int = MIB
    retries: bool | None = None
    try_again: int = 503

    @property
    def needs(self) -> tuple[str, ...]:
        """The settings that a source must give."""
        return (*(self.scheme.needs if self.scheme else ()), *(self.handshake.needs if self.handshake else ()))

    def answer(self, places: Places) -> Answer:
        """What the provider demands to hear of an event that is safe."""
        return self.success if isinstance(self.success, Answer) else self.success(places)
