"""Runs Terraform on copies of terraform/ and functions/, with Google mocked: nobody is called, no account is needed."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ROOT

PROJECT, REGION = "a-project", "europe-west1"
MADE = shutil.ignore_patterns(".terraform", ".build", "*.tfstate*", "__pycache__")
# Where the providers are kept for the next time, unless you keep them elsewhere already.
PROVIDERS = {
    "TF_PLUGIN_CACHE_DIR": str(ROOT / ".local" / "terraform"),
    "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
}


class Refused(Exception):
    """What Terraform said instead of a plan."""


@dataclass(frozen=True)
class Plan:
    """What Terraform would make, by address, as far as it is known beforehand; `text` is all that it printed.

    `after` says what each of them must wait for; it is known of what was applied alone.
    """

    resources: Mapping[str, dict[str, Any]]
    outputs: Mapping[str, Any]
    after: Mapping[str, list[str]]
    text: str

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """All resources of a type, by address."""
        return {address: found for address, found in self.resources.items() if address.startswith(f"{kind}.")}

    def service(self, function: str) -> dict[str, Any]:
        """How a function runs, `receiver` or `processor`."""
        (config,) = self.resources[f"google_cloudfunctions2_function.{function}"]["service_config"]
        return dict(config)


@dataclass(frozen=True)
class Terraform:
    """A command, as it runs in a folder which has been initialised and holds terraform/ and functions/."""

    command: tuple[str, ...]
    home: tempfile.TemporaryDirectory[str]

    @property
    def folder(self) -> Path:
        return Path(self.home.name) / "project"

    def run(self, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of Terraform's; its whole output is in `stdout`."""
        environment = PROVIDERS | {name: value for name, value in os.environ.items() if not name.startswith("TF_VAR_")}
        return subprocess.run(
            [*self.command, f"-chdir={(folder or self.folder) / 'terraform'}", *arguments],
            env=environment | {"CHECKPOINT_DISABLE": "1", "TF_DATA_DIR": f"{self.home.name}/data"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )


@cache
def _prepared() -> Terraform | str:
    """Terraform, ready to run, or why it is not."""
    command = tuple(shlex.split(os.environ.get("TERRAFORM", "terraform")))
    if not shutil.which(command[0]):
        return f"{command[0]} is not installed: https://developer.hashicorp.com/terraform/install"
    terraform = Terraform(command, tempfile.TemporaryDirectory())
    for name in ("terraform", "functions"):
        shutil.copytree(ROOT / name, terraform.folder / name, ignore=MADE)
    Path(PROVIDERS["TF_PLUGIN_CACHE_DIR"]).mkdir(parents=True, exist_ok=True)
    done = terraform.run("init", "-backend=false", "-input=false", "-no-color")
    error = " ".join(done.stdout.partition("Error: ")[2].split())
    return f"`terraform init` does not succeed: {error[:100]}" if done.returncode else terraform


def terraform() -> Terraform:
    """Terraform; where it can't be had the test is skipped, or fails if REQUIRE_TERRAFORM is set."""
    if isinstance(found := _prepared(), str):
        (pytest.fail if os.environ.get("REQUIRE_TERRAFORM") else pytest.skip)(found)
    return found


def planned(
    sources: str | None = None,
    variables: Mapping[str, Any] | None = None,
    change: tuple[str, str, str] | None = None,
) -> Plan:
    """Plan what another sources.yaml and other variables would make, or raise Refused.

    `change` is a file, a pattern and its replacement, for what no variable can bring about. Ids and addresses that
    Google would make are those of terraform/tests/mocks, of the project `a-project`.
    """
    return _done("plan", sources, json.dumps(variables or {}), change)


def applied(sources: str | None = None, variables: Mapping[str, Any] | None = None) -> Plan:
    """Make it all, of nothing, and return the state."""
    return _done("apply", sources, json.dumps(variables or {}), None)


@cache
def _done(command: str, sources: str | None, variables: str, change: tuple[str, str, str] | None) -> Plan:
    with copied(sources) as folder:
        tests = folder / "terraform" / "tests"
        for shipped in tests.glob("*.tftest.hcl"):
            shipped.unlink()
        asked = (ROOT / "tests/terraform/plan.tftest.hcl").read_text()
        (tests / "plan.tftest.hcl").write_text(asked.replace(" = plan", f" = {command}"))
        (tests / "z.auto.tfvars.json").write_text(variables)  # wins over the terraform.tfvars beside it
        if change:
            _edit(folder / "terraform" / change[0], *change[1:])
        return _read(terraform().run("test", "-json", "-verbose", folder=folder).stdout)


@contextmanager
def copied(sources: str | None = None) -> Iterator[Path]:
    """A folder with terraform/ and functions/, in which there may be another sources.yaml."""
    found = terraform()
    with tempfile.TemporaryDirectory(dir=found.home.name) as place:
        shutil.copytree(found.folder / "terraform", Path(place) / "terraform")
        shutil.copytree(found.folder / "functions", Path(place) / "functions")
        if sources is not None:
            (Path(place) / "functions/receiver/sources.yaml").write_text(sources)
        yield Path(place)


def _edit(file: Path, pattern: str, replacement: str) -> None:
    text, times = re.subn(pattern, replacement, file.read_text())
    assert times == 1, f"{pattern} is {times} times in {file.name}"
    file.write_text(text)


def _read(text: str) -> Plan:
    """Read what `terraform test -json -verbose` printed."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    said = [line["diagnostic"] for line in lines if line.get("diagnostic", {}).get("severity") == "error"]
    shown = {line["type"]: line.get(line["type"], {}) for line in lines}
    if said or not shown.get("test_summary", {}).get("passed"):
        raise Refused("\n".join(f"{one['summary']}: {one['detail']}" for one in said) or text)
    return _state(shown["test_state"], text) if "test_state" in shown else _plan(shown["test_plan"], text)


def _plan(shown: Mapping[str, Any], text: str) -> Plan:
    changes = [found for found in shown["resource_changes"] if found["mode"] == "managed"]
    resources = {found["address"]: found["change"]["after"] for found in changes}
    outputs = {name: found["after"] for name, found in shown.get("output_changes", {}).items()}
    return Plan(_with_ids(resources), outputs, {}, text)


def _state(shown: Mapping[str, Any], text: str) -> Plan:
    made = [found for found in shown["root_module"]["resources"] if found["mode"] == "managed"]
    resources = {found["address"]: found["values"] for found in made}
    outputs = {name: found["value"] for name, found in shown.get("outputs", {}).items()}
    return Plan(_with_ids(resources), outputs, {found["address"]: found.get("depends_on", []) for found in made}, text)


def _with_ids(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Put the ids that Google would give to secrets where some are made up, and leave out what is not said."""
    text = json.dumps(resources)
    for address, found in resources.items():
        if address.startswith("google_secret_manager_secret."):
            text = text.replace(json.dumps(found["id"]), json.dumps(f"projects/{PROJECT}/secrets/{found['secret_id']}"))
    said = json.loads(text)
    return {address: {k: v for k, v in found.items() if v not in (None, [], {})} for address, found in said.items()}
