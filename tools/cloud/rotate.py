"""Changes the secret of a source while both are accepted: the new one from standard input, and the one before it."""

import argparse
import sys
from collections.abc import Sequence

from . import value
from .gcloud import Gcloud, NotThere, Trouble
from .options import parser, project_of, your_sources
from .secret import store
from .source_secrets import Secret, secret_of


def main(options: Sequence[str] | None = None) -> int:
    """Put the new secret before the old one, or with --done take the old one away."""
    arguments = _arguments(options)
    verb = "rotate-done" if arguments.done else "rotate"
    try:
        secret = secret_of(your_sources(), arguments.source, arguments.token)
        gcloud = Gcloud(project_of(arguments))
        print(done(gcloud, secret) if arguments.done else rotate(gcloud, secret))
    except Trouble as error:
        sys.exit(f"{verb}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{verb}: stopped")
    return 0


def rotate(gcloud: Gcloud, secret: Secret) -> str:
    """Store the new secret and the newest of what was, one a line; return what happens next."""
    new, *more = value.values(value.read(secret))
    if more:
        raise Trouble("give one secret, the new one; nothing is stored")
    before = current(gcloud, secret)[0]
    if new == before:
        raise Trouble(f"this is the newest secret of {secret.name} already; nothing is stored")
    store(gcloud, secret.name, f"{new}\n{before}\n".encode())
    return (
        f"{secret.name} of {gcloud.project}: within two minutes the new secret and the one before it are accepted.\n"
        f"Then give the new one to the sender, and when it uses it: make rotate-done {secret.options}"
    )


def done(gcloud: Gcloud, secret: Secret) -> str:
    """Store the newest secret alone; return what has happened."""
    newest, *older = current(gcloud, secret)
    if not older:
        return f"{secret.name} of {gcloud.project} holds one secret; nothing to do"
    store(gcloud, secret.name, f"{newest}\n".encode())
    return f"{secret.name} of {gcloud.project}: within two minutes the newest secret alone is accepted"


def current(gcloud: Gcloud, secret: Secret) -> list[str]:
    """The secrets of the version that counts, newest first."""
    try:
        text = gcloud.secretly(f"secrets versions access latest --secret={secret.name}")
    except NotThere:
        raise Trouble(f"{secret.name} of {gcloud.project} has no value yet: make secret {secret.options}") from None
    return value.values(text, f"what {secret.name} holds")


def _arguments(options: Sequence[str] | None) -> argparse.Namespace:
    made = parser("rotate", __doc__)
    made.add_argument("source", help="a source of sources.yaml")
    made.add_argument("--token", action="store_true", help="its verify token instead")
    made.add_argument("--done", action="store_true", help="the sender uses the new one: take the old one away")
    return made.parse_args(options)


if __name__ == "__main__":
    sys.exit(main())
