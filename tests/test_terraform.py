"""What Terraform would make: all that terraform/ says, and nothing besides."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from functions.processor.ledger import Claim, State
from functions.processor.ledger.firestore import COLLECTION, FirestoreLedger
from functions.processor.settings import Settings as ProcessorSettings
from functions.receiver.options import OPTIONS
from functions.receiver.settings import Settings as ReceiverSettings
from functions.receiver.sources import NAME, load
from tests.rows import ROWS
from tests.servers import ROOT
from tests.terraform.runner import Plan, Refused, applied, copied, planned, terraform
from tools.local import new_keys

SOURCES = """
asana: {provider: asana, expect_every: 30m}
github: {provider: github, expect_every: 6h}
meta: {provider: meta}
erp:
  verify: {hmac: {header: X-Signature}}
topic: {provider: aws-sns, topics: ["arn:aws:sns:us-east-1:123456789012:demo"]}
google: {verify: {jwks: {keys: "https://www.googleapis.com/oauth2/v3/certs"}}, audience: hooks}
anyone: {verify: none}
sms: {provider: twilio, public_url: "https://sms.example.com/in"}
"""
# Terraform's own tests, by file; those that depend on who may send, also for others than are there.
CASES: Mapping[str, tuple[str, str | None]] = {
    **{file.name.partition(".")[0]: (file.name.partition(".")[0], None) for file in ROOT.glob("terraform/tests/*.hcl")},
    **{f"{file} for all kinds of sources": (file, SOURCES) for file in ("alerts", "balancer", "secrets")},
    "secrets for a source without": ("secrets", "anyone: {verify: none}"),
}
CANARY = "whsec_canary-5f0e8a"
EVERYTHING: dict[str, Any] = {
    "alerts": {"emails": ["ops@example.com"]},
    "archive": True,
    "balancer": {"domains": ["hooks.example.com"]},
    "dead_letter_bucket_days": 365,
    "processor": {"secrets": {"CRM_KEY": "crm-key"}},
    "secrets": {"github": CANARY},
    "secret_versions": {"github": 1},
}


# Who may do what, and where: the kind of a resource, and all that says which one.
ALWAYS = """
allUsers           run.invoker                   cloud_run_v2_service europe-west1 webhooks-receiver
webhooks-push      run.invoker                   cloud_run_v2_service europe-west1 webhooks-processor

webhooks-receiver  pubsub.publisher              pubsub_topic projects/a-project/topics/webhooks
webhooks-receiver  secretmanager.secretAccessor  secret_manager_secret projects/a-project/secrets/webhook-asana
webhooks-receiver  secretmanager.secretAccessor  secret_manager_secret projects/a-project/secrets/webhook-asana_token
webhooks-receiver  secretmanager.secretAccessor  secret_manager_secret projects/a-project/secrets/webhook-erp
webhooks-receiver  secretmanager.secretAccessor  secret_manager_secret projects/a-project/secrets/webhook-github
webhooks-receiver  secretmanager.secretAccessor  secret_manager_secret projects/a-project/secrets/webhook-meta
webhooks-receiver  secretmanager.secretAccessor  secret_manager_secret projects/a-project/secrets/webhook-meta_token
webhooks-receiver  secretmanager.secretAccessor  secret_manager_secret projects/a-project/secrets/webhook-sms
webhooks-receiver  secretmanager.secretVersionAdder  secret_manager_secret projects/a-project/secrets/webhook-asana

webhooks-processor pubsub.publisher              pubsub_topic projects/a-project/topics/webhooks-dead
webhooks-processor datastore.user                project a-project \
                                                 if resource.name == "projects/a-project/databases/webhooks"

webhooks-build     artifactregistry.writer       artifact_registry_repository europe-west1 webhooks
webhooks-build     logging.logWriter             project a-project
webhooks-build     storage.objectViewer          storage_bucket a-project-webhooks-source
webhooks-build     storage.objectViewer          project a-project if resource.name.startsWith(\
"projects/_/buckets/gcf-v2-sources-123456789012-europe-west1")

