"""No request of any shape gets a 500, or into the queue without its proof."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import flask
import pytest
from functions_framework import create_app
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from functions.receiver.errors import Failed, NotAccepted, Unproved
from functions.receiver.providers import PROVIDERS
from functions.receiver.schemes import Key, Publishes, prove
from functions.receiver.schemes.base import with_headers
from functions.receiver.sources import Sources, load
from functions.receiver.webhook import Webhook
from tests.conftest import SOURCES, Secrets, entries, environment
from tests.rows import ROWS, sample
from tests.servers import ROOT
from tools.local import new_keys, signing_key

STATUSES = {200, 204, 400, 401, 404, 405, 413, 414, 429, 503}
CLIENT = "demo-client:demo-client-secret"  # what a key is asked for with, where that takes a secret
SCHEMES = {name: source.provider.scheme for name, source in ROWS.items() if source.provider.scheme}
QUICK = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass
class Recorder:
    """Takes what would be published."""

    messages: list[Any] = field(default_factory=list)

    def publish(self, message: Any, deadline: object) -> str:
        self.messages.append(message)
        return "1"


@dataclass(frozen=True)
class Here:
    """The receiver in this process, with its sources, and all that it publishes."""

    app: flask.Flask
    recorder: Recorder
    sources: Sources
    secrets: Secrets
    lines: list[dict[str, Any]] = field(default_factory=list)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Keep all the secrets out of the report of an example that fails."""
        printer.text("here")

    def send(self, path: str, webhook: Webhook) -> tuple[int, list[Any]]:
        """Send a webhook to a path that is taken as it is; return status and what was published for it."""
        self.recorder.messages.clear()
        names = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in webhook.headers}
        environ: dict[str, Any] = {names[name]: value for name, value in webhook.headers.items()}
        environ |= {"RAW_URI": f"{path}?{webhook.query}" if webhook.query else path, "QUERY_STRING": webhook.query}
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
        environ["wsgi.input_terminated"] = True  # as gunicorn says
        answer = self.app.test_client().open(
            path="/x", method=webhook.method, data=webhook.body, environ_overrides=environ
        )
        return answer.status_code, list(self.recorder.messages)

    def proves(self, path: str, webhook: Webhook) -> bool:
        """Whether the sender's own scheme accepts it by the sender's key: the reference for the receiver."""
        source = self.sources.get(path.removeprefix("/"))
        if not source or not path.startswith("/") or webhook.method != "POST" or source.name == "keyless":
            return False
        scheme, webhook = source.provider.scheme, self.addressed(source.name, webhook)
        with suppress(NotAccepted):
            if isinstance(scheme, Publishes):
                scheme.published(webhook, CLIENT)
            if scheme:
                scheme.verify(webhook, self.secrets[source.name][1])
            return True
        return False

    def addressed(self, source: str, webhook: Webhook) -> Webhook:
        url = self.sources[source].public_url
        return replace(webhook, url=f"{url}?{webhook.query}" if webhook.query else url)

    def signed(self, source: str, webhook: Webhook) -> Webhook:
        scheme = self.sources[source].provider.scheme
        webhook = self.addressed(source, webhook)
        return scheme.sign(webhook, self.secrets[source][0]) if scheme else webhook

    def forged(self, source: str, webhook: Webhook) -> Webhook:
        """The webhook with the proof that a stranger can make."""
        stranger = {name: (secret, "") for name, (secret, _) in new_keys(self.sources[source]).items()}
        return replace(self, secrets={source: stranger[signing_key(self.sources[source])]}).signed(source, webhook)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    file = tmp_path_factory.mktemp("fuzz") / "sources.yaml"
    file.write_text(json.dumps(entries()))
    sources = load(file)
    made = {name: pair for source in sources.values() for name, pair in new_keys(source).items()}
    secrets = {name: made[signing_key(source)] for name, source in sources.items() if source.provider.scheme}
    recorder = Recorder()
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(made).items():
            patch.setenv(name, value)
        patch.setenv("SOURCES", str(file))
        patch.setenv("TOPIC", "projects/tests/topics/webhooks")
        patch.setenv("FUNCTION_TARGET", "receive")
        patch.setattr(sys, "path", [*sys.path])
        app = create_app("receive", str(ROOT / "functions/receiver/main.py"))  # type: ignore[no-untyped-call]
        patch.setattr(sys.modules["main"], "PUBLISHER", recorder)
        yield Here(app, recorder, sources, secrets)
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "main":
            del sys.modules[name]


