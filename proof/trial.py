"""One fault, tried: events are sent, something fails, and what came of each event is held against the record."""

import hashlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .faults import Trial
from .handlers import EFFECTS
from .record import Record
from .sender import CANARY, FORGED, Attempt, Wave, body_of, send
from .stage import Stage

BEFORE, AFTER = 1.0, 1.0
DRAINED = 150  # a lease that a kill left ends after 31 s


@dataclass(frozen=True)
class Result:
    """What was counted, and what is not as it should be."""

    trial: Trial
    answers: Mapping[int, int]
    worst: float
    back: float
    lost: int
    doubled: int
    by_kill: int
    complaints: Sequence[str]


@dataclass
class Proof:
    """A stage and its record, on which one trial follows another."""

    stage: Stage
    record: Record
    sent: set[str] = field(default_factory=set)

    def run(self, trial: Trial, events: int, lasts: float) -> Result:
        """Send so many events, before, while and after it goes wrong for so long, and tell what came of them."""
        wave = Wave(**{"name": trial.id, "events": events, "seconds": BEFORE + lasts + AFTER, **trial.wave})
        if trial.fresh:
            self.stage.restart_receiver()
        sending = None if trial.first else send(self.stage.receiver.port, wave)
        if sending:
            time.sleep(BEFORE)
        with trial.going(self.stage):
            sending = sending or send(self.stage.receiver.port, wave)
            time.sleep(lasts)
        mended = time.monotonic()
        attempts = sending.result()
        bodies = {attempt.id: body_of(attempt.id, wave.slow) for attempt in attempts}
        self.sent |= bodies.keys()
        self.drain(attempts)
        return self.judge(trial, attempts, bodies, mended)

    def drain(self, attempts: Sequence[Attempt]) -> None:
        """Wait until every event that is safe has come to an end, or too long."""
        waiting = {attempt.id for attempt in attempts if attempt.status == 200}
        end = time.monotonic() + DRAINED
        while time.monotonic() < end:
            self.record.look()
            waiting = {id_ for id_ in waiting if not self.is_done(id_)}
            if not waiting:
                return
            time.sleep(0.5)

    def is_done(self, id_: str) -> bool:
        """Whether it is in the record, with all its effects, and with its dead letter if it can't be done."""
        hopeless = b'"hopeless"' in body_of(id_)
        effects = all(self.record.effects[name, id_] for name in EFFECTS)
        return effects and bool(self.record.messages[id_]) and (not hopeless or bool(self.record.reasons[id_]))

    def judge(self, trial: Trial, attempts: Sequence[Attempt], bodies: Mapping[str, bytes], mended: float) -> Result:
        """Hold what the sender was told against the record."""
        real = [attempt for attempt in attempts if not attempt.id.startswith(FORGED)]
        ids = {attempt.id for attempt in real}
        safe = {attempt.id for attempt in real if attempt.status == 200}
        lost = {id_ for id_ in safe if not self.is_safe(id_, bodies[id_])}
        doubled, by_kill = self.doubled(ids)
        worst = max(attempt.took for attempt in attempts)
        back = min((a.ended - mended for a in real if a.status == 200 and a.ended >= mended), default=0.0)
        found = {
            "lost": sorted(lost)[:3],
            "done twice": sorted(doubled)[:3],
            "never told 200": sorted(ids - safe)[:3],
            "got in unproved": [a.id for a in attempts if a.id.startswith(FORGED) and self.got_in(a)][:3],
            "answers": sorted({a.status for a in real} - trial.answers),
            "seconds for one answer": [worst] if worst > trial.worst else [],
            "seconds until there was a 200 again": [back] if back > trial.back else [],
            "told a secret": [*self.leaks(), *(a.id for a in attempts if a.leaked)][:3],
            "besides": list(filter(None, [trial.after(self.stage)])),
        }
        complaints = [f"{trial.id} {what}: {which}" for what, which in found.items() if which]
        counted = Counter(attempt.status for attempt in attempts)
        return Result(trial, counted, worst, back, len(lost), len(doubled), by_kill, complaints)

    def is_safe(self, id_: str, body: bytes) -> bool:
        """Whether its bytes were in the queue, and it came to its end."""
        return hashlib.sha256(body).hexdigest() in self.record.messages[id_] and self.is_done(id_)

    def got_in(self, forged: Attempt) -> bool:
        """Whether something without a proof was taken, or came as far as the queue."""
        return forged.status not in (0, 401, 503) or bool(self.record.messages.get(forged.id))

    def doubled(self, ids: set[str]) -> tuple[set[str], int]:
        """Events with an effect done twice by processes that lived, and how many effects a kill had done twice."""
        twice: set[str] = set()
        by_kill = 0
        for id_ in ids:
            for name in EFFECTS:
                processes = self.record.effects[name, id_]
                if len(processes) > 1 and set(processes[:-1]) <= self.stage.killed:
                    by_kill += 1
                elif len(processes) > 1:
                    twice.add(id_)
        return twice, by_kill

    def leaks(self) -> list[str]:
        """Where a secret can be read, of all that was written down."""
        files = [file for file in self.stage.folder.rglob("*") if file.is_file()]
        return [*self.record.leaks, *(file.name for file in files if _tells(file))]


def _tells(file: Path) -> bool:
    with file.open("rb") as lines:
        return any(CANARY.encode() in line for line in lines)
