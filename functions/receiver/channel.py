"""How Google's APIs are reached, and which of their errors pass by themselves."""

from typing import Any

# Loaded before the platform forks, used only after it: no channel may cross the fork.
import grpc
from google.api_core import exceptions
from google.api_core.retry import if_exception_type

# What passes by itself, as Google's own clients have it, and a try that took too long.
PASSING = if_exception_type(
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
    exceptions.Unknown,
)
CHANNEL = [
    # Without these a channel that lost its server waits up to two minutes before it looks for it again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # A connection may end without a word, as while an instance is frozen. While a call waits it is asked for a sign of
    # life every 30 s, as Google's own clients have it, and given up 5 s later; else it would be called for minutes.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
]


def connect(kind: Any, emulator: str | None) -> Any:
    """Make a client of a kind, with a channel of its own: to Google, or to the host of an emulator."""
    transport = kind.get_transport_class("grpc")
    channel = grpc.insecure_channel(emulator, CHANNEL) if emulator else transport.create_channel(options=CHANNEL)
    return kind(transport=transport(channel=channel))
