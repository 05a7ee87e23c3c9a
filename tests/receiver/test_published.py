"""The keys that senders publish: from where they are fetched, how often, for how long they serve, and what is never."""

import base64
import gzip
import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest

from functions.receiver import published
from functions.receiver.deadline import Deadline
from functions.receiver.errors import Failed, NotAccepted, Unproved
from functions.receiver.fetch import LARGEST, fetch
from functions.receiver.published import Published, published_from
from functions.receiver.schemes import MODULES, Key, Publishes
from functions.receiver.schemes.base import with_headers
from functions.receiver.schemes.location import Location
from functions.receiver.sources import load
from functions.receiver.webhook import Webhook
from tests.conftest import PUBLIC, Queue, Receiver, check_log, one_queue
from tests.publisher_stub import EVERYTHING, NEVER, Canned, Place, PublisherStub
from tests.rows import ROWS, sample
from tests.servers import ROOT, clean_environment, start_function, until
from tools.local import demo_entry

MINUTE, TEN_MINUTES, DAY = 60.0, 600.0, 24 * 3600.0
HERE = Location("https://keys.example.com/one.pem")
CREDENTIALS = "client-of-ours:password-of-ours-at-the-provider"


# How long a key serves, and how often it is fetched


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Host:
    """A sender's host as the code wants it: a function. It gives a new text each time, or fails."""

    def __init__(self) -> None:
        self.reason = ""
        self.asked: list[str] = []
        self.seconds: list[float] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, location: Location, deadline: Deadline) -> str:
        self.asked.append(location.url)
        self.seconds.append(deadline.left())
        self.go_on.wait(20)
        if self.reason == "unknown-key":
            raise Unproved(self.reason)
        if self.reason:
            raise Failed(self.reason)
        return f"key {len(self.asked)}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def keys(host: Host, clock: Clock) -> Published:
    return Published(host, clock=clock)


def soon(seconds: float = 4) -> Deadline:
    return Deadline(seconds)


def key(keys: Published, location: Location = HERE, source: str = "erp", newer: bool = False) -> str:
    """The text of the key at a location."""
    (found,) = keys.of(source, location, soon(), newer)
    return found.secret


def failure(read: Callable[[], object]) -> str:
    with pytest.raises(Failed) as failed:
        read()
    assert failed.value.status == 503
    return failed.value.reason


def place(number: int) -> Location:
    return Location(f"https://keys.example.com/{number}.pem")


def test_a_key_is_fetched_once_in_ten_minutes(keys: Published, host: Host, clock: Clock) -> None:
    assert key(keys) == "key 1"
    clock.now += TEN_MINUTES - 1
    assert key(keys) == "key 1"
    clock.now += 1
    assert key(keys) == "key 2"
    assert host.asked == [HERE.url] * 2


def test_a_key_is_known_in_the_log_by_the_end_of_its_address(keys: Published) -> None:
    assert keys.of("erp", HERE, soon()) == (Key("key 1", "one.pem"),)


def test_a_key_that_proves_nothing_is_replaced_once_a_minute(keys: Published, host: Host, clock: Clock) -> None:
    assert key(keys) == "key 1"
    clock.now += MINUTE - 1
    assert key(keys, newer=True) == "key 1"
    clock.now += 1
    assert key(keys, newer=True) == "key 2"
    assert key(keys) == "key 2"
    clock.now += MINUTE - 1
    assert key(keys, newer=True) == "key 2"
    clock.now += 1
    assert key(keys, newer=True) == "key 3"


STRANGERS: dict[str, Callable[[int], tuple[Location, bool]]] = {
    "ids of keys": lambda n: (Location("https://keys.example.com/get", json={"key_id": str(n)}), False),
    "addresses of certificates": lambda n: (place(n), False),
    "bad signatures": lambda n: (HERE, n % 2 == 1),  # looked for, and then once more because the proof failed
}


