"""What the documents show is true."""

import ast
import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from functions.receiver import errors
from functions.receiver.handshakes import Proof
from functions.receiver.providers import PROVIDERS
from functions.receiver.schemes import SCHEMES
from functions.receiver.sources import load
from tests.rows import ROWS
from tests.servers import ROOT
from tools import docs, facts
from tools.docs import page
from tools.local import new_keys

README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    """The blocks of the README in one language, without their indentation."""
    found = [(indentation, text) for indentation, other, text in BLOCK.findall(README) if other == language]
    return ["\n".join(line.removeprefix(indentation) for line in text.splitlines()) for indentation, text in found]


def test_the_readme_says_what_it_is_shows_it_and_gives_two_commands_within_a_screen() -> None:
    opening = README.partition("## Add a sender")[0]
    assert opening.index("template for receiving webhooks") < opening.index("```mermaid") < opening.index("$ make run")
    assert "$ make test" in opening


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_make_verb_that_is_named_is_there(document: Path) -> None:
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ )(?:[A-Z_]+=(?:\"[^\"]*\"|\S+) )?make ([a-z-]+)", document.read_text()))
    later = set(re.findall(r"`make ([a-z-]+)`", document.read_text().partition("To come:")[2]))
    assert named - later <= verbs


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    assert not [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_test_that_is_named_is_there(document: Path) -> None:
    there = {
        node.name
        for file in ROOT.glob("tests/**/*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert set(re.findall(r"`(test_\w+)`", document.read_text())) <= there


@pytest.mark.parametrize(
    "text", blocks("yaml"), ids=["a known provider", "one that needs more", "a sender of one's own"]
)
def test_every_source_that_is_shown_can_be_used(text: str, tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text(text)
    assert load(tmp_path / "sources.yaml")


def test_the_sources_that_come_with_the_template_can_be_used() -> None:
    assert load(ROOT / "functions/receiver/sources.yaml")


def test_the_handler_that_is_shown_books_a_payment(tmp_path: Path) -> None:
    (shown,) = blocks("python")
    names = {node.name for node in ast.walk(ast.parse(shown)) if isinstance(node, ast.FunctionDef)}
    assert names == {"book"}
    from functions.processor.errors import GiveUp
    from functions.processor.handlers import Event, on
    from functions.processor.message import read

    scope = {"Event": Event, "GiveUp": GiveUp, "on": lambda pattern: lambda handler: handler}
    exec(shown.replace("from . import Event, GiveUp, on\n", ""), scope)
    push = json.loads((ROOT / "tests/contract/push-v1.json").read_text())

    def event(currency: str) -> Event:
        body = json.dumps({"data": {"object": {"currency": currency, "amount": 1}}}).encode()
        message = push["message"] | {"data": base64.b64encode(body).decode()}
        return read(json.dumps(push | {"message": message}).encode(), deadline=0)

    assert callable(on)
    book = scope["book"]
    assert callable(book)
    book(event("eur"))
    with pytest.raises(GiveUp):
        book(event("usd"))


def test_the_status_table_has_every_status_that_is_given() -> None:
    table = README.partition("## What a sender is told")[2].partition("There is no 500")[0]
    given = {kind.status for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "status")}
    assert {int(status) for status in re.findall(r"\b[245]\d\d\b", table)} == given | {200}


def test_the_documents_count_the_providers_and_their_handshakes() -> None:
    asking = [name for name, row in PROVIDERS.items() if row.handshake]
    assert f"the {len(PROVIDERS)} providers that are known" in README
    counted = f"The receiver: {len(PROVIDERS)} providers ({len(asking)} of them with a handshake)"
    assert counted in (ROOT / "CHANGELOG.md").read_text()


def test_the_figures_of_the_readme_are_those_of_the_runs() -> None:
    shown = README.partition("## What it was put through")[2].partition("## How it is made")[0]
    runs = "".join((ROOT / "docs" / name).read_text() for name in ("proof.md", "bench.md"))
    figures = re.findall(r"\d[\d,.]*\d", shown)
    assert len(figures) >= 8
    assert not [figure for figure in figures if not re.search(rf"(?<![\d,.]){re.escape(figure)}(?![\d,.]*\d)", runs)]


def test_the_page_of_the_providers_is_current() -> None:
    assert (ROOT / "docs/providers.md").read_text() == page()


def test_what_terraform_knows_of_the_providers_is_current() -> None:
    assert (ROOT / "terraform/providers.json").read_text() == facts.text()


def test_docs_writes_the_page_and_what_terraform_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "FILE", tmp_path / "providers.md")
    monkeypatch.setattr(facts, "FILE", tmp_path / "providers.json")
    monkeypatch.setattr(sys, "argv", ["docs"])
    docs.main()
    assert (tmp_path / "providers.md").read_text() == page()
    assert (tmp_path / "providers.json").read_text() == facts.text()


def test_terraform_knows_every_provider_by_a_line_of_its_own() -> None:
    known = json.loads(facts.text())
    assert list(known["providers"]) == sorted(PROVIDERS)
    lines = facts.text().splitlines()
    assert all(sum(1 for line in lines if line.startswith(f'    "{name}": {{')) == 1 for name in PROVIDERS)
    assert facts.text().endswith("}\n")


def test_terraform_knows_what_is_not_as_usual_and_no_more() -> None:
    known = json.loads(facts.text())
    of = known["providers"]
    assert (of["github"], of["plaid"], of["slack"]) == ({}, {}, {})
    assert (of["paypal"], of["aws-sns"]) == ({"secret": False}, {"secret": False})
    assert (of["meta"], of["asana"]) == ({"token": True}, {"token": True, "hands_over": True})
    assert {name for name in of if "hands_over" in of[name]} == {"asana", "notion"}
    assert known["schemes_without_secret"] == ["detached-jws", "jwks"]


@pytest.mark.parametrize("name", PROVIDERS)
def test_terraform_makes_the_secrets_that_the_receiver_reads(name: str) -> None:
    source, fact = ROWS[name], json.loads(facts.text())["providers"][name]
    read = {variable.partition("_")[0] for variable in new_keys(source)} - {"PUBLISHED"}
    made = {"KEY": fact.get("secret", True), "TOKEN": fact.get("token", False)}
    assert read == {kind for kind, is_made in made.items() if is_made}
    # A handshake whose answer is made with the secret wants one, whatever proves the events.
    assert fact.get("secret", True) or not source.provider.handshake or source.provider.handshake.proof != Proof.HASH


def test_the_sender_of_ones_own_that_the_page_shows_can_be_used(tmp_path: Path) -> None:
    [shown] = re.findall(r"`(verify: .*?)`\.", page())
    (tmp_path / "sources.yaml").write_text(f"erp:\n  {shown}\n")
    assert load(tmp_path / "sources.yaml")["erp"].provider.scheme


def test_every_row_says_where_its_secret_is_and_where_that_is_documented() -> None:
    for name, row in PROVIDERS.items():
        assert row.secret, name
        assert row.docs.startswith("https://"), name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), name
        assert row.scheme, name


def test_sixty_providers_have_a_sample() -> None:
    assert sum(1 for name in PROVIDERS if any((ROOT / "samples" / name).rglob("*.*"))) >= 60


def test_the_providers_are_printed_as_a_table() -> None:
    command = [sys.executable, "-m", "tools.docs", "table"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = shown.splitlines()
    assert {line.split()[0] for line in lines if line[:1].strip()} >= set(PROVIDERS)
    between_columns = [gap.start() for gap in re.finditer(r"  (?=-)", lines[1])]
    assert not [line for line in lines for gap in between_columns if line[gap : gap + 2].strip()]


def test_help_lists_every_verb() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in shown.splitlines()} >= {"run", "send", "test", "check", "bench"}


@pytest.mark.parametrize("name", ["log.py", "matching.py", "channel.py"])
def test_the_twins_of_the_two_functions_are_equal(name: str) -> None:
    receiver, processor = (ROOT / "functions" / function / name for function in ("receiver", "processor"))
    assert receiver.read_text() == processor.read_text()


def test_every_file_says_its_purpose_in_one_line() -> None:
    for file in [*ROOT.glob("functions/**/*.py"), *ROOT.glob("tools/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]:
        docstring = ast.get_docstring(ast.parse(file.read_text()))
        assert docstring, file
        assert docstring.splitlines()[0].endswith((".", "`")), file


def test_every_scheme_has_a_name_for_sources_yaml() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in SCHEMES)
