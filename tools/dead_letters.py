"""Shows the dead letters, and changes nothing."""

import argparse
import heapq
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from tabulate import tabulate

from .letters import Choice, Letter, add_arguments, printable
from .pubsub import PubSub, Trouble
from .scan import Scan
from .stop import Stop

# So many characters of an error are in the table, and so many bytes of a body that is no text are shown.
ERROR, HEAD = 60, 256
COLUMNS = ["dead since (UTC)", "source", "type", "id", "reason", "error", "attempts", "replays"]

Kinds = Counter[tuple[str, str]]


def main(options: Sequence[str] | None = None) -> int:
    """Print what there is: 1 if that fails or the id is not there, 130 if it was told to stop."""
    arguments = _arguments(options)
    with Stop() as stop:
        try:
            queue = PubSub(arguments.project)
            oldest, kinds = look(queue, Choice.of(arguments), arguments.limit, stop)
        except Trouble as error:
            sys.exit(f"dead-letters: {error}")
    if stop.told:
        print("stopped: all is where it was", file=sys.stderr)
        return 130
    for part in map(whole, oldest) if arguments.id else filter(None, [table(oldest), summary(kinds)]):
        print(part, end="\n\n")
    found = "1 dead letter" if kinds.total() == 1 else f"{kinds.total()} dead letters"
    print(f"{found} in {queue.project} at {queue.where}")
    return int(arguments.id is not None and not oldest)


def look(queue: PubSub, choice: Choice, limit: int, stop: Stop) -> tuple[list[Letter], Kinds]:
    """Go through the dead letters: the oldest of those that are chosen, and how many there are of each kind."""
    now, kinds = datetime.now(UTC), Kinds()
    newest_first: list[tuple[float, str, Letter]] = []
    with Scan(queue, now, stop) as scan:
        for letter in (letter for letters in scan for letter in letters if choice.has(letter, now)):
            kinds[letter.type, letter.reason] += 1
            kept = letter if choice.id else replace(letter, data=b"")  # bodies only of what is asked for
            heapq.heappush(newest_first, (-letter.died.timestamp(), letter.message_id, kept))
            if len(newest_first) > limit:
                heapq.heappop(newest_first)
    return [letter for _, _, letter in sorted(newest_first, reverse=True)], kinds


def table(letters: Sequence[Letter]) -> str:
    """Write a line for each; nothing of a body, which may hold what is private."""
    rows = [
        (
            f"{letter.died:%Y-%m-%d %H:%M:%S}",
            letter.source,
            letter.type,
            letter.id,
            letter.reason,
            letter.error if len(letter.error) <= ERROR else letter.error[: ERROR - 1] + "…",
            letter.attempts,
            str(letter.replays),
        )
        for letter in letters
    ]
    return _tabulate(rows, COLUMNS) if rows else ""


def summary(kinds: Kinds) -> str:
    """Write how many there are of each kind, the most frequent first."""
    rows = [(kind, reason, str(count)) for (kind, reason), count in kinds.most_common()]
    return _tabulate(rows, ["type", "reason", "count"]) if rows else ""


def whole(letter: Letter) -> str:
    """Write everything of a letter: its attributes, and its body if that is text."""
    facts = {"message": letter.message_id, "published": str(letter.published)} | dict(sorted(letter.attributes.items()))
    return f"{_tabulate(list(facts.items()))}\n\n{_body(letter.data)}"


def _body(data: bytes) -> str:
    with suppress(UnicodeDecodeError):
        text = data.decode().replace("\r\n", "\n")
        if all(c.isprintable() or c in "\n\t" for c in text):
            return text or "no body"
    return f"{len(data)} bytes that are no text: {data[:HEAD].hex(' ')}{' …' * (len(data) > HEAD)}"


def _tabulate(rows: Sequence[Sequence[str]], headers: Sequence[str] = ()) -> str:
    cells = [[printable(cell) for cell in row] for row in rows]
    return tabulate(cells, headers, tablefmt="simple" if headers else "plain", disable_numparse=True)


def _arguments(options: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make dead-letters", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--limit", type=int, default=50, help="show so many, the oldest; all are counted")
    return parser.parse_args(options)


if __name__ == "__main__":
    sys.exit(main())