@pytest.mark.parametrize("of", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize(
    "reason", ["", "unknown-key", "keys-refused"], ids=["that are there", "that are not there", "in an outage"]
)
def test_a_thousand_requests_of_strangers_are_one_fetch_a_minute(
    of: Callable[[int], tuple[Location, bool]], reason: str, keys: Published, host: Host, clock: Clock
) -> None:
    host.reason = reason
    for minute in (1, 2):
        for n in range(1000):
            location, newer = of(n + minute * 1000)
            with suppress(NotAccepted):
                key(keys, location, newer=newer)
        assert len(host.asked) == minute
        clock.now += MINUTE


def test_another_source_fetches_for_itself_whatever_strangers_ask_of_this_one(keys: Published, host: Host) -> None:
    host.reason = "keys-refused"
    for n in range(100):
        with pytest.raises(Failed):
            key(keys, place(n))
    host.reason = ""
    assert key(keys, source="another") == "key 2"


def test_the_keys_of_a_source_are_not_those_of_another(keys: Published) -> None:
    assert key(keys, source="one") == "key 1"
    assert key(keys, source="two") == "key 2"
    assert key(keys, source="one") == "key 1"


def test_keys_that_are_asked_for_by_their_id_at_one_address_are_not_mixed_up(keys: Published, clock: Clock) -> None:
    one, two = (Location("https://keys.example.com/get", json={"key_id": n}) for n in ("one", "two"))
    assert key(keys, one) == "key 1"
    clock.now += MINUTE
    assert key(keys, two) == "key 2"
    assert key(keys, one) == "key 1"


def test_an_old_key_serves_for_a_day_while_the_host_fails(keys: Published, host: Host, clock: Clock) -> None:
    key(keys)
    host.reason = "keys-unreachable"
    clock.now += TEN_MINUTES
    assert key(keys) == "key 1"
    assert key(keys, newer=True) == "key 1"
    clock.now += DAY - TEN_MINUTES
    assert key(keys) == "key 1"
    clock.now += 1
    assert failure(lambda: key(keys)) == "keys-unreachable"


def test_a_host_that_fails_is_asked_once_a_minute(keys: Published, host: Host, clock: Clock) -> None:
    host.reason = "keys-refused"
    for _ in range(100):
        assert failure(lambda: key(keys)) == "keys-unreachable"
    assert len(host.asked) == 1
    clock.now += MINUTE
    host.reason = ""
    assert key(keys) == "key 2"


def test_a_host_that_fails_for_an_old_key_is_asked_once_a_minute(keys: Published, host: Host, clock: Clock) -> None:
    key(keys)
    host.reason = "keys-refused"
    clock.now += TEN_MINUTES
    assert [key(keys) for _ in range(100)] == ["key 1"] * 100
    assert len(host.asked) == 2
    clock.now += MINUTE
    host.reason = ""
    assert key(keys) == "key 3"


def test_a_key_that_its_host_does_not_know_proves_nothing_and_is_asked_for_once_a_minute(
    keys: Published, host: Host, clock: Clock
) -> None:
    host.reason = "unknown-key"
    for _ in range(100):
        with pytest.raises(Unproved, match="unknown-key"):
            key(keys)
    assert len(host.asked) == 1
    assert failure(lambda: key(keys, place(1))) == "keys-unreachable"  # it may be the sender's: who knows yet
    clock.now += MINUTE
    host.reason = ""
    assert key(keys) == "key 2"


def test_ten_keys_of_a_source_are_kept_and_the_oldest_goes_first(keys: Published, host: Host, clock: Clock) -> None:
    for n in range(12):
        assert key(keys, place(n)) == f"key {n + 1}"
        clock.now += MINUTE
    host.reason = "keys-unreachable"
    assert [key(keys, place(n)) for n in range(2, 12)] == [f"key {n + 1}" for n in range(2, 12)]
    for n in (0, 1):
        assert failure(lambda n=n: key(keys, place(n))) == "keys-unreachable"  # type: ignore[misc]


def test_a_key_that_is_fetched_anew_takes_the_place_of_no_other(keys: Published, host: Host, clock: Clock) -> None:
    for n in range(10):
        key(keys, place(n))
        clock.now += MINUTE
    key(keys, place(9), newer=True)
    clock.now += MINUTE
    host.reason = "keys-unreachable"
    assert [key(keys, place(n)) for n in range(10)] == [*(f"key {n}" for n in range(1, 10)), "key 11"]


# How long it may take


@pytest.mark.parametrize(("seconds", "given"), [(60, 2), (4, 2), (1, 0.5)], ids=["of 60 s", "of 4 s", "of 1 s"])
def test_a_fetch_gets_two_seconds_or_half_of_what_is_left(
    seconds: float, given: float, keys: Published, host: Host
) -> None:
    keys.of("erp", HERE, soon(seconds))
    assert given - 0.2 < host.seconds[0] <= given


@pytest.mark.parametrize(("seconds", "given"), [(60, 2), (1, 1)], ids=["of 60 s", "of 1 s"])
def test_a_visit_gets_two_seconds_or_what_is_left(seconds: float, given: float, keys: Published, host: Host) -> None:
    keys.visit(HERE.url, soon(seconds))
    assert host.asked == [HERE.url]
    assert given - 0.2 < host.seconds[0] <= given


def test_a_visit_that_fails_is_our_fault(keys: Published, host: Host) -> None:
    host.reason = "keys-refused"
    assert failure(lambda: keys.visit(HERE.url, soon())) == "keys-refused"


def test_a_request_that_is_late_fetches_nothing(keys: Published, host: Host) -> None:
    assert failure(lambda: keys.of("erp", HERE, soon(0))) == "deadline"
    assert host.asked == []


def test_fifty_requests_at_once_are_one_fetch(keys: Published, host: Host) -> None:
    host.go_on.clear()
    with ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(key, keys) for _ in range(50)]
        time.sleep(0.2)  # for all of them to come
        host.go_on.set()
        assert [request.result() for request in waiting] == ["key 1"] * 50
    assert len(host.asked) == 1


def test_fifty_requests_at_once_for_a_newer_key_are_one_fetch(keys: Published, host: Host, clock: Clock) -> None:
    key(keys)
    clock.now += MINUTE
    host.go_on.clear()
    with ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(key, keys, newer=True) for _ in range(50)]
        time.sleep(0.2)
        host.go_on.set()
        assert [request.result() for request in waiting] == ["key 2"] * 50
    assert len(host.asked) == 2


def test_a_source_fetches_one_key_at_a_time(clock: Clock) -> None:
    busy, most = [0], [0]

    def slow_host(location: Location, deadline: Deadline) -> str:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        clock.now += MINUTE  # so that it is the minute of nobody
        time.sleep(0.005)
        busy[0] -= 1
        return location.url

    keys = Published(slow_host, clock=clock)
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda n: key(keys, place(n)), range(50)))
    assert found == [place(n).url for n in range(50)]
    assert most == [1]


def test_another_source_does_not_wait_for_a_host_that_is_slow(keys: Published, host: Host) -> None:
    host.go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(key, keys)
        until(lambda: host.asked)
        other = pool.submit(key, keys, HERE, "another")
        try:
            until(lambda: len(host.asked) == 2)  # while the first still waits
            assert not slow.done()
        finally:
            host.go_on.set()
        assert {slow.result(), other.result()} == {"key 2"}  # of two that were asked for


def test_waiting_for_the_fetch_of_another_request_ends_at_the_deadline(keys: Published, host: Host) -> None:
    host.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(key, keys)
        until(lambda: host.asked)
        started = time.monotonic()
        assert failure(lambda: keys.of("erp", HERE, soon(0.3))) in ("keys-unreachable", "deadline")
        assert 0.2 < time.monotonic() - started < 1
        host.go_on.set()
        assert first.result() == "key 1"


