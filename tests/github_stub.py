"""GitHub's REST API for the webhooks of one place, as its documentation says it answers."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghp_not-a-real-token-0123456789"
HOOK = "/repos/octo/hello/hooks/5/deliveries"
NOW = datetime.now(UTC).replace(microsecond=0)
NUMBERS = count(1000)
Answer = tuple[int, dict[str, str], str]


def attempt(
    guid: str, status: int = 503, minutes: float = 30, event: str = "push", action: str | None = None
) -> dict[str, Any]:
    """An attempt as GitHub lists it, made some minutes ago."""
    return {
        "id": next(NUMBERS),
        "guid": guid,
        "delivered_at": (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z"),
        "redelivery": False,
        "duration": 0.27,
        "status": "OK" if status == 200 else "timed out" if status == 0 else f"Invalid HTTP Response: {status}",
        "status_code": status,
        "event": event,
        "action": action,
        "installation_id": None,
        "repository_id": 1,
        "throttled_at": None,
    }


@dataclass
class GitHub:
    """What the server knows, what it was asked, and what it shall answer for once instead of that."""

    url: str = ""
    hooks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    attempts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    instead: list[tuple[str, str, Callable[[], Answer | None]]] = field(default_factory=list)
    renamed: tuple[str, str] = ("", "")
    page: int = 100
    app: bool = False

    def hook(self, number: int, url: str, place: str = "/repos/octo/hello") -> None:
        """Set a webhook up."""
        self.hooks.setdefault(f"{place}/hooks", []).append({"id": number, "active": True, "config": {"url": url}})

    def add(self, *attempts: dict[str, Any], path: str = HOOK) -> list[int]:
        """Add attempts; the ids of them."""
        self.attempts.setdefault(path, []).extend(attempts)
        return [attempt["id"] for attempt in attempts]

    def next_time(self, method: str, ending: str, *answers: Answer | Callable[[], Answer | None]) -> None:
        """Answer requests whose path ends so with these, one after the other."""
        for answer in answers:
            given = answer if callable(answer) else (lambda answer=answer: answer)
            self.instead.append((method, ending, given))

    def paths(self, method: str) -> list[str]:
        """The paths, with queries, of the requests so far."""
        return [path for verb, path, _ in self.requests if verb == method]

    def redelivered(self) -> list[int]:
        """The ids of the attempts that were asked for again, as far as it was accepted."""
        return [int(path.split("/")[-2]) for path in self.asked]

    def answer(self, method: str, path: str) -> Answer | None:
        """What the documentation says; names are not case sensitive."""
        url = urlsplit(path.lower())
        for i, (verb, ending, given) in enumerate(self.instead):
            if verb == method and url.path.endswith(ending):
                del self.instead[i]
                return given()
        old, new = self.renamed
        if old and url.path.startswith(old):
            return 301 if method == "GET" else 307, {"Location": self.url + path.replace(old, new)}, "{}"
        if method == "POST":
            self.asked.append(url.path)
            return 202, {}, "{}"
        if self.app and url.path == "/app":
            return 200, {}, json.dumps({"id": 77, "slug": "hello"})
        if self.app and url.path == "/app/hook/config":
            return 200, {}, json.dumps({"url": "https://hooks.example.com/github", "secret": "********"})
        items = self.hooks.get(url.path) or self.attempts.get(url.path)
        if items is None and url.path not in self.attempts:
            return 404, {}, json.dumps({"message": "Not Found"})
        return self._page(url.path, parse_qs(url.query), items or [])

    def _page(self, path: str, query: dict[str, list[str]], items: list[dict[str, Any]]) -> Answer:
        """One page, the newest first, with the link to the next."""
        items = sorted(items, key=lambda item: str(item.get("delivered_at")), reverse=True)
        size = min(int(query.get("per_page", ["30"])[0]), self.page)
        begin = int(query.get("cursor", ["v1_0"])[0].removeprefix("v1_"))
        link = f'<{self.url}{path}?per_page={size}&cursor=v1_{begin + size}>; rel="next"'
        return 200, {"Link": link} if begin + size < len(items) else {}, json.dumps(items[begin : begin + size])


def serve(github: GitHub) -> ThreadingHTTPServer:
    """Start a server for it on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            github.requests.append((self.command, self.path, dict(self.headers)))
            authorised = self.headers["Authorization"] == f"Bearer {TOKEN}"
            answer = (
                github.answer(self.command, self.path) if authorised else (401, {}, '{"message": "Bad credentials"}')
            )
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body.encode()))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    github.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server