@pytest.fixture(autouse=True)
def log(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the last of thousands of lines is read."""

    def write(descriptor: int, data: bytes) -> int:
        here.lines[:] = [json.loads(data)]
        return len(data)

    monkeypatch.setattr(os, "write", write)


def is_no_bug(here: Here) -> bool:
    """Whether the last answer was meant: a surprise of ours would be 503 as well, or 401 in a verifier."""
    return not str(here.lines[-1].get("reason")).startswith(("bug-", "surprise"))


VALUES = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)
HEADERS = [
    "content-type",
    "content-encoding",
    "traceparent",
    "x-cloud-trace-context",
    "authorization",
    "x-hub-signature-256",
    "x-github-event",
    "x-gitlab-token",
    "stripe-signature",
    "x-slack-signature",
    "x-slack-request-timestamp",
    "x-signature-ed25519",
    "x-signature-timestamp",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-token",
    "x-sig",
    "x-kept",
    "function-execution-id",
]
SOME_HEADERS = st.dictionaries(st.sampled_from(HEADERS), VALUES, max_size=6)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
# Documents with the names that rows look for, and anything at all under them.
KNOWN = ("type", "id", "event", "object", "challenge", "payload", "plainToken", "update_id", "data", "subject")
EVENTS = st.dictionaries(st.sampled_from(KNOWN), JSON | st.dictionaries(st.sampled_from(KNOWN), JSON), max_size=5)
BODIES = st.binary(max_size=200) | st.one_of(JSON, EVENTS).map(lambda value: json.dumps(value).encode())
QUERIES = st.sampled_from(["", "a=1", "hub.mode=subscribe&hub.challenge=%3Cb%3E&hub.verify_token=x", "token=", "%"])
QUERY_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=40)
PATHS = st.sampled_from([f"/{name}" for name in SOURCES]) | st.text(
    st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="?#"), max_size=30
).map("/".__add__)
TEXTS = st.binary(max_size=5) | st.sampled_from([b"null", b"[]", b"{}", b"1e999", b'"\\ud800"', b"\xff", b"&", b"%"])
METHODS = st.sampled_from(["POST", "POST", "POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO"])
WEBHOOKS = st.builds(Webhook, BODIES, SOME_HEADERS, query=QUERIES | QUERY_TEXT, method=METHODS)


@QUICK
@given(path=PATHS, webhook=WEBHOOKS)
def test_no_request_gets_a_500_or_into_the_queue_unproved(here: Here, path: str, webhook: Webhook) -> None:
    status, published = here.send(path, webhook)
    assert status in STATUSES
    assert is_no_bug(here)
    assert len(published) <= here.proves(path, webhook)
    assert not published or published[0].data == webhook.body


@st.composite
def sent(draw: st.DrawFn, sources: list[str]) -> tuple[str, Webhook]:
    """A source, and what is sent to it: what its provider sends, or anything."""
    source = draw(st.sampled_from(sources))
    webhooks = WEBHOOKS | st.just(sample(source, time.time())) if source in PROVIDERS else WEBHOOKS
    return source, replace(draw(webhooks), method="POST", received=time.time())


@settings(QUICK, max_examples=800)
@given(sent=sent([*SOURCES]), name=st.sampled_from(HEADERS), value=VALUES, cut=st.integers(0, 300), text=TEXTS)
def test_what_was_signed_and_then_changed_gets_in_only_if_it_is_still_proved(
    here: Here, sent: tuple[str, Webhook], name: str, value: str, cut: int, text: bytes
) -> None:
    source, webhook = sent
    with suppress(Unproved):  # a scheme that covers no such body does not sign it
        webhook = here.signed(source, webhook)
    body = webhook.body[:cut] + text + webhook.body[cut + len(text) :]
    changed = replace(webhook, headers={**webhook.headers, name: value}, body=body)
    status, published = here.send(f"/{source}", changed)
    assert status in STATUSES
    assert is_no_bug(here)
    assert len(published) <= here.proves(f"/{source}", changed)
    assert not published or published[0].data == body


@settings(QUICK, max_examples=800)
@given(sent=sent([name for name in SOURCES if name not in ("keyless", "small")]))
def test_what_is_signed_is_never_a_500_and_its_bytes_stay(here: Here, sent: tuple[str, Webhook]) -> None:
    source, webhook = sent
    try:
        webhook = here.signed(source, webhook)
    except Unproved:  # a scheme that covers no such body does not sign it
        reject()
    status, published = here.send(f"/{source}", webhook)
    assert is_no_bug(here)
    handshake = here.sources[source].provider.handshake
    assert status in (STATUSES if handshake else (200, 204))
    assert [message.data for message in published] in ([webhook.body], [])
    if not here.sources[source].only and not handshake:
        assert len(published) == 1
    for message in published:
        assert all(len(text.encode()) <= 1024 for text in message.attributes.values())


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_signed_does_get_in(here: Here, source: str) -> None:
    webhook = sample(source, time.time()) if source in PROVIDERS else Webhook(b"a=1")
    status, published = here.send(f"/{source}", here.signed(source, webhook))
    assert len(published) == (source != "keyless"), status


# Their proof stands in the body, or covers a part of it; or what they ask before they prove anything does.
PARSED_UNPROVED = {
    "adobe-io",
    "adyen",
    "aws-sns",
    "aws-sns-v1",
    "braintree",
    "dropbox-sign",
    "figma",
    "gitea",
    "linear",
    "mailgun",
    "microsoft-graph",
    "monday",
    "notion",
    "vonage-sms",
}


def test_only_of_these_senders_is_a_body_parsed_before_it_is_proved(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, parsed = sys.modules["main.places"], list[object]()

    def noting(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def note(body: Any) -> Any:
            parsed.append(body)
            return parse(body)

        return note

    for parser in ("read_json", "read_form", "claims_of"):
        monkeypatch.setattr(places, parser, noting(getattr(places, parser)))
    for source in [name for name in SOURCES if name not in ("anyone", "keyless")]:
        webhook = here.forged(source, sample(source, time.time()) if source in PROVIDERS else Webhook(b"{}"))
        parsed.clear()
        assert here.send(f"/{source}", webhook) == (401, [])
        assert bool(parsed) == (source in PARSED_UNPROVED), source
        assert not here.lines[-1].keys() & {"type", "id"}


def test_what_a_source_leaves_out_has_to_be_proved_as_well(here: Here) -> None:
    left_out = Webhook(b'{"type": "charge.refunded"}')
    assert here.send("/picky", here.signed("picky", left_out)) == (200, [])
    assert here.lines[-1]["outcome"] == "dropped"
    for unproved in (left_out, here.forged("picky", left_out)):
        assert here.send("/picky", unproved) == (401, [])


ELSEWHERE = {
    "host": "elsewhere.example.com",
    "x-forwarded-host": "elsewhere.example.com",
    "x-forwarded-server": "elsewhere.example.com",
    "x-original-host": "elsewhere.example.com",
    "x-forwarded-proto": "https",
    "x-forwarded-port": "443",
    "forwarded": "host=elsewhere.example.com;proto=https",
}
PATH_ALONE = ("contentful", "jira-connect", "sinch-application")  # they sign no host
OF_THE_HOST = [name for name, scheme in SCHEMES.items() if "public_url" in scheme.needs and name not in PATH_ALONE]


@pytest.mark.parametrize("source", OF_THE_HOST)
def test_the_address_that_a_proof_covers_is_never_what_a_request_says(here: Here, source: str) -> None:
    webhook = with_headers(sample(source, time.time()), **ELSEWHERE)
    url = here.sources[source].public_url.replace("hooks.example.com", "elsewhere.example.com")
    stolen = SCHEMES[source].sign(replace(webhook, url=url), here.secrets[source][0])
    assert here.send(f"/{source}", stolen) == (401, [])
    status, published = here.send(f"/{source}", here.signed(source, webhook))
    assert (status, len(published)) == (200, 1)


@pytest.mark.parametrize(("source", "method"), [("mailchimp", "GET"), ("trello", "HEAD")])
def test_what_comes_by_the_method_of_a_question_and_asks_nothing_is_not_queued(
    here: Here, monkeypatch: pytest.MonkeyPatch, source: str, method: str
) -> None:
    known = sys.modules["main"].SOURCES
    row = known[source].provider
    row = replace(row, handshake=replace(row.handshake, reply=lambda question: None))
    monkeypatch.setitem(known, source, replace(known[source], provider=row))
    webhook = here.signed(source, sample(source, time.time()))
    assert here.send(f"/{source}", replace(webhook, method=method)) == (400, [])
    status, published = here.send(f"/{source}", webhook)
    assert (status, len(published)) == (200, 1)


def test_a_bug_of_ours_asks_the_sender_to_try_again(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprise(message: object, deadline: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(here.recorder, "publish", surprise)
    for source, row in PROVIDERS.items():
        webhook = here.signed(source, sample(source, time.time()))
        assert here.send(f"/{source}", webhook) == (row.try_again, [])
        assert here.lines[-1]["reason"] == "bug-ZeroDivisionError"


ANY_TEXT = st.text(max_size=60) | st.sampled_from(["v1,", "t=,v1=", "sha256=", "v0=", "Basic ", "9" * 30, "1700000000"])


@cache
def keys_of(name: str) -> tuple[str, str]:
    return SCHEMES[name].new_keys()


@pytest.mark.parametrize("name", SCHEMES)
@settings(QUICK, max_examples=25)
@given(data=st.data(), cut=st.integers(0, 300), text=TEXTS, query=st.text(max_size=20))
def test_no_text_in_a_header_or_a_body_surprises_a_verifier(
    name: str, data: st.DataObject, cut: int, text: bytes, query: str
) -> None:
    scheme, (secret, key) = SCHEMES[name], keys_of(name)
    signed = scheme.sign(sample(name, 1_700_000_000), secret)
    mixed = {header: data.draw(ANY_TEXT | st.just(value)) for header, value in signed.headers.items()}
    body = signed.body[:cut] + text + signed.body[cut + len(text) :]
    webhook = replace(signed, body=body, headers=mixed, url=f"{signed.url}{query}", query=signed.query + query)
    with suppress(Unproved, Failed):
        prove(scheme, webhook, [Key(key, "1")])
    # prove() and locate() would make a refusal of anything else
    if isinstance(scheme, Publishes):
        with suppress(Unproved, Failed):
            scheme.published(webhook, CLIENT)
    with suppress(Unproved, Failed):
        scheme.verify(webhook, key)
