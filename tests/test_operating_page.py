"""What docs/operating.md shows is true: every name, every command, every block of Terraform, every sum."""

import ast
import os
import re
import runpy
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.processor import errors as processor_errors
from functions.processor.ledger import KEPT_DAYS
from functions.receiver.keys import FRESH, STALE
from functions.receiver.options import MOST, OPTIONS
from functions.receiver.providers import PROVIDERS
from functions.receiver.request import LARGE_TOGETHER
from tests.servers import ROOT
from tests.terraform.runner import copied, terraform
from tools.cloud import names

PAGE = (ROOT / "docs/operating.md").read_text()
TERRAFORM = {file.name: file.read_text() for file in (ROOT / "terraform").glob("*.tf")}
ALL_TERRAFORM = "\n".join(TERRAFORM.values())
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
GIB = 2**30
MONTHS = {0: 0, 1: 1_000_000, 2: 100_000_000}  # by column of the table of costs


def blocks(language: str) -> list[str]:
    """The blocks in one language, without their indentation."""
    found = [(indentation, text) for indentation, other, text in BLOCK.findall(PAGE) if other == language]
    return ["\n".join(line.removeprefix(indentation) for line in text.splitlines()) for indentation, text in found]


SHELL = "\n".join(blocks("console"))
INLINE = [" ".join(text.split()) for text in re.findall(r"`([^`]+)`", BLOCK.sub("", PAGE))]


def section(heading: str) -> str:
    """The text under a heading, to the next one of its level or above."""
    level = heading.split(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{2,{len(level)}}} |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


def tables(text: str) -> list[list[list[str]]]:
    """Each table: its rows, the heads among them, as cells."""
    found = re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE)
    rows = [[line.strip("|").split("|") for line in table.splitlines()] for table in found]
    return [[[cell.strip() for cell in row] for row in table if set("".join(row)) != {"-"}] for table in rows]


def flat(text: str) -> str:
    return " ".join(text.split())


# Alerts


def alerts() -> list[str]:
    """The names of the alerts in terraform/, as their mails give them."""
    told = re.findall(r"What to do: docs/operating\.md, (\$\{each\.key\}|[a-z-]+)\.", TERRAFORM["alerts.tf"])
    named = re.findall(r"^    ([a-z-]+) = \{\n +severity", TERRAFORM["alerts.tf"], re.MULTILINE)
    assert told == ["${each.key}", "silent"]
    return [*named, "silent"]


def test_every_alert_has_its_section_and_no_section_is_without_an_alert() -> None:
    assert re.findall(r"^### (.*)$", PAGE, re.MULTILINE) == alerts()
    assert len(alerts()) == 8


def test_each_section_of_an_alert_says_when_to_leave_it() -> None:
    assert not [alert for alert in alerts() if "Leave it " not in section(f"### {alert}")]


def test_what_it_takes_to_raise_an_alert_is_said_as_it_is() -> None:
    said = {
        "more than 5 in 5 minutes": "more than five times in five minutes",
        "more than 20 in 5 minutes": "More than twenty requests to one source in five minutes",
        "above = 900, lasting = 300": "in the queue for 15 minutes",
        "above = 7 * 24 * 3600": "A dead letter is 7 days old",
    }
    assert all(here in TERRAFORM["alerts.tf"] and there in flat(PAGE) for here, there in said.items())


def test_the_charts_that_are_named_are_on_the_dashboard() -> None:
    named = re.findall(r"chart \"([^\"]+)\"", flat(PAGE))
    assert len(named) >= 3
    titles = re.findall(r"title = \"([^\"]+)\"", TERRAFORM["dashboard.tf"])
    assert not [name for name in named if not any(title.startswith(name) for title in titles)]
    assert 'dashboard "Webhooks"' in PAGE
    assert 'displayName = "Webhooks"' in TERRAFORM["dashboard.tf"]


def test_the_contents_are_the_sections() -> None:
    headings = re.findall(r"^##+ (.*)$", PAGE, re.MULTILINE)
    anchors = [heading.lower().replace(" ", "-") for heading in headings]
    listed = re.findall(r"\]\(#([^)]+)\)", PAGE.partition("\n## ")[0])
    assert listed == anchors
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= set(anchors)