Pub/Sub            pubsub.publisher              pubsub_topic projects/a-project/topics/webhooks-dead
Pub/Sub            iam.serviceAccountTokenCreator  service_account projects/a-project/serviceAccounts/webhooks-push
"""
PUSH = """
Pub/Sub            pubsub.subscriber             pubsub_subscription projects/a-project/subscriptions/webhooks-processor
"""
MORE = """
webhooks-processor secretmanager.secretAccessor  secret_manager_secret projects/a-project/secrets/crm-key

Pub/Sub            bigquery.dataEditor           bigquery_table webhooks events
Pub/Sub            pubsub.publisher              pubsub_topic projects/a-project/topics/webhooks-archive-dead
Pub/Sub            pubsub.subscriber             pubsub_subscription projects/a-project/subscriptions/webhooks-archive
Pub/Sub            storage.legacyBucketReader    storage_bucket a-project-webhooks-dead
Pub/Sub            storage.objectCreator         storage_bucket a-project-webhooks-dead
"""
# What is left out of them.
SHORT = {
    "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com": "Pub/Sub",
    "@a-project.iam.gserviceaccount.com": "",
    "serviceAccount:": "",
    "roles/": "",
}


@pytest.fixture(scope="module", autouse=True)
def runs(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Future[CompletedProcess[str]]]]:
    """Terraform's own tests, each file of those that are asked for: they run while other tests do."""
    with suppress(pytest.skip.Exception, pytest.fail.Exception):
        terraform()  # once, before all the threads; each test says for itself that it can't be had
    asked = [item.callspec.params.get("case") for item in request.session.items if hasattr(item, "callspec")]
    pool = ThreadPoolExecutor(os.cpu_count())
    yield {case: pool.submit(run_tests, *CASES[case]) for case in asked if case in CASES}
    pool.shutdown(cancel_futures=True)


def run_tests(file: str, sources: str | None) -> CompletedProcess[str]:
    with copied(sources) as folder:
        return terraform().run("test", "-no-color", f"-filter=tests/{file}.tftest.hcl", folder=folder)


def test_terraform_is_formatted_as_terraform_does_it() -> None:
    done = terraform().run("fmt", "-check", "-recursive", "-diff", "-no-color")
    assert done.returncode == 0, done.stdout


def test_terraform_is_valid() -> None:
    done = terraform().run("validate", "-no-color")
    assert done.returncode == 0, done.stdout


def grants(plan: Plan) -> dict[str, str]:
    """Every grant of a plan by its address, as a line of the tables above."""
    return {address: grant(address, found) for address, found in plan.resources.items() if "_iam_" in address}


def grant(address: str, found: Mapping[str, Any]) -> str:
    """Write a grant as a line, with everything that is said of where it holds."""
    kind = address.partition(".")[0].removeprefix("google_").removesuffix("_iam_member")
    where = [str(found[name]) for name in sorted(found) if name not in ("condition", "member", "role")]
    conditions = [f"if {condition['expression']}" for condition in found.get("condition", [])]
    line = " ".join([found["member"], found["role"], kind, *where, *conditions])
    for long, short in SHORT.items():
        line = line.replace(long, short)
    return line


@pytest.mark.parametrize(
    ("variables", "more"),
    [({}, PUSH), ({"delivery": "eventarc"}, ""), (EVERYTHING, PUSH + MORE)],
    ids=["push", "eventarc", "everything"],
)
def test_everybody_may_do_what_is_written_here_and_nothing_else(variables: dict[str, Any], more: str) -> None:
    granted = sorted(grants(planned(SOURCES, variables)).values())
    assert granted == sorted(" ".join(line.split()) for line in (ALWAYS + more).splitlines() if line)


def test_nothing_is_granted_in_another_way_than_to_one_member_at_a_time() -> None:
    plan = planned(SOURCES, EVERYTHING)
    ways = {"access", "bindings", "default_acl", "entity", "members", "policy_data", "predefined_acl", "role"}
    kinds = {address.partition(".")[0] for address, found in plan.resources.items() if ways & found.keys()}
    assert kinds == {address.partition(".")[0] for address in grants(plan)}
    assert all(kind.endswith("_iam_member") for kind in kinds)


