"""What a question is, how it is told from an event, and what may be given back."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from ..answers import OK, Answer
from ..errors import Malformed, Unproved
from ..places import Places
from ..schemes import Key
from ..schemes.base import among

# What may be echoed: nothing that a browser or a template could take for more than text.
ECHO = re.compile(r"[\x20\x21\x23-\x25\x28-\x3b\x3d\x3f-\x7e]{1,1024}")
# What may be signed for a stranger: too short, and of too few characters, to be a body or what is signed with one.
TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]{1,128}")


class Proof(Enum):
    """What has to hold before a question is answered."""

    SIGNED = "it is proved as every webhook of this source is"
    TOKEN = "the verify token is in the query"  # noqa: S105
    HASH = "nothing: the answer is a hash that only the owner of the secret can check"
    HASH_OF_TOKEN = "nothing: the answer is a hash that only the verify token's owner can check"  # noqa: S105
    NONE = "nothing: the answer is a constant, or what was sent"


@dataclass(frozen=True, slots=True)
class Question:
    """A webhook that may be a question: where its parts are, what its source says, and how its keys are had."""

    places: Places
    keys_of: Callable[[], Sequence[Key]] = tuple
    origins: tuple[str, ...] = ()

    @property
    def secrets(self) -> list[str]:
        """The secrets, or the verify tokens, that this kind of question is about; newest first."""
        return [key.secret for key in self.keys_of()]

    def find(self, place: str) -> str | None:
        """What stands at a place."""
        return self.places.find(place)

    def echo(self, place: str, pattern: re.Pattern[str] = ECHO) -> str:
        """What stands at a place, if it may be given back; Malformed."""
        if (value := self.find(place)) is None or not pattern.fullmatch(value):
            raise Malformed("challenge")
        return value


@dataclass(frozen=True, slots=True)
class Handshake:
    """A question of a sender: `reply` gives the answer, or None where the webhook is no such question.

    It comes by one of `methods`. `needs` are the settings that a source must give. `signs` is what the answer signs for
    a stranger: no body may look like it. `hands_over` is the place of the secret that the question brings, if it does:
    it is kept only while the source has none.
    """

    reply: Callable[[Question], Answer | None]
    proof: Proof = Proof.SIGNED
    methods: tuple[str, ...] = ("POST",)
    needs: tuple[str, ...] = ()
    signs: re.Pattern[str] | None = None
    hands_over: str = ""

    @property
    def has_token(self) -> bool:
        """Whether the source has a verify token beside its secret."""
        return self.proof in (Proof.TOKEN, Proof.HASH_OF_TOKEN)


def check_token(question: Question, place: str) -> None:
    """Unproved unless one of the verify tokens is at a place."""
    token = question.find(place)
    if token is None or not among(token, question.secrets):
        raise Unproved("verify-token")


def ok(question: Question) -> Answer:
    """What a sender gets who wants no more than an answer."""
    return OK