# Reasons and fields of the log


def raised(folder: str, *kinds: str) -> set[str]:
    """The reasons with which these errors are raised in the code."""
    found = set()
    for file in (ROOT / "functions" / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds and node.args:
                found |= {n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant)}
    return {reason for reason in found if isinstance(reason, str)}


def reasons(alert: str) -> set[str]:
    """The codes in the first column of an alert's table."""
    table = tables(section(f"### {alert}"))[0]
    return {reason for row in table for reason in re.findall(r"`([a-z-]+)`", row[0])}


def test_every_reason_of_a_failing_receiver_is_in_the_table() -> None:
    # `secret-read-only` is of KEYS=env alone.
    of_code = raised("receiver", "Failed") - {"secret-read-only", "bug-"}
    assert {"queue-down", "secret-missing", "deadline", "keys-slow"} <= of_code
    assert reasons("receiver-fails") == of_code
    assert "| `bug-...` |" in section("### receiver-fails")
    assert 'Failed(f"bug-' in (ROOT / "functions/receiver/main.py").read_text()


def test_every_reason_of_a_waiting_event_is_in_the_table() -> None:
    kinds = {kind.__name__ for kind in processor_errors.NotDone.__subclasses__()} - {"Malformed"}
    given = raised("processor", *kinds)
    assert reasons("events-wait") == given | {processor_errors.Malformed.outcome}
    assert "internal" in given


def test_every_reason_of_a_refused_proof_is_one_of_the_receiver() -> None:
    assert reasons("proofs-refused") <= raised("receiver", "Unproved")
    assert len(reasons("proofs-refused")) >= 10
    assert "(reason `body`)" in flat(PAGE)
    assert "body" in raised("receiver", "BodyTooLarge")


def test_the_one_provider_that_is_told_429_is_named() -> None:
    others = [name for name, row in PROVIDERS.items() if row.try_again != 503]
    assert others == ["brevo"]
    assert "(brevo)" in section("### platform-refuses")


def test_the_filters_ask_for_fields_that_the_functions_write() -> None:
    sources = [ROOT / f"functions/{file}.py" for file in ("receiver/main", "processor/report", "processor/log")]
    written = {
        word
        for file in sources
        for node in ast.walk(ast.parse(file.read_text()))
        for word in [getattr(node, "arg", None), getattr(node, "value", None)]
        if isinstance(word, str)
    }
    asked = set(re.findall(r"jsonPayload\.(\w+)", SHELL))
    assert len(asked) >= 8
    assert asked <= written


# Commands


def commands(program: str) -> list[list[str]]:
    """Every command of a program that is shown, in words: of a line with a prompt, or inside of another one."""
    shown = re.sub(r"\\\n *", "", SHELL) + "\n" + "\n".join(f"$ {text}" for text in INLINE)
    found = []
    for start in re.finditer(
        rf"(?:^\$ (?:\w+=(?:\"(?:[^\"\\]|\\.)*\"|\S+) )*|\$\(|\| ){program} ", shown, re.MULTILINE
    ):
        text = shown[start.end() :]
        words = shlex.shlex(text, posix=True, punctuation_chars="()|;\n")
        words.whitespace, words.whitespace_split, words.commenters = " \t", True, ""
        found.append([*_until_the_end(words)])
    return found


def _until_the_end(words: shlex.shlex) -> Iterator[str]:
    for word in words:
        if set(word) & set("()|;\n") and len(set(word) - set("()|;\n")) == 0:
            return
        yield word


@pytest.fixture(scope="module")
def tree() -> dict[str, Any]:
    """All commands and flags of gcloud, as its completion knows them."""
    program = shutil.which("gcloud")
    file = Path(program).resolve().parent.parent / "data/cli/gcloud_completions.py" if program else Path()
    if not file.is_file():
        pytest.skip("gcloud, or what it knows for its completion, is not here")
    return dict(runpy.run_path(str(file))["STATIC_COMPLETION_CLI_TREE"])


def test_every_gcloud_command_and_flag_is_there(tree: dict[str, Any]) -> None:
    shown = commands("gcloud")
    assert len(shown) >= 30
    wrong = [" ".join(words) for words in shown if not _is_known(words, tree)]
    assert not wrong


