"""What a function installs is locked: every package, at one version, with its hashes."""

import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.servers import ROOT, clean_environment

FUNCTIONS = ["receiver", "processor"]
LOCKED = re.compile(r"([a-z0-9.-]+)(==\S+)( ; [^\\]+?)?( +--hash=sha256:[0-9a-f]{64})+")


def text(function: str, name: str = "requirements.txt") -> str:
    return (ROOT / "functions" / function / name).read_text()


def lines(function: str, name: str = "requirements.txt") -> list[str]:
    """The lines that pip reads: continued lines are one, comments are left out."""
    joined = text(function, name).replace("\\\n", "")
    found = (re.sub(r"(^|\s+)#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in found if line]


def pins(function: str, name: str = "requirements.txt") -> dict[str, Requirement]:
    """The packages of a file, by name."""
    found = (Requirement(line.partition(" --hash")[0]) for line in lines(function, name))
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_a_function_asks_for_is_locked_at_that_version(function: str) -> None:
    asked, locked = pins(function, "requirements.in"), pins(function)
    assert asked
    assert {name: str(one.specifier) for name, one in asked.items()}.items() <= {
        name: str(one.specifier) for name, one in locked.items()
    }.items()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_line_of_a_lock_is_one_version_and_its_hashes(function: str) -> None:
    assert not [line for line in lines(function) if not LOCKED.fullmatch(line)]


def test_the_two_locks_agree_on_what_both_have() -> None:
    receiver, processor = (
        {line.partition("==")[0]: re.findall(r"==\S+|sha256:\S+", line) for line in lines(function)}
        for function in FUNCTIONS
    )
    shared = receiver.keys() & processor.keys()
    assert "functions-framework" in shared
    assert {name: receiver[name] for name in shared} == {name: processor[name] for name in shared}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_lock_does_not_tell_where_it_was_made(function: str) -> None:
    assert not re.findall(r".*(?:://|--(?:extra-)?index-url|--find-links|\s[/~]).*", text(function))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_installed_here_is_what_is_locked(function: str) -> None:
    here = [one for one in pins(function).values() if one.marker is None or one.marker.evaluate()]
    assert {one.name: str(one.specifier) for one in here} == {one.name: f"=={version(one.name)}" for one in here}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_builder_finds_the_framework_and_adds_none_of_its_own(function: str) -> None:
    # https://github.com/GoogleCloudPlatform/buildpacks/blob/main/pkg/python/dependencies.go
    assert re.search(r"(?m)^functions-framework\b([^-]|$)", text(function))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.skipif(not shutil.which("gcloud"), reason="the Google Cloud CLI is not installed")
def test_a_deployment_uploads_neither_caches_nor_what_only_we_read(function: str, tmp_path: Path) -> None:
    source = ROOT / "functions" / function
    copy = shutil.copytree(source, tmp_path / function, ignore=shutil.ignore_patterns("__pycache__"))
    wanted = {str(file.relative_to(copy)) for file in copy.rglob("*") if file.is_file()}
    for cache in (copy / "__pycache__", copy / ".mypy_cache", copy / ".venv/lib"):
        cache.mkdir(parents=True)
        (cache / "main.py").touch()
    (copy / "main.pyc").touch()
    command = ["gcloud", "meta", "list-files-for-upload", str(copy)]
    env = clean_environment(CLOUDSDK_CONFIG=str(tmp_path / "gcloud"))
    uploaded = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    assert set(uploaded.splitlines()) == wanted - {"requirements.in", ".gcloudignore"}
