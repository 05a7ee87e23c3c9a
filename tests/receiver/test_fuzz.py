"""No request of any shape gets a 500, or into the queue without its proof."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import flask
import pytest
from functions_framework import create_app
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.receiver.errors import Failed, NotAccepted, Unproved
from functions.receiver.providers import PROVIDERS
from functions.receiver.schemes import Key, Scheme, prove
from functions.receiver.sources import Sources, load
from functions.receiver.webhook import Webhook
from tests.conftest import SOURCES, Secrets, entries, environment
from tests.servers import ROOT

STATUSES = {200, 204, 400, 401, 404, 405, 413, 414, 503}
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
        if not source.provider.scheme:
            return True
        with suppress(NotAccepted):
            source.provider.scheme.verify(self.addressed(source.name, webhook), self.secrets[source.name][1])
            return True
        return False

    def addressed(self, source: str, webhook: Webhook) -> Webhook:
        url = self.sources[source].public_url
        return replace(webhook, url=f"{url}?{webhook.query}" if webhook.query else url)

    def signed(self, source: str, webhook: Webhook) -> Webhook:
        scheme = self.sources[source].provider.scheme
        webhook = self.addressed(source, webhook)
        return scheme.sign(webhook, self.secrets[source][0]) if scheme else webhook


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    file = tmp_path_factory.mktemp("fuzz") / "sources.yaml"
    file.write_text(json.dumps(entries()))
    sources = load(file)
    secrets = {name: s.provider.scheme.new_keys() for name, s in sources.items() if s.provider.scheme}
    recorder = Recorder()
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(secrets).items():
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
def no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of lines that nobody reads."""
    monkeypatch.setattr(os, "write", lambda descriptor, data: len(data))


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
METHODS = st.sampled_from(["POST", "POST", "POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO"])
WEBHOOKS = st.builds(Webhook, BODIES, SOME_HEADERS, query=QUERIES | QUERY_TEXT, method=METHODS)


@QUICK
@given(path=PATHS, webhook=WEBHOOKS)
def test_no_request_gets_a_500_or_into_the_queue_unproved(here: Here, path: str, webhook: Webhook) -> None:
    status, published = here.send(path, webhook)
    assert status in STATUSES
    assert len(published) <= here.proves(path, webhook)
    assert not published or published[0].data == webhook.body


@QUICK
@given(
    source=st.sampled_from([*SOURCES]),
    webhook=WEBHOOKS,
    name=st.sampled_from(HEADERS),
    value=VALUES,
    spoil=st.booleans(),
)
def test_what_was_signed_and_then_changed_gets_in_only_if_it_is_still_proved(
    here: Here, source: str, webhook: Webhook, name: str, value: str, spoil: bool
) -> None:
    with suppress(Unproved):  # a scheme that covers no such body does not sign it
        webhook = here.signed(source, replace(webhook, method="POST"))
    changed = replace(
        webhook, headers={**webhook.headers, name: value}, body=webhook.body + b" " if spoil else webhook.body
    )
    status, published = here.send(f"/{source}", changed)
    assert status in STATUSES
    assert len(published) <= here.proves(f"/{source}", changed)


@QUICK
@given(source=st.sampled_from([name for name in SOURCES if name != "keyless"]), body=BODIES, headers=SOME_HEADERS)
def test_what_is_signed_is_never_a_500_and_its_bytes_stay(
    here: Here, source: str, body: bytes, headers: dict[str, str]
) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"} if here.sources[source].public_url else {}
    webhook = here.signed(source, Webhook(body, headers | form))
    status, published = here.send(f"/{source}", webhook)
    wanted = {here.sources[source].provider.success.status, 200, 204, 400 if is_question(here, source) else 200}
    assert status in wanted
    assert [message.data for message in published] in ([body], [])
    if not here.sources[source].only and not is_question(here, source):
        assert len(published) == 1
    for message in published:
        assert all(len(text.encode()) <= 1024 for text in message.attributes.values())


def is_question(here: Here, source: str) -> bool:
    """Whether the source's provider asks questions, which are answered instead of queued."""
    return here.sources[source].provider.handshake is not None


def test_what_is_signed_does_get_in(here: Here) -> None:
    for source in SOURCES:
        form = {"content-type": "application/x-www-form-urlencoded"}
        status, published = here.send(f"/{source}", here.signed(source, Webhook(b"a=1", form)))
        assert len(published) == (source != "keyless"), (source, status)


def test_a_bug_of_ours_asks_the_sender_to_try_again(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprise(message: object, deadline: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(here.recorder, "publish", surprise)
    assert here.send("/anyone", Webhook(b"{}")) == (503, [])


SCHEMES: dict[str, Scheme] = {name: row.scheme for name, row in PROVIDERS.items() if row.scheme}
ANY_TEXT = st.text(max_size=60) | st.sampled_from(["v1,", "t=,v1=", "sha256=", "v0=", "Basic ", "9" * 30, "1700000000"])


@pytest.mark.parametrize("name", SCHEMES)
@settings(QUICK, max_examples=60)
@given(data=st.data(), body=st.binary(max_size=50), query=st.text(max_size=20))
def test_no_text_in_a_header_surprises_a_verifier(name: str, data: st.DataObject, body: bytes, query: str) -> None:
    scheme = SCHEMES[name]
    secret, key = scheme.new_keys()
    form = {"content-type": "application/x-www-form-urlencoded"}
    headers = scheme.sign(Webhook(body, form, "https://x.example", received=1_700_000_000), secret).headers
    mixed = {header: data.draw(ANY_TEXT | st.just(value)) for header, value in headers.items()}
    webhook = Webhook(body + b"x", mixed, f"https://x.example?{query}", query, received=1_700_000_000)
    with suppress(Unproved, Failed):
        prove(scheme, webhook, [Key(key, "1")])
    with suppress(Unproved, Failed):  # prove() would make a refusal of anything else
        scheme.verify(webhook, key)
