"""A TCP proxy that can be told to fail as networks do."""

import socket
import struct
import threading
import time
from contextlib import suppress
from enum import Enum, auto


class Fault(Enum):
    """What the proxy does to what passes through it."""

    NONE = auto()
    REFUSES = auto()  # nobody listens
    SWALLOWS = auto()  # requests arrive nowhere, and nobody says so
    LOSES_REPLIES = auto()  # requests arrive, their answers do not
    RESETS = auto()  # whoever asks is cut off
    DELAYS = auto()  # every piece takes DELAY seconds more
    STRANDS = auto()  # connections that stand have become dead without a word; new ones work


DELAY = 1.5
STAYS = (Fault.LOSES_REPLIES, Fault.RESETS, Fault.DELAYS, Fault.STRANDS)
CUT_OFF = struct.pack("ii", 1, 0)  # to close without a farewell: linger for no time at all


class Proxy:
    """Listens on a port of its own and passes everything on to another port of this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._fault = Fault.NONE
        self._open: set[socket.socket] = set()
        self._stranded: set[socket.socket] = set()
        self._listener = self._listen(0)
        self.port = int(self._listener.getsockname()[1])

    def fail(self, fault: Fault) -> None:
        """Fail in this way from now on; whoever is connected has to connect anew.

        Connections stay where a new one would not show the fault: it would lose the greeting, say, and ask nothing.
        """
        before, self._fault = self._fault, fault
        if Fault.REFUSES in (before, fault) and before is not fault:
            if fault is Fault.REFUSES:
                _close(self._listener)
            else:
                self._listener = self._listen(self.port)
        if fault is Fault.STRANDS:
            self._stranded |= self._open
        for connection in [] if fault in STAYS else list(self._open):
            _close(connection)

    def lead_to(self, target: int) -> None:
        """Pass everything on to another port from now on; whoever is connected has to connect anew."""
        self._target = target
        for connection in list(self._open):
            _close(connection)

    def stop(self) -> None:
        """End it."""
        self.fail(Fault.REFUSES)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=100)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=None)
        except OSError:  # nobody is there just now
            _close(client)
            return
        self._open |= {client, server}
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, sink, source is server), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, reply: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._fault is Fault.SWALLOWS or (reply and self._fault is Fault.LOSES_REPLIES):
                    continue
                if source in self._stranded:
                    continue
                if self._fault is Fault.RESETS and not reply:
                    source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CUT_OFF)
                    source.close()
                    break
                if self._fault is Fault.DELAYS:
                    time.sleep(DELAY)
                sink.sendall(data)
        for end in (source, sink):
            _close(end)
            self._open.discard(end)


def _close(connection: socket.socket) -> None:
    """Close it so that a thread that waits in it wakes up, and a listener takes nobody in any more."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
