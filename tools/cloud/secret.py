"""Stores the secret of a source, read from standard input, in Secret Manager."""

import sys
from collections.abc import Sequence

from . import value
from .gcloud import Gcloud, Trouble
from .options import parser, project_of, your_sources
from .source_secrets import secret_of


def main(options: Sequence[str] | None = None) -> int:
    """Store the secret as its newest version, which is the one that counts."""
    made = parser("secret", __doc__)
    made.add_argument("source", help="a source of sources.yaml")
    made.add_argument("--token", action="store_true", help="its verify token instead")
    arguments = made.parse_args(options)
    try:
        secret = secret_of(your_sources(), arguments.source, arguments.token)
        gcloud = Gcloud(project_of(arguments))
        given = value.read(secret)
        is_new = not gcloud.find(f"secrets describe {secret.name} '--format=value(name)'")
        if is_new:
            gcloud.ask(f"secrets create {secret.name} --replication-policy=automatic")
        store(gcloud, secret.name, given)
    except Trouble as error:
        sys.exit(f"secret: {error}")
    except KeyboardInterrupt:
        sys.exit("secret: stopped")
    hint = "; `make deploy` lets the receiver read it" if is_new else ", and is used within two minutes"
    print(f"{secret.name} of {gcloud.project} has its value{hint}")
    return 0


def store(gcloud: Gcloud, name: str, text: bytes) -> None:
    """Add a version to a secret."""
    gcloud.secretly(f"secrets versions add {name} --data-file=-", text)


if __name__ == "__main__":
    sys.exit(main())