def test_every_grant_that_is_written_has_been_looked_at() -> None:
    text = "".join(file.read_text() for file in (ROOT / "terraform").glob("*.tf"))
    written = {".".join(pair) for pair in re.findall(r'resource "(google_\w*_iam_\w+)" "(\w+)"', text)}
    assert written == {address.partition("[")[0] for address in grants(planned(SOURCES, EVERYTHING))}


@pytest.mark.parametrize("make", [planned, applied])
def test_a_secret_that_is_given_is_in_no_plan_and_in_no_state(make: Callable[[str, dict[str, Any]], Plan]) -> None:
    plan = make(SOURCES, EVERYTHING)
    assert CANARY not in plan.text
    version = plan.resources['google_secret_manager_secret_version.given["github"]']
    assert (version["secret"], version["secret_data_wo_version"]) == ("projects/a-project/secrets/webhook-github", 1)


def test_a_secret_that_was_given_once_is_not_needed_for_each_plan() -> None:
    plan = planned(SOURCES, {"secret_versions": {"github": 1}})
    assert plan.resources['google_secret_manager_secret_version.given["github"]']["secret_data_wo_version"] == 1


def test_a_source_has_the_secrets_that_its_provider_needs() -> None:
    plan = planned(SOURCES)
    assert plan.outputs["secrets"] == {
        name: f"webhook-{name}" for name in ("asana", "asana_token", "github", "meta", "meta_token", "erp", "sms")
    }
    made = plan.of("google_secret_manager_secret").values()
    assert {secret["secret_id"] for secret in made} == set(plan.outputs["secrets"].values())


def test_a_provider_that_is_special_has_the_secrets_that_the_receiver_reads() -> None:
    facts = json.loads((ROOT / "terraform/providers.json").read_text())["providers"]
    known = {name: row for name, row in ROWS.items() if facts[name] or name == "stripe"}
    plan = planned(json.dumps({name: {"provider": name} for name in known}))
    read = {variable for row in known.values() for variable in new_keys(row) if not variable.startswith("PUBLISHED_")}
    made = {_variable(name) for name in plan.outputs["secrets"]}
    assert made == read
    handing_over = {name for name, row in known.items() if row.provider.handshake and row.provider.handshake.hands_over}
    kept = {address for address in plan.resources if "receiver_keeps" in address}
    assert kept == {f'google_secret_manager_secret_iam_member.receiver_keeps["{name}"]' for name in handing_over}


def _variable(secret: str) -> str:
    name, token, _ = secret.partition("_token")
    return f"{'TOKEN' if token else 'KEY'}_{name.upper().replace('-', '_')}"


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ("shop: {provider: strip}", r"no provider that docs/providers.md knows: shop \(strip\)"),
        ("shop: {}", r"no provider that docs/providers.md knows: shop"),
        ("shop:", r"no provider that docs/providers.md knows: shop"),
        ("shop: {provider: stripe, expect_every: 24h}", r"5m to 23h: shop"),
        ("shop: {provider: stripe, expect_every: 4m}", r"5m to 23h: shop"),
        ("shop: {provider: stripe, expect_every: 1d}", r"5m to 23h: shop"),
        ("shop: {provider: stripe, expect_every: 6}", r"5m to 23h: shop"),
        ("the-shopz: {provider: stripe}", r"lower-case letters.*: the-shopz"),
        ("shop: {provider: stripe}\nShop: {provider: stripe}", r"lower-case letters.*: Shop"),
    ],
    ids=[
        *("a provider that is not known", "none", "nothing at all", "an hour too late", "a minute too often", "days"),
        *("no unit", "a name that the platform keeps", "a capital"),
    ],
)
def test_a_source_that_the_receiver_would_not_start_with_is_refused(sources: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=said):
        planned(sources)
    (tmp_path / "sources.yaml").write_text(sources)
    with pytest.raises(Exception, match=r"sources.yaml line \d"):
        load(tmp_path / "sources.yaml")


