"""Has the harness's command send its scenarios: what has to happen meanwhile."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.proxy import Fault, Proxy
from tests.servers import until

from .project import SCENARIOS
from .run import LATE, UNREACHED, Run, Verdicts
from .stage import Stage
from .verdicts import PASS

RESTARTED, CRASHED = "receiver-restart-between-attempts", "harness-crash-after-send"
KILLED = "partial-processing-reference-hook"
AMBIGUOUS = 4  # the exit status that says: sent, and what became of it is not known
Send = Callable[[Stage, Path, Proxy], str]


def judge(stage: Stage, program: Path) -> Verdicts:
    """Send every scenario that the command knows: first, at once, those that need nothing but a receiver."""
    proxy = Proxy(stage.receiver.port)
    verdicts: Verdicts = {}
    special = {LATE: late, UNREACHED: unreached, CRASHED: crashed, KILLED: killed, RESTARTED: restarted}
    try:
        with Run(stage, program, [name for name in SCENARIOS if name not in special or name == RESTARTED]) as run:
            verdicts |= run.verdicts()
        for name, send in special.items():
            if verdicts.get(name, PASS) == PASS:
                verdicts[name] = tried(send, stage, program, proxy)
    finally:
        proxy.stop()
    return verdicts


def tried(send: Send, stage: Stage, program: Path, proxy: Proxy) -> str:
    """Send a scenario; its verdict, also where it does not come so far."""
    try:
        return send(stage, program, proxy)
    except AssertionError as error:
        return f"{send.__name__}: {error}"


def late(stage: Stage, program: Path, proxy: Proxy) -> str:
    """The answer comes when nobody waits any more, and the harness is told to send again what it knows nothing of."""
    proxy.fail(Fault.DELAYS)
    with Run(stage, program, [LATE], proxy, patience="2s") as run:
        status = run.wait()
        until(lambda: stage.accepted("late"), 60, 0.1)
        proxy.fail(Fault.NONE)
        run.resume("--on-ambiguous", "redeliver")
        return run.verdicts()[LATE] if status == AMBIGUOUS else f"exit status {status}, where an answer was lost"


def unreached(stage: Stage, program: Path, proxy: Proxy) -> str:
    """Nobody listens when the first attempt is made."""
    proxy.fail(Fault.REFUSES)
    with Run(stage, program, [UNREACHED], proxy) as run:
        until(lambda: run.results, 60, 0.1)
        time.sleep(2)  # that it was made by then is seen in how it ended
        proxy.fail(Fault.NONE)
        return run.verdicts()[UNREACHED]


def crashed(stage: Stage, program: Path, proxy: Proxy) -> str:
    """The harness is killed before it has an answer: it can't know what became of it, and must not send again."""
    proxy.fail(Fault.LOSES_REPLIES)
    with Run(stage, program, [CRASHED], proxy) as run:
        until(lambda: stage.accepted("crashed"), 60, 0.1)
        run.crash()
        proxy.fail(Fault.NONE)
        status, sent, effects = run.resume(), stage.accepted("crashed"), stage.effects({"event_ids": ["crashed"]})
    known = (status, sent, effects) == (AMBIGUOUS, 1, 1)
    return PASS if known else f"exit status {status}, sent {sent} times, {effects} effects"


def killed(stage: Stage, program: Path, _: Proxy) -> str:
    """The process that handles the event is killed when it has done the work, before it can say so."""
    (stage.folder / "kill-killed").touch()
    with Run(stage, program, [KILLED]) as run:
        verdict = run.verdicts()[KILLED]
    return f"nobody was killed: {verdict}" if (stage.folder / "kill-killed").exists() else verdict


def restarted(stage: Stage, program: Path, _: Proxy) -> str:
    """Both functions are killed and started again, and the event of an earlier run comes once more."""
    stage.restart()
    with Run(stage, program, [RESTARTED]) as run:
        return run.verdicts()[RESTARTED]
