"""What becomes of the rates as bodies grow."""

from contextlib import ExitStack

from .effort import Effort
from .rates import curves, figures, loaded, rate, warm
from .stage import EMPTY, NAIVE, OURS, Stage
from .table import Curves, Table
from .webhook import push, signed

NAMES = [EMPTY, NAIVE, OURS]
# Over fewer connections the larger they are: the machine is to be busy, not full.
CONNECTIONS = {1_000: 32, 10_000: 32, 100_000: 16, 1_000_000: 8, 8_000_000: 4}
HEADINGS = ["bytes", "connections", "function", "requests/s", "of empty", "of naive", "p50 ms", "p99 ms", "MB/s"]
FORMATS = [",d", "d", "", ",.0f", ".2f", ".2f", ".1f", ".1f", ",.1f"]
SOURCES = "github:\n  provider: github\n  max_body: 9000000\n"


def bodies(stage: Stage, effort: Effort) -> Table:
    """Load all functions with bodies of each size, in turns."""
    sources = stage.folder / "large.yaml"
    sources.write_text(SOURCES)
    by_size = {}
    with ExitStack() as stack:
        ports = {name: stack.enter_context(stage.function(name, SOURCES=str(sources))).port for name in NAMES}
        warm(ports, max(CONNECTIONS.values()), effort)
        for size, connections in CONNECTIONS.items():
            by_size[size] = loaded(ports, connections, effort, signed(push(size)))
    rows = [
        [size, CONNECTIONS[size], name, *figures(loads, name, [EMPTY, NAIVE]), size * rate(loads, name) / 1e6]
        for size, loads in by_size.items()
        for name in NAMES
    ]
    drawn = Curves("Growing bodies", "bytes", "requests/s", curves(NAMES, by_size), wide=True)
    return Table("Growth: larger bodies", HEADINGS, FORMATS, rows, drawn=drawn)
