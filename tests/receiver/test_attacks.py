"""Attacks as they go over the wire: what each is told, and that nothing is queued, nobody called, no secret logged."""

import base64
import gzip
import hmac
import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from google.pubsub_v1.types import PubsubMessage

from functions.processor.message import read as read_push
from functions.receiver.providers import PROVIDERS
from functions.receiver.schemes import Jwks, Sns
from functions.receiver.schemes.base import with_headers
from functions.receiver.schemes.certificate import certified
from functions.receiver.sources import load
from functions.receiver.webhook import Webhook
from tests.conftest import VERIFY_TOKEN, Receiver, Reply, check_log, entries, one_queue
from tests.publisher_stub import Canned, PublisherStub
from tests.receiver.test_http import FORM, event_of, has_secret
from tests.receiver.test_proofs import by, token, with_secret
from tests.receiver.test_published import AWS, CERTIFICATE, CREDENTIALS, PLACES, publish
from tests.receiver.test_traps import SMUGGLED, chunk
from tests.secret_manager import FakeSecretManager
from tests.servers import start_function

pytestmark = one_queue
SECRET, CANARY = "a-secret-of-fair-length", "CANARY-5b1e"
BODY = b'{"id": "evt_1", "type": "charge.refunded"}'
NUMBERS = count(1)
# Sources whose secrets a test makes, each used once; and one whose certificate is Amazon's by its address alone.
OWN: dict[str, dict[str, Any]] = {f"own-{n}": {"provider": "github"} for n in range(1, 30)}
OWN |= {
    "by-digest": {"provider": "github", "id": "digest"},
    "many-keys": {"provider": "kinde", "issuer": "https://demo.kinde.com"},
}
OWN["impostor"] = {"provider": "aws-sns", "topics": ["arn:aws:sns:us-west-2:123456789012:demo"]}


@dataclass
class Target:
    """A receiver as it is deployed: its secrets are in a store that a test may change, and whom it calls is noted."""

    receiver: Receiver
    store: FakeSecretManager
    stub: PublisherStub

    def source(self, secret: str) -> str:
        """A source like GitHub's, with a secret of its own."""
        name = f"own-{next(NUMBERS)}"
        self.store.add(f"webhook-{name}", secret)
        return name

    def secret(self, row: str) -> str:
        """What the sender of a row signs with."""
        return self.receiver.secrets[row][0]

    def genuine(self, row: str, **how: Any) -> Webhook:
        """What the sender of a row sends; `how` changes the webhook before it is signed."""
        return self.receiver.sign(row, replace(event_of(self.receiver, row), **how))

    def refuses(self, sent: bytes, status: int = 401) -> Reply:
        """Send what must be refused: its sender learns no more than the status, and nothing is queued."""
        reply = self.receiver.exchange(sent, half_close=True)
        assert (reply.status, reply.body, self.receiver.queue.messages()) == (status, b"", [])
        return reply

    def accepts(self, sent: bytes) -> PubsubMessage:
        """Send what must be let in: it is queued once, byte for byte, with nothing that its head had to hide."""
        assert self.receiver.exchange(sent).status == 200
        (message,) = self.receiver.queue.messages()
        assert message.data == sent.partition(b"\r\n\r\n")[2]
        assert CANARY not in str(dict(message.attributes))
        return message


def wire(source: str, webhook: Webhook, *lines: str, method: str = "POST") -> bytes:
    """A webhook as it goes over the wire, with more lines in its head, and secrets in headers that nobody asked for."""
    hidden = dict.fromkeys(("Authorization", "Cookie", "X-GitHub-Encoded-Secret", "X-Api-Token"), CANARY)
    headers = {"host": "x", "content-length": f"{len(webhook.body)}"}
    headers |= {name.lower(): value for name, value in hidden.items()} | dict(webhook.headers)
    path = f"/{source}?{webhook.query}" if webhook.query else f"/{source}"
    head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), *lines, "", ""]
    return "\r\n".join(head).encode("latin-1") + webhook.body