def _is_known(words: list[str], tree: dict[str, Any]) -> bool:
    at, flags, path = tree, set(tree["flags"]), 0
    while path < len(words) and words[path] in at.get("commands", {}):
        at = at["commands"][words[path]]
        flags |= set(at.get("flags", {}))
        path += 1
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    unknown = {flag for flag in given - flags if flag.replace("--no-", "--") not in flags}
    return path >= 2 and not at.get("commands") and not unknown


def test_what_gcloud_is_told_of_is_there() -> None:
    """Topics, subscriptions, functions, databases and buckets have the names of terraform/."""
    literals = set(re.findall(r"\"(?:\$\{var\.project\}-)?(webhooks?[a-z-]*)\"", ALL_TERRAFORM))
    literals |= {"webhooks-receiver", "webhooks-processor"} & set(names.ACCOUNTS)
    text = re.sub(r"acme-webhooks[\w-]*|(webhooks-processor)-\d{5}-[a-z]{3}\b|name=requests", r"\1", SHELL)
    named = set(re.findall(r"(?<![\w/-])webhooks[a-z-]*", text)) | {
        name for name in INLINE if re.fullmatch(r"webhooks[a-z-]*", name)
    }
    assert {"webhooks", "webhooks-processor", "webhooks-dead", "webhooks-receiver"} <= named
    assert named <= literals
    assert set(re.findall(r"\bwebhook-events\b", SHELL)) <= literals
    in_text = set(re.findall(r"(?:topics?|subscriptions?|repository) (webhooks[a-z-]*)", flat(PAGE)))
    assert in_text >= {"webhooks", "webhooks-processor", "webhooks-dead", "webhooks-archive"}
    assert in_text <= literals


def test_what_bigquery_is_told_of_is_in_the_archive() -> None:
    (query,) = re.findall(r"bq query [^\n]*\n?[^\n]*", SHELL)
    assert 'dataset_id  = "webhooks"' in TERRAFORM["archive.tf"]
    assert 'table_id            = "events"' in TERRAFORM["archive.tf"]
    assert "FROM webhooks.events WHERE publish_time" in query
    assert "SAFE_CONVERT_BYTES_TO_STRING(data)" in query
    assert all(f'name = "{column}"' in TERRAFORM["archive.tf"] for column in ("publish_time", "data"))


def test_each_make_verb_does_something_with_each_variable() -> None:
    shown = [*commands("make"), *[text.split()[1:] for text in INLINE if text.startswith("make ")]]
    told = {(words[0], word) for words in shown for word in words[1:] if re.fullmatch(r"[A-Z_]+=.*", word)}
    assert {verb for verb, _ in told} >= {"deploy", "secret", "rotate", "rotate-done", "logs", "replay", "dead-letters"}
    assert not [one for one in sorted(told) if _printed(one[0]) == _printed(*one)]


def _printed(verb: str, variable: str = "") -> str:
    name, _, value = variable.partition("=")
    words = ["make", "-n", verb, *([f"{name}={value or 'x'}"] if variable else [])]
    environment = {key: text for key, text in os.environ.items() if key in ("PATH", "HOME")}
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


# Terraform


def variables() -> dict[str, str]:
    """The text of each variable."""
    found = re.findall(r"^variable \"(\w+)\" \{\n(.*?)^\}", TERRAFORM["variables.tf"], re.DOTALL | re.MULTILINE)
    return dict(found)


def settings() -> list[str]:
    """The blocks that belong into a tfvars file."""
    return [text for text in blocks("hcl") if not re.search(r"^(resource|terraform) ", text, re.MULTILINE)]


def test_every_variable_that_is_named_is_there() -> None:
    given = [word for words in commands("terraform") for word in words]
    named = {given[place + 1].partition("=")[0] for place, word in enumerate(given) if word == "-var"}
    named |= set(re.findall(r"TF_VAR_(\w+)", PAGE))
    named |= {name for text in settings() for name in re.findall(r"^(\w+) +=", text, re.MULTILINE)}
    inline = [re.fullmatch(r"([a-z_]+)(?:\.([a-z_]+))? = \S+", text) for text in INLINE]
    named |= {found[1] for found in inline if found}
    assert {"project", "region", "secret_versions", "secrets", "balancer", "processor", "delivery"} <= named
    assert named <= set(variables())


