"""One JSON line for every request, as Cloud Logging reads it."""

import json
import os

# https://docs.cloud.google.com/logging/docs/structured-logging
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LONGEST = 256
LEAST = os.environ.get("LOG_LEVEL", "INFO")
TRACES = f"projects/{os.environ.get('PROJECT', '-')}/traces"


def write(severity: str, message: str, traceparent: str | None = None, **fields: str | int | float | None) -> None:
    """Write one line to standard output; fields that are None are left out.

    Text is cut at 256 characters and its control characters are escaped. `traceparent` (W3C) ties the line to the
    trace of the request. The line goes straight to the file descriptor: the platform wraps `sys.stdout` and would parse
    what a sender wrote as fields of its own. A log that can't be written must not fail a webhook.
    """
    if LEVELS.index(severity) < LEVELS.index(LEAST):
        return
    line: dict[str, str | int | float] = {"severity": severity, "message": _safe(message)}
    for name, value in fields.items():
        if value is not None:
            line[name] = _safe(value) if isinstance(value, str) else value
    if traceparent:
        line["logging.googleapis.com/trace"] = f"{TRACES}/{traceparent[3:35]}"
    try:
        os.write(1, json.dumps(line).encode() + b"\n")
    except OSError:
        return


def _safe(text: str) -> str:
    if text.isprintable() and len(text) <= LONGEST:
        return text
    text = text[:LONGEST]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
