"""The schemes as rows name them: each is made, and its module loaded, when a source first needs it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import schemes

if TYPE_CHECKING:
    from ..schemes import *  # noqa: F403


@dataclass(frozen=True, slots=True)
class Later:
    """A scheme by its name, with the parameters that it will get."""

    name: str
    parameters: tuple[Any, ...]
    named: dict[str, Any]

    def made(self) -> schemes.Scheme:
        """Make it."""
        made: schemes.Scheme = getattr(schemes, self.name)(*self.parameters, **self.named)
        return made


def __getattr__(name: str) -> Any:
    """Stand in for a scheme: called as it would be, it only notes how."""
    if name.startswith("_"):
        raise AttributeError(name)
    return lambda *parameters, **named: Later(name, parameters, named)