@pytest.fixture(scope="module")
def started(running: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A receiver for all attacks, in whose log is afterwards neither a secret nor a canary nor a bug."""
    folder, store = tmp_path_factory.mktemp("attacks"), FakeSecretManager()
    stub, file = PublisherStub(folder), folder / "attacks.yaml"
    file.write_text(json.dumps(entries() | OWN))
    secrets = {**running.secrets, "aws-sns-v1": running.secrets["aws-sns"], "many-keys": running.secrets["kinde"]}
    for name, row in PROVIDERS.items():
        if has_secret(row):
            store.add(f"webhook-{name}", CREDENTIALS if name in PLACES else secrets[name][1])
        store.add(f"webhook-{name}_token", VERIFY_TOKEN)
    for name in ("erp", "small", "hasty", "in-query"):
        store.add(f"webhook-{name}", secrets[name][1])
    for name in PLACES:
        publish(stub, name, secrets[name][1])
    store.start()
    env = {
        "KEYS": "secret-manager",
        "SECRET_MANAGER_EMULATOR_HOST": store.host,
        "PROJECT": "tests",
        "SOURCES": str(file),
    }
    env |= {"TOPIC": running.queue.topic, "PUBSUB_EMULATOR_HOST": running.queue.host, "THREADS": "80"}
    server = start_function("receiver", folder / "receiver.txt", None, None, **env, **stub.environment)
    receiver = Receiver(server, running.queue, load(file), secrets)
    try:
        yield Target(receiver, store, stub)
    finally:
        server.stop()
        stub.close()
        store.stop()
    check_log(receiver)
    log = server.output.read_text()
    assert not [text for text in (CANARY, SECRET, CREDENTIALS, VERIFY_TOKEN) if text in log]
    assert '"bug-' not in log


HOSTS = {f"{host}:443" for places in PLACES.values() for host, _, _ in places} | {"sns.us-west-2.amazonaws.com:443"}


@pytest.fixture
def target(started: Target) -> Iterator[Target]:
    """The receiver, with nothing in its queue that an earlier test left; nobody is called but who publishes keys."""
    started.receiver.queue.messages()
    started.stub.forget()
    yield started
    assert set(started.stub.connections) <= HOSTS


def mac(key: str | bytes, text: str | bytes, digest: str = "sha256") -> bytes:
    key, text = (part.encode() if isinstance(part, str) else part for part in (key, text))
    return hmac.digest(key, text, digest)


def github(source: str, key: str | bytes, body: bytes = BODY, **headers: str) -> Webhook:
    """An event of GitHub's, signed by hand."""
    return with_headers(Webhook(body), x_hub_signature_256=f"sha256={mac(key, body).hex()}", **headers)


# Secrets

BLANK = {
    "nothing": "",
    "a space": " ",
    "a line end": "\n",
    "spaces and line ends": " \t\r\n \n",
    "a placeholder": "changeme",
    "another placeholder": "whsec_...",
}


@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK)
def test_who_signs_with_a_secret_that_is_none_is_not_let_in(target: Target, text: str) -> None:
    source = target.source(text)
    for key in (b"", text.encode(), text.strip().encode()):
        reply = target.refuses(wire(source, github(source, key)), 503)
        assert int(reply.headers["retry-after"]) > 0
    line = target.receiver.lines_of(source)[-1]
    assert (line["severity"], line["reason"]) == ("ERROR", "secret-empty")
    assert not text.strip() or text not in target.receiver.server.output.read_text()


def test_the_line_end_behind_a_secret_signs_nothing(target: Target) -> None:
    for end in ("\n", "\r\n"):
        source = target.source(SECRET + end)
        target.accepts(wire(source, github(source, SECRET)))
        target.refuses(wire(source, github(source, SECRET + end)))


def key_of(message: PubsubMessage) -> str:
    """By what the processor's ledger knows the event."""
    attributes, data = dict(message.attributes), base64.b64encode(message.data).decode()
    times = {"messageId": "1", "publishTime": "2026-01-01T00:00:00Z"}
    return read_push(json.dumps({"message": {"data": data, "attributes": attributes, **times}}).encode()).key


def test_what_was_captured_from_one_of_two_sources_with_one_secret_is_at_most_an_event_of_the_other(
    target: Target,
) -> None:
    one, other = target.source(SECRET), target.source(SECRET)
    captured = github(one, SECRET, x_github_delivery="d-1")
    first, second = target.accepts(wire(one, captured)), target.accepts(wire(other, captured))
    assert (first.attributes["ce-source"], second.attributes["ce-source"]) == (f"/{one}", f"/{other}")
    assert key_of(first) != key_of(second)


def test_both_secrets_count_while_one_is_changed_and_afterwards_the_new_one_alone(target: Target) -> None:
    old, new = SECRET, SECRET + "-2"
    source = target.source(old)
    target.accepts(wire(source, github(source, old)))
    target.store.add(f"webhook-{source}", f"{new}\n{old}\n")
    for secret in (new, old):
        target.accepts(wire(source, github(source, secret)))
    ended = target.source(f"{new}\n{old}\n")
    target.accepts(wire(ended, github(ended, old)))
    target.store.add(f"webhook-{ended}", f"{new}\n")
    target.refuses(wire(ended, github(ended, SECRET + "-3")))  # which makes it look for newer ones
    target.refuses(wire(ended, github(ended, old)))
    target.accepts(wire(ended, github(ended, new)))


# Proofs

