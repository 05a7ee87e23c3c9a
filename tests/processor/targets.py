"""What actions talk to: a server that answers as it is told, names that lead to it, and Google's metadata server."""

import json
import socket
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "hooks.example.com"
NAMES = [HOST, "bigquery.googleapis.com", "fcm.googleapis.com"]
PUBLIC = "93.184.216.34"
PEM = Encoding.PEM


@dataclass(frozen=True)
class Taken:
    """One request, as it came."""

    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        values = [value for other, value in self.headers if other.lower() == name.lower()]
        assert len(values) < 2, f"{name} came twice"
        return values[0] if values else None


@dataclass
class Place:
    """A server: `answers` are a status, or a function that writes what it likes; the last one stays."""

    server: ThreadingTCPServer
    url: str
    answers: list[Any] = field(default_factory=lambda: [200])
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    sni: list[str | None] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def answer(
        self, *answers: int | Callable[[BaseHTTPRequestHandler], None], body: Any = None, **headers: str
    ) -> None:
        """Answer with these, one after the other, and forget what came before."""
        self.answers, self.headers = list(answers), headers
        self.body = b"{}" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.taken.clear()


def _handler(place: Callable[[], Place]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            here = place()
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            here.taken.append(Taken(self.path, list(self.headers.items()), body))
            answer = here.answers.pop(0) if len(here.answers) > 1 else here.answers[0]
            if callable(answer):
                answer(self)
                return
            self.send_response(answer)
            for name, value in here.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(here.body)))
            self.end_headers()
            self.wfile.write(here.body)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[Place]:
    """Run a server on 127.0.0.1, with TLS where there is a context."""
    places: list[Place] = []
    with running(_handler(lambda: places[0]), context) as server:
        scheme = "https" if context else "http"
        place = Place(server, f"{scheme}://127.0.0.1:{server.server_address[1]}")
        places.append(place)
        if context:
            context.sni_callback = lambda _, name, __: place.sni.append(name)
        yield place
        place.over.set()


@contextmanager
def running(
    handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None
) -> Iterator[ThreadingTCPServer]:
    """Run a server, each request in a thread."""
    server = ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who is cut off is what the tests are about
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Internet:
    """Names that lead to addresses, look-up by look-up, and addresses that lead to a server here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.routes: dict[str, int] = {}
        self.asked: list[str] = []
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def lead(self, name: str, *addresses: str, to: Place | None = None) -> str:
        """Lead a name to addresses, and these to a place; return an URL with that name."""
        self.names[name] = [list(addresses or [PUBLIC])]
        self.routes |= dict.fromkeys(addresses or [PUBLIC], to.port) if to else {}
        return f"https://{name}/hooks"

    def look_up(self, host: str, port: int, *more: Any, **options: Any) -> Any:
        if host in self.routes:
            return self._real("127.0.0.1", self.routes[host], *more, **options)
        if host not in self.names:
            return self._real(host, port, *more, **options)
        self.asked.append(host)
        answers = self.names[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [entry for address in found for entry in self._real(address, port, *more, **options)]


class Metadata:
    """Google's metadata server, which gives out a numbered token for each audience or list of scopes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.lifetime = 3600
        self.broken = self.slow = False

    def token(self, url: str) -> tuple[str, str]:
        """Answer one question: the content's type, and the content."""
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        if path.endswith("/identity"):
            claims = {"aud": query["audience"][0], "exp": int(time.time()) + self.lifetime, "n": len(self.asked)}
            parts = [{"alg": "none"}, claims, {"secret": "ID-TOKEN"}]
            return "text/html", ".".join(urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
        if path.endswith("/token"):
            given = {"access_token": f"ACCESS-TOKEN-{len(self.asked)}", "expires_in": self.lifetime}
            return "application/json", json.dumps(given | {"token_type": "Bearer"})
        if "service-accounts" in path:
            return "application/json", json.dumps(
                {"email": "me@p.iam.gserviceaccount.com", "scopes": [], "aliases": []}
            )
        return "application/text", "tests"

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Make what answers its requests."""
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if metadata.slow:
                    time.sleep(1.5)
                kind, text = metadata.token(self.path)
                if "/identity" in self.path or "/token" in self.path:
                    metadata.asked.append(self.path)
                self.send_response(500 if metadata.broken and metadata.asked else 200)
                self.send_header("Metadata-Flavor", "Google")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args: object) -> None:
                pass

        return Handler


def certify(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make an authority, and a certificate of its for NAMES: the authority's file, and what a server needs."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    authority, certificate = (_certificate(key, keys[0], ca=key is keys[0]) for key in keys)
    (folder / "ca.pem").write_bytes(authority.public_bytes(PEM))
    private = keys[1].private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context


def _certificate(key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, ca: bool) -> x509.Certificate:
    issuer, subject = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in ("authority", "server"))
    now, day = datetime.now(UTC), timedelta(days=1)
    usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=ca, path_length=None), True),
        (x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
        (usage, True),
    ]
    builder = x509.CertificateBuilder(
        issuer, issuer if ca else subject, key.public_key(), x509.random_serial_number(), now - day, now + day
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA256())


@contextmanager
def no_threads_left(seconds: float = 2) -> Iterator[None]:
    """Fail if a thread goes on for an action that has ended."""
    yield
    end = time.monotonic() + seconds
    while any(thread.name == "action" for thread in threading.enumerate()):
        assert time.monotonic() < end, "a thread goes on"
        time.sleep(0.01)