def test_a_fetch_that_fails_lets_the_next_one_in(keys: Published, host: Host, clock: Clock) -> None:
    host.reason = "keys-refused"
    failure(lambda: key(keys))
    clock.now += MINUTE
    failure(lambda: key(keys))
    assert len(host.asked) == 2


# Keys that are pinned


def test_a_pinned_key_is_used_and_nothing_is_fetched(host: Host) -> None:
    keys = Published(host, {"PUBLISHED_PAYMENTS_EU": "pinned"})
    for newer in (False, True):
        assert keys.of("payments-eu", HERE, soon(), newer) == (Key("pinned", "env"),)
    assert host.asked == []
    assert key(keys, source="payments") == "key 1"


def test_the_environment_pins_keys_only_where_it_has_the_secrets(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    monkeypatch.setenv("PUBLISHED_ERP", "pinned")
    monkeypatch.setattr(published, "fetch", host)
    assert key(published_from("env")) == "pinned"
    assert key(published_from("secret-manager")) == "key 1"


# What is fetched over the wire


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublisherStub]:
    stub = PublisherStub(tmp_path_factory.mktemp("publishers"))
    try:
        yield stub
    finally:
        stub.close()


@pytest.fixture
def publishers(stub: PublisherStub, monkeypatch: pytest.MonkeyPatch) -> PublisherStub:
    """The hosts that publish keys, where this process finds them."""
    for name, value in stub.environment.items():
        monkeypatch.setenv(name, value)
    stub.forget()
    return stub


def canned(stub: PublisherStub, url: str, answer: Canned, method: str = "GET") -> Location:
    """A location with an answer."""
    host, _, path = url.removeprefix("https://").partition("/")
    stub.answers[host, method, f"/{path}"] = answer
    return Location(url)


def test_a_key_comes_from_its_host_over_tls(publishers: PublisherStub) -> None:
    location = canned(publishers, "https://keys.example.com/a.pem", Canned("kéy".encode()))
    assert fetch(location, soon()) == "kéy"
    assert publishers.places() == [("keys.example.com", "GET", "/a.pem")]


def test_a_key_of_256_kb_is_the_largest(publishers: PublisherStub) -> None:
    location = canned(publishers, "https://keys.example.com/large", Canned(b"k" * LARGEST))
    assert LARGEST == 256 * 1024
    assert fetch(location, soon()) == "k" * LARGEST


def test_a_key_may_come_compressed(publishers: PublisherStub) -> None:
    location = canned(publishers, "https://keys.example.com/gz", Canned(gzip.compress(b"key"), headers=GZIP))
    assert fetch(location, soon()) == "key"


@pytest.mark.parametrize("url", ["http://keys.example.com/a", "file:///etc/passwd", "ftp://keys.example.com/a", ""])
def test_nothing_is_fetched_but_over_https(url: str, publishers: PublisherStub) -> None:
    assert failure(lambda: fetch(Location(url), soon())) == "keys-address"
    assert publishers.connections == []


GZIP = {"Content-Encoding": "gzip"}
METADATA = "169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token"
OUTAGES: dict[str, Canned] = {
    "redirect to metadata": Canned(status=302, headers={"Location": f"http://{METADATA}"}),
    "redirect over https": Canned(status=301, headers={"Location": f"https://{METADATA}"}),
    "redirect to itself": Canned(status=307, headers={"Location": "/.well-known/jwks"}),
    "broken": Canned(b'{"keys": []}', 500),
    "no content": Canned(status=204),
    "accepted": Canned(b'{"keys": []}', 202),
    "too large": Canned(b" " * (LARGEST + 1)),
    "too large inflated": Canned(gzip.compress(b" " * 20_000_000), headers=GZIP),
    "too large without length": Canned(b" " * (LARGEST + 1), headers={"Content-Length": "", "X-No-Length": "1"}),
    "no gzip": Canned(b"no gzip at all", headers=GZIP),
    "no text": Canned(b"\xff\xfe"),
    "cut off": Canned(b"{", headers={"Content-Length": "100"}),
    "body in drops": Canned(b" " * 1000, slow=1000, pause=0.1),
    "body that stops": Canned(b" " * 10, headers={"Content-Length": "100"}, holds=True),
    "head in drops": Canned(b"{}", headers={"X-Long": "x" * 100}, slow=EVERYTHING, pause=0.1),
    "no answer": NEVER,
    "no http": Canned(status=99),
    "impostor": Canned(b'{"keys": []}'),
}
outages = pytest.mark.parametrize("outage", OUTAGES)


@pytest.fixture(scope="module")
def failing(stub: PublisherStub) -> PublisherStub:
    """Hosts that fail, each in its own way."""
    for outage, answer in {**OUTAGES, "waits": NEVER}.items():
        canned(stub, f"{site_of(outage)}/.well-known/jwks", answer)
    stub.impostors.add(site_of("impostor").removeprefix("https://"))
    return stub


def site_of(outage: str) -> str:
    return f"https://{outage.replace(' ', '-')}.kinde.com"


@outages
def test_a_host_that_fails_does_so_in_time_and_is_not_followed(
    outage: str, failing: PublisherStub, publishers: PublisherStub
) -> None:
    started = time.monotonic()
    with pytest.raises(Failed) as failed:
        fetch(Location(f"{site_of(outage)}/.well-known/jwks"), soon(1))
    assert time.monotonic() - started < 2.5
    assert failed.value.reason.startswith(("keys-", "deadline"))
    assert len(publishers.connections) == 1


def test_a_fetch_that_was_given_up_does_not_go_on(failing: PublisherStub, publishers: PublisherStub) -> None:
    before = threading.enumerate()
    with pytest.raises(Failed):
        fetch(Location(f"{site_of('body in drops')}/.well-known/jwks"), soon(0.5))
    until(lambda: not [t for t in threading.enumerate() if t not in before and "(work)" in t.name], seconds=5)