SPOILT: dict[str, Callable[[str], str | None]] = {
    "left out": lambda value: None,
    "empty": lambda value: "",
    "with letters behind it that are not ASCII": lambda value: value + "\xe9\xff",
    "a snowman": lambda value: as_bytes("\N{SNOWMAN}"),
    "its first character": lambda value: value[:1],
    "half of it": lambda value: value[: len(value) // 2],
    "one character short": lambda value: value[:-1],
    "one character more": lambda value: value + "0",
    "with a space inside": lambda value: f"{value[: len(value) // 2]} {value[len(value) // 2 :]}",
    "in Arabic digits": lambda value: as_bytes(value.translate({48 + n: 0x660 + n for n in range(10)}) + "\u0660"),
}


def as_bytes(text: str) -> str:
    """Text that goes over the wire as UTF-8."""
    return text.encode().decode("latin-1")


# Where a proof says which key it is to be held against: of one that we don't know yet nobody can say whether it is his.
OTHERS = {("paypal", "paypal-cert-url"): (503,), ("adobe-io", "x-adobe-public-key1-path"): (503,)}


@pytest.fixture(scope="module")
def proofs(started: Target) -> dict[str, tuple[Webhook, list[str]]]:
    """A genuine webhook of every row, and the headers that prove it; not those that only say what it is anyway."""
    found = {}
    for row in PROVIDERS:
        bare, signed = event_of(started.receiver, row), started.genuine(row)
        known = {*bare.headers, *map(str.lower, getattr(PROVIDERS[row].scheme, "expects", ()))}
        found[row] = (signed, [name for name in signed.headers if name not in known])
    return found


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_the_proof_of_no_provider_can_be_left_out_cut_or_written_otherwise(
    target: Target, proofs: dict[str, tuple[Webhook, list[str]]], spoil: Callable[[str], str | None]
) -> None:
    told: dict[tuple[str, str], int] = {}
    for row, (signed, headers) in proofs.items():
        for name in headers:
            changed = {**signed.headers, name: spoil(signed.headers[name])}
            kept = {header: value for header, value in changed.items() if value is not None}
            told[row, name] = target.receiver.exchange(wire(row, replace(signed, headers=kept))).status
    assert len(told) > 200
    assert {sent: status for sent, status in told.items() if status not in (401, *OTHERS.get(sent, ()))} == {}
    assert target.receiver.queue.messages() == []


def test_what_is_not_spoilt_gets_in(target: Target, proofs: dict[str, tuple[Webhook, list[str]]]) -> None:
    for row, (signed, _) in proofs.items():
        assert target.receiver.exchange(wire(row, signed, "Connection: close")).status in (200, 204), row
    assert len(target.receiver.queue.messages()) == len(proofs)


def of_stripe(target: Target, time: str, header: str = "t={time},v1={good}") -> bytes:
    """What Stripe signs at a time that is written so."""
    good = mac(target.secret("stripe"), as_utf8(f"{time}.") + BODY).hex()
    return wire("stripe", Webhook(BODY, {"stripe-signature": header.format(time=time, good=good, bad="0" * 64)}))


def of_slack(target: Target, time: str) -> bytes:
    """What Slack signs at a time that is written so."""
    good = mac(target.secret("slack"), as_utf8(f"v0:{time}:") + BODY).hex()
    headers = {"x-slack-request-timestamp": time, "x-slack-signature": f"v0={good}"}
    return wire("slack", Webhook(BODY, headers))


def of_svix(target: Target, time: str, header: str = "v1,{good}") -> bytes:
    """What Svix signs at a time that is written so."""
    key = base64.b64decode(target.secret("svix").removeprefix("whsec_"))
    good = base64.b64encode(mac(key, as_utf8(f"msg_1.{time}.") + BODY)).decode()
    header = header.format(good=good, bad="A" * 43 + "=")
    return wire("svix", Webhook(BODY, {"svix-id": "msg_1", "svix-timestamp": time, "svix-signature": header}))


def as_utf8(text: str) -> bytes:
    return text.encode("latin-1")


TIMED = {"stripe": of_stripe, "slack": of_slack, "svix": of_svix}
TIMES: dict[str, Callable[[int], str]] = {
    "301 seconds ago": lambda now: f"{now - 301}",
    "in 302 seconds": lambda now: f"{now + 302}",
    "in a year": lambda now: f"{now + 31_536_000}",
    "zero": lambda now: "0",
    "minus one": lambda now: "-1",
    "not a number": lambda now: "nan",
    "endless": lambda now: "inf",
    "too large": lambda now: "1e400",
    "of 5,000 digits": lambda now: "9" * 5000,
    "with a sign": lambda now: f"+{now}",
    "with a blank in front": lambda now: f" {now}",
    "with an underscore": lambda now: f"{now // 1000}_{now % 1000:03}",
    "with a fraction": lambda now: f"{now}.0",
    "in hex": lambda now: f"{now:#x}",
    "in Arabic digits": lambda now: as_bytes("".join(chr(0x660 + int(digit)) for digit in f"{now}")),
    "in microseconds": lambda now: f"{now * 1_000_000}",
    "of no zone": lambda now: time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)),
}


@pytest.mark.parametrize("sender", TIMED)
@pytest.mark.parametrize("write", TIMES.values(), ids=TIMES)
def test_a_time_that_is_not_now_or_not_a_time_is_refused_though_it_is_signed(
    target: Target, sender: str, write: Callable[[int], str]
) -> None:
    target.refuses(TIMED[sender](target, write(int(time.time()))))


@pytest.mark.parametrize("sender", TIMED)
def test_a_time_of_almost_five_minutes_ago_is_now(target: Target, sender: str) -> None:
    target.accepts(TIMED[sender](target, f"{time.time() - 295:.0f}"))


def now() -> str:
    return f"{time.time():.0f}"


