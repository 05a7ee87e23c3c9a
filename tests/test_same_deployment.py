"""What `make deploy` does with gcloud is what Terraform does."""

import re
import shlex
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from tests.servers import ROOT, clean_environment
from tests.terraform.runner import PROJECT, REGION, Plan, planned
from tests.test_terraform import grants

# What the plan knows and the dry run can't: where the processor is, and the number of the project.
KNOWN = {"PROCESSOR_URL": "https://webhooks-processor.example", "PROJECT_NUMBER": "123456789012"}
INGRESS = {"all": "ALLOW_ALL", "internal-only": "ALLOW_INTERNAL_ONLY", "internal-and-gclb": "ALLOW_INTERNAL_AND_GCLB"}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MIB = {"Mi": 1, "Gi": 1024}


@cache
def dry_run() -> tuple[tuple[str, ...], ...]:
    """The commands of `make deploy`, in words, without the `gcloud`."""
    command = [sys.executable, "-m", "tools.cloud.deploy", "--dry-run", "--project", PROJECT, "--region", REGION]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True)
    lines = (re.sub("|".join(KNOWN), lambda found: KNOWN[found[0]], line) for line in done.stdout.splitlines())
    return tuple(tuple(shlex.split(line.removeprefix("$ gcloud "))) for line in lines)


def flags(*command: str) -> dict[str, str]:
    """The flags of the one command that begins like this."""
    (words,) = [words for words in dry_run() if words[: len(command)] == command]
    return dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))


def granted() -> set[tuple[str, str, str]]:
    """Who is given which role on what: a member, a role and the last part of a name."""
    found = set()
    for words in (words for words in dry_run() if "add-iam-policy-binding" in words):
        given = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
        where = words[words.index("add-iam-policy-binding") + 1].removeprefix("gs://").partition("@")[0]
        condition = re.sub("^expression=|,title=.*$|^None$", "", given.get("condition", ""))
        found.add((given["member"], given["role"], f"{where} if {condition}" if condition else where))
    return found


def granted_by(plan: Plan) -> set[tuple[str, str, str]]:
    """The same of a plan."""
    found = set()
    for address in grants(plan):
        grant = plan.resources[address]
        names = ("topic", "subscription", "secret_id", "bucket", "repository", "service_account_id", "name", "project")
        where = next(str(grant[name]) for name in names if name in grant).rpartition("/")[2].partition("@")[0]
        conditions = "".join(f" if {condition['expression']}" for condition in grant.get("condition", []))
        found.add((grant["member"], grant["role"], f"{where}{conditions}"))
    return found


def seconds(duration: str) -> int:
    return int(duration[:-1]) * UNITS[duration[-1]]


def mib(memory: str) -> int:
    return int(memory[:-2]) * MIB[memory[-2:]]


@pytest.mark.parametrize("function", ["receiver", "processor"])
def test_a_function_runs_alike(function: str) -> None:
    given, plan = flags("functions", "deploy", f"webhooks-{function}"), planned()
    function_of, service = plan.resources[f"google_cloudfunctions2_function.{function}"], plan.service(function)
    build: dict[str, Any] = function_of["build_config"][0]
    assert dict(pair.split("=", 1) for pair in given["update-env-vars"].split(",")) == service["environment_variables"]
    assert mib(given["memory"]) == mib(service["available_memory"])
    assert seconds(given["timeout"]) == service["timeout_seconds"]
    assert INGRESS[given["ingress-settings"]] == service["ingress_settings"]
    assert given["run-service-account"] == service["service_account_email"]
    for flag, name in {
        "cpu": "available_cpu",
        "concurrency": "max_instance_request_concurrency",
        "min-instances": "min_instance_count",
        "max-instances": "max_instance_count",
    }.items():
        assert given[flag] == str(service[name])
    assert (given["runtime"], given["entry-point"]) == (build["runtime"], build["entry_point"])
    assert given["build-service-account"] == build["service_account"]
    assert given["docker-repository"] == build["docker_repository"]
    assert given["source"].rpartition("/")[0] == f"gs://{plan.resources['google_storage_bucket.source']['name']}"
    assert given["region"] == function_of["location"]


