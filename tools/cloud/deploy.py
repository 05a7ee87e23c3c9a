"""Deploys both functions with gcloud alone: what Terraform does, without what it offers besides."""

import os
import sys
from collections.abc import Sequence

from . import url
from .archive import pack
from .deployment import Deployment
from .gcloud import Gcloud, Trouble
from .names import PROCESSOR_FUNCTION, RECEIVER_FUNCTION
from .options import parser, project_of, region_of, your_sources
from .source_secrets import Secret, secrets_of
from .steps import Ask, Step


def main(options: Sequence[str] | None = None) -> int:
    """Deploy, then say what to paste into the senders' forms, and which secrets have no value yet."""
    made = parser("deploy", __doc__, region=True)
    made.add_argument("--dry-run", action="store_true", help="print the commands for a new project, and run none")
    arguments = made.parse_args(options)
    try:
        if os.environ.get("SOURCES"):
            raise Trouble("SOURCES is set: without Terraform, functions/receiver/sources.yaml is deployed")
        sources = your_sources()
        project = project_of(arguments, ask=not arguments.dry_run)
        region = region_of(arguments, ask=not arguments.dry_run)
        archives = {folder: pack(folder) for folder in (PROCESSOR_FUNCTION.folder, RECEIVER_FUNCTION.folder)}
        steps = list(Deployment(project, region, sources, archives).steps())
        gcloud = Gcloud(project, loud=True)
        if arguments.dry_run:
            show(gcloud, steps)
            return 0
        print(f"deploying to {project} in {region}")
        carry_out(gcloud, steps)
        quiet = Gcloud(project)
        secrets = [secret for source in sources.values() for secret in secrets_of(source)]
        without = [secret for secret in secrets if not secret.handed_over and not has_value(quiet, secret)]
        lines = url.lines(sources, url.asked(quiet, region))
    except Trouble as error:
        sys.exit(f"deploy: {error}")
    except KeyboardInterrupt:
        sys.exit("deploy: stopped; `make deploy` goes on from here")
    print("", *lines, sep="\n")
    if without:
        print("", "without a value yet:", *(f"make secret {secret.options}" for secret in without), sep="\n")
    return 0


def show(gcloud: Gcloud, steps: Sequence[Step | Ask]) -> None:
    """Print what would run in a new project."""
    for step in steps:
        print(f"$ {gcloud.show(step.command if isinstance(step, Ask) else step.create)}")


def carry_out(gcloud: Gcloud, steps: Sequence[Step | Ask]) -> None:
    """Take the steps, one after the other; Trouble at the first that fails."""
    answers: dict[str, str] = {}
    for step in steps:
        if isinstance(step, Ask):
            answers[step.name] = gcloud.ask(step.command)
            if not answers[step.name]:
                raise Trouble(f"no answer to: {gcloud.show(step.command)}")
            continue
        if step.archive:
            step.archive.write()
        is_there = bool(step.check and gcloud.find(step.check))
        if command := step.update if is_there else step.create:
            for name, answer in answers.items():
                command = command.replace(name, answer)
            gcloud.do(command)


def has_value(gcloud: Gcloud, secret: Secret) -> bool:
    """Say whether the version of a secret that the receiver reads is there, and is not switched off."""
    version = f"secrets versions describe latest --secret={secret.name} '--format=value(state)'"
    return gcloud.find(version).lower() == "enabled"


if __name__ == "__main__":
    sys.exit(main())