@outages
def test_an_old_key_serves_while_its_host_fails_and_a_new_one_once_it_is_back(
    outage: str, failing: PublisherStub, publishers: PublisherStub, clock: Clock
) -> None:
    location = Location(f"{site_of(outage)}/.well-known/jwks")
    there = ("keys.example.com", "GET", "/old")
    publishers.answers[there] = Canned(b"old")
    wanted = [Location("https://keys.example.com/old")]  # the host is well at first
    keys = Published(lambda _, deadline: fetch(wanted[0], deadline), clock=clock)
    assert key(keys, location) == "old"
    wanted[0] = location
    clock.now += TEN_MINUTES
    assert keys.of("erp", location, soon(1)) == (Key("old", "jwks"),)
    publishers.answers[there] = Canned(b"new")
    wanted[0] = Location("https://keys.example.com/old")
    clock.now += MINUTE
    assert key(keys, location) == "new"


# The receiver as the platform runs it

AWS = "sns.us-east-1.amazonaws.com"
CERTIFICATE = f"/SimpleNotificationService-{'0' * 32}.pem"
# Where each provider's own pages say that its keys are; the demo's key is named `demo`.
PLACES: dict[str, list[Place]] = {
    "adobe-io": [("static.adobeioevents.com", "GET", "/prod/keys/pub-key-demo.pem")],
    "aws-sns": [(AWS, "GET", CERTIFICATE)],
    "aws-sns-v1": [(AWS, "GET", CERTIFICATE)],
    "constant-contact": [("developer.constantcontact.com", "GET", "/.well-known/jwks.json")],
    "ebay": [
        ("api.ebay.com", "POST", "/identity/v1/oauth2/token"),
        ("api.ebay.com", "GET", "/commerce/notification/v1/public_key/demo"),
    ],
    "google-pubsub-push": [("www.googleapis.com", "GET", "/oauth2/v3/certs")],
    "kinde": [("demo.kinde.com", "GET", "/.well-known/jwks")],
    "paypal": [("api.sandbox.paypal.com", "GET", "/v1/notifications/certs/CERT-demo")],
    "plaid": [("production.plaid.com", "POST", "/webhook_verification_key/get")],
    "plaid-sandbox": [("sandbox.plaid.com", "POST", "/webhook_verification_key/get")],
}
providers = pytest.mark.parametrize("provider", PLACES)
# Each test has sources of its own: a source fetches once a minute, which is long for a test.
QUESTIONS = ("asks", "asks-unsigned", "asks-in-vain", "asks-elsewhere", "asks-for-another")
TOKEN = "token-of-ebay-for-ours"


def entries() -> dict[str, dict[str, Any]]:
    """The sources: of each provider one for each test, and one for each way in which a host can fail."""
    found = {
        f"{test}-{name}": demo_entry(f"{test}-{name}", ROWS[name].provider, PUBLIC)
        | {"provider": name}
        | ({"topics": ["arn:aws:sns:us-east-1:123456789012:demo"]} if name.startswith("aws") else {})
        for test in ("genuine", "forged", "strangers", "named", "asked", "refused", "refused-too")
        for name in PLACES
    }
    for outage in OUTAGES:
        found[outage.replace(" ", "-")] = {"provider": "kinde", "issuer": site_of(outage), "deadline": 1}
    found["waits"] = {"provider": "kinde", "issuer": site_of("waits")}
    found["set-is-gone"] = {"provider": "kinde", "issuer": site_of("gone")}
    found["cert-is-gone"] = {"provider": "paypal", "webhook_id": "DEMO-WEBHOOK-ID"}
    for name in QUESTIONS:
        found[name] = {"provider": "aws-sns", "topics": ["arn:aws:sns:us-east-1:123456789012:demo"]}
    return found


