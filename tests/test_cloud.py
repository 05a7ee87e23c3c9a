"""The verbs for Google Cloud, with a `gcloud` that writes down what it is told, and nothing else on the PATH."""

import json
import os
import re
import runpy
import shlex
import shutil
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.processor.settings import Settings as ProcessorSettings
from functions.receiver.keys import parse
from functions.receiver.settings import Settings as ReceiverSettings
from functions.receiver.sources import load
from tests.servers import ROOT
from tools.cloud import deploy, gcloud, names
from tools.cloud.archive import pack
from tools.cloud.deployment import ledger_fields
from tools.cloud.gcloud import Gcloud, Trouble
from tools.cloud.logs import line
from tools.cloud.source_secrets import secrets_of
from tools.cloud.steps import Step

PROJECT, REGION, NUMBER = "acme-hooks", "europe-west1", "123456789012"
PLACE = ("--project", PROJECT, "--region", REGION)
URI = {"webhooks-processor": "https://processor-xyz.a.run.app", "webhooks-receiver": "https://receiver-xyz.a.run.app"}
# Who sends in these tests, whoever stands in your file.
SENDERS: dict[str, Any] = {
    **{name: {"provider": name} for name in ("github", "stripe", "slack")},
    "erp": {"verify": {"hmac": {"header": "X-Signature"}}},
}
PEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\nGb9ECWmEzf6FQbrBZ9w7\n-----END PUBLIC KEY-----"
DENIED = "ERROR: (gcloud) PERMISSION_DENIED: Permission denied on resource (or it may not exist)."
COMPLETIONS = "data/cli/gcloud_completions.py"

FAKE = """#!{python} -IS
import json, os, re, sys
folder = os.path.dirname(os.path.abspath(__file__))
line, data = " ".join(sys.argv[1:]), sys.stdin.buffer.read()
call = dict(words=sys.argv[1:], data=data.hex(), env=dict(os.environ))
with open(folder + "/calls.jsonl", "a") as calls:
    calls.write(json.dumps(call) + "\\n")
for pattern, output, error in json.load(open(folder + "/answers.json")):
    if re.search(pattern, line):
        sys.stderr.write(error)
        sys.stdout.write(output)
        sys.exit(1 if error else 0)
if added := re.search("versions add (\\S+)", line):
    open(folder + "/value-" + added[1], "wb").write(data)
    sys.exit()
read = re.search("versions access latest --secret=(\\S+)", line)
if read and os.path.exists(folder + "/value-" + read[1]):
    sys.stdout.buffer.write(open(folder + "/value-" + read[1], "rb").read())
elif read or "describe" in line:
    sys.exit("ERROR: (gcloud) NOT_FOUND: there is no such thing")
"""
NEW: list[list[str]] = [
    ["^projects describe", NUMBER + "\n", ""],
    *([f"^functions describe {name} .*uri", uri + "\n", ""] for name, uri in URI.items()),
]
OLD = [*NEW, ["secrets versions describe", "enabled\n", ""], ["describe| list ", "it is there\n", ""]]


@dataclass
class Ended:
    """A verb that has run, and what it told gcloud."""

    code: int
    output: str
    errors: str
    calls: list[dict[str, Any]]

    @property
    def commands(self) -> list[str]:
        return [" ".join(call["words"]) for call in self.calls]

    @property
    def changes(self) -> list[str]:
        """The commands that do not only ask."""
        return [c for c in self.commands if not re.search(r"describe| list |^config get| access |^logging", c)]


@dataclass
class Cloud:
    """A folder with the functions, and another with nothing but a gcloud."""

    folder: Path
    path: Path

    def answer(self, *answers: list[str]) -> None:
        """Say what gcloud answers: a pattern for the command, the output, and an error if it fails."""
        (self.path / "answers.json").write_text(json.dumps(answers))

    def sources(self, **entries: Any) -> None:
        """Write another sources.yaml."""
        (self.folder / "functions/receiver/sources.yaml").write_text(yaml.safe_dump(entries, sort_keys=False))

    def __call__(self, verb: str, *options: str, data: bytes = b"", **variables: str) -> Ended:
        """Run a verb as make does."""
        (self.path / "calls.jsonl").write_text("")
        env = {"PATH": str(self.path), "PYTHONPATH": str(ROOT), "HOME": str(self.folder), **variables}
        command = [sys.executable, "-m", f"tools.cloud.{verb}", *options]
        done = subprocess.run(command, input=data, capture_output=True, cwd=self.folder, env=env, timeout=60)
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode(), self.calls())

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(call) for call in (self.path / "calls.jsonl").read_text().splitlines()]

    def stored(self, name: str) -> bytes:
        """The newest version of a secret."""
        return (self.path / f"value-{name}").read_bytes()


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """A new project."""
    shutil.copytree(ROOT / "functions", tmp_path / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "gcloud"
    program.write_text(FAKE.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    cloud = Cloud(tmp_path, program.parent)
    cloud.sources(**SENDERS)
    cloud.answer(*NEW)
    return cloud


def dry_run(cloud: Cloud) -> list[list[str]]:
    """The commands that are printed, in words, without the `gcloud`."""
    ended = cloud("deploy", *PLACE, "--dry-run")
    assert (ended.code, ended.errors) == (0, "")
    found = [shlex.split(said.removeprefix("$ gcloud ")) for said in ended.output.splitlines()]
    assert all(words.pop() == f"--project={PROJECT}" for words in found)
    return found


def flags(words: list[str]) -> dict[str, str]:
    return dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))


