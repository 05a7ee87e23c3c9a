"""Says the harness's scenarios in the words of its project configuration, for its command to send and to judge.

An assertion whose name begins with `differs` is one that must fail: docs/proof.md says why each does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .words import (
    ACCEPTED,
    AFTER_A_LEASE,
    AT_ONCE,
    REJECTED,
    SOON,
    Said,
    answered,
    count,
    deliver,
    no_part,
    once,
    retried,
    state,
    twice,
)

CANARY = "secret-canary@example.invalid"


def accepted(event: str, steps: list[Said], *more: Said, attempts: str = "all", polled: Said = SOON) -> Said:
    """An event that is accepted, and done once."""
    done = [answered(event, ACCEPTED, attempts=attempts), *once(event, polled=polled)]
    return {"steps": steps, "assertions": [*done, *more]}


def refused(event: str, mutation: str, **how: Any) -> Said:
    """A webhook that can't be proved: it is refused, and nothing comes of it."""
    nothing = count("effect_count", 0, event, polled=AT_ONCE)
    steps = [deliver(event, mutations=[{"type": mutation, **how}])]
    return {"steps": steps, "assertions": [answered(event, REJECTED), nothing]}


def broken(event: str, mutation: str, effect: str = "nothing", **how: Any) -> Said:
    """A webhook that is proved, and no good: the harness wants it refused, and that nothing comes of it."""
    nothing = count("effect_count", 0, event, name=f"{effect}_of_{event}", polled=AT_ONCE)
    steps = [deliver(event, mutations=[{"type": mutation, **how}])]
    return {"steps": steps, "assertions": [answered(event, REJECTED, f"differs_{event}"), nothing]}


def together(*scenarios: Said) -> Said:
    """Several as one."""
    return {part: [each for scenario in scenarios for each in scenario[part]] for part in ("steps", "assertions")}


# By the names of its catalogue. stale-timestamp is missing: the command signs for 1970, and no clock can take that.
SCENARIOS: Mapping[str, Said] = {
    "single-valid-delivery": accepted("single", [deliver("single")]),
    "sequential-duplicate": accepted("double", twice("double")),
    "concurrent-duplicate": accepted(
        "at_once", [deliver("at_once", count=2, concurrency_group="both"), {"barrier": "both"}]
    ),
    "dependency-order-reversal": {
        "steps": [deliver("refund"), {"wait": "1s"}, deliver("payment")],
        "assertions": [
            *once("refund", "payment"),
            state("order_state", "refunded", "refund", "payment", path="/order/state", order_ids=["order"]),
        ],
    },
    "timeout-then-retry": accepted("late", [retried("late", "timed_out", 2)], attempts="last"),
    "connection-failure-then-retry": accepted(
        "unreached", [retried("unreached", "connection_failed", 5)], attempts="last"
    ),
    "missing-signature": refused("unsigned", "missing-signature-v1"),
    "malformed-signature": refused("malformed", "malformed-signature-v1", case="invalid-encoding"),
    "wrong-key-signature": refused("wrong_key", "wrong-signing-key-v1", context="judge"),
    "alter-after-signing": refused("altered", "alter-after-signing-v1", offset=110, xor=1),  # in the address
    "malformed-body-and-content-type": together(
        broken("invalid_json", "invalid-json-v1", strategy="truncated-object"),
        broken("truncated", "truncate-bytes-v1", length=40),
        broken("mistyped", "content-type-mismatch-v1", effect="differs_effect", media_type="text/plain"),
    ),
    "receiver-restart-between-attempts": accepted("restarted", [deliver("restarted")]),
    "harness-crash-after-send": {"steps": [deliver("crashed")], "assertions": once("crashed")},
    "partial-processing-reference-hook": accepted("killed", twice("killed"), no_part("killed"), polled=AFTER_A_LEASE),
    "redaction-canary": accepted("canary", [deliver("canary")], state("customer", CANARY, "canary")),
}


def events(name: str) -> list[str]:
    """The events that a scenario delivers."""
    return list(dict.fromkeys(step["deliver"]["event"] for step in SCENARIOS[name]["steps"] if "deliver" in step))


def body(event: str) -> Said:
    """The webhook of an event."""
    order = "order" if event in ("refund", "payment") else f"order_{event}"
    kind = "payment.refunded" if event == "refund" else "payment.succeeded"
    return {"id": event, "type": kind, "data": {"order_id": order, "customer_email": CANARY}}


def scenario(name: str) -> Said:
    """One scenario of the configuration."""
    needs = {"refund": {"depends_on": ["payment"]}}
    found = [{"id": event, "fixture": event, **needs.get(event, {})} for event in events(name)]
    return {"id": name.replace("-", "_"), "events": found, **SCENARIOS[name]}


def project(names: Sequence[str], receiver: str, observer: str, patience: str) -> Said:
    """The configuration for these scenarios; the webhook of each event is in a file of its name."""
    every = [event for name in names for event in events(name)]
    return {
        "schema_version": 1,
        "project": {"name": "surehook", "artifact_directory": "artifacts", "seed": "surehook"},
        "receiver": {
            "url": f"{receiver}/command",
            "target_profile": "loopback",
            "allowed_hosts": ["127.0.0.1"],
            "allowed_ports": [int(receiver.rpartition(":")[2])],
            "timeouts": {"connect": "5s", "write": "5s", "read": patience, "pool": "5s", "total": "60s"},
        },
        "fixtures": [{"id": event, "path": f"{event}.json", "media_type": "application/json"} for event in every],
        "signers": {"body": {"profile": "generic-hmac-sha256", "secret": {"env": "SIGNING_SECRET"}}},
        "observers": {
            "shop": {
                "type": "http",
                "base_url": observer,
                "token": {"env": "OBSERVER_TOKEN"},
                "timeouts": {"connect": "5s", "read": "10s", "total": "15s"},
            }
        },
        "clock": {"mode": "real"},
        "limits": {
            "max_events": 100,
            "max_attempts": 100,
            "max_request_bytes": 1_048_576,
            "max_response_capture_bytes": 65_536,
        },
        "scenarios": [scenario(name) for name in names],
        "reports": {
            "formats": ["json", "jsonl", "junit", "html"],
            "redaction": {
                "headers": ["authorization", "x-webhook-signature"],
                "json_pointers": ["/data/customer_email"],
                "retain_raw_payloads": False,
            },
        },
    }
