"""The whole deployment as data, from top to bottom."""

from dataclasses import dataclass

from functions.processor.ledger import Claim, State
from functions.processor.ledger.firestore import COLLECTION, FirestoreLedger
from functions.receiver.sources import Sources

from . import names
from .archive import Archive
from .names import BUILD, DATABASE, DEAD, DEAD_LETTERS, PROCESSOR, PUSH, RECEIVER, REPOSITORY, SUBSCRIPTION, TOPIC
from .source_secrets import secrets_of
from .steps import Ask, Step, Steps, grant

# What only Google Cloud knows: these names stand for it until it has been asked.
PROJECT_NUMBER, PROCESSOR_URL = "PROJECT_NUMBER", "PROCESSOR_URL"
AGENT = f"service-{PROJECT_NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class Deployment:
    """Both functions and all that they need, in one project and region."""

    project: str
    region: str
    sources: Sources
    archives: dict[str, Archive]

    def steps(self) -> Steps:
        """All of it, in order. The processor is there before the receiver, so that it knows every message."""
        yield Step(f"services enable {' '.join(f'{api}.googleapis.com' for api in names.APIS)}")
        yield Ask(PROJECT_NUMBER, f"projects describe {self.project} '--format=value(projectNumber)'")
        yield from self._accounts()
        yield from self._build()
        yield from self._topics()
        yield from self._ledger()
        yield from self._secrets()
        yield from self._function(names.PROCESSOR_FUNCTION)
        yield from self._push()
        yield from self._function(names.RECEIVER_FUNCTION)
        # Anybody may call: a sender has no Google account. Who it is, is proved by the request.
        yield grant(f"run services add-iam-policy-binding {RECEIVER} --region={self.region}", "allUsers", "run.invoker")

    def _accounts(self) -> Steps:
        for name, text in names.ACCOUNTS.items():
            email = self._email(name)
            yield Step(
                # `describe` says of an account that is not there that one may not see it.
                check=f"iam service-accounts list --filter=email={email} '--format=value(email)'",
                create=f"iam service-accounts create {name} '--display-name={text}'",
            )

    def _build(self) -> Steps:
        """What the builds need: where the zips are, where the images go, and roles for these two alone."""
        bucket, settings = self._bucket, "--uniform-bucket-level-access --public-access-prevention"
        yield Step(
            check=f"storage buckets describe {bucket} '--format=value(name)'",
            create=f"storage buckets create {bucket} --location={self.region} {settings}",
            update=f"storage buckets update {bucket} {settings}",
        )
        repository = f"{REPOSITORY} --location={self.region}"
        yield Step(
            check=f"artifacts repositories describe {repository} '--format=value(name)'",
            create=f"artifacts repositories create {repository} --repository-format=docker",
        )
        member = self._member(BUILD)
        # Left out, gcloud asks for a condition where the project's policy has one (it will: the ledger's).
        yield grant(f"projects add-iam-policy-binding {self.project}", member, "logging.logWriter", "None")
        yield grant(f"artifacts repositories add-iam-policy-binding {repository}", member, "artifactregistry.writer")
        yield grant(f"storage buckets add-iam-policy-binding {bucket}", member, "storage.objectViewer")
        # Cloud Functions copies the zip into a bucket of its own, made with the first function.
        copies = f"projects/_/buckets/gcf-v2-sources-{PROJECT_NUMBER}-{self.region}"
        condition = f'expression=resource.name.startsWith("{copies}"),title=webhooks-build'
        yield grant(f"projects add-iam-policy-binding {self.project}", member, "storage.objectViewer", condition)

    def _topics(self) -> Steps:
        stored = f"--message-storage-policy-allowed-regions={self.region}"
        for topic, more in ((TOPIC, f" --message-retention-duration={names.TOPIC_KEEPS}"), (DEAD, "")):
            yield Step(
                check=f"pubsub topics describe {topic} '--format=value(name)'",
                create=f"pubsub topics create {topic} {stored}{more}",
                update=f"pubsub topics update {topic} {stored}{more}",
            )
        # Nobody pulls from it until somebody replays: if it expired, what dies after that would be lost.
        yield _subscription(DEAD_LETTERS, DEAD)
        topics = "pubsub topics add-iam-policy-binding"
        yield grant(f"{topics} {TOPIC}", self._member(RECEIVER), "pubsub.publisher")
        yield grant(f"{topics} {DEAD}", self._member(PROCESSOR), "pubsub.publisher")

    def _ledger(self) -> Steps:
        """The database, and the role for it: a database has none of its own, so the project's is bound to it."""
        yield Step(
            check=f"firestore databases describe --database={DATABASE} '--format=value(name)'",
            create=f"firestore databases create --database={DATABASE} --location={self.region} --type=firestore-native",
        )
        expression = f'resource.name == "projects/{self.project}/databases/{DATABASE}"'
        yield grant(
            f"projects add-iam-policy-binding {self.project}",
            self._member(PROCESSOR),
            "datastore.user",
            f"expression={expression},title=webhooks-ledger",
        )
        group = f"--collection-group={COLLECTION} --database={DATABASE}"
        # It is only ever asked for one document by its name: an index would be paid for at each write. None of these is
        # waited for: it takes minutes, and the ledger works meanwhile.
        for field in ledger_fields():
            yield Step(
                check=f"firestore indexes fields list {group} {_is_field(field)} '--format=value(name)'",
                create=f"firestore indexes fields update {field} {group} --disable-indexes --async",
            )
        yield Step(
            check=f"firestore fields ttls list {group} {_is_field(names.EXPIRES)} '--format=value(name)'",
            create=f"firestore fields ttls update {names.EXPIRES} {group} --enable-ttl --async",
        )

    def _secrets(self) -> Steps:
        """A secret for each source that has one, without a value, and the receiver's roles for it."""
        for secret in (secret for source in self.sources.values() for secret in secrets_of(source)):
            yield Step(
                check=f"secrets describe {secret.name} '--format=value(name)'",
                create=f"secrets create {secret.name} --replication-policy=automatic",
            )
            binding = f"secrets add-iam-policy-binding {secret.name}"
            yield grant(binding, self._member(RECEIVER), "secretmanager.secretAccessor")
            if secret.handed_over:
                yield grant(binding, self._member(RECEIVER), "secretmanager.secretVersionAdder")

    def _function(self, function: names.Function) -> Steps:
        archive = self.archives[function.folder]
        url = f"{self._bucket}/{archive.name}"
        yield Step(
            check=f"storage objects describe {url} '--format=value(name)'",
            create=f"storage cp {archive.path} {url}",
            archive=archive,
        )
        described = f"{function.name} --gen2 --region={self.region}"
        build = f"projects/{self.project}/serviceAccounts/{self._email(BUILD)}"
        variables = {**function.environment, "THREADS": str(function.concurrency)}
        environment = ",".join(f"{k}={v.format(project=self.project)}" for k, v in variables.items())
        deploy = (
            f"functions deploy {described} --runtime={function.runtime} --entry-point={function.entry_point} "
            f"--source={url} --trigger-http "
            f"--run-service-account={self._email(function.name)} --build-service-account={build} "
            f"--docker-repository=projects/{self.project}/locations/{self.region}/repositories/{REPOSITORY} "
            f"--memory={function.memory} --cpu={function.cpu} --concurrency={function.concurrency} "
            f"--min-instances={function.min_instances} --max-instances={function.max_instances} "
            # Not `set`: that takes away the variables that somebody has added for the handlers.
            f"--timeout={function.timeout}s --update-env-vars={environment} --ingress-settings={function.ingress} "
            # Where somebody has sent the traffic back to an older revision, a new deployment ends that.
            "--serve-all-traffic-latest-revision"
        )
        yield Step(
            check=f"functions describe {described} '--format=value(name)'",
            # Only a new function needs to be told: an old one would lose all its callers, and the receiver be closed
            # until they are let in again.
            create=f"{deploy} --no-allow-unauthenticated",
            update=deploy,
        )

    def _push(self) -> Steps:
        """Pub/Sub calls the processor, and puts what fails too often where it is found again."""
        yield Ask(
            PROCESSOR_URL,
            f"functions describe {PROCESSOR} --gen2 --region={self.region} '--format=value(serviceConfig.uri)'",
        )
        push, agent = self._email(PUSH), f"serviceAccount:{AGENT}"
        callers = f"run services add-iam-policy-binding {PROCESSOR} --region={self.region}"
        yield grant(callers, self._member(PUSH), "run.invoker")
        tokens = f"iam service-accounts add-iam-policy-binding {push}"
        yield grant(tokens, agent, "iam.serviceAccountTokenCreator")
        yield grant(f"pubsub topics add-iam-policy-binding {DEAD}", agent, "pubsub.publisher")
        least, most = names.BACKOFF
        yield _subscription(
            SUBSCRIPTION,
            TOPIC,
            f"--push-endpoint={PROCESSOR_URL} --push-auth-service-account={push} "
            f"--push-auth-token-audience={PROCESSOR_URL} --min-retry-delay={least} --max-retry-delay={most} "
            f"--dead-letter-topic={DEAD} --max-delivery-attempts={names.ATTEMPTS}",
        )
        yield grant(f"pubsub subscriptions add-iam-policy-binding {SUBSCRIPTION}", agent, "pubsub.subscriber")

    @property
    def _bucket(self) -> str:
        return f"gs://{self.project}-webhooks-source"

    def _email(self, account: str) -> str:
        return f"{account}@{self.project}.iam.gserviceaccount.com"

    def _member(self, account: str) -> str:
        return f"serviceAccount:{self._email(account)}"


def ledger_fields() -> list[str]:
    """The fields that the ledger writes, as it writes them."""
    ledger = FirestoreLedger("project", DATABASE, lease=0)
    return sorted(ledger._document(Claim("key", "owner", 1, 0, frozenset()), State.OPEN).fields)


def _subscription(name: str, topic: str, more: str = "") -> Step:
    kept = f"--ack-deadline={names.ACK_DEADLINE} --message-retention-duration={names.KEPT} --expiration-period=never"
    settings = f"{more} {kept}".strip()
    return Step(
        check=f"pubsub subscriptions describe {name} '--format=value(name)'",
        create=f"pubsub subscriptions create {name} --topic={topic} {settings}",
        update=f"pubsub subscriptions update {name} {settings}",
    )


def _is_field(name: str) -> str:
    return f"""'--filter=name~"/fields/{name}$"'"""