def test_names_are_refused_as_the_receiver_refuses_them() -> None:
    names = ["a", "y", "z", "az", "a-", "-a", "a-b", "a--b", "a1", "1a", "A", "a_b", "a.b", "eventlog", "eventlogs"]
    names += ["a" * 40, "a" * 41, "event-log", "a0", "ä"]
    good = [name for name in names if NAME.fullmatch(name)]
    with pytest.raises(Refused) as refused:
        planned(json.dumps({name: {"provider": "github"} for name in names}))
    said = str(refused.value).partition("true or false: ")[2].strip().removesuffix(".")
    assert sorted(said.split(", ")) == sorted(set(names) - set(good))
    assert set(planned(json.dumps({name: {"provider": "github"} for name in good})).outputs["urls"]) == set(good)


@pytest.mark.parametrize("name", ["no", "y"])
def test_a_name_that_terraform_takes_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=r"true or false: (true|false)"):
        planned(f"{name}: {{provider: stripe}}")


def test_a_lease_that_would_outlive_the_ack_deadline_is_refused() -> None:
    with pytest.raises(Refused, match="ack deadline must be longer than a handler's lease"):
        planned(change=("queue.tf", r"(ack_deadline +)= 600", r"\1= 599"))


def test_a_source_that_is_expected_is_missed_when_it_is_silent() -> None:
    silent = planned(SOURCES).resources
    for name, seconds in {"asana": "1800s", "github": "21600s"}.items():
        absent, zero = silent[f'google_monitoring_alert_policy.silent["{name}"]']["conditions"]
        assert absent["condition_absent"][0]["duration"] == seconds
        assert zero["condition_threshold"][0]["aggregations"][0]["alignment_period"] == seconds
        assert zero["condition_threshold"][0]["threshold_value"] == 1
        assert f'metric.labels.source="{name}"' in absent["condition_absent"][0]["filter"]
        assert f'metric.labels.source="{name}"' in zero["condition_threshold"][0]["filter"]
    assert len([address for address in silent if ".silent[" in address]) == 2
    assert all(OPTIONS["expect_every"][0](period) for period in ("30m", "6h"))


def test_the_urls_are_those_that_senders_reach() -> None:
    assert planned(SOURCES).outputs["urls"] == {
        "sms": "https://sms.example.com/in",
        **{name: f"https://webhooks-receiver.example/{name}" for name in ROWS_OF_SOURCES},
    }
    assert planned(SOURCES, EVERYTHING).outputs["urls"] == {
        "sms": "https://sms.example.com/in",
        **{name: f"https://hooks.example.com/{name}" for name in ROWS_OF_SOURCES},
    }


ROWS_OF_SOURCES = ("asana", "github", "meta", "erp", "topic", "google", "anyone")


def test_a_zip_leaves_out_caches_and_what_only_we_read_and_nothing_else() -> None:
    left_out = {".DS_Store", ".gcloudignore", ".venv/lib/a.py", "__pycache__/main.pyc", "requirements.in"}
    left_out |= {"actions/__pycache__/post.pyc", "handlers/.env"}
    with copied() as folder:
        for name in left_out:
            (folder / "functions/processor" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "functions/processor" / name).touch()
        found = f"toset({json.dumps(sorted(left_out))})"
        condition = f'data.archive_file.function["processor"].excludes == {found}'
        asked = (ROOT / "tests/terraform/plan.tftest.hcl").read_text().rstrip().removesuffix("}")
        asserted = f'  assert {{\n    condition = {condition}\n    error_message = "other files"\n  }}\n}}\n'
        (folder / "terraform/tests/zips.tftest.hcl").write_text(asked + asserted)
        done = terraform().run("test", "-no-color", "-filter=tests/zips.tftest.hcl", folder=folder)
    assert done.returncode == 0, done.stdout


