"""Fetches what a sender publishes: over https, from that very address, whole, small and in time."""

import json
import threading
from queue import Empty, SimpleQueue
from typing import Any

from .deadline import Deadline
from .errors import Failed, Unproved
from .schemes.location import Location

LARGEST = 256 * 1024


def fetch(location: Location, deadline: Deadline) -> str:
    """The text at a location; Failed unless it comes whole, small, in time, over https and from that very address.

    Unproved if there is no such key: who names one is not the sender. It is done in a thread of its own: names that do
    not resolve and heads that come byte by byte know no timeout.
    """
    given: SimpleQueue[str | Exception] = SimpleQueue()

    def work() -> None:
        try:
            given.put(_fetch(location, deadline))
        except Exception as error:
            given.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        found = given.get(timeout=deadline.left())
    except Empty:
        raise Failed("keys-slow") from None
    if isinstance(found, Exception):
        raise found
    return found


def _fetch(location: Location, deadline: Deadline) -> str:
    import requests  # loaded only where a source needs it
    from urllib3.exceptions import HTTPError

    if not location.url.startswith("https://"):
        raise Failed("keys-address")
    headers = dict(location.headers)
    if location.login:
        headers["Authorization"] = f"Bearer {_token(location.login, deadline)}"
    method = "POST" if location.json or location.form else "GET"
    wish: dict[str, Any] = {"json": location.json, "data": location.form, "headers": headers}
    wish |= {"allow_redirects": False, "stream": True}
    try:
        with requests.request(method, location.url, timeout=deadline.left(), **wish) as answer:
            if location.named and answer.status_code in (404, 410):
                raise Unproved("unknown-key")
            if answer.status_code != 200:
                raise Failed("keys-refused")
            return _read(answer.raw, deadline).decode()
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise Failed("keys-unreachable") from error


def _read(stream: Any, deadline: Deadline) -> bytes:
    text = b""
    while chunk := stream.read1(16_384, decode_content=True):
        text += chunk
        if len(text) > LARGEST:
            raise Failed("keys-too-large")
        deadline.left()
    return text


def _token(login: Location, deadline: Deadline) -> str:
    try:
        return str(json.loads(_fetch(login, deadline))["access_token"])
    except (ValueError, KeyError, TypeError):  # it is our own credentials that were refused
        raise Failed("keys-refused") from None
