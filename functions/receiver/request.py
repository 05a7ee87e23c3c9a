"""Reads a webhook from the platform: once, whole, in time, and within its limits."""

import re
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache
from io import BytesIO
from typing import Any

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


class Headers(Mapping[str, str]):
    """The headers of a request under their names in lower case, looked up where the server has them already."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        return str(self._environ[_variable(name)])

    def get(self, name: str, default: Any = None) -> Any:
        """The header, or `default`; without the exception that the one above costs for each that is missing."""
        return self._environ.get(_variable(name), default)

    def __iter__(self) -> Iterator[str]:
        names = (name for name in self._environ if name == "CONTENT_TYPE" or name.startswith("HTTP_"))
        return (name.removeprefix("HTTP_").replace("_", "-").lower() for name in names)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@lru_cache
def _variable(name: str) -> str:
    return "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"


class Memory:
    """What large bodies may take together: they are held before they are proved."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Keep `size` bytes for this request; Failed when they are taken."""
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
    if TRACEPARENT.fullmatch(given := request.environ.get("HTTP_TRACEPARENT", "")):
        return str(given)
    if cloud := CLOUD_TRACE.fullmatch(request.environ.get("HTTP_X_CLOUD_TRACE_CONTEXT", "")):
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
    size = limit if length is None and "HTTP_TRANSFER_ENCODING" in request.environ else length or 0
    with MEMORY.hold(size) if size > LARGE else nullcontext():
        yield Webhook(
            body=_body(request, length, limit, deadline),
            headers=Headers(request.environ),
            url=f"{source.public_url}?{query}" if query else source.public_url,
            query=query,
            method=request.method,
        )


def _body(request: flask.Request, length: int | None, limit: int, deadline: Deadline) -> bytes:
    # Read past the framework: neither a cut-off body nor one that its size limit cut would be an error there.
    stream, peer = request.environ["wsgi.input"], request.environ.get("gunicorn.socket")
    try:
        if peer is None:  # not under gunicorn
            body = bytes(stream.read(limit + 1))
        elif length is None:
            body = _chunks(stream, peer, limit + 1, deadline)
        else:
            body = _bytes(stream, peer, length, deadline)
    except Exception as error:
        deadline.left()  # a body that we ended ourselves is late, not cut off
        raise Malformed("cut-off") from error
    if length is not None and len(body) != length:
        raise Malformed("cut-off")
    if len(body) > limit:
        raise BodyTooLarge("body")
    return body


def _bytes(stream: Any, peer: socket.socket, length: int, deadline: Deadline) -> bytes:
    """Read so many bytes, however slowly they drip, until the deadline."""
    if _is_here(stream, length):
        return bytes(stream.read(length))
    timeout = peer.gettimeout()
    peer.settimeout(0)
    try:
        while True:
            try:
                return bytes(stream.read(length))
            except BlockingIOError:  # what has come so far stays in the stream
                stream.failed = False  # gunicorn takes it for a broken connection, and would end it after our answer
                wait = select.poll()
                wait.register(peer, select.POLLIN)
                wait.poll(deadline.left() * 1000)
    finally:
        peer.settimeout(timeout)


def _is_here(stream: Any, length: int) -> bool:
    """Whether gunicorn read the body together with the headers, as it does with most; then no socket is touched."""
    buffer = getattr(getattr(getattr(stream, "reader", None), "unreader", None), "buf", None)
    return isinstance(buffer, BytesIO) and buffer.getbuffer().nbytes >= length


def _chunks(stream: Any, peer: socket.socket, most: int, deadline: Deadline) -> bytes:
    """Read chunks until the last one; a reader of chunks that was interrupted can't go on, so a timer ends it."""
    with ending_after(deadline.left(), peer):
        return bytes(stream.read(most))


@contextmanager
def ending_after(seconds: float, peer: socket.socket) -> Iterator[None]:
    """End what a peer still has to say after so many seconds, however slowly it goes on."""
    clock = threading.Timer(seconds, _end, [peer])
    clock.daemon = True
    clock.start()
    try:
        yield
    finally:
        clock.cancel()


def _end(peer: socket.socket) -> None:
    with suppress(OSError):  # it may have gone just now
        peer.shutdown(socket.SHUT_RD)