def of_github(target: Target, *written: str, name: str = "X-Hub-Signature-256", digest: str = "sha256") -> bytes:
    """An event of GitHub's whose signature is written so, a line each."""
    good = mac(target.secret("github"), BODY, digest).hex()
    lines = [f"{name}: {text.format(good=good, bad='0' * 64)}" for text in written]
    return wire("github", Webhook(BODY, {"x-github-event": "push"}), *lines)


def of_twilio(target: Target, webhook: Webhook, signs: str = "", **headers: str) -> bytes:
    """What Twilio signs for a URL, its own or another, and what its head says of where it went."""
    scheme = target.receiver.sources["twilio"].provider.scheme
    assert scheme
    url = signs or target.receiver.sources["twilio"].public_url
    signed = scheme.sign(replace(webhook, url=url), target.secret("twilio"))
    return wire("twilio", with_headers(signed, **headers))


EVIL = {"host": "evil.example", "x_forwarded_host": "evil.example", "x_forwarded_proto": "http"}
SMS = Webhook(b"MessageSid=SM1&Body=hi", {"content-type": FORM})


def of_twilio_again(target: Target) -> bytes:
    """JSON under a signature that was captured from Twilio, of an event without a body."""
    captured = of_twilio(target, Webhook(b"", {"content-type": "application/json"}))
    return captured.replace(b"content-length: 0", b"content-length: %d" % len(BODY)) + BODY


def of_amazon(target: Target, **how: Any) -> bytes:
    """A message that Amazon signed, though its sender is a scheme with other settings."""
    scheme = target.receiver.sources["aws-sns"].provider.scheme
    assert isinstance(scheme, Sns)
    signed = replace(scheme, **how).sign(event_of(target.receiver, "aws-sns"), target.secret("aws-sns"))
    return wire("aws-sns", signed)


def of_paypal(target: Target, algorithm: str) -> bytes:
    return wire("paypal", with_headers(target.genuine("paypal"), paypal_auth_algo=algorithm))


def at(target: Target, row: str, seconds: float) -> bytes:
    """What the sender of a row signed so many seconds ago."""
    return wire(row, target.genuine(row, received=time.time() - seconds))


