"""Every row as a source has it: with what it needs besides its secret, and with a sample of what is sent."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

from functions.receiver.providers import PROVIDERS
from functions.receiver.sources import Source, load
from functions.receiver.webhook import Webhook
from tools.local import demo_entry
from tools.samples import find

PUBLIC = "https://hooks.example.com"


def _load() -> dict[str, Source]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sources.yaml"
        file.write_text(json.dumps({name: demo_entry(name, row, PUBLIC) for name, row in PROVIDERS.items()}))
        return load(file)


ROWS = _load()


def sample(name: str, received: float | None = None) -> Webhook:
    """What a provider sends, without its proof."""
    webhook = find(ROWS[name])
    url = ROWS[name].public_url or f"{PUBLIC}/{name}"
    return replace(webhook, url=url, received=webhook.received if received is None else received)
