"""What it costs to prove a webhook: each kind of scheme, on a body of 2 KB, beside the bare keyed hash of it."""

import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median
from timeit import repeat

from functions.receiver.schemes import Scheme
from functions.receiver.webhook import Webhook
from tests.rows import ROWS, sample

from .table import Cell, Table

BYTES = 2048
ROUNDS, CALLS = 15, 500  # the mean of a round's calls is one measurement


def verify() -> Table:
    """Measure the first row of each kind of scheme, the dearest last."""
    bare = _microseconds(lambda: hmac.digest(b"k" * 32, b"x" * BYTES, "sha256"))
    costs: list[tuple[float, str, str]] = [(bare, "the bare keyed hash", "")]
    for kind, name in sorted(_subjects().items()):
        scheme = ROWS[name].provider.scheme
        assert scheme
        secret, given = scheme.new_keys()
        webhook = scheme.sign(_of_size(sample(name), BYTES), secret)
        scheme.verify(webhook, given)
        costs.append((_microseconds(partial(scheme.verify, webhook, given)), kind, name))
    rows: list[list[Cell]] = [[kind, name, cost, cost / bare] for cost, kind, name in sorted(costs)]
    headings = ["scheme", "row", "µs", "of the bare hash"]
    return Table("What a proof costs, on a body of 2 KB", headings, ["", "", ".1f", ".1f"], rows)


def _subjects() -> dict[str, str]:
    """One row for each kind of scheme, and for each way of reading the time and the signature."""
    found: dict[str, str] = {}
    for name, source in ROWS.items():
        if (scheme := source.provider.scheme) is not None:
            found.setdefault(_kind(scheme), name)
    return found


def _kind(scheme: Scheme) -> str:
    parts = [type(scheme).__name__]
    parts += ["with a time"] if getattr(scheme, "timestamp", "") else []
    in_body = getattr(scheme, "json", "") or getattr(scheme, "signature", "").startswith(("json", "form"))
    parts += ["in the body"] if in_body else []
    return ", ".join(parts)


def _of_size(webhook: Webhook, size: int) -> Webhook:
    """The webhook with something more in its body, so that it is as large as that."""
    missing = max(0, size - len(webhook.body) - 16)
    if webhook.body.startswith(b"{"):
        body = json.dumps(json.loads(webhook.body) | {"padding": "x" * missing}).encode()
    else:
        body = webhook.body + (b"&padding=" + b"x" * missing if b"=" in webhook.body else b"")
    return replace(webhook, body=body)


def _microseconds(call: Callable[[], object]) -> float:
    return median(repeat(call, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6
