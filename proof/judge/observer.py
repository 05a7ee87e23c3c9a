"""Tells the harness what has become of its events, from the books of the shop: it can read them, and nothing else."""

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import flask
from werkzeug.serving import WSGIRequestHandler, make_server

Asked = Mapping[str, Any]
Rows = Sequence[tuple[Any, ...]]
OF_SOURCE = "(:source IS NULL OR source = :source)"
OF_EVENTS = f"{OF_SOURCE} AND (:events IS NULL OR event IN (SELECT value FROM json_each(:events)))"
OF_ORDERS = f"{OF_SOURCE} AND (:orders IS NULL OR id IN (SELECT value FROM json_each(:orders)))"


def pairs(rows: Rows) -> dict[str, Any]:
    """Make rows of two an object."""
    return {row[0]: row[1] for row in rows}


# What can be asked for: the type of the answer, the rows that it is made of, and how.
EVIDENCE: Mapping[str, tuple[str, str, Callable[[Rows], Any]]] = {
    "processing_count": ("integer", f"SELECT 1 FROM processings WHERE {OF_EVENTS}", len),
    "effect_count": ("integer", f"SELECT 1 FROM effects WHERE {OF_EVENTS}", len),
    "outbox_count": ("integer", f"SELECT 1 FROM outbox WHERE {OF_EVENTS}", len),
    "inbox_state": ("object", f"SELECT event, 'processed' FROM effects WHERE {OF_EVENTS}", pairs),
    "order_state": (
        "object",
        f"SELECT id, state, version FROM orders WHERE {OF_ORDERS}",
        lambda rows: {order: {"state": state, "version": version} for order, state, version in rows},
    ),
    "customer": ("string", f"SELECT customer FROM effects WHERE {OF_EVENTS}", lambda rows: rows[0][0] if rows else ""),
}
SENSITIVE = {"customer"}
CAPABILITIES = {
    "evidence_types": ["integer", "object", "string"],
    "evidence_keys": list(EVIDENCE),
    "read_only": True,
    "idempotent": True,
    "max_queries": 64,
    "supports_pending": True,
    "stable_snapshot_ids": True,
}


class Quiet(WSGIRequestHandler):
    """Handles a request without a word: the harness asks again and again."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class Observer:
    """The harness's protocol for observers, version 1.0, on a port of 127.0.0.1.

    `pending` says whether an answer may still change, because an event that it is about is not finished.
    """

    def __init__(self, store: Path, token: str, pending: Callable[[Asked], bool]) -> None:
        self._store, self._token, self._pending = store, token, pending
        app = flask.Flask("observer")
        app.before_request(self._authenticate)
        app.post("/capabilities")(lambda: self._answer("ok", "snapshot_capabilities"))
        app.post("/observe")(self._observe)
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def _authenticate(self) -> None:
        given = flask.request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            flask.abort(401)

    def _observe(self) -> Asked:
        queries = flask.request.get_json()["queries"]
        if any(query["key"] not in EVIDENCE or EVIDENCE[query["key"]][0] != query["type"] for query in queries):
            return self._answer("unsupported")
        if any(self._pending(query.get("parameters", {})) for query in queries):
            return self._answer("pending")
        evidence = self._read(queries)
        snapshot = hashlib.sha256(json.dumps(evidence, sort_keys=True).encode()).hexdigest()
        return self._answer("ok", f"snapshot_{snapshot}", evidence)

    def _answer(self, status: str, snapshot: str | None = None, evidence: Sequence[Asked] = ()) -> Asked:
        return {
            "protocol_version": "1.0",
            "request_id": flask.request.get_json()["request_id"],
            "status": status,
            "capabilities": CAPABILITIES,
            "snapshot_id": snapshot,
            "evidence": evidence,
            "error": None,
        }

    def _read(self, queries: Sequence[Asked]) -> list[Asked]:
        """Read all that is asked for in one transaction, so that it belongs together."""
        with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True, timeout=10)) as shop:
            shop.execute("BEGIN")
            return [
                {
                    "key": query["key"],
                    "value_type": query["type"],
                    "value": read(shop, query["key"], query.get("parameters", {})),
                    "sensitive": query["key"] in SENSITIVE,
                }
                for query in queries
            ]


def read(shop: sqlite3.Connection, key: str, asked: Asked) -> Any:
    """Answer one question about the source, the events and the orders that it names, or about all."""
    _, select, answer = EVIDENCE[key]
    named = {"events": asked.get("event_ids"), "orders": asked.get("order_ids")}
    chosen = {name: json.dumps(ids) if ids else None for name, ids in named.items()}
    return answer(shop.execute(select, {"source": asked.get("source"), **chosen}).fetchall())
