"""Settles a worker, whose threads take turns: Python runs one of them at a time."""

import gc
import os
from contextlib import suppress


def settle() -> None:
    """Bind this process to one of its CPUs, and let its threads end their turns; nothing of it where the system can't.

    On several CPUs the threads of a busy worker take turns across them, and that costs more than the requests
    themselves: see `make bench`. The second CPU is left to other processes. On one CPU, a thread that is woken would
    take it from the one that holds the interpreter, only to wait for that one; in a batch it lets that one go on.
    """
    gc.freeze()  # what the start has made is there to stay, and need not be looked through for garbage
    with suppress(AttributeError, OSError):
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cpus[os.getpid() % len(cpus)]})
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