@pytest.fixture(scope="module")
def fetching(
    queue: Queue, stub: PublisherStub, failing: PublisherStub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    """A receiver that fetches keys, and whose log holds nothing that it asks for them with."""
    folder = tmp_path_factory.mktemp("fetching")
    file = folder / "sources.yaml"
    file.write_text(json.dumps(entries()))
    sources = load(file)
    made = {name: source.provider.scheme.new_keys() for name, source in sources.items() if source.provider.scheme}
    shared = {name: made[f"genuine-{name}"] for name in PLACES}  # a provider has the same key for all of its sources
    shared["aws-sns-v1"] = shared["aws-sns"]  # at the same address
    secrets = {name: shared[source.prefix] for name, source in sources.items()}
    for name, (_, public) in shared.items():
        publish(stub, name, public)
    env = {f"KEY_{name.replace('-', '_').upper()}": CREDENTIALS for name in sources}
    env |= {"KEYS": "env", "PROJECT": "tests", "SOURCES": str(file), "TOPIC": queue.topic}
    env |= {"PUBSUB_EMULATOR_HOST": queue.host} | stub.environment
    receiver = Receiver(start_function("receiver", folder / "receiver.txt", None, None, **env), queue, sources, secrets)
    try:
        yield receiver
    finally:
        receiver.server.stop()
    check_log(receiver)
    log = receiver.server.output.read_text()
    assert not [held for held in (CREDENTIALS, *CREDENTIALS.split(":"), TOKEN) if held in log]


def publish(stub: PublisherStub, provider: str, public: str) -> None:
    """Let a provider answer as it does where its keys are."""
    *login, there = PLACES[provider]
    document = public.encode()
    if provider.startswith("plaid"):
        document = json.dumps({"key": json.loads(public)["keys"][0], "request_id": "1"}).encode()
    stub.answers[there] = Canned(document)
    for at in login:
        stub.answers[at] = Canned(json.dumps({"access_token": TOKEN, "expires_in": 7200}).encode())


@pytest.fixture
def receiver(fetching: Receiver, stub: PublisherStub) -> Receiver:
    """The receiver, with nothing in its queue and nothing remembered that an earlier test left."""
    fetching.queue.messages()
    stub.forget()
    return fetching


def genuine(receiver: Receiver, source: str) -> Webhook:
    """A signed webhook of a source's provider."""
    return receiver.sign(source, sample(receiver.sources[source].prefix, time.time()))


def forged(receiver: Receiver, source: str) -> Webhook:
    """The same with the proof of a stranger, who has a key of its own."""
    scheme = receiver.sources[source].provider.scheme
    assert scheme
    return scheme.sign(sample(receiver.sources[source].prefix, time.time()), scheme.new_keys()[0])


def reason_of(receiver: Receiver, source: str) -> str:
    """Why the last request to a source was refused, as the log has it."""
    return str(receiver.lines_of(source)[-1].get("reason"))


def test_every_provider_that_publishes_keys_is_tried() -> None:
    assert set(PLACES) == {n for n, source in ROWS.items() if isinstance(source.provider.scheme, Publishes)}


@one_queue
@providers
def test_a_genuine_event_takes_one_fetch_from_the_right_place_and_the_next_one_none(
    provider: str, receiver: Receiver, stub: PublisherStub
) -> None:
    source = f"genuine-{provider}"
    for _ in range(3):
        assert receiver.post(source, genuine(receiver, source)).status_code == 200
        assert stub.places() == PLACES[provider]
    assert len(stub.connections) == len(PLACES[provider])
    assert len(receiver.queue.messages()) == 3


@one_queue
@providers
def test_forged_events_are_refused_at_the_price_of_one_fetch(
    provider: str, receiver: Receiver, stub: PublisherStub
) -> None:
    source = f"forged-{provider}"
    answers = [receiver.post(source, forged(receiver, source)) for _ in range(10)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, b"")}
    assert stub.places() == PLACES[provider]
    assert receiver.queue.messages() == []


@one_queue
@pytest.mark.parametrize("provider", ["plaid", "plaid-sandbox"])
def test_plaid_is_asked_for_the_key_of_the_token_with_the_credentials_of_the_account(
    provider: str, receiver: Receiver, stub: PublisherStub
) -> None:
    receiver.post(f"asked-{provider}", genuine(receiver, f"asked-{provider}"))
    client, _, password = CREDENTIALS.partition(":")
    (asked,) = stub.visits
    assert json.loads(asked.body) == {"client_id": client, "secret": password, "key_id": "demo"}


@one_queue
def test_ebay_is_logged_into_and_asked_with_the_token_it_gave(receiver: Receiver, stub: PublisherStub) -> None:
    receiver.post("asked-ebay", genuine(receiver, "asked-ebay"))
    login, asked = stub.visits
    basic = base64.b64encode(CREDENTIALS.encode()).decode()
    assert login.headers["Authorization"] == f"Basic {basic}"
    scope = "https://api.ebay.com/oauth/api_scope"
    assert parse_qs(login.body.decode()) == {"grant_type": ["client_credentials"], "scope": [scope]}
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.body == b""


REFUSALS = {
    "eBay's 401": ("ebay", "refused", Canned(CREDENTIALS.encode(), 401)),
    "eBay's 400": ("ebay", "refused-too", Canned(b'{"error": "invalid_scope"}', 400)),
    # https://plaid.com/docs/errors/invalid-input/#invalid_api_keys
    "Plaid's 400": ("plaid", "refused", Canned(b'{"error_code": "INVALID_API_KEYS"}', 400)),
    "another document": ("plaid-sandbox", "refused", Canned(f'{{"{CREDENTIALS}": 1}}'.encode())),
}


