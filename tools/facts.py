"""What Terraform must know of the rows: of all that the receiver reads, it can read sources.yaml alone."""

import json
from pathlib import Path
from typing import Any

from functions.receiver.providers import PROVIDERS, Provider
from functions.receiver.schemes import SCHEMES, Publishes, Scheme

FILE = Path(__file__).parent.parent / "terraform" / "providers.json"


def text() -> str:
    """terraform/providers.json as it should be.

    `providers` has every name, with what is not as usual: `secret` is false where the source needs none, `token` is
    true where it has a verify token besides, and `hands_over` is true where a handshake brings the secret, so that the
    receiver must be allowed to keep it. `schemes_without_secret` are those of `verify:` that need none; nor does
    `verify: none`.
    """
    rows = [f"    {json.dumps(name)}: {json.dumps(_facts(row))}" for name, row in sorted(PROVIDERS.items())]
    without = sorted(name for name, kind in SCHEMES.items() if not _has_secret(kind))
    inner = ['  "providers": {', ",\n".join(rows), "  },", f'  "schemes_without_secret": {json.dumps(without)}']
    return "\n".join(["{", *inner, "}"]) + "\n"


def _facts(row: Provider) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not _has_secret(type(row.scheme)):
        found["secret"] = False
    if row.handshake and row.handshake.has_token:
        found["token"] = True
    if row.handshake and row.handshake.hands_over:
        found["hands_over"] = True
    return found


def _has_secret(kind: type[Scheme] | type[None]) -> bool:
    return not issubclass(kind, Publishes) or kind.HAS_SECRET
