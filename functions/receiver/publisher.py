"""Hands a message to Pub/Sub and waits until it is safe."""

import os
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any

from google.pubsub_v1 import PublisherClient, PublishRequest

from .calls import ONE_TRY, within
from .channel import connect
from .deadline import Deadline
from .errors import Failed
from .message import Message

MOST_MESSAGES = 100
MOST_BYTES = 9_500_000
# A call costs far more than a message in it. While calls are quick, one at a time takes along all that is about to
# come. When they are SLOW (in seconds), it is waiting that costs: a FEW messages are enough for a call to set out
# beside those in flight. And whoever has waited for its PATIENCE sets out with what there is.
MOST_IN_FLIGHT = 4
SLOW, FEW = 0.01, 16
PATIENCE = 0.25
MOST_YIELDS = 16
# The protobuf class behind Google's own: the same request, without a copy of each message on its way into it.
RawRequest = PublishRequest.pb()


class Turn(Enum):
    """What a waiting request is told instead of a message id."""

    LEAD = "publish what waits, yours among it"
    ALONE = "publish yours alone: the batch it was in has failed"


@dataclass(slots=True, eq=False)
class Waiting:
    """One message, and where the request that brought it hears of it."""

    message: Message
    news: SimpleQueue[str | Turn] = field(default_factory=SimpleQueue)

    @property
    def size(self) -> int:
        """The most bytes that it takes in a call."""
        return len(self.message.data) + 4096


class Publisher:
    """Publishes from the threads of the requests themselves.

    An idle publisher sends at once. While a call is in flight, messages wait and ride together in the next one, which
    is made by the first of them, or by the one that makes them enough. Nobody waits longer than its own deadline: who
    must go, goes; and when a call with several messages fails, each request tries again with its own message alone, so
    that none suffers for another.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._lock = threading.Lock()
        self._in_flight = 0
        self._enough = MOST_MESSAGES
        self._waiting: deque[Waiting] = deque()
        self._client = Client()

    def publish(self, message: Message, deadline: Deadline) -> str:
        """Return the message id once Pub/Sub has the message; Failed with queue-down, queue-refused or deadline."""
        mine = Waiting(message)
        news = self._board(mine) or self._hear(mine, deadline)
        if news is Turn.LEAD:
            news = self._lead(mine, deadline)
        return news if isinstance(news, str) else self._send([mine], **within(deadline))[0]

    def _board(self, mine: Waiting) -> Turn | None:
        with self._lock:
            if self._in_flight == 0 or (self._in_flight < MOST_IN_FLIGHT and self._are_enough()):
                self._in_flight += 1
                return Turn.LEAD
            self._waiting.append(mine)
            return None

    def _hear(self, mine: Waiting, deadline: Deadline) -> str | Turn:
        with suppress(Empty, Failed):
            return mine.news.get(timeout=min(PATIENCE, deadline.left()))
        with self._lock:
            if mine in self._waiting and self._in_flight < MOST_IN_FLIGHT:
                self._waiting.remove(mine)
                self._in_flight += 1
                return Turn.LEAD
        return self._hear_at_last(mine, deadline)

    def _hear_at_last(self, mine: Waiting, deadline: Deadline) -> str | Turn:
        try:
            return mine.news.get(timeout=deadline.left())
        except (Empty, Failed):
            with self._lock:
                if mine in self._waiting:
                    self._waiting.remove(mine)
                elif not mine.news.empty() and mine.news.get() is Turn.LEAD:
                    self._pass_on()
            raise Failed("deadline") from None

    def _lead(self, mine: Waiting, deadline: Deadline) -> str | Turn:
        """Publish `mine` and what waits, once; then let the next one lead, and tell the others."""
        batch = self._fill(mine)
        news: list[str | Turn] = [Turn.ALONE for _ in batch]
        started = time.monotonic()
        try:
            news = [*self._send(batch, retry=None, timeout=min(ONE_TRY, deadline.left()))]
        except Failed:
            pass  # each tries again alone
        finally:
            with self._lock:
                self._enough = FEW if time.monotonic() - started > SLOW else MOST_MESSAGES
                self._pass_on()
            for waiting, its in zip(batch[1:], news[1:], strict=True):
                waiting.news.put(its)
        return news[0]

    def _fill(self, mine: Waiting) -> list[Waiting]:
        """Take along what waits, after giving way to the threads that are just about to bring something.

        Where there are none, as in an idle publisher, nothing is waited for.
        """
        for _ in range(MOST_YIELDS):
            before = len(self._waiting)
            os.sched_yield()
            if len(self._waiting) == before or self._are_enough():
                break
        batch, size = [mine], mine.size
        with self._lock:
            while self._waiting and len(batch) < MOST_MESSAGES and size + self._waiting[0].size <= MOST_BYTES:
                batch.append(self._waiting.popleft())
                size += batch[-1].size
        return batch

    def _are_enough(self) -> bool:
        return len(self._waiting) + 1 >= self._enough

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().news.put(Turn.LEAD)
        else:
            self._in_flight -= 1

    def _send(self, batch: list[Waiting], **how: Any) -> list[str]:
        try:
            messages = [{"data": each.message.data, "attributes": each.message.attributes} for each in batch]
            request = RawRequest(topic=self._topic, messages=messages)
            ids = list(self._client().publish(PublishRequest.wrap(request), **how).message_ids)
        except Failed:
            raise
        except Exception as error:  # also: no credentials, or no network to fetch them by
            refused = getattr(error, "code", None) in (400, 401, 403, 404)
            raise Failed("queue-refused" if refused else "queue-down") from error
        if len(ids) != len(batch):
            raise Failed("queue-down")
        return ids


class Client:
    """Pub/Sub's client, made when it is first needed, and again in another process: no channel may cross a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: tuple[int, PublisherClient] | None = None

    def __call__(self) -> PublisherClient:
        made = self._made
        if made is None or made[0] != os.getpid():
            with self._lock:
                made = self._made
                if made is None or made[0] != os.getpid():
                    client = connect(PublisherClient, os.environ.get("PUBSUB_EMULATOR_HOST"))
                    made = self._made = (os.getpid(), client)
        return made[1]
