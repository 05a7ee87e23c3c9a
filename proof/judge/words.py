"""The words of the harness's project configuration: steps that send, and assertions on what came of it."""

from typing import Any

Said = dict[str, Any]
AT_ONCE = {"within": "5s", "poll_interval": "500ms"}
SOON = {"within": "30s", "poll_interval": "500ms"}
AFTER_A_LEASE = {"within": "90s", "poll_interval": "500ms"}  # the ledger's, of a process that was killed
ACCEPTED, REJECTED = {"codes": [200, 204]}, {"classes": ["4xx"]}


def deliver(event: str, **how: Any) -> Said:
    """Send an event, signed."""
    return {"deliver": {"event": event, "signer": "body", **how}}


def twice(event: str) -> list[Said]:
    """Send an event, and a second later again."""
    return [deliver(event), {"wait": "1s"}, deliver(event)]


def retried(event: str, on: str, attempts: int) -> Said:
    """Send an event, again and again while it fails in one way."""
    retry = {"max_attempts": attempts, "backoff": ["2s"] * (attempts - 1), "retry_on": [on]}
    return deliver(event, retry=retry)


def answered(event: str, expected: Said, name: str = "answered", attempts: str = "all") -> Said:
    """All attempts, or the last, were answered with one of these."""
    attempt = {"event": event, "mode": f"{attempts}-terminal"}
    return {"id": name, "type": "http-status", "attempt": attempt, "expected": expected}


def query(key: str, *events: str, **more: Any) -> Said:
    """What is asked of the observer."""
    return {"observer": "shop", "key": key, "parameters": {"source": "command", "event_ids": list(events), **more}}


def count(key: str, expected: int, *events: str, name: str = "", polled: Said = SOON) -> Said:
    """So many of something, for some events together."""
    wish = {"query": query(key, *events), "comparator": "eq", "expected": expected}
    return {"id": name or key, "type": "processing-count", **wish, **polled}


def once(*events: str, polled: Said = SOON) -> list[Said]:
    """Each event is processed, has its effect and is in the outbox, once."""
    keys = ("processing_count", "effect_count", "outbox_count")
    return [count(key, len(events), *events, polled=polled) for key in keys]


def state(key: str, expected: str, *events: str, path: str | None = None, **more: Any) -> Said:
    """In the end there is this text, at a path of the evidence or as all of it."""
    place = {} if path is None else {"path": path}
    wish = {"query": query(key, *events, **more), "comparator": "eq", **place}
    return {"id": key, "type": "eventual-state", **wish, "expected": typed("string", expected), **SOON}


def no_part(event: str) -> Said:
    """All that belongs to an event is there, or nothing."""
    parts = [
        {"name": key, "query": query(key, event), "comparator": "eq", "expected": typed("integer", 1)}
        for key in ("effect_count", "outbox_count")
    ]
    return {"id": "no_part", "type": "no-partial-side-effect", "predicates": parts, **SOON}


def typed(kind: str, value: Any) -> Said:
    """A value as evidence has it."""
    return {"value_type": kind, "value": value}