def subject(words: list[str]) -> str:
    """A command without its flags, and without what the content of a zip makes of its name."""
    return re.sub(r"-[0-9a-f]{16}", "", " ".join(word for word in words if not word.startswith("--")))


# --- deploy ---


def test_a_dry_run_shows_the_whole_deployment_in_order_and_needs_no_gcloud(cloud: Cloud) -> None:
    (cloud.path / "gcloud").unlink()
    bind = "add-iam-policy-binding"
    bucket = f"gs://{PROJECT}-webhooks-source"
    push = f"webhooks-push@{PROJECT}.iam.gserviceaccount.com"
    secrets = [f"webhook-{name}" for name in SENDERS]
    assert [subject(words) for words in dry_run(cloud)] == [
        "services enable " + " ".join(f"{api}.googleapis.com" for api in names.APIS),
        f"projects describe {PROJECT}",
        "iam service-accounts create webhooks-receiver",
        "iam service-accounts create webhooks-processor",
        "iam service-accounts create webhooks-push",
        "iam service-accounts create webhooks-build",
        f"storage buckets create {bucket}",
        "artifacts repositories create webhooks",
        f"projects {bind} {PROJECT}",
        f"artifacts repositories {bind} webhooks",
        f"storage buckets {bind} {bucket}",
        f"projects {bind} {PROJECT}",
        "pubsub topics create webhooks",
        "pubsub topics create webhooks-dead",
        "pubsub subscriptions create webhooks-dead",
        f"pubsub topics {bind} webhooks",
        f"pubsub topics {bind} webhooks-dead",
        "firestore databases create",
        f"projects {bind} {PROJECT}",
        *(f"firestore indexes fields update {field}" for field in ledger_fields()),
        "firestore fields ttls update expires",
        *(command for name in secrets for command in (f"secrets create {name}", f"secrets {bind} {name}")),
        f"storage cp .local/processor.zip {bucket}/processor.zip",
        "functions deploy webhooks-processor",
        "functions describe webhooks-processor",
        f"run services {bind} webhooks-processor",
        f"iam service-accounts {bind} {push}",
        f"pubsub topics {bind} webhooks-dead",
        "pubsub subscriptions create webhooks-processor",
        f"pubsub subscriptions {bind} webhooks-processor",
        f"storage cp .local/receiver.zip {bucket}/receiver.zip",
        "functions deploy webhooks-receiver",
        f"run services {bind} webhooks-receiver",
    ]
    assert not (cloud.folder / ".local").exists()


def test_every_role_is_given_once_and_on_the_least(cloud: Cloud) -> None:
    given = [(subject(words), flags(words)) for words in dry_run(cloud) if "add-iam-policy-binding" in words]
    found = [
        (what.replace("add-iam-policy-binding ", ""), f["role"].removeprefix("roles/"), f["member"])
        for what, f in given
    ]
    accounts = {
        n: f"serviceAccount:webhooks-{n}@{PROJECT}.iam.gserviceaccount.com"
        for n in ("receiver", "processor", "push", "build")
    }
    agent = "serviceAccount:service-PROJECT_NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com"
    assert sorted(found) == sorted(
        [
            (f"projects {PROJECT}", "logging.logWriter", accounts["build"]),
            ("artifacts repositories webhooks", "artifactregistry.writer", accounts["build"]),
            (f"storage buckets gs://{PROJECT}-webhooks-source", "storage.objectViewer", accounts["build"]),
            (f"projects {PROJECT}", "storage.objectViewer", accounts["build"]),
            ("pubsub topics webhooks", "pubsub.publisher", accounts["receiver"]),
            ("pubsub topics webhooks-dead", "pubsub.publisher", accounts["processor"]),
            (f"projects {PROJECT}", "datastore.user", accounts["processor"]),
            *((f"secrets webhook-{n}", "secretmanager.secretAccessor", accounts["receiver"]) for n in SENDERS),
            ("run services webhooks-processor", "run.invoker", accounts["push"]),
            (f"iam service-accounts {accounts['push'][15:]}", "iam.serviceAccountTokenCreator", agent),
            ("pubsub topics webhooks-dead", "pubsub.publisher", agent),
            ("pubsub subscriptions webhooks-processor", "pubsub.subscriber", agent),
            ("run services webhooks-receiver", "run.invoker", "allUsers"),
        ]
    )
    conditions = [f["condition"] for _, f in given if "condition" in f]
    copies = f'resource.name.startsWith("projects/_/buckets/gcf-v2-sources-PROJECT_NUMBER-{REGION}")'
    database = f'resource.name == "projects/{PROJECT}/databases/webhooks"'
    assert conditions == [
        "None",
        f"expression={copies},title=webhooks-build",
        f"expression={database},title=webhooks-ledger",
    ]


