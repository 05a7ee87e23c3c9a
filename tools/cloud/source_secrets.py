"""Which secrets a source has."""

from dataclasses import dataclass

from functions.receiver.schemes import Publishes
from functions.receiver.sources import Source, Sources

from .gcloud import Trouble


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in Secret Manager; `handed_over` is whether its sender brings it, so that the receiver must keep it."""

    name: str
    source: str
    is_token: bool = False
    handed_over: bool = False

    @property
    def options(self) -> str:
        """What a verb is told to mean it."""
        return f"SOURCE={self.source}" + (" TOKEN=1" if self.is_token else "")


def secrets_of(source: Source) -> tuple[Secret, ...]:
    """The secrets of a source: one, unless its proof needs none, and its verify token if a question of it needs one."""
    scheme, handshake = source.provider.scheme, source.provider.handshake
    found: tuple[Secret, ...] = ()
    if scheme and (not isinstance(scheme, Publishes) or scheme.HAS_SECRET):
        found += (Secret(f"webhook-{source.name}", source.name, handed_over=bool(handshake and handshake.hands_over)),)
    if handshake and handshake.has_token:
        found += (Secret(f"webhook-{source.name}_token", source.name, is_token=True),)
    return found


def secret_of(sources: Sources, name: str, token: bool) -> Secret:
    """The secret that is meant on a command line; Trouble if there is no such source, or if it has no such secret."""
    if name not in sources:
        said = f"no source {name} in sources.yaml" if name else "SOURCE is not set"
        raise Trouble(f"{said}; there are {', '.join(sources)}")
    for secret in secrets_of(sources[name]):
        if secret.is_token is token:
            return secret
    raise Trouble(f"{name} has no {'verify token' if token else 'secret'}: how its sender proves itself needs none")
