"""Says an answer to the platform, and hangs up on who is refused."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import flask

from .answers import Answer
from .request import ending_after

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LINGER = 0.5  # seconds in which a sender can finish what it was saying, and so hear the answer


class Refusal(flask.Response):
    """A response without a body, after which nothing more of its connection is read.

    It is streamed, since the framework reads the rest of the request before any other response; and it hangs up,
    since gunicorn waits for the sender to go away in the one loop that all connections share. Else a few senders that
    stall would hold up all others, and they need no secret for that.
    """

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        server = getattr(start_response, "__self__", None)
        if close := getattr(server, "force_close", None):  # gunicorn leaves out a Connection header of ours
            close()
        self.response = _hang_up(environ)
        return super().__call__(environ, start_response)


def _hang_up(environ: "WSGIEnvironment") -> Iterator[bytes]:
    yield b""
    if peer := environ.get("gunicorn.socket"):
        with suppress(Exception):
            if _has_more(environ, peer):
                with ending_after(LINGER, peer):
                    while environ["wsgi.input"].read(65536):
                        pass
        with suppress(OSError):
            peer.shutdown(socket.SHUT_RD)


def _has_more(environ: "WSGIEnvironment", peer: socket.socket) -> bool:
    peer.settimeout(0)
    try:
        return bool(environ["wsgi.input"].read(1))
    except BlockingIOError:
        return True
    finally:
        peer.settimeout(None)


def respond(answer: Answer) -> flask.Response:
    """Turn an answer into a response that nobody caches, sniffs or shows as a page."""
    headers = {
        "Content-Type": answer.content_type,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **answer.headers,
    }
    if answer.status >= 400:
        return Refusal(iter(()), answer.status, {"Content-Length": "0", **headers})
    return flask.Response(answer.body, answer.status, headers)