def test_the_functions_are_deployed_as_they_must_be(cloud: Cloud) -> None:
    deployed = {words[2]: flags(words) for words in dry_run(cloud) if words[:2] == ["functions", "deploy"]}
    account = f"{{}}@{PROJECT}.iam.gserviceaccount.com"
    for name, folder, entry, size in [
        ("webhooks-processor", "processor", "process", ("1Gi", "16", "540s", "internal-only")),
        ("webhooks-receiver", "receiver", "receive", ("1536Mi", "80", "60s", "all")),
    ]:
        assert deployed[name] | {"update-env-vars": ""} == {
            **{"gen2": "", "region": REGION, "runtime": "python313", "entry-point": entry, "trigger-http": ""},
            **{"no-allow-unauthenticated": "", "run-service-account": account.format(name)},
            "source": f"gs://{PROJECT}-webhooks-source/{pack(folder, cloud.folder / 'functions').name}",
            "build-service-account": f"projects/{PROJECT}/serviceAccounts/{account.format('webhooks-build')}",
            "docker-repository": f"projects/{PROJECT}/locations/{REGION}/repositories/webhooks",
            **dict(zip(("memory", "concurrency", "timeout", "ingress-settings"), size, strict=True)),
            **{"cpu": "1", "min-instances": "0", "max-instances": "100", "update-env-vars": ""},
            "serve-all-traffic-latest-revision": "",
        }
    variables = {
        name: dict(pair.split("=") for pair in given["update-env-vars"].split(",")) for name, given in deployed.items()
    }
    receiver = ReceiverSettings.read(variables["webhooks-receiver"])
    assert (receiver.topic, receiver.keys) == (f"projects/{PROJECT}/topics/webhooks", "secret-manager")
    assert receiver.project == PROJECT
    processor = ProcessorSettings.read(variables["webhooks-processor"])
    assert (processor.project, processor.ledger, processor.firestore_database) == (PROJECT, "firestore", "webhooks")
    assert processor.dead_letter_topic == f"projects/{PROJECT}/topics/webhooks-dead"
    assert (processor.max_attempts, processor.handler_timeout) == (100, 540)
    assert [variables[name]["THREADS"] for name in deployed] == ["16", "80"]


def test_the_queue_keeps_what_fails_for_as_long_as_pubsub_can(cloud: Cloud) -> None:
    commands = {subject(words): flags(words) for words in dry_run(cloud)}
    kept = {"ack-deadline": "600", "message-retention-duration": "31d", "expiration-period": "never"}
    stored = {"message-storage-policy-allowed-regions": REGION}
    assert commands["pubsub topics create webhooks"] == {"message-retention-duration": "7d", **stored}
    assert commands["pubsub topics create webhooks-dead"] == stored
    assert commands["pubsub subscriptions create webhooks-dead"] == {"topic": "webhooks-dead", **kept}
    assert commands["pubsub subscriptions create webhooks-processor"] == {
        **kept,
        **{"topic": "webhooks", "push-endpoint": "PROCESSOR_URL", "push-auth-token-audience": "PROCESSOR_URL"},
        "push-auth-service-account": f"webhooks-push@{PROJECT}.iam.gserviceaccount.com",
        **{"min-retry-delay": "10s", "max-retry-delay": "600s"},
        **{"dead-letter-topic": "webhooks-dead", "max-delivery-attempts": "100"},
    }
    assert names.HANDLER_TIMEOUT + 30 < names.ACK_DEADLINE


def test_the_ledger_expires_and_has_no_index(cloud: Cloud) -> None:
    commands = {subject(words): flags(words) for words in dry_run(cloud)}
    group = {"collection-group": "webhook-events", "database": "webhooks", "async": ""}
    database = {"database": "webhooks", "location": REGION, "type": "firestore-native"}
    assert commands["firestore databases create"] == database
    assert commands["firestore fields ttls update expires"] == {**group, "enable-ttl": ""}
    assert ledger_fields() == ["expires", "fence", "finished", "lease", "owner", "replay", "state"]
    for field in ledger_fields():
        assert commands[f"firestore indexes fields update {field}"] == {**group, "disable-indexes": ""}


def test_a_new_project_gets_all_that_the_dry_run_shows(cloud: Cloud) -> None:
    shown = dry_run(cloud)
    ended = cloud("deploy", *PLACE)
    assert ended.code == 0, ended.errors
    known = {"PROJECT_NUMBER": NUMBER, "PROCESSOR_URL": URI["webhooks-processor"]}
    pattern = re.compile("|".join(known))
    wanted = [pattern.sub(lambda m: known[m[0]], " ".join([*words, f"--project={PROJECT}"])) for words in shown]
    assert [c for c in ended.commands if c in set(wanted)] == wanted
    assert ended.changes == [c for c in wanted if " describe " not in c]
    printed = [" ".join(shlex.split(said)[2:]) for said in ended.output.splitlines() if said.startswith("$ ")]
    assert printed == ended.commands[:-5]  # all but what the end asks for: four secrets and the receiver's address
    assert {call["env"]["CLOUDSDK_CORE_DISABLE_PROMPTS"] for call in ended.calls} == {"true"}
    for function in ("processor", "receiver"):
        archive = pack(function, cloud.folder / "functions")
        assert (cloud.folder / ".local" / archive.name).read_bytes() == archive.data
    assert ended.output.endswith(
        f"\ngithub  {URI['webhooks-receiver']}/github\nstripe  {URI['webhooks-receiver']}/stripe\n"
        f"slack   {URI['webhooks-receiver']}/slack\nerp     {URI['webhooks-receiver']}/erp\n\nwithout a value yet:\n"
        "make secret SOURCE=github\nmake secret SOURCE=stripe\nmake secret SOURCE=slack\nmake secret SOURCE=erp\n"
    )


