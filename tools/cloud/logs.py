"""Shows what the two functions have logged of webhooks and events, the newest last."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..ages import age
from ..github.options import source
from ..letters import printable
from .gcloud import Gcloud, Trouble
from .names import PROCESSOR, RECEIVER
from .options import parser, project_of

# The lines of the functions themselves, not what the platform writes beside them.
OURS = (
    'resource.type="cloud_run_revision"',
    f'resource.labels.service_name=("{RECEIVER}" OR "{PROCESSOR}")',
    "jsonPayload.outcome:*",
)


def main(options: Sequence[str] | None = None) -> int:
    """Print a line for each request of a sender and each delivery of an event."""
    arguments = _arguments(options)
    wanted = [*OURS, *([f'jsonPayload.source="{arguments.source}"'] if arguments.source else [])]
    query = f"'{' AND '.join(wanted)}' --freshness={arguments.since} --limit={arguments.limit} --format=json"
    try:
        found = json.loads(Gcloud(project_of(arguments)).ask(f"logging read {query}") or "[]")
    except Trouble as error:
        sys.exit(f"logs: {error}")
    for entry in reversed(found):
        print(line(entry))
    if not found:
        print(f"nothing in the last {arguments.since}", file=sys.stderr)
    return 0


def line(entry: Mapping[str, Any]) -> str:
    """Write one entry: time, severity, message, reason, milliseconds."""
    said = entry.get("jsonPayload", {})
    time = datetime.fromisoformat(entry["timestamp"]).astimezone(UTC)
    cells = [
        f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03}",
        f"{entry.get('severity', ''):<8}",
        said.get("message", ""),
        said.get("reason", ""),
        f"{said['ms']} ms" if "ms" in said else "",
    ]
    return printable("  ".join(str(cell) for cell in cells if cell))


def _arguments(options: Sequence[str] | None) -> argparse.Namespace:
    made = parser("logs", __doc__)
    made.add_argument("--source", type=source, help="one source alone")
    made.add_argument("--since", type=_age, default="1h", help="90s, 30m, 2h or 3d (1h)")
    made.add_argument("--limit", type=_limit, default=50, help="so many, the newest (50)")
    return made.parse_args(options)


def _age(text: str) -> str:
    age(text)
    return text


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines, from 1 to 10000")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
