"""Loads both functions for long, at half of what they can, and watches their memory (`make soak`)."""

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from tabulate import tabulate
from tqdm import tqdm

from benchmarks.client import PATIENCE, elsewhere, send
from benchmarks.ledger import firestore
from benchmarks.memory import held
from benchmarks.processor import prepared, pushed, running
from benchmarks.stage import DEPLOYED, stage
from benchmarks.webhook import NUMBER, PUSH, Post
from tests.servers import Server

CONNECTIONS = 16
FULL = 20.0  # seconds in which is seen what they can, both at once
FLAT = 0.05  # memory may differ by so much of itself
PARTS = 10
WEBHOOK = replace(PUSH, headers=PUSH.headers | {"X-GitHub-Delivery": NUMBER})
POSTS = {"receiver": WEBHOOK, "processor": pushed()}


def main() -> None:
    """Soak them, and print a table; the status is 1 if memory grew, or if anything was not answered by a success."""
    parser = argparse.ArgumentParser(prog="python -m proof.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    seconds = parser.parse_args().minutes * 60
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped, as on Ctrl-C
    with TemporaryDirectory() as name, stage(Path(name)) as ready, firestore(Path(name)) as (host, _):
        folder = prepared(Path(name) / "processor")
        ledger = {"LEDGER": "firestore", "FIRESTORE_EMULATOR_HOST": host}
        with ready.function(DEPLOYED) as receiver, running(folder, **ledger) as processor:
            servers = {"receiver": receiver, "processor": processor}
            most = loaded(servers, FULL, {})
            halves = {name: answers.total() / FULL / 2 for name, answers in most.items()}
            print(*(f"{name}: {half * 2:.0f} a second, and half of it from now on" for name, half in halves.items()))
            answers, sizes = soaked(servers, seconds, halves)
    print(table(sizes, seconds))
    found = [*complaints(sizes), *(f"{name}: {dict(said)}" for name, said in answers.items() if set(said) - {200, 204})]
    print(*(f"{name}: {said.total():,} answers" for name, said in answers.items()), *found, sep="\n")
    sys.exit(bool(found))


def soaked(
    servers: Mapping[str, Server], seconds: float, rates: Mapping[str, float]
) -> tuple[Mapping[str, Counter[int]], dict[str, list[float]]]:
    """Load them at these rates; the answers by status, and the memory of each worker in MB, at even intervals."""
    sizes: dict[str, list[float]] = {name: [] for name in servers}
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(loaded, servers, seconds, rates)
        for _ in tqdm(range(PARTS * 10), "memory", disable=None):
            time.sleep(seconds / PARTS / 10)
            for name, server in servers.items():
                sizes[name].append(held(server)[0])
        return loading.result(), sizes


def loaded(servers: Mapping[str, Server], seconds: float, rates: Mapping[str, float]) -> Mapping[str, Counter[int]]:
    """Load all for some seconds, each at its rate or else as fast as it answers; the answers by status."""
    with ThreadPoolExecutor(len(servers)) as pool:
        going = {
            name: pool.submit(elsewhere, paced, server.port, POSTS[name], seconds, rates.get(name))
            for name, server in servers.items()
        }
        return {name: answers.result() for name, answers in going.items()}


def paced(port: int, post: Post, seconds: float, rate: float | None) -> Counter[int]:
    """Send a request again and again, each time with another number; the answers by status."""
    begun = time.monotonic()

    def client(place: int) -> Counter[int]:
        connection, answers, n = HTTPConnection("127.0.0.1", port, timeout=PATIENCE), Counter[int](), 0
        while time.monotonic() < begun + seconds:
            answers[send(connection, post, f"{begun}-{place}-{n}").status] += 1
            n += 1
            if rate:
                time.sleep(max(0, begun + n * CONNECTIONS / rate - time.monotonic()))
        connection.close()
        return answers

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return sum(pool.map(client, range(CONNECTIONS)), Counter[int]())


def parts(sizes: Sequence[float]) -> list[float]:
    """The mean of each tenth."""
    length = len(sizes) // PARTS
    return [mean(sizes[part * length : (part + 1) * length]) for part in range(PARTS)]


def table(sizes: Mapping[str, Sequence[float]], seconds: float) -> str:
    """A line for each tenth of the time."""
    columns = [parts(own) for own in sizes.values()]
    rows = [(f"{seconds / 60 / PARTS * (part + 1):.1f}", *row) for part, row in enumerate(zip(*columns, strict=True))]
    return tabulate(rows, ["minutes", *(f"{name}, MB" for name in sizes)], floatfmt=".1f")


def complaints(sizes: Mapping[str, Sequence[float]]) -> list[str]:
    """Whose memory is larger at the end than when it had warmed up."""
    found = {name: (parts(own)[2], parts(own)[-1]) for name, own in sizes.items()}
    return [f"{name} grew from {a:.1f} to {b:.1f} MB" for name, (a, b) in found.items() if b > a * (1 + FLAT)]


if __name__ == "__main__":
    main()
