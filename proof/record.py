"""What really happened, told by nobody who is being tried: messages in the topic, dead letters, and effects."""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import PubsubMessage

from .sender import CANARY
from .stage import DEAD, RECORD

Keep = Callable[[PubsubMessage], str]


class Record:
    """Reads subscriptions of its own as long as it is open, and the file in which handlers write down what they do."""

    def __init__(self, subscriber: SubscriberClient, effects: Path) -> None:
        self.messages: dict[str, list[str]] = defaultdict(list)  # the hashes of the bytes, by event
        self.reasons: dict[str, list[str]] = defaultdict(list)  # of dead letters, by event
        self.leaks: list[str] = []
        self.effects: dict[tuple[str, str], list[int]] = defaultdict(list)  # the processes that did one
        self._subscriber, self._file, self._seen = subscriber, effects, 0
        self._file.touch()
        self._over = threading.Event()
        self._readers = [
            threading.Thread(target=self._read, args=(name, book, keep), daemon=True)
            for name, book, keep in (
                (RECORD, self.messages, lambda message: hashlib.sha256(message.data).hexdigest()),
                (DEAD, self.reasons, lambda message: message.attributes.get("ce-deadreason", "")),
            )
        ]
        for reader in self._readers:
            reader.start()

    def close(self) -> None:
        """Read no more."""
        self._over.set()
        for reader in self._readers:
            reader.join()

    def look(self) -> None:
        """Read what handlers have written down since."""
        with self._file.open() as file:
            file.seek(self._seen)
            for line in file.read().splitlines():
                name, id_, process = line.split()
                self.effects[name, id_].append(int(process))
            self._seen = file.tell()

    def _read(self, subscription: str, book: dict[str, list[str]], keep: Keep) -> None:
        while not self._over.is_set():
            try:
                wish = {"subscription": subscription, "max_messages": 1000}
                received = self._subscriber.pull(wish, timeout=2, retry=None).received_messages
                if not received:
                    continue
                ack_ids = [each.ack_id for each in received]
                self._subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids, timeout=5)
            except GoogleAPICallError:  # nothing there for so long, or no queue at all
                self._over.wait(0.1)
                continue
            for each in received:
                book[each.message.attributes.get("ce-id", "")].append(keep(each.message))
                self.leaks += [f"attribute {name}" for name, text in each.message.attributes.items() if CANARY in text]
