"""Pushes messages to their endpoints over HTTP, several at once, each as soon as it is due."""

import threading
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from google.pubsub_v1.types import Subscription

from tools.queue.rules import SUCCESS, RequestError, push_body
from tools.queue.store import Copy, Store

AT_ONCE = 32
# While the file can't be written, nothing can be leased: look again after this many seconds.
PAUSE = 1.0
HEADERS = {"Content-Type": "application/json", "User-Agent": "CloudPubSub-Google", "Connection": "close"}


class Pusher(threading.Thread):
    """Delivers one subscription, so that a slow endpoint holds up no other."""

    def __init__(self, store: Store, subscription: str) -> None:
        super().__init__(daemon=True, name=f"push {subscription}")
        self._store, self._subscription = store, subscription
        self._wake = store.wake(subscription)
        self._lock = threading.Lock()
        self._busy = 0

    def run(self) -> None:
        """Push for ever; sleep until something is due, is published or is answered."""
        while True:
            self._wake.clear()
            self._wake.wait(self._start_due())

    def _start_due(self) -> float | None:
        """Start as many pushes as there is room for; return the seconds until the next is due."""
        room = AT_ONCE - self._busy
        if not room:
            return None
        try:
            lease = self._store.lease(self._subscription, room)
        except RequestError:
            return PAUSE
        for copy in lease.copies:
            with self._lock:
                self._busy += 1
            threading.Thread(target=self._push, args=(lease.subscription, copy), daemon=True).start()
        return lease.wait

    def _push(self, subscription: Subscription, copy: Copy) -> None:
        try:
            body = push_body(copy.message, subscription, copy.attempt)
            if post(subscription.push_config.push_endpoint, body, subscription.ack_deadline_seconds):
                self._store.acknowledge(subscription.name, [(copy.number, copy.attempt)])
            else:
                self._store.extend(subscription.name, [(copy.number, copy.attempt)], 0)
        except RequestError:
            pass  # not written down: its lease runs out and it is delivered again
        finally:
            with self._lock:
                self._busy -= 1
            self._wake.set()


def post(endpoint: str, body: bytes, deadline: float) -> bool:
    """Post a body and say whether the answer means success; redirects and late answers do not."""
    url, end = urlsplit(endpoint), time.monotonic() + deadline
    connect = HTTPSConnection if url.scheme == "https" else HTTPConnection
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        # A connection of its own for each push: what follows a 102 is never taken for the answer to another message.
        connection = connect(url.netloc, timeout=deadline)
        try:
            connection.request("POST", target, body, HEADERS)
            answer = connection.getresponse()
            answer.read(65_536)
        finally:
            connection.close()
    except (OSError, HTTPException):
        return False
    return answer.status in SUCCESS and time.monotonic() < end