def test_every_attribute_of_a_variable_that_is_named_is_there() -> None:
    named = {found for text in INLINE for found in re.findall(r"^(receiver|processor|alerts)\.(\w+)", text)}
    named -= {("receiver", "tf"), ("processor", "tf")}
    assert len(named) >= 6
    assert not [(name, key) for name, key in named if not re.search(rf"\b{key} += optional", variables()[name])]


def test_variables_and_options_that_are_named_alone_are_there() -> None:
    assert {"archive_days", "dead_letter_bucket_days"} <= set(INLINE) & set(variables())
    assert {"max_body", "public_url", "tolerance"} <= set(INLINE) & set(OPTIONS)
    assert "`expect_every: 6h`" in PAGE
    assert "requests_per_minute" in variables()["balancer"]
    assert "google_cloud_run_v2_service_iam_member.anyone_to_receiver" in INLINE
    assert 'resource "google_cloud_run_v2_service_iam_member" "anyone_to_receiver"' in TERRAFORM["receiver.tf"]


def test_the_outputs_that_are_named_are_there() -> None:
    outputs = set(re.findall(r"^output \"(\w+)\"", TERRAFORM["outputs.tf"], re.MULTILINE))
    asked = {words[2] for words in commands("terraform") if words[1:2] == ["output"]}
    assert asked == {"address"}
    assert asked | {"urls"} <= outputs
    assert "ends with `urls`" in PAGE


def test_the_files_of_ones_own_are_valid_beside_the_others() -> None:
    yours = [text for text in blocks("hcl") if text not in settings()]
    assert len(yours) == 2
    with copied() as folder:
        for place, text in enumerate(yours):
            (folder / f"terraform/yours{place}.tf").write_text(text)
        checked = terraform().run("validate", "-no-color", folder=folder)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("text", settings(), ids=lambda text: text.split()[0])
def test_what_belongs_into_a_tfvars_file_can_be_planned(text: str) -> None:
    with copied() as folder:
        tests = folder / "terraform/tests"
        for shipped in tests.glob("*.tftest.hcl"):
            shipped.unlink()
        shutil.copy(ROOT / "tests/terraform/plan.tftest.hcl", tests)
        (tests / "z.auto.tfvars").write_text(text)
        (folder / "functions/receiver/sources.dev.yaml").write_text("github: {provider: github}\n")
        planned = terraform().run("test", "-no-color", folder=folder)
    assert "1 passed, 0 failed" in planned.stdout, planned.stdout


def test_git_ignores_what_it_is_said_to_ignore() -> None:
    assert "git ignores `*.tfvars`" in flat(PAGE)
    assert "*.tfvars" in (ROOT / ".gitignore").read_text().splitlines()


def test_what_the_handlers_of_the_template_read_is_what_they_are_given() -> None:
    (text,) = [text for text in settings() if text.startswith("processor")]
    given = set(re.findall(r"\b([A-Z]+_[A-Z]+) += ", text))
    handlers = "".join(file.read_text() for file in (ROOT / "functions/processor/handlers").glob("*.py"))
    assert given == set(re.findall(r"os\.environ\.get\(\"(\w+)\"\)", handlers))
    assert set(re.findall(r"--update-env-vars=(\w+)=", SHELL)) <= given


def test_the_version_of_terraform_and_the_marks_of_the_keys_are_right() -> None:
    assert 'required_version = ">= 1.11.4"' in TERRAFORM["versions.tf"]
    assert "Terraform 1.11.4 or later" in flat(PAGE)
    assert all(mark in ALL_TERRAFORM for mark in re.findall(r"`(CKV_GCP_\d+)`", PAGE))


def test_the_providers_whose_signature_covers_the_url_are_some_of_those() -> None:
    (named,) = re.findall(r"covers the URL \((\w+), (\w+), (\w+):", flat(PAGE))
    assert all("public_url" in PROVIDERS[name.lower()].needs for name in named)


def test_the_senders_with_a_verify_token_have_one() -> None:
    (named,) = re.findall(r"A verify token \((\w+), (\w+), (\w+)\)", flat(PAGE))
    rows = [PROVIDERS[name.lower()] for name in named]
    assert all(row.handshake and row.handshake.has_token for row in rows)