def test_a_second_run_sets_right_what_is_there_and_makes_nothing(cloud: Cloud) -> None:
    cloud.answer(*OLD)
    ended = cloud("deploy", *PLACE)
    assert ended.code == 0, ended.errors
    changes = [c for c in ended.changes if "add-iam-policy-binding" not in c]
    assert [re.sub(r" (gs:|--|[a-z]+\.googleapis).*", "", change) for change in changes] == [
        "services enable",
        "storage buckets update",
        "pubsub topics update webhooks",
        "pubsub topics update webhooks-dead",
        "pubsub subscriptions update webhooks-dead",
        "functions deploy webhooks-processor",
        "pubsub subscriptions update webhooks-processor",
        "functions deploy webhooks-receiver",
    ]
    # An update with this flag takes allUsers away: the receiver would answer 403 until it is given back.
    assert not [change for change in changes if "allow-unauthenticated" in change]
    assert all("--update-env-vars=" in change for change in changes if change.startswith("functions"))
    updates = [change.split() for change in changes if change.startswith("pubsub subscriptions")]
    made = {words[3]: flags(words) for words in dry_run(cloud) if words[:3] == ["pubsub", "subscriptions", "create"]}
    for words in updates:
        wanted = {k: v.replace("PROCESSOR_URL", URI["webhooks-processor"]) for k, v in made[words[3]].items()}
        assert flags(words) | {"topic": ""} == wanted | {"topic": "", "project": PROJECT}
    assert "without a value" not in ended.output


def test_the_first_command_that_fails_ends_it_with_its_error(cloud: Cloud) -> None:
    cloud.answer(["^pubsub topics create webhooks-dead", "", "ERROR: the quota of topics is used up\n"], *NEW)
    ended = cloud("deploy", *PLACE)
    assert ended.code == 1
    stored = f"--message-storage-policy-allowed-regions={REGION}"
    failed = f"gcloud pubsub topics create webhooks-dead {stored} --project={PROJECT}"
    assert ended.errors.endswith(f"ERROR: the quota of topics is used up\ndeploy: this failed: {failed}\n")
    assert ended.output.endswith(f"$ {failed}\n")
    assert ended.commands[-1] == failed.removeprefix("gcloud ")


def test_what_can_not_be_looked_at_is_not_taken_for_missing(cloud: Cloud) -> None:
    cloud.answer(["^firestore databases describe", "", DENIED], *NEW)
    ended = cloud("deploy", *PLACE)
    assert ended.code == 1
    assert ended.errors.endswith(DENIED + "\n")
    assert ended.commands[-1].startswith("firestore databases describe")


def test_an_answer_that_is_missing_stops_it(cloud: Cloud) -> None:
    cloud.answer(["serviceConfig.uri", "\n", ""], *NEW)
    ended = cloud("deploy", *PLACE)
    assert ended.code == 1
    assert "deploy: no answer to: gcloud functions describe webhooks-processor" in ended.errors


UNKNOWN = f"ERROR: INVALID_ARGUMENT: Service account webhooks-push@{PROJECT}.iam.gserviceaccount.com does not exist.\n"
SWITCHED_ON = "ERROR: PERMISSION_DENIED: Cloud Pub/Sub API has not been used in project 1 before or it is disabled.\n"


@pytest.mark.parametrize("error", [UNKNOWN, SWITCHED_ON])
def test_what_google_does_not_know_yet_is_tried_again(
    cloud: Cloud, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(cloud.path))
    monkeypatch.setattr(gcloud, "PAUSE", 0.3)
    cloud.answer(["topics", "", error])
    later = threading.Timer(0.8, cloud.answer)
    later.start()
    deploy.carry_out(Gcloud(PROJECT), [Step("pubsub topics add-iam-policy-binding webhooks")])
    later.join()
    assert 2 <= len(cloud.calls()) <= gcloud.TRIES
    cloud.answer(["topics", "", error])
    monkeypatch.setattr(gcloud, "PAUSE", 0)
    with pytest.raises(Trouble, match="this failed"):
        deploy.carry_out(Gcloud(PROJECT), [Step("pubsub topics add-iam-policy-binding webhooks")])


