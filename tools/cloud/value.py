"""Reads the value of a secret from standard input: a command line can be seen by others, and is kept."""

import getpass
import sys

from functions.receiver.errors import Failed
from functions.receiver.keys import SHORT, parse

from .gcloud import Trouble
from .source_secrets import Secret

WRONG = {
    "secret-empty": "is empty, or what a form shows in place of one",
    "secret-form": "is cut off, or no text: a PEM block is whole from BEGIN to END and comes from a file, < key.pem",
}


def read(secret: Secret) -> bytes:
    """Read the value, to the end of a file or of what is typed without being shown; Trouble if it can't be one."""
    if sys.stdin.isatty():
        given = getpass.getpass(f"value of {secret.name} (it is not shown): ").encode(errors="surrogateescape")
    else:
        given = sys.stdin.buffer.read()
    if any(len(value) < SHORT for value in values(given)):
        print(f"warning: less than {SHORT} characters, which can be guessed", file=sys.stderr)
    return given


def values(text: bytes, what: str = "the value") -> list[str]:
    """The secrets in a text as the receiver finds them, newest first; Trouble that shows nothing of them."""
    try:
        return [key.secret for key in parse(text.decode(), "")]
    except UnicodeDecodeError:
        reason = "secret-form"
    except Failed as error:
        reason = error.reason
    raise Trouble(f"{what} {WRONG[reason]}; nothing is stored")
