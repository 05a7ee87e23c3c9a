"""What becomes of the receiver as sources are added."""

import json
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from functions.receiver.providers import PROVIDERS
from tools.local import demo_entry

from .coldstart import first_answer
from .effort import Effort
from .memory import held
from .rates import figures, loaded, warm
from .stage import OURS, Stage
from .table import Table
from .turns import in_turns, ratio

NUMBERS = [1, 50, 500]
CONNECTIONS = 32
HEADINGS = ["sources", "requests/s", "of 1 source", "p50 ms", "p99 ms", "s to first 200", "of 1 source", "worker, MB"]
FORMATS = ["d", ",.0f", ".2f", ".1f", ".1f", ".2f", ".2f", ".0f"]


def more_sources(stage: Stage, effort: Effort) -> Table:
    """Load and start the receiver with more and more sources, in turns; medians."""
    files = {str(number): str(written(stage.folder, number)) for number in NUMBERS}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(stage.function(OURS, SOURCES=file)) for name, file in files.items()}
        ports = {name: server.port for name, server in servers.items()}
        warm(ports, CONNECTIONS, effort)
        loads = loaded(ports, CONNECTIONS, effort)
        resident = {name: held(server)[0] for name, server in servers.items()}
    starts = in_turns([*files], effort.starts, lambda name: first_answer(stage, OURS, SOURCES=files[name]), "starts")
    rows = [
        [number, *figures(loads, name, ["1"]), median(starts[name]), ratio(starts[name], starts["1"]), resident[name]]
        for number, name in zip(NUMBERS, files, strict=True)
    ]
    return Table("Growth: more sources", HEADINGS, FORMATS, rows)


def written(folder: Path, number: int) -> Path:
    """Write a file with so many sources, of all providers in turn, the one that is loaded at its end."""
    others = islice(cycle(sorted(PROVIDERS)), number - 1)
    entries = {
        f"source-{n}-of-many": demo_entry(name, PROVIDERS[name], "https://hooks.example.com/x")
        for n, name in enumerate(others)
    }
    file = folder / f"sources-{number}.yaml"
    lines = [f"{name}: {json.dumps(entry)}\n" for name, entry in (entries | {"github": {"provider": "github"}}).items()]
    file.write_text("".join(lines))
    return file
