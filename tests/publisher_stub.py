"""A stand-in for the hosts that publish keys: a proxy that speaks TLS in the name of whichever host is asked for.

What it is told to answer it answers, and all it is asked is kept. The code under test needs no hook: `requests` goes
where HTTPS_PROXY says and trusts what REQUESTS_CA_BUNDLE says.
"""

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Place = tuple[str, str, str]  # host, method, path with query


@dataclass(frozen=True)
class Canned:
    """An answer; its last `slow` bytes come one every `pause` seconds, and with `holds` nothing ends the connection."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    slow: int = 0
    pause: float = 1
    holds: bool = False

    @property
    def raw(self) -> bytes:
        """The answer as it goes over the wire."""
        headers = {"Content-Length": str(len(self.body)), "Connection": "close", **self.headers}
        lines = [f"HTTP/1.1 {self.status} Canned", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


NEVER = Canned(holds=True)
EVERYTHING = 1_000_000  # more bytes than any answer has that is meant to come slowly


@dataclass(frozen=True)
class Visit:
    """One request that came; `host` is whom it was for."""

    host: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def place(self) -> Place:
        """Where it went."""
        return self.host, self.method, self.path


class PublisherStub:
    """The proxy on a free port of 127.0.0.1, and the authority it makes its certificates with."""

    def __init__(self, folder: Path) -> None:
        self.answers: dict[Place, Canned] = {}
        self.visits: list[Visit] = []
        self.connections: list[str] = []  # host and port, of those too that no request came on
        self.impostors: set[str] = set()  # hosts that have a certificate of another name
        self.closing = threading.Event()
        self.authority = _Authority(folder)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in order to meet it wherever it goes, but for this machine."""
        proxy, here = f"http://127.0.0.1:{self._server.server_port}", "127.0.0.1,localhost"
        given = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "ALL_PROXY": proxy, "NO_PROXY": here}
        both = given | {name.lower(): value for name, value in given.items()}
        return both | {"REQUESTS_CA_BUNDLE": str(self.authority.file), "CURL_CA_BUNDLE": ""}

    def places(self) -> list[Place]:
        """Where requests went, in their order."""
        return [visit.place for visit in self.visits]

    def forget(self) -> None:
        """Forget what was asked."""
        self.visits.clear()
        self.connections.clear()

    def close(self) -> None:
        """Stop, and let go of whoever waits."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    stub: PublisherStub
    protocol_version = "HTTP/1.1"
    host = ""

    def do_CONNECT(self) -> None:
        self.stub.connections.append(self.path)
        self.host = self.path.removesuffix(":443")
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        name = "impostor.example.com" if self.host in self.stub.impostors else self.host
        try:
            self.connection = self.stub.authority.context(name).wrap_socket(self.connection, server_side=True)
        except OSError:  # it did not trust us, or went away
            self.close_connection = True
            return
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.host:  # without TLS, for which the whole address is in the path
            self.stub.connections.append(self.path)
        visit = Visit(self.host, self.command, self.path, dict(self.headers), body)
        self.stub.visits.append(visit)
        self._answer(self.stub.answers.get(visit.place, Canned(b"nothing here", 404)))
        self.close_connection = True

    def do_POST(self) -> None:
        self.do_GET()

    def _answer(self, canned: Canned) -> None:
        try:
            if canned is not NEVER:
                self._send(canned)
            if canned.holds:
                self.stub.closing.wait(60)
            if isinstance(self.connection, ssl.SSLSocket):
                self.connection.unwrap()
        except (OSError, ValueError):
            return  # it did not wait for the end

    def _send(self, canned: Canned) -> None:
        at_once = max(0, len(canned.raw) - canned.slow)
        self.wfile.write(canned.raw[:at_once])
        for byte in canned.raw[at_once:]:
            self.wfile.write(bytes([byte]))
            if self.stub.closing.wait(canned.pause):
                return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


class _Authority:
    """Makes a certificate for a host, and is trusted by whom is given its file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "authority.pem"
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of the tests")])
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        basic = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = self._builder(self._name, self._key.public_key()).add_extension(basic, critical=True)
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False)
        self.file.write_bytes(builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def context(self, host: str) -> ssl.SSLContext:
        """What the TLS of a host is made with."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._new_context(host)
            return self._contexts[host]

    def _new_context(self, host: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = self._builder(subject, key.public_key()).add_extension(identifier, False)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file = self._folder / f"host-{len(self._contexts)}.pem"
        file.write_bytes(private + builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(self, subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(self._name, subject, public, x509.random_serial_number())
        now = datetime.now(UTC)
        return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