SPACED = BODY.replace(b": ", b":")
REFUSED: dict[str, Callable[[Target], bytes]] = {
    "the prefix alone": lambda t: of_github(t, "sha256="),
    "63 digits": lambda t: of_github(t, "sha256={good:.63}"),
    "the digits without their prefix": lambda t: of_github(t, "{good}"),
    "in a list of its own": lambda t: of_github(t, "sha256={good},sha256={good}"),
    "a good line and a bad one": lambda t: of_github(t, "sha256={good}", "sha256={bad}"),
    "a bad line and a good one": lambda t: of_github(t, "sha256={bad}", "sha256={good}"),
    "the same line twice": lambda t: of_github(t, "sha256={good}", "sha256={good}"),
    "SHA-1 in the old header": lambda t: of_github(t, "sha1={good}", name="X-Hub-Signature", digest="sha1"),
    "SHA-1 in the new header": lambda t: of_github(t, "sha1={good}", digest="sha1"),
    "SHA-1 that calls itself SHA-256": lambda t: of_github(t, "sha256={good}", digest="sha1"),
    "the same JSON with other spaces": lambda t: of_github(t, "sha256={good}").replace(BODY, SPACED + b"    "),
    "Stripe's old scheme": lambda t: of_stripe(t, now(), "t={time},v0={good}"),
    "Stripe's signature without a time": lambda t: of_stripe(t, now(), "v1={good}"),
    "Stripe's signature with two times": lambda t: of_stripe(t, now(), "t={time},t={time},v1={good}"),
    "eleven of Stripe's, the last one good": lambda t: of_stripe(
        t, now(), "t={time}" + ",v1={bad}" * 10 + ",v1={good}"
    ),
    "as many of Stripe's as a header holds": lambda t: of_stripe(
        t, now(), "t={time}" + ",v1={bad}" * 110 + ",v1={good}"
    ),
    "a version of Svix without a signature": lambda t: of_svix(t, now(), "v1,"),
    "junk inside of Svix's base64": lambda t: of_svix(t, now(), "v1,!!*!!{good}"),
    "two of Svix's in one": lambda t: of_svix(t, now(), "v1,{good},v1,{good}"),
    "eleven of Svix's, the last one good": lambda t: of_svix(t, now(), "v1,{bad} " * 10 + "v1,{good}"),
    "a URL of Twilio's that is the stranger's own": lambda t: of_twilio(t, SMS, "https://evil.example/twilio", **EVIL),
    "another host with Twilio's path": lambda t: of_twilio(t, SMS, "https://x/twilio"),
    "a captured URL of Twilio's with JSON": of_twilio_again,
    "a topic of another account": lambda t: of_amazon(t, topics=("arn:aws:sns:us-east-1:999999999999:demo",)),
    "PayPal by no algorithm": lambda t: of_paypal(t, "none"),
    "PayPal by a secret": lambda t: of_paypal(t, "HS256"),
    "PayPal by MD5": lambda t: of_paypal(t, "MD5withRSA"),
    "PayPal four days ago": lambda t: at(t, "paypal", 4 * 86_400),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_a_proof_that_is_not_as_its_sender_makes_it_is_refused_and_nobody_is_asked(
    target: Target, make: Callable[[Target], bytes]
) -> None:
    target.refuses(make(target))
    assert target.stub.connections == []


def test_a_message_that_amazon_signed_with_sha_1_does_not_count(target: Target) -> None:
    target.refuses(of_amazon(target, versions="1"))
    assert target.receiver.lines_of("aws-sns")[-1]["reason"] == "algorithm"
    assert set(target.stub.connections) <= {f"{AWS}:443"}


def of_type(content_type: str, target: Target) -> bytes:
    return wire("github", github("github", target.secret("github"), ODD, content_type=content_type))


ODD = b'{"b":1, "a":2.0,"\xc3\xa9":"\\u00e9",\r\n "n" : 1e400}\n'
TYPES = [
    "",
    "text/plain",
    "text/html",
    "application/json; charset=utf-7",
    "application/json; charset=utf-16",
    "application/json;;;",
    "APPLICATION/JSON",
    "application/problem+json",
    "application/xml",
    "application/octet-stream",
    "application/cloudevents+json",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=none",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "x" * 5000,
    "multipart/mixed; boundary=b",
    "image/png",
    "*/*",
    "\xe9\xff",
]
ACCEPTED: dict[str, Callable[[Target], bytes]] = {
    "JSON with odd spaces": lambda t: wire("github", github("github", t.secret("github"), ODD)),
    "200,000 brackets": lambda t: wire("github", github("github", t.secret("github"), b"[" * 200_000)),
    "what is no JSON": lambda t: wire("github", github("github", t.secret("github"), b"\xff\xfe{\x00")),
    "a form of Slack's": lambda t: wire(
        "slack", t.genuine("slack", body=b"command=%2Fx&text=a+b", headers={"content-type": FORM})
    ),
    "a form of Twilio's": lambda t: of_twilio(t, SMS),
    "a form of GitHub's": lambda t: wire(
        "github", github("github", t.secret("github"), b"payload=%7B%7D", content_type=FORM)
    ),
    "a time in a header that is not signed": lambda t: wire(
        "github", github("github", t.secret("github"), date="Thu, 01 Jan 1970 00:00:00 GMT")
    ),
    "a good signature of Stripe's beside a bad one": lambda t: of_stripe(t, now(), "t={time},v1={bad},v1={good}"),
    "ten of Stripe's, the last one good": lambda t: of_stripe(t, now(), "t={time}" + ",v1={bad}" * 9 + ",v1={good}"),
    "a good signature of Svix's beside a bad one": lambda t: of_svix(t, now(), "v1,{bad} v1,{good}"),
    "ten of Svix's, the last one good": lambda t: of_svix(t, now(), "v1,{bad} " * 9 + "v1,{good}"),
    "Twilio's own URL, whatever the head says": lambda t: of_twilio(t, SMS, **EVIL),
    "PayPal two hours ago": lambda t: at(t, "paypal", 7200),
    **{f"content type {text!r:.40}": partial(of_type, text) for text in TYPES},
}


@pytest.mark.parametrize("make", ACCEPTED.values(), ids=ACCEPTED)
def test_what_only_looks_like_an_attack_is_let_in_byte_for_byte(
    target: Target, make: Callable[[Target], bytes]
) -> None:
    target.accepts(make(target))


# Tokens and certificates

Forge = Callable[[Any, str], str]
HEADER = {"alg": "RS256", "kid": "demo", "typ": "JWT"}
EVIL_KEYS = {"jku": "https://evil.example/keys", "x5u": "https://evil.example/c.pem", "iss": "https://evil.example"}
FORGED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "without an algorithm": ({"alg": "none"}, {}, "nobody"),
    "without an algorithm, in capitals": ({"alg": "NONE"}, {}, "its sender"),
    "with the public key as a secret": ({"alg": "HS256"}, {}, "the public key"),
    "with the key set as a secret": ({"alg": "HS256"}, {}, "the key set"),
    "by another algorithm of the same key": ({"alg": "RS512"}, {}, "its sender"),
    "with a key that it says where to find": (EVIL_KEYS, {}, "a stranger"),
    "with a key that it brings along": ({"jwk": {"kty": "oct", "k": ""}}, {}, "a stranger"),
    "with a key that nobody knows": ({"kid": "other"}, {}, "its sender"),
    "with a path for its key": ({"kid": "../../other"}, {}, "its sender"),
    "with something to be understood": ({"crit": ["x"], "x": 1}, {}, "its sender"),
    "for nobody": ({}, {"aud": None}, "its sender"),
    "for another": ({}, {"aud": "https://evil.example"}, "its sender"),
    "of another account": ({}, {"email": "evil@evil.iam.gserviceaccount.com"}, "its sender"),
    "of an account that nobody verified": ({}, {"email_verified": False}, "its sender"),
    "that ended": ({}, {"exp": 1}, "its sender"),
    "that begins in a year": ({}, {"nbf": 4_000_000_000}, "its sender"),
}


@cache
def private_key(pem: str) -> Any:
    return load_pem_private_key(pem.encode(), None)


