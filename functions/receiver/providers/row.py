"""What is known of a provider: a row, never code."""

from dataclasses import KW_ONLY, dataclass

from ..answers import OK, Answer
from ..handshakes import Handshake
from ..schemes import Scheme

MIB = 1024 * 1024
LARGE = 9_000_000  # what fits into a Pub/Sub message of 10 MB with its attributes


@dataclass(frozen=True, slots=True)
class Provider:
    """How one provider proves itself, asks, names its events, and wants to be answered.

    `type`, `id` and `subject` are places (see places.py); `id` may be several, taken together, and names only what
    the provider documents as unique to a delivery or an event; `digest` takes equal bodies for the same event.
    `deadline` is in seconds, `max_body` in bytes. A `batch` may hold several events in one body.
    """

    scheme: Scheme | None
    _: KW_ONLY
    docs: str
    type: str = ""
    id: str | tuple[str, ...] = ()
    subject: str = ""
    handshake: Handshake | None = None
    batch: bool = False
    success: Answer = OK
    deadline: float = 4
    max_body: int = MIB
