"""One connection for one POST: to an address that was checked, under the name that was meant."""

import functools
import socket
import ssl
import time
from contextlib import suppress
from http.client import HTTPConnection

from .target import PORTS, Target


class Connection(HTTPConnection):
    """A connection to the very address that was checked, until `end` on the clock of `time.monotonic`.

    A name could lead elsewhere when it is looked up again, so it is looked up once; the certificate is still compared
    with the name. Nothing comes from the environment: no proxy, no netrc, no cookies; no redirect is followed.
    """

    def __init__(self, target: Target, allow_private: bool, end: float) -> None:
        super().__init__(target.host, target.port)
        self.default_port = PORTS[target.scheme]  # which the header Host leaves out
        self._target = target
        self._allow_private = allow_private
        self._end = end
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        """Connect to the first address that takes it; OSError if none does, GiveUp if one must not be."""
        self._socket = connected = self._reach()
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.settimeout(self.left())
        if self._target.scheme == "https":
            self._socket = trusted().wrap_socket(connected, server_hostname=self._target.host)
        self.left()  # `abort` misses a socket in the middle of its handshake
        self.sock = self._socket

    def _reach(self) -> socket.socket:
        """Try one address after the other, each with its share of the time left."""
        addresses = self._target.addresses(self._allow_private)
        while addresses:
            share = self.left() / len(addresses)
            try:
                return socket.create_connection(addresses.pop(0), share)
            except OSError:
                if not addresses:
                    raise
        raise OSError("no address")

    def left(self) -> float:
        """Seconds left; TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def abort(self) -> None:
        """End what another thread does here: a head that comes byte by byte knows no timeout."""
        if self._socket:
            with suppress(OSError):
                # A TLS socket's own method forgets its keys first: the other thread could go on in the clear.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


@functools.cache
def trusted() -> ssl.SSLContext:
    """Trust whom the system trusts, which SSL_CERT_FILE changes, and whom Mozilla does: some systems have no list."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