@one_queue
@pytest.mark.parametrize(("provider", "test", "answer"), REFUSALS.values(), ids=REFUSALS)
def test_a_host_that_refuses_our_credentials_is_our_fault_and_they_stay_out_of_the_log(
    provider: str, test: str, answer: Canned, receiver: Receiver, stub: PublisherStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"{test}-{provider}"
    monkeypatch.setitem(stub.answers, PLACES[provider][0], answer)
    assert receiver.post(source, genuine(receiver, source)).status_code == 503
    assert stub.places() == PLACES[provider][:1]
    assert reason_of(receiver, source).startswith("keys-")
    assert receiver.queue.messages() == []
    log = receiver.server.output.read_text()
    assert not [held for held in CREDENTIALS.split(":") if held in log]


# Addresses that a stranger would like to have fetched: SigningCertURL is not covered by the signature of SNS, nor are
# the headers of the others, so that nothing but the check of the address can refuse them.
SNS_FORGED = [
    f"http://{AWS}{CERTIFICATE}",
    f"https://{AWS}.evil.example.com{CERTIFICATE}",
    f"https://evil.example.com{CERTIFICATE}",
    f"https://{AWS}@evil.example.com{CERTIFICATE}",
    f"https://user@{AWS}{CERTIFICATE}",
    f"https://evil.example.com/{AWS}{CERTIFICATE}",
    f"https://evil.example.com#{AWS}{CERTIFICATE}",
    f"https://{AWS}:8443{CERTIFICATE}",
    f"https://{AWS}:443{CERTIFICATE}",
    f"https://{AWS}/../x{CERTIFICATE}",
    f"https://{AWS}/bucket{CERTIFICATE}",
    f"https://{AWS}{CERTIFICATE}?x=1",
    f"https://{AWS}{CERTIFICATE}\n",
    f"https://{AWS}/anything.pem",
    f"https://sns.eu-west-1.amazonaws.com{CERTIFICATE}",  # not where the topic is
    f"https://evil-bucket.s3.amazonaws.com{CERTIFICATE}",
    f"https://sns.s3.amazonaws.com{CERTIFICATE}",
    f"https://SNS.us-east-1.amazonaws.com{CERTIFICATE}",
    f"https://sns.us-east-1.amazonaws.com.cn.evil.example.com{CERTIFICATE}",
    "http://169.254.169.254/latest/meta-data/",
    f"https://169.254.169.254{CERTIFICATE}",
    "file:///etc/passwd",
    "",
]
PAYPAL_FORGED = [
    "http://api.paypal.com/v1/notifications/certs/CERT-demo",
    "https://api.paypal.com.evil.example.com/v1/notifications/certs/CERT-demo",
    "https://api.paypal.com@evil.example.com/v1/notifications/certs/CERT-demo",
    "https://user@api.paypal.com/v1/notifications/certs/CERT-demo",
    "https://evil.example.com/v1/notifications/certs/CERT-demo",
    "https://evil-api.paypal.com/v1/notifications/certs/CERT-demo",
    "https://api.evilpaypal.com/v1/notifications/certs/CERT-demo",
    "https://api.paypal.com:8443/v1/notifications/certs/CERT-demo",
    "https://api.paypal.com/v1/notifications/certs/../../oauth2/token",
    "https://api.paypal.com/v1/notifications/certs/CERT-demo/../../x",
    "https://api.paypal.com/v1/notifications/certs/CERT-demo%2f..",
    "https://api.paypal.com/v1/notifications/certs/CERT-demo?x=1",
    "https://api.paypal.com/v1/notifications/certs/",
    "https://evil-bucket.s3.amazonaws.com/v1/notifications/certs/CERT-demo",
    "https://169.254.169.254/v1/notifications/certs/CERT-demo",
    "http://169.254.169.254/latest/meta-data/",
]
ADOBE_FORGED = [
    "//evil.example.com/prod/keys/pub-key-demo.pem",
    "https://evil.example.com/prod/keys/pub-key-demo.pem",
    "http://169.254.169.254/latest/meta-data/",
    "@evil.example.com/prod/keys/pub-key-demo.pem",
    ".evil.example.com/prod/keys/pub-key-demo.pem",
    ":8443/prod/keys/pub-key-demo.pem",
    "/prod/keys/../../x.pem",
    "/prod/keys/%2e%2e/x.pem",
    "/prod/keys/x.pem?y=1",
    "/stage/keys/pub-key-demo.pem",
    "prod/keys/pub-key-demo.pem",
]
EBAY_FORGED: list[Any] = [
    "../../../x",
    "demo/../x",
    "%2e%2e%2fx",
    "demo?x=1",
    "demo#x",
    "@evil.example.com",
    "",
    7,
    None,
]


def with_sns_address(webhook: Webhook, address: str) -> Webhook:
    body = json.loads(webhook.body) | {"SigningCertURL": address}
    return replace(webhook, body=json.dumps(body).encode())


def with_paypal_address(webhook: Webhook, address: str) -> Webhook:
    return with_headers(webhook, paypal_cert_url=address)


def with_adobe_path(webhook: Webhook, path: str) -> Webhook:
    return with_headers(webhook, x_adobe_public_key1_path=path)


def with_adobe_second_path(webhook: Webhook, path: str) -> Webhook:
    return with_headers(webhook, x_adobe_public_key1_path="", x_adobe_public_key2_path=path)


def with_ebay_key(webhook: Webhook, number: Any) -> Webhook:
    said = json.loads(base64.b64decode(webhook.header("x-ebay-signature"))) | {"kid": number}
    return with_headers(webhook, x_ebay_signature=base64.b64encode(json.dumps(said).encode()).decode())


FORGED: dict[str, tuple[str, Callable[[Webhook, Any], Webhook], Any]] = {
    f"{provider}, {change.__name__.removeprefix('with_')}, {address!r}": (provider, change, address)
    for provider, change, addresses in (
        ("aws-sns", with_sns_address, SNS_FORGED),
        ("aws-sns-v1", with_sns_address, SNS_FORGED),
        ("paypal", with_paypal_address, PAYPAL_FORGED),
        ("adobe-io", with_adobe_path, ADOBE_FORGED),
        ("adobe-io", with_adobe_second_path, ADOBE_FORGED),
        ("ebay", with_ebay_key, EBAY_FORGED),
    )
    for address in addresses
}


@one_queue
@pytest.mark.parametrize(("provider", "change", "address"), FORGED.values(), ids=FORGED)
def test_an_address_that_is_not_the_senders_is_refused_and_nothing_is_fetched(
    provider: str,
    change: Callable[[Webhook, Any], Webhook],
    address: Any,
    receiver: Receiver,
    stub: PublisherStub,
) -> None:
    source = f"strangers-{provider}"
    assert receiver.post(source, change(genuine(receiver, source), address)).status_code == 401
    assert stub.connections == []
    assert receiver.queue.messages() == []


UNLIKE: dict[str, tuple[str, Callable[[Webhook], Webhook]]] = {
    "a topic of another account": ("aws-sns", lambda w: of_another_topic(w)),
    "an old message of SNS": ("aws-sns", lambda w: in_body(w, Timestamp="2020-01-01T00:00:00.000Z")),
    "a PayPal of another algorithm": ("paypal", lambda w: with_headers(w, paypal_auth_algo="none")),
    "a PayPal of long ago": ("paypal", lambda w: with_headers(w, paypal_transmission_time="2020-01-01T00:00:00Z")),
    "an Adobe of another client": ("adobe-io", lambda w: in_body(w, recipient_client_id="another")),
    "a Google without a token": ("google-pubsub-push", lambda w: with_headers(w, authorization="Bearer x")),
    "a Kinde that is no token": ("kinde", lambda w: replace(w, body=b"{}")),
    "a Plaid without a token": ("plaid", lambda w: with_headers(w, plaid_verification="")),
    "a Constant Contact without a signature": (
        "constant-contact",
        lambda w: with_headers(w, x_ctct_webhook_sig="a.b"),
    ),
    "an eBay that is no JSON": ("ebay", lambda w: with_headers(w, x_ebay_signature="e30=")),
}


def in_body(webhook: Webhook, **changes: str) -> Webhook:
    return replace(webhook, body=json.dumps(json.loads(webhook.body) | changes).encode())


def of_another_topic(webhook: Webhook) -> Webhook:
    return in_body(webhook, TopicArn="arn:aws:sns:us-east-1:999999999999:demo")


@one_queue
@pytest.mark.parametrize(("provider", "change"), UNLIKE.values(), ids=UNLIKE)
def test_what_can_not_be_proved_whatever_the_key_is_costs_no_fetch(
    provider: str, change: Callable[[Webhook], Webhook], receiver: Receiver, stub: PublisherStub
) -> None:
    source = f"strangers-{provider}"
    assert receiver.post(source, change(genuine(receiver, source))).status_code == 401
    assert stub.connections == []
    assert receiver.queue.messages() == []


@one_queue
@pytest.mark.parametrize("provider", ["kinde", "google-pubsub-push", "plaid", "constant-contact"])
def test_a_token_that_names_an_address_for_its_key_has_no_say_in_it(
    provider: str, receiver: Receiver, stub: PublisherStub
) -> None:
    source = f"named-{provider}"
    evil = "https://evil.example.com/keys"
    header = {"jku": evil, "x5u": evil, "kid": "demo"}
    token = jwt.encode({"iss": evil}, "a stranger's secret of 32 bytes.", "HS256", headers=header)
    name = {"plaid": "Plaid-Verification", "constant-contact": "x-ctct-webhook-sig"}.get(provider, "Authorization")
    if provider == "constant-contact":
        first, _, last = token.split(".")
        token = f"{first}..{last}"
    prefix = "Bearer " if provider == "google-pubsub-push" else ""
    webhook = genuine(receiver, source)
    webhook = (
        replace(webhook, body=token.encode())
        if provider == "kinde"
        else with_headers(webhook, **{name: prefix + token})
    )
    assert receiver.post(source, webhook).status_code == 401
    assert stub.places() == PLACES[provider]
    assert receiver.queue.messages() == []


@one_queue
@outages
def test_while_the_host_of_the_keys_fails_the_sender_is_told_in_time_to_try_again(
    outage: str, receiver: Receiver, stub: PublisherStub
) -> None:
    source = outage.replace(" ", "-")
    started = time.monotonic()
    answer = receiver.post(source, genuine(receiver, source))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert time.monotonic() - started < 1.5  # its deadline is 1 s
    assert reason_of(receiver, source).startswith(("keys-", "deadline"))
    assert len(stub.connections) == 1
    assert receiver.queue.messages() == []


@one_queue
def test_a_certificate_that_its_host_does_not_have_proves_nothing(
    receiver: Receiver, stub: PublisherStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(stub.answers, PLACES["paypal"][0])
    for _ in range(2):
        assert receiver.post("cert-is-gone", genuine(receiver, "cert-is-gone")).status_code == 401
    assert stub.places() == PLACES["paypal"]
    assert receiver.queue.messages() == []


@one_queue
def test_a_key_set_that_is_not_at_the_address_we_know_is_our_fault(receiver: Receiver, stub: PublisherStub) -> None:
    # No sender has named it: the issuer in sources.yaml is wrong, or its host is not well.
    assert receiver.post("set-is-gone", genuine(receiver, "set-is-gone")).status_code == 503
    assert len(stub.visits) == 1
    assert receiver.queue.messages() == []


@one_queue
def test_other_senders_are_answered_while_a_host_keeps_one_waiting(receiver: Receiver, stub: PublisherStub) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(receiver.post, "waits", genuine(receiver, "waits"))
        until(lambda: stub.visits)
        answer = receiver.post("genuine-kinde", genuine(receiver, "genuine-kinde"))
        assert answer.status_code == 200
        assert answer.elapsed.total_seconds() < 1
        assert not waiting.done()
        assert waiting.result().status_code == 503


# Subscriptions that SNS wants to have confirmed


def subscribe_url(host: str = AWS, token: str = "token-of-this-subscription") -> str:
    return f"https://{host}/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-east-1:123456789012:demo&Token={token}"


def question(receiver: Receiver, source: str, address: str) -> Webhook:
    """A signed question of SNS."""
    body = json.loads((ROOT / "samples/aws-sns/SubscriptionConfirmation.json").read_text())
    webhook = Webhook(json.dumps(body | {"SubscribeURL": address}).encode(), received=time.time())
    return receiver.sign(source, with_headers(webhook, content_type="text/plain; charset=UTF-8"))


def place_of(address: str) -> Place:
    host, _, path = address.removeprefix("https://").partition("/")
    return host, "GET", f"/{path}"


@one_queue
def test_a_signed_subscription_is_confirmed_by_one_visit_and_not_queued(
    receiver: Receiver, stub: PublisherStub
) -> None:
    address = subscribe_url()
    stub.answers[place_of(address)] = Canned(b"<ConfirmSubscriptionResponse/>")
    answer = receiver.post("asks", question(receiver, "asks", address))
    assert (answer.status_code, answer.content) == (200, b"")
    assert stub.places() == [(AWS, "GET", CERTIFICATE), place_of(address)]
    assert receiver.queue.messages() == []
    assert receiver.lines_of("asks")[-1]["outcome"] == "handshake"


@one_queue
def test_an_unsigned_subscription_is_refused_and_not_visited(receiver: Receiver, stub: PublisherStub) -> None:
    address = subscribe_url()
    asked = question(receiver, "asks-unsigned", address)
    unsigned = in_body(asked, Token="another")
    bare = json.loads(asked.body)
    del bare["Signature"]
    for webhook in (unsigned, replace(asked, body=json.dumps(bare).encode())):
        assert receiver.post("asks-unsigned", webhook).status_code == 401
    assert place_of(address) not in stub.places()
    assert stub.places() == [(AWS, "GET", CERTIFICATE)]
    assert receiver.queue.messages() == []


@one_queue
def test_a_subscription_to_another_topic_is_refused_and_nothing_is_fetched(
    receiver: Receiver, stub: PublisherStub
) -> None:
    asked = question(receiver, "asks-for-another", subscribe_url())
    assert receiver.post("asks-for-another", of_another_topic(asked)).status_code == 401
    assert stub.connections == []


VISITS = {
    "is of an old token": Canned(status=404),
    "is refused": Canned(status=403),
    "is redirected": Canned(status=302, headers={"Location": f"http://{METADATA}"}),
    "is not answered": NEVER,
}


@one_queue
@pytest.mark.parametrize("how", VISITS)
def test_while_the_visit_fails_the_subscription_is_not_confirmed(
    how: str, receiver: Receiver, stub: PublisherStub
) -> None:
    address = subscribe_url(token=how.replace(" ", "-"))
    stub.answers[place_of(address)] = VISITS[how]
    answer = receiver.post("asks-in-vain", question(receiver, "asks-in-vain", address))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.elapsed.total_seconds() < 4
    assert stub.places()[-1] == place_of(address)
    assert f"http://{METADATA}" not in stub.connections
    assert receiver.queue.messages() == []


ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data/",
    subscribe_url().replace("https://", "http://"),
    subscribe_url(f"{AWS}.evil.example.com"),
    subscribe_url(f"x@{AWS}"),
    subscribe_url(f"{AWS}@evil.example.com"),
    subscribe_url(f"{AWS}:8443"),
    subscribe_url("evil-bucket.s3.amazonaws.com"),
    subscribe_url().replace("ConfirmSubscription", "DeleteTopic"),
    subscribe_url().replace("/?", "/other/?"),
    subscribe_url() + "\n",
    "",
]


@one_queue
@pytest.mark.parametrize("address", ELSEWHERE, ids=repr)
def test_a_signed_subscription_with_an_odd_address_is_not_visited(
    address: str, receiver: Receiver, stub: PublisherStub
) -> None:
    answer = receiver.post("asks-elsewhere", question(receiver, "asks-elsewhere", address))
    assert answer.status_code == 400
    assert {visit.place for visit in stub.visits} <= {(AWS, "GET", CERTIFICATE)}
    assert set(stub.connections) <= {f"{AWS}:443"}
    assert receiver.queue.messages() == []


# What is loaded for it

LOADED = """
    import builtins, importlib, json, sys
    real, ours = builtins.__import__, set()

    def noting(name, within=None, *rest):
        if str((within or {}).get("__name__")).startswith("functions."):
            ours.add(name.partition(".")[0])
        return real(name, within, *rest)

    builtins.__import__ = noting
    from functions.receiver.main import SOURCES
    at_start = sorted(ours)
    schemes = [m.rpartition(".")[2] for m in sys.modules if m.startswith("functions.receiver.schemes.")]
    from functions.receiver.schemes import Key, prove
    from functions.receiver.webhook import Webhook
    for source in SOURCES.values():
        secret, given = source.provider.scheme.new_keys()
        signed = source.provider.scheme.sign(Webhook(b"{}"), secret)
        assert prove(source.provider.scheme, signed, [Key(given, "1")])
    print(json.dumps([at_start, sorted(ours), sorted(schemes), sorted(sys.modules)]))
"""


def modules_of(provider: str) -> set[str]:
    """The modules that make up the scheme of a provider."""
    classes = type(ROWS[provider].provider.scheme).__mro__
    return {part.__module__.rpartition(".")[2] for part in classes} & set(MODULES.values())


def loaded(folder: Path, *providers: str) -> tuple[set[str], set[str], set[str], set[str]]:
    """What code of ours imports at the start and after a proof; the modules of schemes; and all that is loaded."""
    file = folder / "sources.yaml"
    file.write_text(json.dumps({name: demo_entry(name, ROWS[name].provider, PUBLIC) for name in providers}))
    needed = {"SOURCES": str(file), "TOPIC": "projects/p/topics/t", "KEYS": "env", "PYTHONPATH": str(ROOT)}
    env: Mapping[str, str] = clean_environment(**needed)
    command = [sys.executable, "-c", textwrap.dedent(LOADED)]
    ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    start, after, schemes, everything = (set(part) for part in json.loads(ended.stdout.splitlines()[-1]))
    return start, after, schemes, everything


def test_sources_that_fetch_no_keys_load_nothing_for_it(tmp_path: Path) -> None:
    # Google's own clients load the first two for themselves; no code of ours may add to that.
    _, after, schemes, everything = loaded(tmp_path, "github", "stripe", "slack")
    assert not after & {"requests", "cryptography", "jwt"}
    assert "jwt" not in everything
    assert schemes & set(MODULES.values()) == modules_of("github") | modules_of("stripe") | modules_of("slack")


def test_a_source_that_needs_tokens_loads_what_they_need_and_only_when_one_comes(tmp_path: Path) -> None:
    start, after, schemes, everything = loaded(tmp_path, "kinde")
    assert not start & {"requests", "cryptography", "jwt"}
    assert {"jwt", "cryptography"} <= after
    assert "jwt" in everything
    assert schemes & set(MODULES.values()) == modules_of("kinde")


def test_a_source_that_needs_certificates_loads_what_they_need(tmp_path: Path) -> None:
    _, after, schemes, _ = loaded(tmp_path, "aws-sns")
    assert "cryptography" in after
    assert "jwt" not in after
    assert modules_of("aws-sns") <= schemes
    assert not modules_of("kinde") & schemes
