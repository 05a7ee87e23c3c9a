"""What goes wrong, a row each: while events are sent it is made to, and then it is mended."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc

from tests.proxy import Fault, Proxy

from .quota import busy_queue
from .sender import SECRET
from .stage import DEAD, DEAD_TOPIC, TOPIC, Stage

DEADLINE = 4  # seconds that the receiver has for a request
Going = Callable[[Stage], AbstractContextManager[None]]


@dataclass(frozen=True)
class Trial:
    """A fault that lasts some seconds, and what may be seen of it from outside.

    `answers` are the statuses a sender may get, 0 being none at all; no answer may take longer than `worst`, and `back`
    seconds after the fault there is a 200 again. `first` has it fail before anything is sent; `fresh` starts a new
    receiver before that; `wave` changes what is sent; `after` says what else is not as it should be.
    """

    id: str
    name: str
    going: Going
    lasts: float = 6
    answers: frozenset[int] = frozenset({200, 503})
    worst: float = DEADLINE + 0.5
    back: float = 2
    first: bool = False
    fresh: bool = False
    short: bool = False
    wave: dict[str, Any] = field(default_factory=dict)
    after: Callable[[Stage], str] = lambda stage: ""


def _queue(stage: Stage) -> Proxy:
    return stage.to_queue


def _ledger(stage: Stage) -> Proxy:
    return stage.to_ledger


def network(between: Callable[[Stage], Proxy], fault: Fault) -> Going:
    """The network fails in this way."""

    @contextmanager
    def going(stage: Stage) -> Iterator[None]:
        between(stage).fail(fault)
        try:
            yield
        finally:
            between(stage).fail(Fault.NONE)

    return going


def again_and_again(every: float, act: Callable[[Stage], object]) -> Going:
    """Something is done every few seconds."""

    @contextmanager
    def going(stage: Stage) -> Iterator[None]:
        over = threading.Event()

        def repeat() -> None:
            act(stage)
            while not over.wait(every):
                act(stage)

        thread = threading.Thread(target=repeat)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    return going


def flap(stage: Stage) -> None:
    """A second without the queue."""
    stage.to_queue.fail(Fault.REFUSES)
    time.sleep(1)
    stage.to_queue.fail(Fault.NONE)


@contextmanager
def calm(stage: Stage) -> Iterator[None]:
    """Nothing goes wrong."""
    yield


@contextmanager
def without_topic(stage: Stage) -> Iterator[None]:
    """Somebody has deleted the topic."""
    stage.unsubscribe()
    stage.publisher.delete_topic(topic=TOPIC, timeout=10)
    yield
    stage.create_topic()


@contextmanager
def without_dead_letters(stage: Stage) -> Iterator[None]:
    """Somebody has deleted the topic of the dead letters."""
    stage.subscriber.delete_subscription(subscription=DEAD, timeout=10)
    stage.publisher.delete_topic(topic=DEAD_TOPIC, timeout=10)
    yield
    stage.create_dead_letters()


@contextmanager
def forgetful_queue(stage: Stage) -> Iterator[None]:
    """The queue ends, and comes back empty, on its port."""
    stage.queue.kill()
    yield
    stage.restart_queue()


@contextmanager
def impatient_queue(stage: Stage) -> Iterator[None]:
    """Pub/Sub waits 10 s for handlers that take 14."""
    stage.unsubscribe()
    stage.subscribe(ack_deadline=10)
    yield


@contextmanager
def cold_without_store(stage: Stage) -> Iterator[None]:
    """A new instance finds no Secret Manager."""
    stage.store.stop()
    stage.restart_receiver()
    yield
    stage.store.start()


@contextmanager
def without_store(stage: Stage) -> Iterator[None]:
    """Secret Manager goes away; a minute later the secrets that are known are old."""
    stage.store.stop()
    yield
    stage.store.start()


@contextmanager
def slow_store(stage: Stage) -> Iterator[None]:
    """A new instance finds a Secret Manager that takes 10 s."""
    stage.store.delay = 10
    stage.store.calls.clear()
    stage.restart_receiver()
    yield
    stage.store.delay = 0


@contextmanager
def disabled_secret(stage: Stage) -> Iterator[None]:
    """Somebody has disabled the secret, and a new instance is told so."""
    stage.store.end("webhook-shop", "DISABLED")
    stage.restart_receiver()
    yield
    stage.store.add("webhook-shop", SECRET)


NEW = SECRET + "-renewed"


@contextmanager
def rotated(stage: Stage) -> Iterator[None]:
    """A second secret is added, with which the sender signs at once."""
    stage.store.add("webhook-shop", f"{NEW}\n{SECRET}")
    yield


def patient_again(stage: Stage) -> str:
    """Pub/Sub waits as long as it should."""
    stage.unsubscribe()
    stage.subscribe()
    return ""


def few_fetches(stage: Stage) -> str:
    """One request at a time fetches a secret, each for as long as its deadline: a handful in this time."""
    calls = len(stage.store.calls)
    return "" if calls <= 10 else f"the secret was fetched {calls} times"


def no_thread_left(stage: Stage) -> str:
    """No thread hangs in a call that nobody waits for: gunicorn's, gRPC's few, and no more."""
    [worker] = stage.receiver.children()
    with open(f"/proc/{worker}/status") as status:
        threads = next(int(line.split()[1]) for line in status if line.startswith("Threads:"))
    return "" if threads <= 80 + 24 else f"the receiver has {threads} threads"


TRIALS = [
    Trial("F00", "nothing at all", calm, answers=frozenset({200}), lasts=1, short=True),
    Trial("F01", "the queue is down", network(_queue, Fault.REFUSES), short=True),
    Trial("F02", "the queue is down for a second", network(_queue, Fault.REFUSES), 1, frozenset({200})),
    Trial("F03", "every piece to and from the queue takes 1.5 s more", network(_queue, Fault.DELAYS), 8, back=5),
    Trial("F04", "the queue comes and goes every second", again_and_again(1, flap), 30, after=no_thread_left),
    Trial("F05", "the queue resets connections", network(_queue, Fault.RESETS), short=True),
    Trial("F06", "answers of the queue get lost", network(_queue, Fault.LOSES_REPLIES), short=True, back=5),
    Trial("F07", "answers get lost for 1.5 s", network(_queue, Fault.LOSES_REPLIES), 1.5, back=5),
    Trial("F08", "the queue swallows everything", network(_queue, Fault.SWALLOWS), short=True),
    Trial("F09", "the topic is deleted", without_topic, worst=1.5, first=True),
    Trial("F10", "the queue is over its quota for 2 s", busy_queue(grpc.StatusCode.RESOURCE_EXHAUSTED), 2, back=5),
    Trial("F11", "a new instance finds no Secret Manager", cold_without_store, 3, back=5, first=True, short=True),
    Trial("F12", "Secret Manager is away for 80 s", without_store, 80, frozenset({200})),
    Trial("F13", "Secret Manager takes 10 s", slow_store, 5, back=11, first=True, after=few_fetches),
    Trial(
        "F14",
        "the secret is rotated",
        rotated,
        answers=frozenset({200}),
        fresh=True,  # a forgery in the minute before would have used up the one fetch that a failed proof has
        wave={"forged": 0, "secrets": ((0, SECRET), (2, NEW))},
    ),
    Trial("F15", "the secret is disabled", disabled_secret, 3, back=5, first=True),
    Trial("F16", "kill -9 of the processor, every 5 s", again_and_again(5, Stage.restart_processor), 21),
    Trial(
        "F18",
        "handlers outlast what Pub/Sub waits",
        impatient_queue,
        1,
        first=True,
        wave={"slow": 40, "events": 320},
        after=patient_again,
    ),
    Trial("F19", "the ledger is down", network(_ledger, Fault.REFUSES), answers=frozenset({200}), short=True),
    Trial("F20", "answers of the ledger get lost", network(_ledger, Fault.LOSES_REPLIES), answers=frozenset({200})),
    Trial("F21", "the ledger is slow", network(_ledger, Fault.DELAYS), answers=frozenset({200})),
    Trial("F22", "each event comes 32 times", calm, answers=frozenset({200}), short=True, wave={"copies": 32}),
    Trial("F24", "a burst over 80 connections", calm, answers=frozenset({200}), wave={"connections": 80}),
    Trial(
        "F25",
        "SIGTERM to the receiver, every 5 s",
        again_and_again(5, partial(Stage.restart_receiver, how=signal.SIGTERM)),
        21,
        frozenset({0, 200, 503}),
        worst=30,
    ),
    Trial(
        "F26",
        "kill -9 of the receiver, every 5 s",
        again_and_again(5, Stage.restart_receiver),
        21,
        frozenset({0, 200, 503}),
        short=True,
    ),
    Trial(
        "F31",
        "the receiver's worker crashes, every 3 s",
        again_and_again(3, partial(Stage.kill_receivers_worker, how=signal.SIGSEGV)),
        13,
        frozenset({0, 200, 503}),
        back=5,
    ),
    Trial("F34", "no topic for dead letters", without_dead_letters, answers=frozenset({200}), first=True),
    Trial("F35", "the queue ends and has forgotten everything", forgetful_queue, 4, back=10, first=True),
]
