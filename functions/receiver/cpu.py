"""Keeps a worker on one CPU, where its threads hand the interpreter to each other without waking another."""

import os
from contextlib import suppress


def stay_on_one() -> None:
    """Bind this process to one of its CPUs; where the system can't, nothing happens.

    Python runs one thread at a time. On several CPUs the threads of a busy worker take turns across them, and that
    costs more than the requests themselves: see `make bench`. The second CPU is left to other processes.
    """
    with suppress(AttributeError, OSError):
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cpus[os.getpid() % len(cpus)]})