def test_a_wrong_sources_file_is_told_and_nothing_is_deployed(cloud: Cloud) -> None:
    cloud.sources(github={"provider": "gitthub"})
    ended = cloud("deploy", *PLACE)
    assert (ended.code, ended.output, ended.calls) == (1, "", [])
    assert re.fullmatch(r"deploy: functions/receiver/sources.yaml line 2: github.provider: .*\n", ended.errors)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "PROJECT is not set"),
        (("--project", PROJECT), "REGION is not set"),
        (("--project", "Acme Hooks", "--region", REGION), "PROJECT is 'Acme Hooks'"),
        (("--project", PROJECT, "--region", "europe; ls"), "REGION is 'europe; ls'"),
        (("--dry-run",), "PROJECT is not set"),
        (("--dry-run", "--project", PROJECT), "REGION is not set"),
    ],
)
def test_where_to_deploy_must_be_said(cloud: Cloud, options: tuple[str, ...], said: str) -> None:
    ended = cloud("deploy", *options)
    assert ended.code == 1
    assert ended.errors.startswith(f"deploy: {said}")
    assert not ended.changes
    assert not ("--dry-run" in options and ended.calls)


def test_what_gcloud_is_set_to_is_where_it_deploys(cloud: Cloud) -> None:
    settings = [["^config get project$", PROJECT + "\n", ""], ["^config get run/region$", REGION + "\n", ""]]
    cloud.answer(*settings, ["^services enable", "", "ERROR: far enough"])
    ended = cloud("deploy")
    assert ended.output.startswith(f"deploying to {PROJECT} in {REGION}\n")
    assert ended.commands[-1].endswith(f"--project={PROJECT}")


@pytest.mark.parametrize("verb", ["deploy", "url", "secret", "rotate", "logs"])
def test_without_gcloud_it_says_where_gcloud_is(cloud: Cloud, verb: str) -> None:
    (cloud.path / "gcloud").unlink()
    options = {"deploy": PLACE, "url": PLACE, "logs": PLACE[:2]}.get(verb, ("github", *PLACE[:2]))
    ended = cloud(verb, *options, data=b"a-secret-that-is-long-enough")
    assert ended.code == 1
    assert ended.errors == f"{verb}: {gcloud.INSTALL}\n"


# --- which secrets, and what is sent ---


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ({"provider": "github"}, [("webhook-it", False)]),
        ({"verify": "none"}, []),
        ({"provider": "aws-sns", "topics": ["arn:aws:sns:eu-central-1:123456789012:a"]}, []),
        ({"provider": "plaid"}, [("webhook-it", False)]),
        ({"provider": "meta"}, [("webhook-it", False), ("webhook-it_token", False)]),
        ({"provider": "asana"}, [("webhook-it", True), ("webhook-it_token", False)]),
    ],
    ids=lambda value: str(value)[:25],
)
def test_a_source_has_the_secrets_that_the_receiver_reads(
    cloud: Cloud, entry: dict[str, Any], wanted: list[tuple[str, bool]]
) -> None:
    cloud.sources(it=entry)
    sources = load(cloud.folder / "functions/receiver/sources.yaml")
    assert [(secret.name, secret.handed_over) for secret in secrets_of(sources["it"])] == wanted
    binding = ["secrets", "add-iam-policy-binding"]
    given = [(words[2], flags(words)["role"].rpartition(".")[2]) for words in dry_run_of(cloud) if words[:2] == binding]
    may = [[(name, "secretAccessor"), *([(name, "secretVersionAdder")] if adds else [])] for name, adds in wanted]
    assert given == [pair for pairs in may for pair in pairs]


def dry_run_of(cloud: Cloud) -> Iterator[list[str]]:
    """The commands of a dry run that may warn of a source that accepts anything."""
    for said in cloud("deploy", *PLACE, "--dry-run").output.splitlines():
        if said.startswith("$ "):
            yield shlex.split(said)[2:]


def test_a_secret_that_its_sender_brings_is_not_asked_for(cloud: Cloud) -> None:
    cloud.sources(tasks={"provider": "asana"})
    ended = cloud("deploy", *PLACE)
    assert ended.output.endswith("without a value yet:\nmake secret SOURCE=tasks TOKEN=1\n")


def test_a_zip_is_the_same_whenever_it_is_made_and_holds_the_function_alone(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for place in (first, second):
        shutil.copytree(ROOT / "functions/receiver", place / "receiver", ignore=shutil.ignore_patterns("__pycache__"))
    for left_out in (
        "__pycache__/x.pyc",
        "schemes/__pycache__/y.py",
        "z.pyc",
        "requirements.in",
        ".gcloudignore",
        ".env",
    ):
        (second / "receiver" / left_out).parent.mkdir(exist_ok=True)
        (second / "receiver" / left_out).write_text("not of the function")
    for file in second.rglob("*"):
        os.utime(file, (1, 2_000_000_000))
        file.chmod(0o700)
    assert pack("receiver", first) == pack("receiver", second)
    archive = zipfile.ZipFile(BytesIO(pack("receiver", second).data))
    shipped = {f.relative_to(first / "receiver").as_posix() for f in first.rglob("*") if f.is_file()}
    assert archive.namelist() == sorted(shipped - {"requirements.in", ".gcloudignore"})
    assert {"main.py", "sources.yaml", "requirements.txt", "schemes/mac.py"} < set(archive.namelist())
    assert {(entry.date_time, entry.external_attr >> 16) for entry in archive.infolist()} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644)
    }
    (second / "receiver/sources.yaml").write_text("other: {provider: github}")
    assert pack("receiver", first).name != pack("receiver", second).name
    assert re.fullmatch(r"receiver-[0-9a-f]{16}\.zip", pack("receiver", first).name)


