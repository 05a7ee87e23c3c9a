"""What the local run keeps in `.local/`: secrets made for it, and the sources they belong to."""

import json
import os
import secrets
from pathlib import Path

from functions.receiver.providers import PROVIDERS
from functions.receiver.sources import NAME, Source, Sources, load

FOLDER = Path(".local")
PROJECT = "local"
TOPIC = f"projects/{PROJECT}/topics/webhooks"
DEAD_LETTER_TOPIC = f"projects/{PROJECT}/topics/webhooks-dead"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/processor"
DEAD_LETTERS = f"projects/{PROJECT}/subscriptions/dead-letters"
YOURS = Path("functions/receiver/sources.yaml")


def sources_file(url: str) -> Path:
    """The file of SOURCES, or else yours with every known provider added under its own name, to try it out."""
    if given := os.environ.get("SOURCES"):
        return Path(given)
    lines = [YOURS.read_text(), "\n# Every other provider that is known: for the local run alone.\n"]
    for name, row in sorted(PROVIDERS.items()):
        if name not in load(YOURS) and NAME.fullmatch(name):
            lines.append(f"{name}:\n  provider: {name}\n")
            lines.append(f"  public_url: {url}/{name}\n" if row.scheme and row.scheme.signs_url else "")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "sources.yaml").write_text("".join(lines))
    return FOLDER / "sources.yaml"


def variable(source: str, kind: str = "KEY") -> str:
    """The name under which the environment holds the secret of a source."""
    return f"{kind}_{source.replace('-', '_').upper()}"


class DemoKeys:
    """Secrets made at random for each source, its sender's and the receiver's; what the environment has wins."""

    def __init__(self) -> None:
        self._file = FOLDER / "keys.json"
        self._made: dict[str, list[str]] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def make(self, sources: Sources) -> None:
        """Make those that are missing, and keep them where only you can read them."""
        for source in sources.values():
            if source.provider.scheme:
                self._made.setdefault(variable(source.name), list(source.provider.scheme.new_keys()))
            if source.provider.handshake and source.provider.handshake.token:
                self._made.setdefault(variable(source.name, "TOKEN"), [secrets.token_urlsafe(16)] * 2)
        FOLDER.mkdir(exist_ok=True)
        self._file.touch(mode=0o600)
        self._file.write_text(json.dumps(self._made, indent=2))

    def for_receiver(self) -> dict[str, str]:
        """The environment of the receiver."""
        return {name: os.environ.get(name, given) for name, (_, given) in self._made.items()} | {
            name: value for name, value in os.environ.items() if name.startswith(("KEY_", "TOKEN_"))
        }

    def for_sender(self, source: Source) -> str:
        """What the source signs with; KeyError if there is nothing."""
        name = variable(source.name)
        return os.environ[name].splitlines()[0] if name in os.environ else self._made[name][0]
