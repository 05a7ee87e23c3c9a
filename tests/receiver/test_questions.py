"""The questions of every sender, asked over HTTP: what is answered, what is refused, and that nothing is published."""

import json
import re
import socketserver
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.parse import urlencode

import grpc
import pytest
import requests

from functions.receiver.handshakes import Proof
from functions.receiver.schemes.base import with_headers
from functions.receiver.sources import load
from functions.receiver.webhook import Webhook
from tests.conftest import VERIFY_TOKEN, Queue, Receiver, check_log, one_queue, start_receiver
from tests.receiver.test_handshakes import BY_TOKEN, FORM, QUESTIONS, UUID, asked, get, handshake_of, post
from tests.rows import sample
from tests.secret_manager import DESTROYED, DISABLED, FakeSecretManager

pytestmark = one_queue
TAG = "<script>alert(1)</script>"
HANDING_OVER = [name for name in QUESTIONS if handshake_of(name).hands_over]
VISITING = ["aws-sns", "aws-sns-v1"]
ANSWERED = [name for name in QUESTIONS if name not in (*HANDING_OVER, *VISITING)]
SIGNED = [name for name in QUESTIONS if handshake_of(name).proof is Proof.SIGNED]
BRINGING = [name for name in ANSWERED if QUESTIONS[name].challenge]


def proofs(name: str, webhook: Webhook) -> list[str]:
    """The headers in which a question is proved."""
    bare = QUESTIONS[name].question(QUESTIONS[name].challenge, "")
    return [header for header in webhook.headers if header not in bare.headers]