# --- url ---


def test_the_urls_stand_in_a_column_and_the_public_one_goes_first(cloud: Cloud) -> None:
    cloud.sources(github={"provider": "github"}, sms={"provider": "twilio", "public_url": "https://sms.example.com/in"})
    asked = cloud("url", *PLACE)
    assert asked.output == f"github  {URI['webhooks-receiver']}/github\nsms     https://sms.example.com/in\n"
    given = cloud("url", "--url", "https://hooks.example.com/")
    assert given.output == "github  https://hooks.example.com/github\nsms     https://sms.example.com/in\n"
    assert not given.calls


def test_another_file_of_sources_is_known_to_all_but_deploy(cloud: Cloud) -> None:
    (cloud.folder / "dev.yaml").write_text("shop: {provider: shopify}\n")
    assert cloud("url", *PLACE, SOURCES="dev.yaml").output == f"shop  {URI['webhooks-receiver']}/shop\n"
    assert cloud("secret", "shop", *PLACE[:2], data=b"a-secret-that-is-long-enough", SOURCES="dev.yaml").code == 0
    refused = cloud("deploy", *PLACE, SOURCES="dev.yaml")
    assert refused.errors.startswith("deploy: SOURCES is set")
    assert not refused.calls


def test_a_url_needs_a_receiver_or_an_address(cloud: Cloud) -> None:
    cloud.answer()
    ended = cloud("url", *PLACE)
    assert ended.code == 1
    assert ended.errors.startswith(f"url: there is no webhooks-receiver of {PROJECT} in {REGION}: run `make deploy`")
    for wrong in ("http://hooks.example.com", "https://hooks.example.com/path", "hooks.example.com"):
        assert "is not an address" in cloud("url", "--url", wrong).errors


# --- secrets ---

ODD = b"\xef\xbb\xbf p\xc3\xa4ss'\"$(id) `x` %41 \\n with-enough-characters\r\n\n"


def check_it_is_nowhere_else(ended: Ended, *secrets: bytes) -> None:
    """Neither in an argument, nor in the environment, nor in what is printed."""
    seen = ended.output + ended.errors + json.dumps([[call["words"], call["env"]] for call in ended.calls])
    assert not [secret for secret in secrets for part in secret.split() if len(part) > 5 and part.decode() in seen]
    assert {call["env"]["CLOUDSDK_CORE_LOG_HTTP"] for call in ended.calls} == {"false"}


@pytest.mark.parametrize(
    "value",
    [b"a-secret-of-github-0001", b"one-secret-0000001\ntwo-secret-0000002\n", ODD, PEM.encode()],
    ids=["no newline", "two lines", "odd characters", "PEM"],
)
def test_a_secret_reaches_the_store_byte_for_byte_and_nothing_else(cloud: Cloud, value: bytes) -> None:
    cloud.answer(["^secrets describe", "it is there", ""])
    ended = cloud("secret", "github", "--project", PROJECT, data=value)
    assert (ended.code, ended.errors) == (0, "")
    assert ended.changes == [f"secrets versions add webhook-github --data-file=- --project={PROJECT}"]
    assert [bytes.fromhex(call["data"]) for call in ended.calls if call["data"]] == [value]
    assert cloud.stored("webhook-github") == value
    check_it_is_nowhere_else(ended, value)


def test_a_secret_that_is_not_there_is_made_first(cloud: Cloud) -> None:
    cloud.sources(meta={"provider": "meta"})
    ended = cloud("secret", "meta", "--token", "--project", PROJECT, data=b"a-verify-token-0001\n")
    assert ended.changes == [
        f"secrets create webhook-meta_token --replication-policy=automatic --project={PROJECT}",
        f"secrets versions add webhook-meta_token --data-file=- --project={PROJECT}",
    ]
    assert "`make deploy` lets the receiver read it" in ended.output
    assert cloud.stored("webhook-meta_token") == b"a-verify-token-0001\n"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"changeme\n", "is empty, or what a form shows in place of one"),
        (PEM.encode().rpartition(b"\n")[0], "is cut off"),
        (b"\xff\xfe not utf-8 at all, this one", "is cut off, or no text"),
    ],
)
def test_what_can_be_no_secret_is_not_stored(cloud: Cloud, value: bytes, said: str) -> None:
    for verb in ("secret", "rotate"):
        ended = cloud(verb, "github", "--project", PROJECT, data=value)
        assert (ended.code, ended.output, ended.calls) == (1, "", [])
        assert ended.errors.startswith(f"{verb}: the value {said}")
        assert ended.errors.count("\n") == 1


def test_a_short_secret_is_stored_with_a_warning(cloud: Cloud) -> None:
    ended = cloud("secret", "github", "--project", PROJECT, data=b"hunter2hunter2")
    assert (ended.code, ended.errors) == (0, "warning: less than 16 characters, which can be guessed\n")
    assert cloud.stored("webhook-github") == b"hunter2hunter2"


