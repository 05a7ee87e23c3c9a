"""Goes through the dead letters once, and holds them meanwhile, so that none comes twice."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, Self

from tqdm import tqdm

from .letters import Letter
from .pubsub import Trouble
from .stop import Stop

# A pull may bring nothing although there is something: only after one more for each of these pauses, in seconds, is it
# the end. (A pull that waits for messages would be no surer: its timeout ends it, and what was on its way just then
# would stay leased to nobody.) The queues of one machine say what they have.
CLOUD, LOCAL = (0.5, 1.0, 2.0, 4.0), (0.1,)
# One call takes 512 KiB of ack ids: https://docs.cloud.google.com/pubsub/quotas#resource_limits
AT_ONCE = 1000


class Queue(Protocol):
    """What a scan needs of Pub/Sub; `local` if it is on this machine."""

    local: bool

    def pull(self, most: int) -> Sequence[Any]: ...
    def acknowledge(self, ack_ids: Sequence[str]) -> None: ...
    def give_back(self, ack_ids: Sequence[str]) -> None: ...


class Scan:
    """One way through the dead letters, a batch after the other; at its end all that were not settled are given back.

    A lease that runs out meanwhile brings its letter again: it is leased again, and not shown again. What was published
    after `start` is shown, but does not prolong the scan.
    """

    def __init__(self, queue: Queue, start: datetime, stop: Stop, most: int = AT_ONCE) -> None:
        self._queue, self._start, self._stop, self._most = queue, start, stop, most
        self._pauses = LOCAL if queue.local else CLOUD
        self._met = Met()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for ack_ids in self._met.held():
                self._queue.give_back(ack_ids)
        except Trouble as error:
            raise Trouble(f"{error}; what is still leased comes back by itself within 10 minutes") from error

    def __iter__(self) -> Iterator[list[Letter]]:
        """Show every letter once; the end is when several pulls, or one more time all that is held, bring none."""
        old = again = quiet = 0
        with tqdm(unit=" dead letters", disable=None, leave=False) as bar:
            while not self._stop.told and again <= old and quiet <= len(self._pauses):
                pulled = [Letter.of(received) for received in self._queue.pull(self._most)]
                letters = self._first_time(pulled)
                yield letters
                bar.update(len(letters))
                if more := sum(letter.published < self._start for letter in letters):
                    old, again, quiet = old + more, 0, 0
                elif len(letters) < len(pulled):
                    again += len(pulled) - len(letters)
                else:
                    self._stop.wait([*self._pauses, 0][quiet])
                    quiet += 1

    def settle(self, letters: Sequence[Letter]) -> None:
        """Acknowledge letters that are not needed any more."""
        if letters:
            self._queue.acknowledge([letter.ack_id for letter in letters])
        self._met.keep((letter.message_id, "") for letter in letters)

    def _first_time(self, letters: Sequence[Letter]) -> list[Letter]:
        """Hold what came, and return what had not come before; an acknowledgement may have been lost on its way."""
        known = {letter.message_id: self._met.ack_id(letter.message_id) for letter in letters}
        settled = [letter for letter in letters if known[letter.message_id] == ""]
        self._met.keep((letter.message_id, letter.ack_id) for letter in letters)
        self.settle(settled)
        return [letter for letter in letters if known[letter.message_id] is None]


class Met:
    """The ack id of every message of a scan, "" once it is settled: in a file without a name, which ends with us."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE met (message_id TEXT PRIMARY KEY, ack_id TEXT NOT NULL) WITHOUT ROWID")

    def ack_id(self, message_id: str) -> str | None:
        """Return the ack id of a message, or None if it was not met."""
        row = self._db.execute("SELECT ack_id FROM met WHERE message_id = ?", (message_id,)).fetchone()
        return row and str(row[0])

    def keep(self, rows: Iterable[tuple[str, str]]) -> None:
        """Keep ack ids by their messages', the last of each."""
        self._db.executemany("INSERT OR REPLACE INTO met VALUES (?, ?)", rows)

    def held(self) -> Iterator[list[str]]:
        """Return the ack ids of all that are not settled, as many at once as one call takes."""
        found = self._db.execute("SELECT ack_id FROM met WHERE ack_id != ''")
        while rows := found.fetchmany(AT_ONCE):
            yield [ack_id for (ack_id,) in rows]
