"""Says whether the type of an event is one that a pattern names."""

import re


def matches(pattern: str, event_type: str) -> bool:
    """Compare a type with a pattern, in which `*` is any text, dots included, and all else is itself."""
    first, *others = map(re.escape, pattern.split("*"))
    # Atomic groups: each part is taken where it is found first, so that no pattern takes more than linear time.
    middle = "".join(f"(?>.*?{part})" for part in others[:-1])
    last = f".*{others[-1]}" if others else ""
    return re.fullmatch(first + middle + last, event_type, re.DOTALL) is not None
