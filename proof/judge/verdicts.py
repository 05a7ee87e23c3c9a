"""What a verdict of the harness means: some must be bad, each for one known reason and for no other."""

from collections.abc import Mapping
from typing import Any

Facts = Mapping[str, Any]
PASS = "pass"
# Where the corpus wants what ours must not do: what came of it then, and why it must be so.
DIFFERENT: Mapping[str, tuple[Facts, str]] = {
    "SCN-006": ({"answers": [200], "effect_count": 1}, "it wants 204, and what is safe is answered 200"),
    "SCN-012": ({"answers": [200], "effect_count": 0}, "it wants 4xx, and what is proved is queued, whatever it is"),
}
# The same of its command, whose assertions say more exactly what must fail; and what the command can't say at all.
OF_COMMAND = {"malformed-body-and-content-type": "differs: as its corpus"}
UNSAID = {"stale-timestamp": "not said: it signs for 1970"}


def of_corpus(scenario: str, verdict: bool | str, facts: Facts) -> str:
    """Put a verdict of the corpus into words; `verdict` is what went wrong where there is none."""
    expected, why = DIFFERENT.get(scenario, ({}, ""))
    if verdict is True:
        return f"fails: it passes, and must not: {why}" if expected else PASS
    known = bool(expected) and verdict is False and {name: facts.get(name) for name in expected} == expected
    return f"differs: {why}" if known else f"fails: {verdict or ''} {dict(facts)}"


def of_command(name: str, verdicts: Mapping[str, str]) -> str:
    """Put a verdict of the command into words."""
    verdict = verdicts.get(name) or UNSAID.get(name, "missing")
    return OF_COMMAND.get(name, PASS) if verdict == PASS else verdict


def is_fine(verdict: str) -> bool:
    """Whether a verdict is what it should be."""
    return verdict == PASS or verdict in UNSAID.values() or verdict.startswith("differs: ")