def of_google(target: Target, header: dict[str, Any], claims: dict[str, Any], signer: str = "its sender") -> bytes:
    """A push of Google's with a token made by hand."""
    row = "google-pubsub-push"
    private, key_set = target.receiver.secrets[row]
    sender, stranger = private_key(private), private_key(target.secret("kinde"))
    public = sender.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signers = {"its sender": by(sender), "a stranger": by(stranger), "nobody": lambda message: b""}
    signers |= {"the public key": with_secret(public), "the key set": with_secret(key_set.encode())}
    webhook, scheme = event_of(target.receiver, row), target.receiver.sources[row].provider.scheme
    assert isinstance(scheme, Jwks)
    said = {name: value for name, value in (scheme.claims(webhook) | claims).items() if value is not None}
    made = token(HEADER | header, said, signers[signer])
    return wire(row, with_headers(webhook, authorization=f"Bearer {made}"))


@pytest.mark.parametrize(("header", "claims", "signer"), FORGED.values(), ids=FORGED)
def test_a_token_that_says_how_it_is_to_be_believed_is_not_and_the_address_in_it_is_not_called(
    target: Target, header: dict[str, Any], claims: dict[str, Any], signer: str
) -> None:
    target.accepts(of_google(target, {}, {}))
    target.refuses(of_google(target, header, claims, signer))
    assert set(target.stub.connections) <= {"www.googleapis.com:443"}


def test_a_certificate_of_another_name_proves_nothing_though_it_stands_at_amazons_address(target: Target) -> None:
    host, (private, certificate) = "sns.us-west-2.amazonaws.com", certified("sns.amazonaws.com.evil.example")
    target.stub.answers[host, "GET", CERTIFICATE] = Canned(certificate.encode())
    scheme = target.receiver.sources["impostor"].provider.scheme
    assert scheme
    for _ in range(3):
        target.refuses(wire("impostor", scheme.sign(event_of(target.receiver, "aws-sns"), private)))
    assert target.stub.places() == [(host, "GET", CERTIFICATE)]


def of_kinde(number: int) -> bytes:
    """An event under a key that nobody has."""
    return wire("many-keys", Webhook(token(HEADER | {"kid": f"key-{number}"}, sign=lambda message: b"x").encode()))


def test_a_thousand_forged_events_cost_one_fetch_and_keep_no_genuine_one_out(target: Target) -> None:
    target.accepts(wire("many-keys", target.receiver.sign("many-keys", event_of(target.receiver, "kinde"))))
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(target.receiver.exchange, map(of_kinde, range(1000)))
        assert {(reply.status, reply.body) for reply in replies} == {(401, b"")}
    assert target.receiver.queue.messages() == []
    started = time.monotonic()
    target.accepts(wire("many-keys", target.receiver.sign("many-keys", event_of(target.receiver, "kinde"))))
    assert time.monotonic() - started < 1
    assert set(target.stub.places()) == set(PLACES["kinde"])
    assert len(target.stub.connections) <= 2  # the first one, and once more because a proof had failed


# Questions


def test_a_challenge_is_no_page_whoever_asks_for_one(target: Target) -> None:
    asked = "hub.mode=subscribe&hub.challenge={}&hub.verify_token={}"
    for challenge, key, status in (
        ("%3Cscript%3Ealert(1)%3C/script%3E", VERIFY_TOKEN, 400),
        ("1158201444", "wrong", 401),
        ("1158201444", "%E9%FF", 401),
        ("1158201444", "%E2%98%83", 401),
    ):
        webhook = Webhook(headers={"accept": "text/html"}, query=asked.format(challenge, key))
        target.refuses(wire("meta", webhook, method="GET"), status)
    good = Webhook(headers={"accept": "text/html"}, query=asked.format("1158201444", VERIFY_TOKEN))
    reply = target.receiver.exchange(wire("meta", good, method="GET"))
    assert (reply.status, reply.body) == (200, b"1158201444")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"


# HTTP

DOUBTFUL = SMUGGLED | {
    "chunks behind a control character": "Transfer-Encoding: \x0bchunked\r\n",
    "chunks in two lines": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "chunks and identity": "Transfer-Encoding: chunked, identity\r\n",
    "an encoding without chunks": "Transfer-Encoding: gzip\r\n",
    "a length and no encoding": "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
    "an empty length": "Content-Length: \r\n",
    "a length of 5,000 digits": f"Content-Length: {'9' * 5000}\r\n",
    "a length in Arabic digits": "Content-Length: \xd9\xa5\r\n",
    "a line without a colon": "Content-Length: 5\r\nX\r\n",
    "a line without a name": "Content-Length: 5\r\n: x\r\n",
    "lines that end in LF": "Content-Length: 5\nX-A: b\n",
    "two hosts": "Content-Length: 5\r\nHost: y\r\n",
}


def everything(target: Target, sent: bytes) -> bytes:
    """Whatever is answered until the connection ends."""
    got = b""
    with target.receiver.connect() as connection:
        with suppress(OSError):  # it may have answered, and gone, before the end
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while more := connection.recv(65536):
                got += more
    return got


