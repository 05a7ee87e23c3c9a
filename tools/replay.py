"""Publishes dead letters again, so that the handlers that have not finished them get another try."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.pubsub_v1 import PubsubMessage

from .dead_letters import Kinds, summary
from .letters import FORWARDED, Choice, Letter, add_arguments
from .pubsub import PubSub, Trouble
from .scan import AT_ONCE, Scan
from .stop import Stop

# An event that comes back as often as that is likely to come back for ever.
REPLAYS = 3
# One call takes 10 MB: https://docs.cloud.google.com/pubsub/quotas#resource_limits
BYTES = 9_000_000
# What is leased is published within so many seconds, long before its lease runs out.
AHEAD = 5
TWICE = "the handlers that had finished run again, too: what they do happens twice"


@dataclass
class Tally:
    """How far a run came."""

    verb: str = "replayed"
    kinds: Kinds = field(default_factory=Kinds)
    refused: int = 0
    newer: int = 0
    others: int = 0

    def __str__(self) -> str:
        reasons = {
            f"replayed {REPLAYS} times already: --force": self.refused,
            "newer than this run": self.newer,
            "not chosen": self.others,
        }
        why = "; ".join(f"{count} {reason}" for reason, count in reasons.items() if count)
        return f"{self.verb} {self.kinds.total()}, left {sum(reasons.values())}" + (f" ({why})" if why else "")


def main(options: Sequence[str] | None = None) -> int:
    """Replay, and say how far it came: 1 if something failed or was refused, 130 if it was told to stop."""
    arguments = _arguments(options)
    tally = Tally("would replay" if arguments.dry_run else "replayed")
    with Stop() as stop:
        try:
            queue = PubSub(arguments.project)
            # Said before anything happens: PROJECT may come from an environment that was meant for something else.
            print(f"dead letters in {queue.project} at {queue.where}", file=sys.stderr)
            Replay(queue, arguments, tally, stop).run()
        except Trouble as error:
            sys.exit(f"replay: {error}; before that: {tally}" if tally.kinds else f"replay: {error}")
    if arguments.dry_run and tally.kinds:
        print(summary(tally.kinds), end="\n\n")
    print(f"stopped: {tally}, and what it had not come to" if stop.told else tally)
    return 130 if stop.told else int(tally.refused > 0)


class Replay:
    """One run through the dead letters of a project."""

    def __init__(self, queue: PubSub, arguments: argparse.Namespace, tally: Tally, stop: Stop) -> None:
        self._queue, self._arguments, self._tally, self._stop = queue, arguments, tally, stop
        self._choice, self._start = Choice.of(arguments), datetime.now(UTC)

    def run(self) -> None:
        """Replay what is chosen; a letter is acknowledged only when its event is safe in the topic again."""
        began, rate = time.monotonic(), self._arguments.rate
        rate = float("inf") if self._arguments.dry_run or not rate else rate
        with Scan(self._queue, self._start, self._stop, _within(rate * AHEAD)) as scan:
            for letters in scan:
                for batch in batches([letter for letter in letters if self._wants(letter)], _within(rate)):
                    if self._stop.told:
                        return
                    safe = batch if self._arguments.dry_run else self._publish(batch)
                    self._tally.kinds.update((letter.type, letter.reason) for letter in safe)
                    if not self._arguments.dry_run:
                        scan.settle(safe)
                    self._stop.wait(began + self._tally.kinds.total() / rate - time.monotonic())

    def _publish(self, batch: Sequence[Letter]) -> list[Letter]:
        """Publish events, and return the letters of those that have a message id, which are not needed any more."""
        ids = self._queue.publish([revived(letter, self._arguments.again) for letter in batch])
        return [letter for letter, message_id in zip(batch, ids, strict=False) if message_id]

    def _wants(self, letter: Letter) -> bool:
        """Say whether a letter is to be replayed, and count why it is not.

        An event that fails again at once is a new letter, published after the start, and left for the next run. The
        two times are of two clocks: if ours is ahead, a new letter may be taken for an old one, no more often than
        `REPLAYS` allows; if it is behind, the next run gets what died just before this one.
        """
        tally = self._tally
        if not self._choice.has(letter, self._start):
            tally.others += 1
        elif letter.published >= self._start:
            tally.newer += 1
        elif letter.replays >= REPLAYS and not self._arguments.force:
            tally.refused += 1
        else:
            return True
        return False


def revived(letter: Letter, again: bool) -> PubsubMessage:
    """Write the event as it was before it died, replayed once more."""
    dead = ("ce-dead", "ce-again", FORWARDED)
    attributes = {name: value for name, value in letter.attributes.items() if not name.startswith(dead)}
    attributes["ce-replay"] = str(letter.replays + 1)
    if again:
        attributes["ce-again"] = "1"
    return PubsubMessage(data=letter.data, attributes=attributes)


def batches(letters: Sequence[Letter], most: int) -> Iterator[list[Letter]]:
    """Divide letters into what one call can publish, and no more than `most`."""
    batch: list[Letter] = []
    room = BYTES
    for letter in letters:
        room -= letter.size
        if batch and (room < 0 or len(batch) == most):
            yield batch
            batch, room = [], BYTES - letter.size
        batch.append(letter)
    if batch:
        yield batch


def _within(count: float) -> int:
    return int(max(1, min(count, AT_ONCE)))


def _rate(text: str) -> float:
    if not 0 <= (rate := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of events")
    return rate


def _arguments(options: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make replay", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would be replayed, and change nothing")
    parser.add_argument("--again", action="store_true", help=TWICE)
    parser.add_argument("--force", action="store_true", help=f"also what was replayed {REPLAYS} times already")
    # What was broken has just been repaired: it gets its events at a pace that leaves it room for the new ones.
    parser.add_argument("--rate", type=_rate, default=100, help="events a second (100); 0: as fast as it goes")
    arguments = parser.parse_args(options)
    if arguments.again:
        print(f"--again: {TWICE}", file=sys.stderr)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
