"""What everything in Google Cloud is called and how large it is, as in terraform/."""

from collections.abc import Mapping
from dataclasses import dataclass

APIS = (
    *("artifactregistry", "cloudbuild", "cloudfunctions", "firestore", "iam", "logging", "monitoring"),
    *("pubsub", "run", "secretmanager", "storage"),
)
RECEIVER, PROCESSOR, PUSH, BUILD = "webhooks-receiver", "webhooks-processor", "webhooks-push", "webhooks-build"
ACCOUNTS = {
    RECEIVER: "The webhook receiver runs as this",
    PROCESSOR: "The webhook processor runs as this",
    PUSH: "Pub/Sub calls the processor as this",
    BUILD: "Builds the webhook functions",
}
REPOSITORY = DATABASE = "webhooks"
TOPIC, DEAD = "webhooks", "webhooks-dead"
SUBSCRIPTION, DEAD_LETTERS = "webhooks-processor", "webhooks-dead"
# What the ledger's documents are forgotten by.
EXPIRES = "expires"
# The most that Pub/Sub knows: about 16 hours at this backoff; then the dead letters keep the event.
ATTEMPTS = 100
BACKOFF = ("10s", "600s")
# Seconds: what a handler may take; 30 more is its lease, and the longest that Pub/Sub waits is longer still.
HANDLER_TIMEOUT, ACK_DEADLINE = 540, 600
# The topic keeps also what is acknowledged, so that it can be brought back.
TOPIC_KEEPS, KEPT = "7d", "31d"


@dataclass(frozen=True, slots=True)
class Function:
    """One of the two functions; `timeout` is in seconds, and `{project}` in its environment stands for the project."""

    name: str
    folder: str
    entry_point: str
    ingress: str
    memory: str
    concurrency: int
    timeout: int
    environment: Mapping[str, str]
    runtime: str = "python313"
    cpu: int = 1
    min_instances: int = 0
    max_instances: int = 100


PROCESSOR_FUNCTION = Function(
    PROCESSOR,
    folder="processor",
    entry_point="process",
    ingress="internal-only",
    memory="1Gi",
    concurrency=16,
    timeout=HANDLER_TIMEOUT,
    environment={
        "PROJECT": "{project}",
        "LEDGER": "firestore",
        "FIRESTORE_DATABASE": DATABASE,
        "DEAD_LETTER_TOPIC": f"projects/{{project}}/topics/{DEAD}",
        "MAX_ATTEMPTS": str(ATTEMPTS),
        "HANDLER_TIMEOUT": str(HANDLER_TIMEOUT),
    },
)
RECEIVER_FUNCTION = Function(
    RECEIVER,
    folder="receiver",
    entry_point="receive",
    ingress="all",
    memory="1536Mi",
    concurrency=80,
    timeout=60,
    environment={
        "PROJECT": "{project}",
        "TOPIC": f"projects/{{project}}/topics/{TOPIC}",
        "KEYS": "secret-manager",
        "MALLOC_ARENA_MAX": "2",
    },
)
