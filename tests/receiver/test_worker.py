"""How a worker settles on its machine."""

import subprocess
import sys

import pytest

from tests.servers import ROOT

SETTLE = """
import gc, os, sys
if sys.argv[1] == "bare":
    for name in ("sched_getaffinity", "sched_setaffinity", "sched_setscheduler", "SCHED_BATCH"):
        vars(os).pop(name, None)
elif sys.argv[1] == "strict":
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")
    os.sched_setaffinity = os.sched_setscheduler = refuse
from functions.receiver import worker
worker.settle()
assert gc.get_freeze_count() > 1000, gc.get_freeze_count()
"""


@pytest.mark.parametrize("system", ["usual", "bare", "strict"])
def test_a_worker_settles_as_far_as_its_system_lets_it(system: str) -> None:
    subprocess.run([sys.executable, "-c", SETTLE, system], check=True, cwd=ROOT, timeout=30)