# Times, limits and costs


def number(pattern: str, text: str) -> float:
    (found,) = re.findall(pattern, text)
    return float(found)


def test_a_failing_event_comes_again_for_as_long_as_is_said() -> None:
    """Pub/Sub waits twice as long after each attempt, from the least to the most."""
    queue = TERRAFORM["queue.tf"].partition('"dead_to_bucket"')[0]
    least, most = (number(rf"{name}_backoff = \"(\d+)s\"", queue) for name in ("minimum", "maximum"))
    attempts = int(number(r"attempts += (\d+)", queue.partition("}")[0]))
    hours = sum(min(least * 2**n, most) for n in range(attempts - 1)) / 3600
    assert f"comes again for about {hours:.0f} hours" in flat(section("### events-wait"))
    assert f"| {attempts}: about {hours:.0f} hours at {least:.0f} s to {most / 60:.0f} minutes |" in section(
        "## Limits"
    )
    assert attempts == names.ATTEMPTS == 100
    assert "a hundred times" in flat(section("### dead-letters"))


def test_how_long_things_are_kept_is_said_as_it_is() -> None:
    assert re.search(r"kept += \"2678400s\" +# 31 days", TERRAFORM["queue.tf"])
    assert re.search(r"message_retention_duration = \"604800s\" +# 7 days", TERRAFORM["queue.tf"])
    assert 'MAX_AGE = "72000"' in TERRAFORM["processor.tf"]
    assert "parks what is 20 hours old (`MAX_AGE`" in flat(PAGE)
    assert f"the ledger ({KEPT_DAYS} days" in flat(PAGE)
    assert FRESH * 1.2 < 120  # "within two minutes"
    assert "what is known is used for 24 hours" in flat(PAGE)
    assert STALE == 24 * 3600
    assert "The longest that can be waited for is 23 hours" in flat(PAGE)
    assert OPTIONS["expect_every"][0]("23h")
    assert not OPTIONS["expect_every"][0]("24h")
    lease = 540 + 30
    assert f"up to {lease} s" in PAGE
    assert "| one handler's time | 540 s |" in PAGE


def test_the_limits_are_those_of_the_code_and_of_the_variables() -> None:
    def default(variable: str, key: str) -> int:
        return int(number(rf"\b{key} += optional\(number, (\d+)\)", variables()[variable]))

    rows = {row[0]: row[1] for row in tables(section("## Limits"))[0]}
    for what, variable in [("requests at a time", "receiver"), ("events at a time", "processor")]:
        instances, each = default(variable, "max_instances"), default(variable, "concurrency")
        said = f"{instances * each:,}: `{variable}.max_instances` {instances}, `{variable}.concurrency` {each}"
        assert rows[what] == said
    assert f"{MOST:,} bytes" in rows["a body"]
    most = int(number(r"MAX_BODY = \"(\d+)\"", TERRAFORM["receiver.tf"]))
    assert f"{most:,} with Eventarc" in rows["a body"]
    assert most * 4 / 3 < 512 * 1024 - 20 * 1024
    assert rows["bodies over 1 MiB at a time"] == f"{LARGE_TOGETHER // 2**20} MiB in each instance"
    readers = default("receiver", "max_instances")
    assert rows["secrets"].endswith(
        f"{readers} instances that read each once a minute have room for {90_000 // readers}"
    )
    assert default("processor", "timeout") == 540


def costs() -> list[list[list[str]]]:
    """The three tables: prices, assumptions, sums."""
    return tables(section("## What it costs"))


class Prices:
    """What a month's use of each costs."""

    def __init__(self) -> None:
        heads, *rows = costs()[0]
        assert heads == ["price of", "$", "for", "free each month"]
        self._rows = {re.sub(r"^\[.*?\]\(.*?\), ", "", what): _numbers(cells) for what, *cells in rows}
        self.used: set[str] = set()
        assert len(self._rows) == len(rows)

    def __call__(self, what: str, amount: float) -> float:
        self.used.add(what)
        price, each, free = self._rows[what]
        return price / each * max(0, amount - free)

    def all(self) -> set[str]:
        return set(self._rows)


