"""What the local run keeps in `.local/`: secrets made for it, and the sources they belong to."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from functions.receiver.keys import parse, variable
from functions.receiver.providers import PROVIDERS, Provider
from functions.receiver.schemes import Publishes
from functions.receiver.sources import NAME, Source, Sources, load

FOLDER = Path(".local")
PROJECT = "local"
# As in Google Cloud, where they may share a project with others: all begin alike.
TOPIC = f"projects/{PROJECT}/topics/webhooks"
DEAD_LETTER_TOPIC = f"projects/{PROJECT}/topics/webhooks-dead"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/webhooks-processor"
DEAD_LETTERS = f"projects/{PROJECT}/subscriptions/webhooks-dead"
YOURS = Path("functions/receiver/sources.yaml")
# What a source must give where its provider asks for more than a secret, for want of anything real.
DEMO = {
    "topics": ["arn:aws:sns:us-east-1:123456789012:demo"],
    "webhook_id": "DEMO-WEBHOOK-ID",
    "client_id": "demo-client-id",
    "audience": "https://demo.example.com",
    "email": "demo@demo.iam.gserviceaccount.com",
    "issuer": "https://demo.kinde.com",
    "origins": ["demo.example.com"],
}


def sources_file(url: str) -> Path:
    """The file of SOURCES, or else yours with every known provider added under its own name, to try it out."""
    if given := os.environ.get("SOURCES"):
        return Path(given)
    lines = [YOURS.read_text(), "\n# Every other provider that is known: for the local run alone.\n"]
    for name, row in sorted(PROVIDERS.items()):
        if name not in load(YOURS) and NAME.fullmatch(name):
            lines.append(f"{name}: {json.dumps(demo_entry(name, row, url))}\n")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "sources.yaml").write_text("".join(lines))
    return FOLDER / "sources.yaml"


def demo_entry(name: str, row: Provider, url: str) -> dict[str, Any]:
    """The entry of a provider for sources.yaml, with whatever it needs."""
    return {"provider": name} | {need: DEMO.get(need, f"{url}/{name}") for need in row.needs}


class DemoKeys:
    """Secrets made at random for each source, its sender's and the receiver's; what the environment has wins."""

    def __init__(self) -> None:
        self._file = FOLDER / "keys.json"
        self._made: dict[str, list[str]] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def make(self, sources: Sources) -> None:
        """Make those that are missing, and keep them where only you can read them."""
        for source in sources.values():
            for name, pair in new_keys(source).items():
                self._made.setdefault(name, list(pair))
        FOLDER.mkdir(exist_ok=True)
        self._file.touch(mode=0o600)
        self._file.write_text(json.dumps(self._made, indent=2))

    def for_receiver(self) -> dict[str, str]:
        """The environment of the receiver."""
        return {name: os.environ.get(name, given) for name, (_, given) in self._made.items()} | {
            name: value for name, value in os.environ.items() if name.startswith(("KEY_", "TOKEN_", "PUBLISHED_"))
        }

    def for_sender(self, source: Source) -> str:
        """What the source signs with; KeyError if there is nothing."""
        name = signing_key(source)
        return parse(os.environ[name], "")[0].secret if name in os.environ else self._made[name][0]


def signing_key(source: Source) -> str:
    """The variable whose counterpart the sender of a source signs with."""
    return variable("PUBLISHED" if isinstance(source.provider.scheme, Publishes) else "KEY", source.name)


def new_keys(source: Source) -> dict[str, tuple[str, str]]:
    """What the sender of a source and its receiver need to know, by the receiver's variables."""
    scheme, handshake, made = source.provider.scheme, source.provider.handshake, {}
    if isinstance(scheme, Publishes):
        made[variable("PUBLISHED", source.name)] = scheme.new_keys()
        if scheme.HAS_SECRET:
            made[variable("KEY", source.name)] = ("demo-client:demo-client-secret",) * 2
    elif scheme:
        made[variable("KEY", source.name)] = scheme.new_keys()
    if handshake and handshake.has_token:
        made[variable("TOKEN", source.name)] = (secrets.token_urlsafe(16),) * 2
    return made
