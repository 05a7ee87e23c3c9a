"""What a step of the deployment is: gcloud's commands, without the `gcloud`."""

from collections.abc import Iterator
from dataclasses import dataclass

from .archive import Archive


@dataclass(frozen=True, slots=True)
class Step:
    """What shall be there. If `check` prints something, it is, and `update` sets right what may have changed.

    Without a check, `create` may be repeated. A check that fails for another reason than that there is nothing of that
    name stops the deployment. `archive` has to be on the disk before.
    """

    create: str
    check: str = ""
    update: str = ""
    archive: Archive | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What has to be asked: what is printed stands for `name` in all steps after it."""

    name: str
    command: str


Steps = Iterator[Step | Ask]


def grant(binding: str, member: str, role: str, condition: str = "") -> Step:
    """Give a role to a member; to give it again changes nothing."""
    given = f"{binding} --member={member} --role=roles/{role}"
    return Step(f"{given} '--condition={condition}'" if condition else given)