def test_these_sources_are_such_as_the_receiver_takes(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text(SOURCES)
    assert set(load(tmp_path / "sources.yaml")) == {*ROWS_OF_SOURCES, "sms"}


def test_the_functions_understand_what_they_are_told() -> None:
    for delivery, attempts, age, body in (("push", 100, None, 9_000_000), ("eventarc", None, 72_000, 350_000)):
        plan = planned(SOURCES, {"delivery": delivery})
        receiver = ReceiverSettings.read(plan.service("receiver")["environment_variables"])
        processor = ProcessorSettings.read(plan.service("processor")["environment_variables"])
        assert (receiver.topic, receiver.keys) == ("projects/a-project/topics/webhooks", "secret-manager")
        assert (receiver.project, receiver.max_body) == ("a-project", body)
        assert (processor.project, processor.ledger) == ("a-project", "firestore")
        assert processor.dead_letter_topic == "projects/a-project/topics/webhooks-dead"
        assert (processor.max_attempts, processor.max_age, processor.handler_timeout) == (attempts, age, 540)


def test_the_fields_of_the_ledger_have_no_index() -> None:
    claim = Claim("key", "owner", 1, 0, frozenset())
    written = FirestoreLedger("a-project", "webhooks", 570)._document(claim, State.OPEN).fields
    fields = planned(SOURCES).of("google_firestore_field").values()
    assert {field["field"] for field in fields} == set(written)
    assert {field["collection"] for field in fields} == {COLLECTION}


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("cloudfunctions2_function.receiver", "cloudfunctions2_function.processor"),
        ("cloudfunctions2_function.receiver", "pubsub_subscription.processor"),
        ("cloudfunctions2_function.receiver", "pubsub_subscription.archive"),
        ("cloudfunctions2_function.receiver", "pubsub_subscription.dead"),
        ("cloudfunctions2_function.receiver", "pubsub_subscription.dead_to_bucket"),
        ("cloudfunctions2_function.receiver", "pubsub_topic_iam_member.receiver_to_events"),
        ("cloudfunctions2_function.receiver", "secret_manager_secret_iam_member.receiver"),
        ("cloudfunctions2_function.processor", "firestore_field.ledger"),
        ("cloudfunctions2_function.processor", "project_iam_member.build_logs"),
        ("cloudfunctions2_function.processor", "project_iam_member.build_staged"),
        ("cloudfunctions2_function.processor", "project_iam_member.processor_ledger"),
        ("cloudfunctions2_function.processor", "artifact_registry_repository_iam_member.build_images"),
        ("cloudfunctions2_function.processor", "pubsub_topic_iam_member.processor_to_dead"),
        ("cloudfunctions2_function.processor", "secret_manager_secret_iam_member.processor"),
        ("cloudfunctions2_function.processor", "storage_bucket_iam_member.build_source"),
        ("pubsub_subscription.processor", "cloud_run_v2_service_iam_member.push_to_processor"),
        ("pubsub_subscription.processor", "pubsub_topic_iam_member.agent_to_dead"),
        ("pubsub_subscription.processor", "service_account_iam_member.agent_as_push"),
        ("pubsub_subscription.archive", "bigquery_table_iam_member.agent_to_archive"),
        ("pubsub_subscription.archive", "pubsub_topic_iam_member.agent_to_archive_dead"),
        ("pubsub_subscription.dead_to_bucket", "storage_bucket_iam_member.agent_to_bucket"),
        ("monitoring_alert_policy.this", "logging_metric.count"),
        ("monitoring_alert_policy.silent", "logging_metric.count"),
    ],
)
def test_what_needs_another_thing_comes_after_it(later: str, earlier: str) -> None:
    after = applied(SOURCES, EVERYTHING).after
    waits = [others for address, others in after.items() if address.partition("[")[0] == f"google_{later}"]
    assert waits
    assert all(f"google_{earlier}" in others for others in waits)


def test_everything_comes_after_the_services_that_it_is_made_with() -> None:
    after = applied(SOURCES, EVERYTHING).after
    services = "google_project_service.this"
    assert not [name for name in after if services not in after[name] and not name.startswith(services)]


def test_pubsubs_own_account_is_given_roles_when_it_is_there_which_is_when_a_topic_is() -> None:
    made = applied(SOURCES, EVERYTHING)
    given = {name for name, line in grants(made).items() if line.startswith("Pub/Sub ")}
    assert given
    assert all(any(other.startswith("google_pubsub_topic.") for other in made.after[name]) for name in given)


@pytest.mark.parametrize("case", sorted(CASES))
def test_terraforms_own_tests_pass(case: str, runs: Mapping[str, Future[CompletedProcess[str]]]) -> None:
    done = runs[case].result()
    failures = re.sub(r"(?m)^.*\.\.\. (pass|in progress|tearing down)\n", "", done.stdout)
    assert done.returncode == 0, failures
    assert re.search(r"[1-9]\d* passed, 0 failed", done.stdout), failures
