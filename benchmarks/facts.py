"""What ran, and where: the facts without which figures say little."""

import os
import platform
import re
import subprocess
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from .effort import Effort
from .load import WRK
from .stage import THREADS
from .table import Table
from .webhook import BYTES

PACKAGES = ["functions-framework", "gunicorn", "flask", "google-cloud-pubsub", "grpcio"]


def facts(effort: Effort) -> Table:
    """Look around; to be called before there is any load."""
    rounds, starts = f"{effort.rounds} of {effort.seconds} s each", f"{effort.starts} cold starts each"
    rows = {
        "date": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        "machine": f"{os.cpu_count()} cores ({processor()}), {memory()}, {platform.system()} {platform.machine()}",
        "load average": f"{os.getloadavg()[0]:.1f} at the start",
        "load": f"{generator()}; a signed GitHub push of {BYTES:,} bytes where nothing else is said, from this machine",
        "rounds": f"{rounds} and {starts}, in turns; medians, and medians of the ratios of each round",
        "server": f"functions-framework with gunicorn, 1 worker, {THREADS} threads where nothing else is said",
        "python": platform.python_version(),
    }
    versions = {package: version(package) for package in PACKAGES}
    return Table("What ran, and where", ["fact", "value"], ["", ""], [*map(list, (rows | versions).items())])


def generator() -> str:
    """Name what makes the load."""
    if not WRK:
        return "Python threads with http.client (wrk is not installed)"
    said = subprocess.run([WRK, "-v"], capture_output=True, text=True, check=False).stdout
    return "wrk " + (found[1] if (found := re.match(r"wrk \D*(\d[\d.]*)", said)) else "of an unknown version")


def processor() -> str:
    """The processor's name, where Linux says it."""
    found = re.search(r"^model name\s*: (.*)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return found[1] if found else platform.machine()


def memory() -> str:
    """How much memory there is, where Linux says it."""
    found = re.search(r"^MemTotal:\s*(\d+) kB$", _read("/proc/meminfo"), re.MULTILINE)
    return f"{int(found[1]) / 2**20:.0f} GiB" if found else "memory unknown"


def _read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""
