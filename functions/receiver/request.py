"""Reads a webhook from the platform: once, whole, in time, and within its limits."""

import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import flask

from .deadline import Deadline
from .errors import BodyTooLarge, Failed, Malformed, UrlTooLong, WrongMethod
from .sources import Source
from .webhook import Webhook

LONGEST_URL = 8 * 1024
LARGE = 1024 * 1024
LARGE_TOGETHER = 64 * LARGE
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
CLOUD_TRACE = re.compile(r"([0-9a-f]{32})/([0-9]{1,20})(?:;o=([01]))?")


class Memory:
    """What large bodies may take together: they are held before they are proved."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Keep `size` bytes for this request; Failed when they are taken."""
        size = size if size > LARGE else 0
        with self._lock:
            if size > self._free:
                raise Failed("memory")
            self._free -= size
        try:
            yield
        finally:
            with self._lock:
                self._free += size


MEMORY = Memory(LARGE_TOGETHER)


def path_of(request: flask.Request) -> str:
    """The path as it is on the wire, before anything decodes or tidies it; UrlTooLong over 8 KB."""
    url: str = request.environ.get("RAW_URI") or request.path
    if len(url) > LONGEST_URL:
        raise UrlTooLong("url")
    return url.partition("?")[0]


def traceparent_of(request: flask.Request) -> str | None:
    """The W3C trace context of the request, made from Google's own header where only that is there."""
    if TRACEPARENT.fullmatch(given := request.headers.get("traceparent", "")):
        return given
    if cloud := CLOUD_TRACE.fullmatch(request.headers.get("X-Cloud-Trace-Context", "")):
        return f"00-{cloud[1]}-{int(cloud[2]) % 2**64:016x}-0{cloud[3] or 0}"
    return None


@contextmanager
def read(request: flask.Request, source: Source, deadline: Deadline) -> Iterator[Webhook]:
    """Read a webhook; WrongMethod, BodyTooLarge, Malformed when it is cut off, Failed when it takes too long."""
    if request.method not in source.methods:
        raise WrongMethod(source.methods)
    length, limit = request.content_length, source.provider.max_body
    if length is not None and length > limit:
        raise BodyTooLarge("body")
    query = request.environ.get("QUERY_STRING", "")
    with MEMORY.hold(limit if length is None and "HTTP_TRANSFER_ENCODING" in request.environ else length or 0):
        yield Webhook(
            body=_body(request, length, limit, deadline),
            headers=_headers(request.environ),
            url=f"{source.public_url}?{query}" if query else source.public_url,
            query=query,
            method=request.method,
        )


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    found = {name[5:].replace("_", "-").lower(): text for name, text in environ.items() if name.startswith("HTTP_")}
    return found | {"content-type": environ.get("CONTENT_TYPE", "")}


def _body(request: flask.Request, length: int | None, limit: int, deadline: Deadline) -> bytes:
    # Read past the framework: neither a cut-off body nor one that its size limit cut would be an error there.
    stream, peer = request.environ["wsgi.input"], request.environ.get("gunicorn.socket")
    try:
        body = _at_once(stream, peer, length) if length is not None and peer else None
        if body is None:
            body = _in_time(stream, peer, limit + 1 if length is None else length, deadline)
    except Exception as error:
        deadline.left()  # a body that we ended ourselves is late, not cut off
        raise Malformed("cut_off") from error
    if length is not None and len(body) != length:
        deadline.left()
        raise Malformed("cut_off")
    if len(body) > limit:
        raise BodyTooLarge("body")
    return body


def _at_once(stream: BinaryIO, peer: socket.socket, length: int) -> bytes | None:
    """Read a body that has arrived already, as nearly all have, without the cost of a watch on the clock."""
    timeout = peer.gettimeout()
    peer.settimeout(0)
    try:
        return stream.read(length)
    except BlockingIOError:  # what was read so far stays in the stream
        return None
    finally:
        peer.settimeout(timeout)


def _in_time(stream: BinaryIO, peer: socket.socket | None, size: int, deadline: Deadline) -> bytes:
    """Read a body that is still on its way; at the deadline its socket ends, however slowly it drips."""
    if peer is None:  # not under gunicorn
        return stream.read(size)
    clock = threading.Timer(deadline.left(), peer.shutdown, [socket.SHUT_RD])
    clock.daemon = True
    clock.start()
    try:
        return stream.read(size)
    finally:
        clock.cancel()