def answers(got: bytes) -> list[int]:
    return [int(part[:3]) for part in got.split(b"HTTP/1.1 ")[1:]]


def hidden(target: Target) -> bytes:
    """A whole request that would be let in, if it were one."""
    return wire("github", github("github", target.secret("github")))


@pytest.mark.parametrize("lines", DOUBTFUL.values(), ids=DOUBTFUL)
def test_no_request_comes_out_of_one_whose_end_is_in_doubt(target: Target, lines: str) -> None:
    first = f"POST /hasty HTTP/1.1\r\nHost: x\r\nX-Token: {target.secret('hasty')}\r\n{lines}\r\n".encode("latin-1")
    (status,) = answers(everything(target, first + b"0\r\n\r\n" + hidden(target)))
    assert status in (400, 501)
    assert target.receiver.queue.messages() == []


UNREAD = {
    "of nobody's": ("POST", "nobody", "Content-Length: {}\r\n", 404),
    "of another method": ("GET", "github", "Content-Length: {}\r\n", 405),
    "over the limit": ("POST", "small", "Content-Length: 5000\r\n", 413),
    "over the limit in chunks": ("POST", "small", "Transfer-Encoding: chunked\r\n", 413),
    "that is not proved": ("POST", "github", "Content-Length: {}\r\n", 401),
    "without a length": ("POST", "github", "", 401),
    "whose URL is too long": ("POST", "x" * 9000, "Content-Length: {}\r\n", 414),
}


@pytest.mark.parametrize(("method", "path", "lines", "status"), UNREAD.values(), ids=UNREAD)
def test_no_request_comes_out_of_the_body_of_one_that_was_refused(
    target: Target, method: str, path: str, lines: str, status: int
) -> None:
    body = hidden(target)
    head = f"{method} /{path} HTTP/1.1\r\nHost: x\r\n{lines.format(len(body))}\r\n".encode()
    more = chunk(b"x" * 2000) if "chunked" in lines else b""
    assert answers(everything(target, head + more + body)) == [status]
    assert target.receiver.queue.messages() == []


def test_what_is_in_a_trailer_is_no_header(target: Target) -> None:
    head = b"POST /hasty HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Token\r\n\r\n"
    target.refuses(head + chunk(BODY) + f"0\r\nX-Token: {target.secret('hasty')}\r\n\r\n".encode())


def test_nothing_is_inflated_on_its_way_in(target: Target) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    signed = github("github", target.secret("github"), bomb)
    target.accepts(wire("github", with_headers(signed, content_encoding="gzip")))
    head = wire("github", signed).partition(b"\r\n\r\n")[0].replace(b"content-length: %d" % len(bomb), b"x: x")
    sent = head + b"\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + chunk(bomb) + b"0\r\n\r\n"
    assert target.receiver.exchange(sent).status == 200
    assert [message.data for message in target.receiver.queue.messages()] == [bomb]


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
OVER = {
    "one byte more, none of it sent": (b"Content-Length: 1001\r\n\r\n", 413),
    "a length of thirty digits": (b"Content-Length: %s\r\n\r\n" % (b"9" * 30), 413),
    "one byte more in chunks": (CHUNKED + chunk(b"x" * 500) + chunk(b"x" * 501) + b"0\r\n\r\n", 413),
    "a chunk of a terabyte": (CHUNKED + b"ffffffffff\r\n" + b"x" * 3000, 413),
    "a line of a chunk without end": (CHUNKED + b"1;a=" + b"x" * 100_000, 400),
    "a trailer without end": (CHUNKED + b"0\r\nX: " + b"x" * 1_000_000, 400),
    "a head without end": (b"X: " + b"x" * 1_000_000, 431),
}


@pytest.mark.parametrize(("rest", "status"), OVER.values(), ids=OVER)
def test_what_is_too_large_is_refused_before_it_is_read(target: Target, rest: bytes, status: int) -> None:
    head = f"POST /small HTTP/1.1\r\nHost: x\r\nX-Token: {target.secret('small')}\r\n".encode()
    reply = target.receiver.exchange(head + rest)
    assert reply.status == status
    assert reply.seconds < 1
    assert target.receiver.queue.messages() == []


def test_a_body_beyond_what_pub_sub_takes_is_not_asked_for_again(target: Target) -> None:
    head = wire("github", github("github", target.secret("github"))).replace(b": %d\r\n" % len(BODY), b": 9900000\r\n")
    reply = target.receiver.exchange(head.removesuffix(BODY))
    assert (reply.status, "retry-after" in reply.headers) == (413, False)
    assert reply.seconds < 1


START = b"POST /github HTTP/1.1\r\nHost: x\r\n"
STALLED = {
    "before they say anything": b"",
    "in the first line": b"POST /github HT",
    "in the head": START + b"X-To",
    "in a body": START + b"Content-Length: 1000\r\n\r\nx",
    "before a body that they ask to send": START + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    "in the length of a chunk": START + CHUNKED + b"1",
    "in a chunk": START + CHUNKED + b"ff\r\nx",
    "in a trailer": START + CHUNKED + b"1\r\nx\r\n0\r\nX: ",
    "after they were refused": START.replace(b"github", b"nobody") + b"Content-Length: 1000\r\n\r\nx",
}


