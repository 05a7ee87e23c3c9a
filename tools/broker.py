"""A durable Pub/Sub for one machine: `python -m tools.broker --port 8085 --data .local/queue.db`."""

import argparse
import signal
import socket
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from tools.queue.api import services
from tools.queue.commits import FileError
from tools.queue.rules import MAX_REQUEST, Backoff
from tools.queue.store import Store

HOST = "127.0.0.1"
THREADS = 64
# Calls in progress get this long to finish when the broker is told to end, in seconds.
GRACE = 0.5
OPTIONS = [
    # A request that is somewhat too large still gets Pub/Sub's answer instead of gRPC's.
    ("grpc.max_receive_message_length", 2 * MAX_REQUEST),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
]


def main(options: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the status is 1 if the file or the port can't be used."""
    chosen = arguments(options)
    try:
        port = usable(chosen.port)
        store = Store(chosen.data, Backoff(chosen.min_backoff, chosen.max_backoff))
    except (FileError, OSError) as error:
        print(f"broker: {error}", file=sys.stderr)
        return 1
    serve(store, port)
    store.close()
    return 0


def serve(store: Store, port: int) -> None:
    """Answer calls until the process is told to end."""
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before there are threads, so that only sigwait gets them
    server = grpc.server(ThreadPoolExecutor(THREADS), options=OPTIONS)
    server.add_generic_rpc_handlers(services(store))
    server.add_insecure_port(f"{HOST}:{port}")
    server.start()
    print(f"queue {HOST}:{port}", flush=True)
    signal.sigwait(ends)
    server.stop(GRACE).wait()


def arguments(options: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.broker", description=__doc__)
    parser.add_argument("--port", type=int, default=8085)
    parser.add_argument("--data", type=Path, required=True, help="the SQLite file, made if it is not there")
    parser.add_argument("--min-backoff", type=float, help="seconds, instead of each subscription's own")
    parser.add_argument("--max-backoff", type=float, help="seconds, instead of each subscription's own")
    return parser.parse_args(options)


def usable(port: int) -> int:
    """Return the port, or a free one for 0; OSError if it is taken (gRPC would say so in its own way)."""
    try:
        with socket.create_server((HOST, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise OSError(f"can't listen on {HOST}:{port}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