def _numbers(cells: list[str]) -> list[float]:
    return [float(cell.replace(",", "")) for cell in cells]


def assumed(what: str, size: int = 1) -> float:
    """What is assumed, by how its row begins; `size` is a column of the sums, where there is one for each."""
    ((_, value),) = [row for row in costs()[1] if row[0].startswith(what)]
    values = _numbers(value.split("; "))
    return values[max(0, size - 1)] if len(values) > 1 else values[0]


def days() -> float:
    return assumed("hours of a month") / 24


def stored(events: float) -> float:
    """The GiB of so many messages."""
    return events * (assumed("bytes of a body") + assumed("bytes of its attributes")) / GIB


def gib(function: str) -> float:
    return number(r"memory += optional\(number, (\d+)\)", variables()[function]) / 1024


def bill(price: Prices, size: int) -> dict[str, float]:
    """What a month costs in each service."""
    events, together = MONTHS[size], assumed("requests that share", size)
    receiving = events * assumed("seconds billed for a request") / together
    handling = events * assumed("seconds billed for a delivery") / together
    reads = assumed("secrets, each") * days() * 24 * 60 * (assumed("instances of the receiver", size) if size else 0)
    return {
        "Cloud Run": price("a request", 2 * events)
        + price("a vCPU second", receiving + handling)
        + price("a GiB second", receiving * gib("receiver") + handling * gib("processor")),
        "Pub/Sub": price("a GiB published or pushed", 2 * stored(events))
        + price("a GiB kept by the topic for a month", stored(events) * 7 / days()),
        "Firestore": price("a write", events * assumed("writes to the ledger"))
        + price("a delete", events)
        + price("a GiB stored for a month", events * assumed("bytes of a ledger's") / GIB * KEPT_DAYS / days()),
        "Secret Manager": price("a version for a month", assumed("secrets, each")) + price("an access", reads),
        "Cloud Logging": price("a GiB", logged(events, assumed("log entries"))),
        "Artifact Registry": price("a GiB for a month", assumed("GiB of images")),
    }


def logged(events: float, entries: float) -> float:
    return events * entries * assumed("bytes of a log entry") / GIB


def options(price: Prices, size: int) -> dict[str, float]:
    """What it costs besides if it is asked for."""
    events = MONTHS[size]
    entries = assumed("log entries")
    rules = len(re.findall(r"^  rule \{", TERRAFORM["balancer.tf"], re.MULTILINE))
    return {
        "`receiver.min_instances = 1`": price(
            "a vCPU or GiB second of an idle minimum instance", days() * 24 * 3600 * (1 + gib("receiver"))
        ),
        "`archive = true`, 90 days": price("a GiB written to BigQuery", stored(events))
        + price("a GiB of the archive for a month", stored(events) * 90 / days()),
        "`balancer`, with its log": price("an hour", days() * 24)
        + price("a GiB through it", stored(events))
        + price("a policy for a month", 1)
        + price("a rule for a month", rules)
        + price("a request that it looks at", events)
        + price("a GiB", logged(events, entries + 1))
        - price("a GiB", logged(events, entries)),
    }


@pytest.mark.parametrize("size", MONTHS)
def test_what_it_costs_is_what_the_prices_and_assumptions_give(size: int) -> None:
    price = Prices()
    found = bill(price, size)
    found |= {"**together**": sum(found.values())} | options(price, size)
    rows = {row[0]: row[1 + size].strip("*") for row in costs()[2][1:]}
    assert rows == {what: f"{dollars:.2f}" for what, dollars in found.items()}
    assert price.used == price.all()


def test_the_costs_assume_what_the_template_has() -> None:
    said = flat(section("## What it costs"))
    heads = [f"{events // 1_000_000} million" if events else "0" for events in MONTHS.values()]
    assert costs()[2][0] == ["events in a month", *heads]
    assert re.search(r"default += 90\n", variables()["archive_days"])
    assert f"kept for {KEPT_DAYS} days" in said
    everywhere, silent = TERRAFORM["alerts.tf"].split('"google_monitoring_alert_policy" "silent"')
    conditions = len(re.findall(r"\{ filter = ", everywhere)), len(re.findall(r"conditions \{", silent))
    assert f"({conditions[0]}, and {conditions[1]} more for each `expect_every`)" in said