@pytest.mark.parametrize("verb", ["secret", "rotate"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("githup",), "no source githup in sources.yaml; there are github, anyone"),
        (("",), "SOURCE is not set; there are github, anyone"),
        (("github", "--token"), "github has no verify token"),
        (("anyone",), "anyone has no secret"),
    ],
)
def test_a_secret_must_be_one_that_a_source_has(cloud: Cloud, verb: str, options: tuple[str, ...], said: str) -> None:
    cloud.sources(github={"provider": "github"}, anyone={"verify": "none"})
    ended = cloud(verb, *options, "--project", PROJECT, data=b"a-secret-of-github-0001")
    assert (ended.code, ended.calls) == (1, [])
    assert ended.errors.startswith(f"{verb}: {said}")


@pytest.mark.parametrize("verb", ["secret", "rotate"])
def test_a_store_that_fails_does_not_show_the_secret(cloud: Cloud, verb: str) -> None:
    cloud("secret", "github", "--project", PROJECT, data=b"the-first-secret-01")
    cloud.answer(["versions add", "", DENIED])
    ended = cloud(verb, "github", "--project", PROJECT, data=b"a-secret-of-github-0001")
    assert ended.code == 1
    assert ended.errors.endswith(DENIED + "\n")
    check_it_is_nowhere_else(ended, b"a-secret-of-github-0001", b"the-first-secret-01")


def test_a_secret_that_is_typed_is_not_shown(cloud: Cloud) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    (cloud.path / "calls.jsonl").write_text("")
    env = {"PATH": str(cloud.path), "PYTHONPATH": str(ROOT), "HOME": str(cloud.folder)}
    command = [sys.executable, "-m", "tools.cloud.secret", "github", "--project", PROJECT]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cloud.folder, env=env, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = b""
        while b"not shown" not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, b"typed-secret-of-github\n")
        with suppress(OSError):  # which is how a terminal ends
            while more := os.read(ours, 1000):
                shown += more
    os.close(ours)
    assert process.returncode == 0
    assert b"webhook-github" in shown
    assert b"typed" not in shown
    assert cloud.stored("webhook-github") == b"typed-secret-of-github"


# --- rotation ---


@pytest.mark.parametrize(
    ("first", "second"),
    [("the-first-secret-01", "the-second-secret-2"), (PEM, PEM.replace("Gb9", "Xc8"))],
    ids=["line", "PEM"],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["no newline", "newline", "CRLF"])
def test_a_secret_is_changed_while_both_are_accepted(cloud: Cloud, first: str, second: str, end: str) -> None:
    def keys() -> list[str]:
        return [key.secret for key in parse(cloud.stored("webhook-github").decode(), "")]

    cloud("secret", "github", "--project", PROJECT, data=f"{first}{end}".encode())
    begun = cloud("rotate", "github", "--project", PROJECT, data=f"{second}{end}".encode())
    assert (begun.code, begun.errors, keys()) == (0, "", [second, first])
    assert begun.output.endswith("make rotate-done SOURCE=github\n")
    done = cloud("rotate", "github", "--done", "--project", PROJECT)
    assert (done.code, done.errors, keys()) == (0, "", [second])
    for ended in (begun, done):
        check_it_is_nowhere_else(ended, first.encode(), second.encode())
    again = cloud("rotate", "github", "--done", "--project", PROJECT)
    assert (again.code, again.changes) == (0, [])
    assert "holds one secret; nothing to do" in again.output


def test_only_the_newest_of_what_was_is_kept(cloud: Cloud) -> None:
    cloud("secret", "github", "--project", PROJECT, data=b"newest-secret-00001\nolder-secret-000002\n")
    cloud("rotate", "github", "--project", PROJECT, data=b"another-secret-0003")
    assert cloud.stored("webhook-github") == b"another-secret-0003\nnewest-secret-00001\n"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"the-first-secret-01\n", "this is the newest secret of webhook-github already"),
        (b"a-new-secret-000001\nanother-secret-0002", "give one secret"),
    ],
)
def test_a_rotation_that_makes_no_sense_is_refused(cloud: Cloud, value: bytes, said: str) -> None:
    cloud("secret", "github", "--project", PROJECT, data=b"the-first-secret-01")
    ended = cloud("rotate", "github", "--project", PROJECT, data=value)
    assert (ended.code, ended.changes) == (1, [])
    assert ended.errors.startswith(f"rotate: {said}")
    assert cloud.stored("webhook-github") == b"the-first-secret-01"


@pytest.mark.parametrize("done", [(), ("--done",)])
def test_without_a_value_there_is_nothing_to_rotate(cloud: Cloud, done: tuple[str, ...]) -> None:
    ended = cloud("rotate", "github", *done, "--project", PROJECT, data=b"the-first-secret-01")
    assert (ended.code, ended.changes) == (1, [])
    verb = "rotate-done" if done else "rotate"
    assert ended.errors == f"{verb}: webhook-github of {PROJECT} has no value yet: make secret SOURCE=github\n"
    cloud.answer(["access", "", DENIED])
    assert cloud("rotate", "github", *done, "--project", PROJECT, data=b"the-first-secret-01").errors.endswith(
        DENIED + "\n"
    )


# --- logs ---

