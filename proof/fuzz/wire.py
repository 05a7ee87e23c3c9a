"""A request on its way to the receiver: off the wire through gunicorn's own parser, or out of a stream that fails."""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.http import get_parser  # type: ignore[import-untyped]
from gunicorn.http.wsgi import create  # type: ignore[import-untyped]
from werkzeug.test import create_environ

from functions.receiver.webhook import Webhook

from .draw import Draw

MOST = 100_000  # what a socket takes before anybody reads
QUICK = 0.01  # seconds in which a head has to be there
WHOLE = "proof.whole"  # whether the body is told of as it is
CONTROL = re.compile(r"[\r\n\0]")
Environ = Mapping[str, Any]
CONFIG = Config()
ENVIRON = create_environ()
ERRORS = (None, OSError, ValueError, TimeoutError, BlockingIOError, EOFError)


@dataclass
class Stream:
    """The body of a request: it is read, or fails."""

    body: bytes
    error: type[Exception] | None
    failed: bool = True

    def read(self, size: int) -> bytes:
        """Read so much, if there is as much."""
        if self.error:
            raise self.error
        return self.body[:size]


def parsed(draw: Draw, webhook: Webhook, sender: socket.socket, receiver: socket.socket) -> Environ | None:
    """What gunicorn makes of a request, whole or broken, from a sender who then may stall; None if it refuses it."""
    framing, splice = draw.one(FRAMINGS), draw.number(1)
    raw = framing(draw, webhook)
    sender.sendall((draw.splice(raw) if splice else raw)[:MOST])
    if draw.number(15) < 15:
        sender.shutdown(socket.SHUT_WR)
    receiver.settimeout(QUICK)
    try:
        message = next(get_parser(CONFIG, receiver, ("127.0.0.1", 1)))
        _, environ = create(message, receiver, ("127.0.0.1", 1), ("127.0.0.1", 2), CONFIG)
    except Exception:
        return None  # it answers that itself
    receiver.settimeout(None)
    return {**environ, WHOLE: framing in FRAMINGS[:2] and not splice}


def head(webhook: Webhook, framing: str) -> bytes:
    """The first lines of a request."""
    lines = [f"{webhook.method} /x?{webhook.query} HTTP/1.1", "Host: x", framing]
    lines += [f"{name}: {value}" for name, value in webhook.headers.items()]
    return "".join(f"{CONTROL.sub('', line)}\r\n" for line in [*lines, ""]).encode("latin-1", "replace")


def with_length(draw: Draw, webhook: Webhook) -> bytes:
    """A body whose length is told."""
    return head(webhook, f"Content-Length: {len(webhook.body)}") + webhook.body


def with_chunks(draw: Draw, webhook: Webhook) -> bytes:
    """A body in two chunks."""
    at = draw.number(len(webhook.body))
    pieces = [piece for piece in (webhook.body[:at], webhook.body[at:]) if piece]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head(webhook, "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n"


def with_another_length(draw: Draw, webhook: Webhook) -> bytes:
    """A body whose length is another."""
    return head(webhook, f"Content-Length: {draw.mistype(str(len(webhook.body)))}") + webhook.body


def with_neither(draw: Draw, webhook: Webhook) -> bytes:
    """A body that nothing tells of."""
    return head(webhook, "X-Nothing: 0") + webhook.body


FRAMINGS = (with_length, with_chunks, with_another_length, with_neither)


def streamed(draw: Draw, webhook: Webhook, sender: socket.socket, receiver: socket.socket) -> Environ:
    """What another server might hand over, with or without the socket that gunicorn adds."""
    length = str(len(webhook.body))
    told = draw.one((length, draw.mistype(length), draw.respell(length)))
    more = {
        "REQUEST_METHOD": webhook.method,
        "QUERY_STRING": webhook.query,
        "RAW_URI": draw.respell("/x"),
        "CONTENT_LENGTH": told,
        WHOLE: told == length,
        "HTTP_TRACEPARENT": draw.mistype("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        "HTTP_X_CLOUD_TRACE_CONTEXT": draw.respell("105445aa7843bc8bf206b12000100000/1;o=1"),
        "gunicorn.socket": draw.one((None, receiver)),
        "wsgi.input": Stream(webhook.body, draw.one(ERRORS)),
        "wsgi.input_terminated": True,
    }
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked"} if draw.number(1) else {}
    return ENVIRON | more | chunked
