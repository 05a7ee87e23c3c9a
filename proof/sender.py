"""A sender as webhooks have them: many connections, a proof on each event, and the event again until it is told 200."""

import hmac
import json
import math
import multiprocessing
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import chain

CANARY = "canary-3f9a"  # in every secret and in every header and body that is nobody's business
SECRET = f"{CANARY}-secret-of-the-shop"
PATIENCE, PAUSE, ROUNDS = 30, 0.5, 120
IDLE = 1  # after so many seconds a sender connects anew: the server hangs up after two
FORGED = "forged-"


@dataclass(frozen=True)
class Wave:
    """So many events, spread over so many seconds; who is held up hurries afterwards.

    `copies` connections send the same events; one in `forged` comes with a wrong proof too, one in `slow` takes long;
    each of `secrets` is signed with from a second on.
    """

    name: str
    events: int
    seconds: float
    connections: int = 32
    copies: int = 1
    forged: int = 20
    slow: int = 0
    secrets: tuple[tuple[float, str], ...] = ((0, SECRET),)


@dataclass(frozen=True)
class Attempt:
    """One request and its answer: the status (0 for none), and when by the clock that all processes share."""

    id: str
    status: int
    begun: float
    ended: float
    leaked: bool = False

    @property
    def took(self) -> float:
        """Seconds until the answer."""
        return self.ended - self.begun


@dataclass
class Sending:
    """A wave on its way, in a process of its own."""

    pool: ProcessPoolExecutor
    attempts: Future[list[Attempt]]

    def result(self) -> list[Attempt]:
        """Wait until every event was told 200 or given up, and tell all."""
        with self.pool:
            return self.attempts.result()


def send(port: int, wave: Wave) -> Sending:
    """Begin to send to a port of this machine; it has begun when this returns."""
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    pool.submit(time.time).result()  # the process is there
    return Sending(pool, pool.submit(_everybody, port, wave))


def body_of(id_: str, slow: int = 0) -> bytes:
    """What an event says: for one id always the same, one in a hundred of a kind that can't be done."""
    dice = random.Random(id_)
    kind = "hopeless" if dice.random() < 0.01 else "slow" if slow and dice.random() < 1 / slow else "order"
    return json.dumps({"type": kind, "id": id_, "text": CANARY + "x" * dice.randrange(2000)}).encode()


def _everybody(port: int, wave: Wave) -> list[Attempt]:
    begun = time.monotonic()
    with ThreadPoolExecutor(wave.connections) as pool:
        clients = [_Client(port, wave, begun) for _ in range(wave.connections)]
        ids = [_ids(wave, number, begun) for number in range(wave.connections)]
        return list(chain.from_iterable(pool.map(_Client.send_all, clients, ids)))


def _ids(wave: Wave, number: int, begun: float) -> Iterator[str]:
    """The ids of one connection's events, each when it is time for it."""
    share = math.ceil(wave.events / wave.connections)
    for n in range(share):
        time.sleep(max(0, begun + wave.seconds * n / share - time.monotonic()))
        yield f"{wave.name}-{number // wave.copies}-{n}"


@dataclass
class _Client:
    port: int
    wave: Wave
    begun: float
    attempts: list[Attempt] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.idle_since = time.monotonic()

    def send_all(self, ids: Iterator[str]) -> list[Attempt]:
        """Send each, and what was not told 200 again, a round at a time."""
        left = []
        for n, id_ in enumerate(ids):
            if self.wave.forged and n % self.wave.forged == 0:
                self.send(FORGED + id_, "no secret of the shop's")
            if self.send(id_) != 200:
                left.append(id_)
        for _ in range(ROUNDS):
            if left:
                time.sleep(PAUSE)
            left = [id_ for id_ in left if self.send(id_) != 200]
        self.connection.close()
        return self.attempts

    def send(self, id_: str, secret: str = "") -> int:
        """Send one event once, and note what was answered."""
        begun = time.monotonic()
        body = body_of(id_, self.wave.slow)
        secret = secret or next(secret for since, secret in reversed(self.wave.secrets) if begun - self.begun >= since)
        headers = {
            "Content-Type": "application/json",
            "X-Id": id_,
            "X-Signature": hmac.digest(secret.encode(), body, "sha256").hex(),
            "Authorization": f"Bearer {CANARY}",
            "Cookie": f"session={CANARY}",
        }
        status, said = self.exchange(body, headers)
        self.attempts.append(Attempt(id_, status, begun, time.monotonic(), CANARY.encode() in said))
        return status

    def exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """One request; status 0 where no answer came."""
        if time.monotonic() - self.idle_since > IDLE:
            self.connection.close()
        try:
            self.connection.request("POST", "/shop", body, headers)
            answer = self.connection.getresponse()
            return answer.status, str(answer.headers).encode() + answer.read()
        except (OSError, HTTPException):
            self.connection.close()
            return 0, b""
        finally:
            self.idle_since = time.monotonic()