@dataclass
class Outside:
    """A proxy that lets nobody out, and notes where they wanted to go."""

    wanted: list[str] = field(default_factory=list)

    def serve(self) -> Iterator[int]:
        """Listen on a free port."""
        outside = self

        class Line(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outside.wanted.append(" ".join(self.rfile.readline().decode("latin-1").split()[:2]))
                self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_address[1]
            server.shutdown()


@dataclass
class Asking:
    """A receiver that knows the verify token of each source, and what it sends to others than the queue."""

    receiver: Receiver
    outside: Outside

    def question(self, name: str, challenge: str = "", token: str = VERIFY_TOKEN, secret: str = "") -> Webhook:
        """A question as it comes: signed, where the source's are, with its secret or another."""
        webhook = QUESTIONS[name].question(challenge or QUESTIONS[name].challenge, token)
        if handshake_of(name).proof is not Proof.SIGNED:
            return webhook
        pair = {name: (secret, "")} if secret else self.receiver.secrets
        return replace(self.receiver, secrets=pair).sign(name, webhook)

    def send(self, name: str, webhook: Webhook, **more: Any) -> requests.Response:
        """Send it; only what is an event may be published."""
        return self.receiver.post(name, webhook, **more)

    def refuses(self, name: str, webhook: Webhook, *statuses: int, **more: Any) -> None:
        """Send what must be refused; nothing of it may come back or be published."""
        answer = self.send(name, webhook, **more)
        assert answer.status_code in statuses
        assert (answer.content, self.receiver.queue.messages()) == (b"", [])
        assert self.receiver.lines_of(name)[-1]["outcome"] in ("refused", "failed")


@pytest.fixture(scope="module")
def started(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """A receiver for all these tests: none of them makes it call anybody but Amazon, and its log holds no secret."""
    outside = Outside()
    serving = outside.serve()
    proxy = f"http://127.0.0.1:{next(serving)}"
    tokens = {f"TOKEN_{name.upper()}": VERIFY_TOKEN for name in QUESTIONS if handshake_of(name).has_token}
    own = {"https_proxy": proxy, "http_proxy": proxy, "no_proxy": "127.0.0.1,localhost"}
    receiver = start_receiver(queue, tmp_path_factory.mktemp("questions"), **tokens, **own)
    try:
        yield Asking(receiver, outside)
    finally:
        receiver.server.stop()
        next(serving, None)
    check_log(receiver)
    assert VERIFY_TOKEN not in receiver.server.output.read_text()
    assert {re.sub(r"sns\.[a-z0-9-]+\.", "sns.", wanted) for wanted in outside.wanted} <= {
        "CONNECT sns.amazonaws.com:443"
    }


@pytest.fixture
def asking(started: Asking) -> Asking:
    """The receiver, with nothing in its queue that an earlier test left."""
    started.receiver.queue.messages()
    return started


@pytest.mark.parametrize("name", ANSWERED)
def test_a_question_is_answered_to_the_letter_and_nothing_is_published(asking: Asking, name: str) -> None:
    secret = VERIFY_TOKEN if handshake_of(name).has_token else asking.receiver.secrets[name][1]
    expected = QUESTIONS[name].answer(QUESTIONS[name].challenge, secret)
    answer = asking.send(name, asking.question(name))
    assert (answer.status_code, answer.text) == (expected.status, expected.body)
    common = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": expected.content_type}
    assert (common | expected.headers).items() <= answer.headers.items()
    assert asking.receiver.lines_of(name)[-1]["outcome"] == "handshake"
    assert asking.receiver.queue.messages() == []


@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_question_is_not_answered_unsigned(asking: Asking, name: str) -> None:
    asking.refuses(name, QUESTIONS[name].question(QUESTIONS[name].challenge, ""), 401)


@pytest.mark.parametrize("name", SIGNED)
def test_a_question_signed_with_another_secret_is_not_answered(asking: Asking, name: str) -> None:
    scheme = asking.receiver.sources[name].provider.scheme
    assert scheme
    asking.refuses(name, asking.question(name, secret=scheme.new_keys()[0]), 401)


@pytest.mark.parametrize("name", [name for name in SIGNED if proofs(name, asked(name))])
def test_a_signed_question_whose_proof_was_changed_is_not_answered(asking: Asking, name: str) -> None:
    webhook = asking.question(name)
    for header in proofs(name, webhook):
        asking.refuses(name, with_headers(webhook, **{header: "0" + webhook.headers[header]}), 401)


@pytest.mark.parametrize("name", BY_TOKEN)
@pytest.mark.parametrize("token", ["", "wrong", VERIFY_TOKEN[:-1], VERIFY_TOKEN + "0"])
def test_a_question_with_a_wrong_verify_token_is_not_answered(asking: Asking, name: str, token: str) -> None:
    statuses = (404, 400) if name == "fitbit" else (401,)
    asking.refuses(name, asking.question(name, token=token), *statuses)


@pytest.mark.parametrize("name", BRINGING)
def test_a_question_that_would_have_a_page_echoed_is_refused(asking: Asking, name: str) -> None:
    asking.refuses(name, asking.question(name, TAG), 405 if name == "cloudevents" else 400)


@pytest.mark.parametrize("name", ANSWERED)
def test_a_question_by_another_method_is_no_question(asking: Asking, name: str) -> None:
    webhook = QUESTIONS[name].question(QUESTIONS[name].challenge, VERIFY_TOKEN)
    other = "GET" if webhook.method == "POST" else "POST"
    asking.refuses(name, replace(webhook, method=other), 400, 401, 405)


@pytest.mark.parametrize("name", [name for name in QUESTIONS if handshake_of(name).methods == ("GET",)])
def test_a_get_that_asks_nothing_is_not_answered(asking: Asking, name: str) -> None:
    asking.refuses(name, get(), 400, 401)


@pytest.mark.parametrize("name", [name for name in ANSWERED if handshake_of(name).proof is not Proof.SIGNED])
def test_an_event_that_is_signed_is_published_all_the_same(asking: Asking, name: str) -> None:
    receiver = asking.receiver
    answer = receiver.post(name, receiver.sign(name, sample(name, time.time())))
    assert answer.status_code in (200, 204)
    assert len(receiver.queue.messages()) == 1
    assert receiver.lines_of(name)[-1]["outcome"] == "accepted"


# What is hashed for a stranger


@pytest.mark.parametrize(
    ("name", "header", "answered"),
    [
        ("x", "x-twitter-webhooks-signature", "response_token"),
        ("linkedin", "X-LI-Signature", "challengeResponse"),
    ],
    ids=["x", "linkedin"],
)
def test_what_is_hashed_for_a_stranger_signs_no_event(asking: Asking, name: str, header: str, answered: str) -> None:
    signature = asking.send(name, asking.question(name)).json()[answered]
    asking.refuses(name, post(UUID.encode(), **{header: signature}), 401)


def test_what_is_hashed_for_a_stranger_signs_no_payload_of_braintree(asking: Asking) -> None:
    challenge = QUESTIONS["braintree"].challenge
    signature = asking.send("braintree", asking.question("braintree")).text
    for payload in (challenge, f"{challenge}\n", f" {challenge}"):
        form = urlencode({"bt_signature": signature, "bt_payload": payload}).encode()
        asking.refuses("braintree", post(form, content_type=FORM), 401)
        assert asking.receiver.lines_of("braintree")[-1]["reason"] == "challenge-as-body"


@pytest.mark.parametrize("body", [b"123", b"true", UUID.encode(), b"x" * 128], ids=repr)
def test_a_signed_body_that_could_have_been_a_token_is_refused(asking: Asking, body: bytes) -> None:
    asking.refuses("x", asking.receiver.signed("x", body), 401)
    assert asking.receiver.lines_of("x")[-1]["reason"] == "challenge-as-body"


# What is asked besides


def test_mandrills_test_without_events_is_answered_and_no_events_beside_it_are(asking: Asking) -> None:
    empty = post(b"mandrill_events=%5B%5D", content_type=FORM, X_Mandrill_Signature="of test-webhook")
    assert asking.send("mandrill", empty).status_code == 200
    assert asking.receiver.queue.messages() == []
    asking.refuses("mandrill", replace(empty, body=b"mandrill_events=%5B%7B%7D%5D"), 401)


def test_an_origin_that_is_not_listed_hears_nothing_and_its_callback_is_not_called(asking: Asking) -> None:
    webhook = QUESTIONS["cloudevents"].question("evil.example.net", "")
    answer = asking.send("cloudevents", webhook)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert not [name for name in answer.headers if name.lower().startswith("webhook-")]
    assert asking.outside.wanted == [wanted for wanted in asking.outside.wanted if "amazonaws" in wanted]


@pytest.mark.parametrize("name", ["azure-event-grid", "cloudevents"])
def test_an_address_in_a_question_is_not_called(asking: Asking, name: str) -> None:
    before = len(asking.outside.wanted)
    assert asking.send(name, asking.question(name)).status_code == 200
    assert len(asking.outside.wanted) == before


@pytest.mark.parametrize("name", VISITING)
def test_amazons_address_is_called_only_for_a_signed_confirmation(asking: Asking, name: str) -> None:
    asking.outside.wanted.clear()
    asking.refuses(name, QUESTIONS[name].question("", ""), 401)
    assert asking.outside.wanted == []
    asking.refuses(name, asking.question(name), 503)  # the proxy lets nobody out
    assert asking.outside.wanted == ["CONNECT sns.us-east-1.amazonaws.com:443"]


# A secret that the sender hands over

SECRET, OTHER = "b537207f20cbfa02357cf448134da559", "another-secret-of-a-stranger-001"
NUMBERS = count(1)
hands_over = pytest.mark.parametrize("row", HANDING_OVER)


@dataclass
class Vault:
    """A receiver with Secret Manager behind it, and sources without a secret, each used by one test."""

    receiver: Receiver
    store: FakeSecretManager

    def source(self, row: str) -> str:
        """A source of a row that has a verify token, and a secret without a version."""
        source = f"{row}-{next(NUMBERS)}"
        self.store.add(f"webhook-{source}_token", VERIFY_TOKEN)
        self.store.create(f"webhook-{source}")
        return source

    def hand_over(self, source: str, secret: str = SECRET, token: str | None = VERIFY_TOKEN) -> int:
        """Hand over a secret as the sender does; nothing may be published for that."""
        webhook = QUESTIONS[source.partition("-")[0]].question(secret, token or "")
        answer = self.receiver.post(source, webhook if token is not None else replace(webhook, query=""))
        back = answer.headers.get("X-Hook-Secret")
        assert back == (secret if answer.ok and source.startswith("asana") else None)
        assert answer.content == b""
        assert self.receiver.queue.messages() == []
        return answer.status_code

    def event(self, source: str, secret: str = SECRET) -> int:
        """Send an event that is signed with a secret."""
        scheme = self.receiver.sources[source].provider.scheme
        assert scheme
        webhook = scheme.sign(sample(source.partition("-")[0], time.time()), secret)
        return self.receiver.post(source, webhook).status_code

    def kept(self, source: str) -> list[str]:
        """The versions of the source's secret."""
        return self.store.versions(f"webhook-{source}")


@pytest.fixture(scope="module")
def opened(queue: Queue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """A receiver and a store for all tests of this kind; the log of neither a token nor a secret holds."""
    folder, store = tmp_path_factory.mktemp("vault"), FakeSecretManager()
    file = folder / "handing-over.yaml"
    names = [(row, f"{row}-{n}") for row in HANDING_OVER for n in range(1, 100)]
    file.write_text(json.dumps({name: {"provider": row, "deadline": 2} for row, name in names}))
    store.start()
    more = {"KEYS": "secret-manager", "SECRET_MANAGER_EMULATOR_HOST": store.host, "SOURCES": str(file)}
    receiver = replace(start_receiver(queue, folder, **more), sources=load(file), secrets={})
    try:
        yield Vault(receiver, store)
    finally:
        receiver.server.stop()
        store.stop()
    check_log(receiver)
    log = receiver.server.output.read_text()
    assert not [secret for secret in (SECRET, OTHER, VERIFY_TOKEN) if secret in log]


@pytest.fixture
def vault(opened: Vault) -> Iterator[Vault]:
    """The same, with a store that does as the real one, and nothing in the queue."""
    opened.receiver.queue.messages()
    yield opened
    opened.store.delay_to_add = 0.0


@hands_over
def test_a_secret_that_is_handed_over_is_stored_and_proves_the_events_after_it(vault: Vault, row: str) -> None:
    source = vault.source(row)
    assert vault.event(source) == 503
    assert vault.hand_over(source) == 200
    assert vault.kept(source) == [SECRET]
    assert vault.receiver.lines_of(source)[-1]["outcome"] == "handshake"
    assert vault.event(source) == 200
    assert len(vault.receiver.queue.messages()) == 1
    assert vault.event(source, OTHER) == 401
    assert vault.receiver.queue.messages() == []


@hands_over
def test_a_second_secret_is_refused_and_does_not_replace_the_first(vault: Vault, row: str) -> None:
    source = vault.source(row)
    assert vault.hand_over(source) == 200
    assert vault.hand_over(source, OTHER) == 401
    assert vault.receiver.lines_of(source)[-1]["reason"] == "secret-exists"
    assert vault.kept(source) == [SECRET]
    assert (vault.event(source, OTHER), vault.event(source)) == (401, 200)


@hands_over
def test_the_same_secret_is_acknowledged_again_and_not_stored_again(vault: Vault, row: str) -> None:
    source = vault.source(row)
    assert [vault.hand_over(source) for _ in range(2)] == [200, 200]  # the first answer may have been lost
    assert vault.hand_over(source, token="wrong") == 401
    assert vault.kept(source) == [SECRET]


@hands_over
def test_of_two_secrets_at_once_one_is_refused(vault: Vault, row: str) -> None:
    source = vault.source(row)
    vault.store.delay_to_add = 0.5
    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(lambda secret: vault.hand_over(source, secret), [SECRET, OTHER]))
    assert sorted(statuses) == [200, 401]
    assert vault.kept(source) == [[SECRET, OTHER][statuses.index(200)]]


@hands_over
@pytest.mark.parametrize("token", [None, "", "wrong", VERIFY_TOKEN[:-1], VERIFY_TOKEN + "0"])
def test_without_the_verify_token_no_secret_is_taken(vault: Vault, row: str, token: str | None) -> None:
    source = vault.source(row)
    assert vault.hand_over(source, token=token) == 401
    assert vault.kept(source) == []
    assert vault.hand_over(source) == 200  # nothing stands in its way


@hands_over
def test_a_secret_is_looked_for_where_it_is_kept_and_not_remembered_as_missing(vault: Vault, row: str) -> None:
    source = vault.source(row)
    assert vault.event(source) == 503
    vault.store.add(f"webhook-{source}", SECRET)
    assert vault.hand_over(source, OTHER) == 401
    assert vault.kept(source) == [SECRET]


@hands_over
@pytest.mark.parametrize("state", [DISABLED, DESTROYED])
def test_a_secret_whose_latest_version_is_ended_is_not_none(vault: Vault, row: str, state: str) -> None:
    source = vault.source(row)
    vault.store.add(f"webhook-{source}", SECRET)
    vault.store.end(f"webhook-{source}", state)
    assert vault.hand_over(source, OTHER) == 503
    assert vault.kept(source) == [SECRET]


UNREADABLE = {
    "denied": grpc.StatusCode.PERMISSION_DENIED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "over its quota": grpc.StatusCode.RESOURCE_EXHAUSTED,
}


@hands_over
@pytest.mark.parametrize("code", UNREADABLE.values(), ids=UNREADABLE)
def test_a_secret_that_cannot_be_read_is_not_none(vault: Vault, row: str, code: grpc.StatusCode) -> None:
    source = vault.source(row)
    vault.store.refusals[f"webhook-{source}"] = code
    assert vault.hand_over(source) == 503
    assert vault.kept(source) == []
    del vault.store.refusals[f"webhook-{source}"]
    assert vault.hand_over(source) == 200


@hands_over
def test_a_secret_that_may_not_be_stored_is_not_acknowledged(vault: Vault, row: str) -> None:
    source = vault.source(row)
    vault.store.refusals_to_add[f"webhook-{source}"] = grpc.StatusCode.PERMISSION_DENIED
    assert vault.hand_over(source) == 503
    assert vault.kept(source) == []


@hands_over
def test_a_secret_that_has_no_place_is_not_acknowledged(vault: Vault, row: str) -> None:
    source = f"{row}-{next(NUMBERS)}"
    vault.store.add(f"webhook-{source}_token", VERIFY_TOKEN)
    assert vault.hand_over(source) == 503
    assert vault.event(source) == 503


@hands_over
def test_a_source_without_a_verify_token_takes_no_secret(vault: Vault, row: str) -> None:
    source = f"{row}-{next(NUMBERS)}"
    vault.store.create(f"webhook-{source}")
    assert vault.hand_over(source) == 503
    assert vault.kept(source) == []


@hands_over
@pytest.mark.parametrize("secret", [TAG, "a b c d e f g h i j", "x" * 129, "secret&secret"], ids=repr)
def test_what_is_no_token_is_not_kept_as_a_secret(vault: Vault, row: str, secret: str) -> None:
    source = vault.source(row)
    assert vault.hand_over(source, secret) == 400
    assert vault.kept(source) == []


@hands_over
def test_an_event_does_not_read_the_verify_token(vault: Vault, row: str) -> None:
    source = vault.source(row)
    vault.store.add(f"webhook-{source}", SECRET)
    assert (vault.event(source), vault.event(source, OTHER)) == (200, 401)
    assert not [call for call in vault.store.calls if f"/webhook-{source}_token/" in call]
    assert [call for call in vault.store.calls if f"/webhook-{source}/" in call]


@hands_over
def test_a_source_whose_secret_is_read_only_takes_none(asking: Asking, row: str) -> None:
    asking.refuses(row, asking.question(row, SECRET), 503)
    assert asking.receiver.lines_of(row)[-1]["reason"] == "secret-read-only"
    asking.refuses(row, asking.question(row, SECRET, token="wrong"), 401)
    assert SECRET not in asking.receiver.server.output.read_text()