@pytest.mark.parametrize("said", STALLED.values(), ids=STALLED)
def test_fifty_strangers_who_stall_hold_up_nobody(target: Target, said: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(target.receiver.connect()).sendall(said)
        started = time.monotonic()
        target.accepts(hidden(target))
        assert (
            time.monotonic() - started < 2
        )  # they have 8 seconds for their body, and for their head as long as they like


MULTIPART, BIG = "multipart/form-data; boundary=b", 300_000
PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
BOMBS: dict[str, tuple[str, bytes]] = {
    "brackets": ("application/json", b"[" * BIG),
    "objects": ("application/json", b'{"a":' * (BIG // 5)),
    "a number": ("application/json", b'{"id": ' + b"1" * (BIG - 8) + b"}"),
    "items": ("application/json", b'{"value":[' + b"{}," * (BIG // 3 - 5) + b"{}]}"),
    "a key again and again": ("application/json", b"{" + b'"a":1,' * (BIG // 6 - 2) + b'"a":1}'),
    "fields": (FORM, b"a=1&" * (BIG // 4)),
    "escapes": (FORM, b"a=" + b"%41" * (BIG // 3 - 1)),
    "parts": (MULTIPART, PART * (BIG // len(PART))),
    "line ends": (MULTIPART, PART + b"\r\n" * (BIG // 2 - 50)),
    "carriage returns": (MULTIPART, PART + b"\r" * (BIG - 100)),
    "a part that hardly ends": (MULTIPART, PART + b"\r\n--" * (BIG // 4 - 50)),
    "heads of a part": (MULTIPART, b"--b\r\n" + b"A: b\r\n" * (BIG // 6 - 5)),
    "a boundary": ("multipart/form-data; boundary=" + "x" * 7000, (b"--" + b"x" * 7000 + b"\r\n") * 40),
}
# Whose proof is a header, and so nothing is parsed before it; and whose proof is in what has to be parsed for it.
BY_HEADER, IN_BODY = (
    ("github", "stripe", "paypal"),
    ("dropbox-sign", "mailgun", "braintree", "microsoft-graph", "aws-sns"),
)


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_what_is_made_to_be_slow_to_read_is_refused_in_time(target: Target, bomb: tuple[str, bytes]) -> None:
    content_type, body = bomb
    for row in (*BY_HEADER, *IN_BODY):
        reply = target.refuses(wire(row, Webhook(body, {"content-type": content_type})))
        assert reply.seconds < (1 if row in BY_HEADER else 3), row


def test_no_answer_may_be_kept_shared_with_a_page_or_tells_what_answers(target: Target) -> None:
    origin = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    good = with_headers(github("github", target.secret("github")), **origin)
    sent = {
        200: wire("github", good),
        400: wire("meta", Webhook(headers=origin, query="hub.mode=x"), method="GET"),
        401: wire("github", Webhook(BODY, origin)),
        404: wire("nobody", good),
        405: wire("github", good, method="OPTIONS"),
        413: wire("small", Webhook(b"x" * 1001, origin)),
        414: wire("x" * 9000, good),
        503: wire("keyless", good),
    }
    for status, request in sent.items():
        reply = target.receiver.exchange(request)
        assert (reply.status, reply.body, reply.headers["cache-control"]) == (status, b"", "no-store")
        assert reply.headers["server"] == "gunicorn"
        assert not [
            name for name in reply.headers if name.startswith("access-control") or name in ("set-cookie", "etag")
        ]
    assert len(target.receiver.queue.messages()) == 1


# The queue and the ledger


def test_a_key_that_stands_twice_in_a_signed_body_names_no_event(target: Target) -> None:
    body = b'{"id": "a", "type": "x", "id": "b"}'
    message = target.accepts(wire("erp", target.receiver.signed("erp", body)))
    assert str(uuid.UUID(message.attributes["ce-id"])) == message.attributes["ce-id"]
    assert message.attributes["ce-type"] == "erp.x"


def test_nobody_can_take_the_id_of_another_event_in_advance(target: Target) -> None:
    target.refuses(wire("github", Webhook(b"{}", {"x-github-delivery": "d-1"})))
    secret, other = target.secret("github"), target.source(SECRET)
    genuine = target.accepts(wire("github", github("github", secret, x_github_delivery="d-1")))
    another_body = target.accepts(wire("github", github("github", secret, b"{}", x_github_delivery="d-1")))
    another_source = target.accepts(wire(other, github(other, SECRET, x_github_delivery="d-1")))
    assert len({key_of(message) for message in (genuine, another_body, another_source)}) == 3


def test_a_captured_body_under_another_id_or_none_is_another_event_unless_the_digest_is_its_id(target: Target) -> None:
    target.store.add("webhook-by-digest", target.secret("github"))
    for source, events in (("github", 3), ("by-digest", 1)):
        signed = github(source, target.secret("github"))
        captured = [with_headers(signed, x_github_delivery=number) for number in ("d-1", "d-2")]
        keys = {key_of(target.accepts(wire(source, sent))) for sent in (*captured, signed)}
        assert len(keys) == events