@pytest.mark.parametrize(("name", "address"), [("webhooks-processor", "processor[0]"), ("webhooks-dead", "dead")])
def test_a_subscription_keeps_and_repeats_alike(name: str, address: str) -> None:
    given = flags("pubsub", "subscriptions", "create", name)
    made = planned().resources[f"google_pubsub_subscription.{address}"]
    assert int(given["ack-deadline"]) == made["ack_deadline_seconds"]
    assert seconds(given["message-retention-duration"]) == seconds(made["message_retention_duration"])
    assert (given["expiration-period"], made["expiration_policy"]) == ("never", [{"ttl": ""}])
    assert given["topic"] == made["topic"].rpartition("/")[2]
    if "push-endpoint" in given or "push_config" in made:
        (push,), (retry,), (dead,) = made["push_config"], made["retry_policy"], made["dead_letter_policy"]
        assert given["push-endpoint"] == push["push_endpoint"]
        assert given["push-auth-service-account"] == push["oidc_token"][0]["service_account_email"]
        assert given["push-auth-token-audience"] == push["oidc_token"][0]["audience"]
        assert given["min-retry-delay"] == retry["minimum_backoff"]
        assert given["max-retry-delay"] == retry["maximum_backoff"]
        assert int(given["max-delivery-attempts"]) == dead["max_delivery_attempts"]
        assert given["dead-letter-topic"] == dead["dead_letter_topic"].rpartition("/")[2]


@pytest.mark.parametrize(("name", "address"), [("webhooks", "events"), ("webhooks-dead", "dead")])
def test_a_topic_keeps_alike(name: str, address: str) -> None:
    given, made = flags("pubsub", "topics", "create", name), planned().resources[f"google_pubsub_topic.{address}"]
    kept = {"message-retention-duration", "message_retention_duration"} & {*given, *made}
    assert [seconds({**given, **made}[name]) for name in sorted(kept)] in ([], [604_800] * 2)
    (policy,) = made["message_storage_policy"]
    assert given["message-storage-policy-allowed-regions"].split(",") == policy["allowed_persistence_regions"]


def test_the_same_roles_are_given_and_no_others() -> None:
    assert granted() == granted_by(planned())


def test_the_same_things_are_there() -> None:
    plan = planned()
    created = [words for words in dry_run() if "create" in words]
    accounts = {words[3] for words in created if words[:2] == ("iam", "service-accounts")}
    assert accounts == {found["account_id"] for found in plan.of("google_service_account").values()}
    secrets = {words[2] for words in created if words[0] == "secrets"}
    assert secrets == {found["secret_id"] for found in plan.of("google_secret_manager_secret").values()}
    apis = {word for words in dry_run() if words[:2] == ("services", "enable") for word in words if "." in word}
    assert apis == {found["service"] for found in plan.of("google_project_service").values()}
    subscriptions = {words[3] for words in created if words[:2] == ("pubsub", "subscriptions")}
    assert subscriptions == {found["name"] for found in plan.of("google_pubsub_subscription").values()}
    fields = {words[4] for words in dry_run() if words[:4] == ("firestore", "indexes", "fields", "update")}
    assert fields == {found["field"] for found in plan.of("google_firestore_field").values()}
    database = plan.resources["google_firestore_database.ledger[0]"]
    given = flags("firestore", "databases", "create")
    assert (given["database"], given["location"]) == (database["name"], database["location_id"])


def test_the_processor_is_there_before_its_subscription_and_the_receiver_after_both() -> None:
    lines = [" ".join(words) for words in dry_run()]
    places = [
        next(place for place, line in enumerate(lines) if line.startswith(command))
        for command in (
            "functions deploy webhooks-processor",
            "pubsub subscriptions create webhooks-processor",
            "functions deploy webhooks-receiver",
        )
    ]
    assert places == sorted(places)