ENTRIES = [
    {
        "timestamp": "2026-11-26T05:12:17.123456789Z",
        "severity": "INFO",
        "jsonPayload": {"message": "accepted github.push", "ms": 12.3},
    },
    {
        "timestamp": "2026-11-26T05:11:17Z",
        "severity": "WARNING",
        "jsonPayload": {"message": "refused /github", "reason": "mismatch", "ms": 1},
    },
]


def test_the_log_is_asked_for_our_own_lines_and_shown_the_newest_last(cloud: Cloud) -> None:
    cloud.answer(["^logging", json.dumps(ENTRIES), ""])
    ended = cloud("logs", "--project", PROJECT, "--source", "payments-eu", "--since", "2h", "--limit", "7")
    assert ended.output.splitlines() == [
        "2026-11-26 05:11:17.000  WARNING   refused /github  mismatch  1 ms",
        "2026-11-26 05:12:17.123  INFO      accepted github.push  12.3 ms",
    ]
    query = (
        'resource.type="cloud_run_revision" AND '
        'resource.labels.service_name=("webhooks-receiver" OR "webhooks-processor") AND '
        'jsonPayload.outcome:* AND jsonPayload.source="payments-eu"'
    )
    options = ["--freshness=2h", "--limit=7", "--format=json", f"--project={PROJECT}"]
    assert [call["words"] for call in ended.calls] == [["logging", "read", query, *options]]


@pytest.mark.parametrize("option", [("--source", 'x" OR severity="ERROR'), ("--since", "1 day"), ("--limit", "-1")])
def test_nothing_can_be_put_into_the_query_of_the_log(cloud: Cloud, option: tuple[str, str]) -> None:
    ended = cloud("logs", "--project", PROJECT, *option)
    assert (ended.code, ended.calls) == (2, [])
    assert f"argument {option[0]}: " in ended.errors


def test_a_log_with_nothing_in_it_says_so(cloud: Cloud) -> None:
    for nothing in ("[]", ""):
        cloud.answer(["^logging", nothing, ""])
        ended = cloud("logs", "--project", PROJECT)
        assert (ended.code, ended.output, ended.errors) == (0, "", "nothing in the last 1h\n")
        assert "--freshness=1h --limit=50" in ended.commands[-1]


def test_a_line_of_the_log_commands_no_terminal() -> None:
    assert line({"timestamp": "2026-11-26T05:11:17Z", "jsonPayload": {"message": "\x1b[2J"}}).endswith("\\x1b[2J")


# --- make, and the real gcloud ---


@pytest.mark.parametrize(
    ("goal", "command"),
    [
        ("deploy PROJECT=p REGION=r DRY_RUN=1", 'deploy --project "p" --region "r" --dry-run'),
        ("url URL=https://hooks.example.com", 'url --url "https://hooks.example.com"'),
        ("secret SOURCE=github TOKEN=1 PROJECT=p", 'secret "github" --token --project "p"'),
        ("rotate SOURCE=github", 'rotate "github"'),
        ("rotate-done SOURCE=github", 'rotate "github" --done'),
        ("logs SOURCE=github SINCE=2h LIMIT=5", 'logs --source "github" --since "2h" --limit "5"'),
    ],
)
def test_make_passes_on_what_it_is_told(goal: str, command: str) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("PROJECT", "REGION", "MAKEFLAGS")}
    made = subprocess.run(["make", "-n", *goal.split()], cwd=ROOT, capture_output=True, text=True, env=env).stdout
    assert f"-m tools.cloud.{command}" in " ".join(made.replace("\\\n", " ").split())


def test_gcloud_knows_every_command_and_every_flag(cloud: Cloud) -> None:
    program = shutil.which("gcloud")
    places = [Path(program).resolve().parent.parent] if program else []
    found = [sdk / COMPLETIONS for sdk in (*places, Path("/usr/lib/google-cloud-sdk")) if (sdk / COMPLETIONS).exists()]
    if not found:
        pytest.skip("the Google Cloud CLI is not installed")
    tree = runpy.run_path(str(found[0]))["STATIC_COMPLETION_CLI_TREE"]
    told = [c["words"] for c in cloud("deploy", *PLACE).calls]
    cloud.answer(*OLD)
    told += [c["words"] for c in cloud("deploy", *PLACE).calls]
    cloud.answer(*NEW)
    for verb in (("secret", "github"), ("rotate", "github"), ("rotate", "github", "--done"), ("logs",)):
        told += [c["words"] for c in cloud(*verb, "--project", PROJECT, data=verb[0].encode() * 5).calls]
    assert {words[0] for words in told} >= {"functions", "secrets", "logging", "firestore", "run"}
    for words in told:
        node = tree
        for word in words:
            node = node["commands"].get(word, node)
            if not node["commands"]:
                break
        assert not node["commands"], words
        known = {*node["flags"], *tree["flags"]}
        used = {word.partition("=")[0].replace("--no-allow", "--allow") for word in words if word.startswith("--")}
        # Which gcloud has, and does not show; without it, a first-generation function of that name would be described.
        assert used - known <= ({"--gen2"} if words[:2] == ["functions", "describe"] else set()), words
