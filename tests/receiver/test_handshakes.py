"""The questions senders ask: what is answered, to whom, and what is never echoed, signed or visited."""

import base64
import hashlib
import hmac
import importlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import flask
import pytest

from functions.receiver.answers import OK, Answer
from functions.receiver.deadline import Deadline
from functions.receiver.errors import Failed, Malformed, NotAccepted, Unproved, WrongCode, WrongMethod
from functions.receiver.handshakes import Handshake, Proof, Question
from functions.receiver.places import Places
from functions.receiver.providers import PROVIDERS
from functions.receiver.published import Published
from functions.receiver.schemes import Key, Sns, base
from functions.receiver.schemes.base import with_headers
from functions.receiver.schemes.location import Location
from functions.receiver.webhook import Webhook
from tests.rows import PUBLIC, ROWS, sample
from tools.local import demo_entry

UUID = "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66"
FORM = "application/x-www-form-urlencoded"
CONFIRM = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=x&Token=2336412f37"


@dataclass(frozen=True)
class Asked:
    """How a sender asks, with a challenge and a verify token, and what it is answered by whoever has the secret.

    `challenge` is what the question brings to be given back or hashed; empty where it brings nothing.
    """

    question: Callable[[Any, str], Webhook]
    answer: Callable[[Any, str], Answer]
    challenge: str = UUID


def post(document: object = b"", query: dict[str, str] | str = "", **headers: str) -> Webhook:
    """A question by POST; `_` in the name of a header stands for `-`."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    text = query if isinstance(query, str) else urlencode(query)
    webhook = Webhook(body, {"content-type": "application/json"}, url=f"{PUBLIC}/x?{text}", query=text)
    return with_headers(webhook, **headers)


def get(query: dict[str, str] | str = "", method: str = "GET", **headers: str) -> Webhook:
    """A question without a body."""
    return replace(with_headers(post(b"", query), **headers), method=method)


def hub(challenge: str, token: str, **more: str) -> Webhook:
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
    return get(query | {name.replace("_", ".", 1): value for name, value in more.items()})


def sha256(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()


def text(challenge: str, secret: str) -> Answer:
    return Answer(200, challenge, "text/plain; charset=utf-8")


def ok(challenge: str, secret: str) -> Answer:
    return Answer(200, "")


def under(name: str) -> Callable[[str, str], Answer]:
    """The challenge as the one value of a JSON object."""
    return lambda challenge, secret: Answer(200, json.dumps({name: challenge}), "application/json")


def braintree(challenge: str, secret: str) -> Answer:
    public, private = secret.split(":")
    key = hashlib.sha1(private.encode()).digest()
    return Answer(200, f"{public}|{hmac.new(key, challenge.encode(), hashlib.sha1).hexdigest()}")


def ping(document: object = b"{}", answer: Answer = OK, **headers: str) -> Asked:
    return Asked(lambda challenge, token: post(document, **headers), lambda challenge, secret: answer, "")


def confirmation(address: object = CONFIRM) -> Webhook:
    """Amazon's question whether the topic shall call here; the row's scheme signs it."""
    document = {
        "Type": "SubscriptionConfirmation",
        "MessageId": "1",
        "Token": "2336412f37",
        "Message": "You have chosen",
    }
    return post(document | {"SubscribeURL": address}, content_type="text/plain; charset=UTF-8")


def event_grid(code: Any, token: str) -> Webhook:
    data = {"validationCode": code, "validationUrl": "https://rp-eastus2.eventgrid.azure.net:553/validate?id=1"}
    event = {"id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": data}
    return post([event], aeg_event_type="SubscriptionValidation")


def origin(name: str, token: str) -> Webhook:
    callback = "https://callback.example.com/consent?id=1"
    headers = {"WebHook_Request_Callback": callback, "WebHook_Request_Rate": "120"}
    return get("", "OPTIONS", WebHook_Request_Origin=name, **headers)


QUESTIONS = {
    "adobe-io": Asked(lambda c, token: get({"challenge": c}), under("challenge")),
    "adobe-sign": Asked(
        lambda c, token: get(),  # its proof is what it wants to hear
        lambda c, secret: Answer(200, json.dumps({"xAdobeSignClientId": secret}), "application/json"),
        "",
    ),
    "asana": Asked(
        lambda c, token: post(b"", {"token": token}, X_Hook_Secret=c),
        lambda c, secret: Answer(200, "", headers={"X-Hook-Secret": c}),
    ),
    "ashby": ping({"action": "ping"}),
    "aws-sns": Asked(lambda c, token: confirmation(), lambda c, secret: Answer(200, "", visit=CONFIRM), ""),
    "aws-sns-v1": Asked(lambda c, token: confirmation(), lambda c, secret: Answer(200, "", visit=CONFIRM), ""),
    "azure-event-grid": Asked(event_grid, under("validationResponse")),
    "bitbucket": ping({"test": True}, X_Event_Key="diagnostics:ping"),
    "braintree": Asked(lambda c, token: get({"bt_challenge": c}), braintree, "20f9f8ed05f77439fe955c977e4c8a53"),
    "buildkite": ping({"event": "ping"}, X_Buildkite_Event="ping"),
    "cloudevents": Asked(
        origin,
        lambda c, secret: Answer(
            200, "", headers={"WebHook-Allowed-Origin": c, "Allow": "POST", "WebHook-Allowed-Rate": "120"}
        ),
        "demo.example.com",
    ),
    "cronofy": ping({"notification": {"type": "verification"}}),
    "discord": ping({"version": 1, "application_id": "9", "type": 0}, Answer(204, "")),
    "discord-interactions": ping({"id": "1", "type": 1}, Answer(200, '{"type": 1}', "application/json")),
    "dropbox": Asked(lambda c, token: get({"challenge": c}), text),
    "dropbox-sign": ping(
        urlencode({"json": json.dumps({"event": {"event_type": "callback_test"}})}).encode(),
        Answer(200, "Hello API Event Received"),
        content_type=FORM,
    ),
    "ebay": Asked(
        lambda c, token: replace(get({"challenge_code": c}), url=f"{PUBLIC}/ebay?challenge_code={c}"),
        lambda c, token: Answer(
            200,
            json.dumps({"challengeResponse": hashlib.sha256(f"{c}{token}{PUBLIC}/ebay".encode()).hexdigest()}),
            "application/json",
        ),
    ),
    "figma": ping({"event_type": "PING"}),
    "fitbit": Asked(lambda c, token: get({"verify": token}), lambda c, token: Answer(204, ""), ""),
    "front": Asked(lambda c, token: post({"type": "sync"}, X_Front_Challenge=c), under("challenge")),
    "github": ping({"zen": "Speak like a human."}, X_GitHub_Event="ping"),
    "google-calendar-drive": ping(b"", X_Goog_Resource_State="sync", X_Goog_Message_Number="1"),
    "intercom": Asked(lambda c, token: get(method="HEAD"), ok, ""),
    "line": ping({"destination": "U1", "events": []}),
    "linkedin": Asked(
        lambda c, token: get({"challengeCode": c}),
        lambda c, secret: Answer(
            200,
            json.dumps({"challengeCode": c, "challengeResponse": sha256(secret, c).hex()}),
            "application/json",
        ),
    ),
    "mailchimp": Asked(lambda c, token: get(), ok, ""),
    "mandrill": Asked(lambda c, token: get(method="HEAD"), ok, ""),
    "meta": Asked(hub, text),
    "microsoft-graph": Asked(lambda c, token: post(b"", {"validationToken": c}, content_type="text/plain"), text),
    "monday": Asked(lambda c, token: post({"challenge": c}), under("challenge")),
    "notion": Asked(lambda c, token: post({"verification_token": c}, {"token": token}), ok),
    "nylas": Asked(lambda c, token: get({"challenge": c}), text),
    "okta": Asked(lambda c, token: get(X_Okta_Verification_Challenge=c), under("verification")),
    "onfleet": Asked(lambda c, token: get({"check": c}), text),
    "pagerduty": ping({"event": {"id": "1", "event_type": "pagey.ping"}}),
    "slack": Asked(
        lambda c, token: post({"type": "url_verification", "token": "x", "challenge": c}), under("challenge")
    ),
    "smartsheet": Asked(
        lambda c, token: post({"webhookId": 1, "challenge": c}, Smartsheet_Hook_Challenge=c),
        under("smartsheetHookResponse"),
    ),
    "snyk": ping({}, X_Snyk_Event="ping/v0"),
    "strava": Asked(hub, under("hub.challenge")),
    "surveymonkey": Asked(lambda c, token: get(method="HEAD"), ok, ""),
    "trello": Asked(lambda c, token: get(method="HEAD"), ok, ""),
    "twitch": Asked(
        lambda c, token: post({"challenge": c}, Twitch_Eventsub_Message_Type="webhook_callback_verification"), text
    ),
    "websub": Asked(
        lambda c, token: hub(c, token, hub_topic="https://example.com/feed", hub_lease_seconds="86400"), text
    ),
    "woocommerce": ping(b"webhook_id=42", content_type=FORM),
    "x": Asked(
        lambda c, token: get({"crc_token": c}),
        lambda c, secret: Answer(
            200,
            json.dumps({"response_token": f"sha256={base64.b64encode(sha256(secret, c)).decode()}"}),
            "application/json",
        ),
    ),
    "xero": ping({"events": [], "firstEventSequence": 0, "lastEventSequence": 0, "entropy": "S0m3r4nd0m"}),
    "zoom": Asked(
        lambda c, token: post({"event": "endpoint.url_validation", "event_ts": 1, "payload": {"plainToken": c}}),
        lambda c, secret: Answer(
            200, json.dumps({"plainToken": c, "encryptedToken": sha256(secret, c).hex()}), "application/json"
        ),
    ),
}
# Those that sign or keep what they are given take less than what may be echoed; an origin has to be on a list.
WORDS = ("asana", "ebay", "notion", "x", "zoom")
BRINGING = [name for name, asked in QUESTIONS.items() if asked.challenge and name != "cloudevents"]
ECHOING = [name for name in BRINGING if name not in (*WORDS, "braintree", "linkedin")]


def handshake_of(name: str) -> Handshake:
    handshake = PROVIDERS[name].handshake
    assert handshake
    return handshake


BY_TOKEN = [name for name in QUESTIONS if handshake_of(name).has_token and name != "ebay"]
BY_POST = [name for name in QUESTIONS if "POST" in handshake_of(name).methods]


@cache
def keys_of(name: str) -> tuple[str, str]:
    """What the sender signs with, and what the receiver answers with: its secret, or its verify token."""
    scheme = PROVIDERS[name].scheme
    assert scheme
    sign, given = scheme.new_keys()
    return sign, "new-verify-token" if handshake_of(name).has_token else given


def asked(name: str, challenge: object = None, token: str = "new-verify-token") -> Webhook:
    """A question as it comes: with its proof, where it has one."""
    webhook = QUESTIONS[name].question(QUESTIONS[name].challenge if challenge is None else challenge, token)
    scheme = ROWS[name].provider.scheme
    assert scheme
    return scheme.sign(webhook, keys_of(name)[0]) if handshake_of(name).proof is Proof.SIGNED else webhook


def ask(name: str, webhook: Webhook, secrets: Sequence[str] | None = None) -> Answer | None:
    known = [keys_of(name)[1]] if secrets is None else secrets
    question = Question(Places(webhook), lambda: [Key(secret, "1:1") for secret in known], ROWS[name].origins)
    return handshake_of(name).reply(question)


def without_keys() -> Sequence[Key]:
    raise AssertionError("the secret is read")


# Every row


def test_every_row_with_a_handshake_is_asked_here_and_there_are_many() -> None:
    assert QUESTIONS.keys() == {name for name in PROVIDERS if PROVIDERS[name].handshake}
    assert len(QUESTIONS) >= 25


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered_to_the_letter(name: str) -> None:
    expected = QUESTIONS[name].answer(QUESTIONS[name].challenge, keys_of(name)[1])
    assert asked(name).method in handshake_of(name).methods
    assert ask(name, asked(name)) == expected


@pytest.mark.parametrize("name", BY_POST)
def test_an_event_is_no_question_and_no_secret_is_read_to_know_that(name: str) -> None:
    assert handshake_of(name).reply(Question(Places(sample(name)), without_keys, ROWS[name].origins)) is None


def test_only_these_are_answered_without_any_proof() -> None:
    proofs: dict[Proof, set[str]] = {proof: set() for proof in Proof}
    for name in QUESTIONS:
        proofs[handshake_of(name).proof].add(name)
    by_text = {"adobe-io", "azure-event-grid", "dropbox", "microsoft-graph", "monday", "nylas", "okta", "onfleet"}
    constant = {"intercom", "mandrill", "surveymonkey", "trello", "woocommerce"}
    assert proofs[Proof.NONE] == by_text | constant | {"smartsheet", "cloudevents"}
    assert proofs[Proof.HASH] == {"braintree", "linkedin", "x"}
    assert proofs[Proof.HASH_OF_TOKEN] == {"ebay"}
    assert proofs[Proof.TOKEN] == {"asana", "fitbit", "meta", "notion", "strava", "websub"}


@pytest.mark.parametrize(
    "name", [name for name in QUESTIONS if handshake_of(name).proof in (Proof.NONE, Proof.SIGNED) and name != "zoom"]
)
def test_an_answer_that_needs_no_secret_reads_none(name: str) -> None:
    question = Question(Places(asked(name)), without_keys, ROWS[name].origins)
    assert handshake_of(name).reply(question) == QUESTIONS[name].answer(QUESTIONS[name].challenge, keys_of(name)[1])


def test_only_these_bring_a_secret_or_visit_an_address() -> None:
    assert {n: handshake_of(n).hands_over for n in QUESTIONS if handshake_of(n).hands_over} == {
        "asana": "header:X-Hook-Secret",
        "notion": "json:verification_token",
    }
    answers = {name: ask(name, asked(name)) for name in QUESTIONS}
    assert {name for name, answer in answers.items() if answer and answer.visit} == {"aws-sns", "aws-sns-v1"}


# What is echoed

ECHOED = {
    "digits": "1158201444",
    "Slack's own example": "3eZbrw1aBm2rZgRNFdxV2595E9CYnx0DvL4wLJdn0E4X",
    "marks": "!#$%()*+,-./:;=?@[]^_`{|}~",
    "spaces": "Validation: Testing client application reachability",
    "1,024 characters": "x" * 1024,
}
NEVER_ECHOED = {
    "a tag": "<script>alert(1)</script>",
    "an opening bracket": "a<b",
    "a closing bracket": "a>b",
    "an ampersand": "a&lt;b",
    "a double quote": 'a"b',
    "a single quote": "a'b",
    "a newline at the end": "a\n",
    "CR and LF": "a\r\nSet-Cookie: b",
    "a tab": "a\tb",
    "a NUL": "a\0",
    "an escape": "a\x1b[2J",
    "not ASCII": "caf\xe9",
    "DEL": "a\x7f",
    "1,025 characters": "x" * 1025,
}


@pytest.mark.parametrize("name", ECHOING)
@pytest.mark.parametrize("challenge", ECHOED.values(), ids=ECHOED)
def test_a_challenge_is_echoed_as_it_is_wanted(name: str, challenge: str) -> None:
    assert ask(name, asked(name, challenge)) == QUESTIONS[name].answer(challenge, keys_of(name)[1])


@pytest.mark.parametrize("name", BRINGING)
@pytest.mark.parametrize("challenge", NEVER_ECHOED.values(), ids=NEVER_ECHOED)
def test_what_a_browser_could_take_for_more_than_text_is_never_given_back(name: str, challenge: str) -> None:
    with pytest.raises(Malformed, match="challenge"):
        ask(name, asked(name, challenge))


@pytest.mark.parametrize("name", BRINGING)
def test_an_empty_challenge_is_never_answered(name: str) -> None:
    with suppress(Malformed):
        assert ask(name, asked(name, "")) is None


@pytest.mark.parametrize("name", ["azure-event-grid", "monday", "notion", "slack", "twitch", "zoom"])
@pytest.mark.parametrize("challenge", [{}, {"a": 1}, [], ["a"], [None]], ids=repr)
def test_what_is_no_text_is_never_given_back(name: str, challenge: object) -> None:
    with pytest.raises(Malformed):
        ask(name, asked(name, challenge))


@pytest.mark.parametrize("name", [name for name in BRINGING if asked(name).method == "GET" and asked(name).query])
def test_a_challenge_that_stands_twice_in_the_query_is_never_answered(name: str) -> None:
    webhook = asked(name)
    (field,) = (field for field in webhook.query.split("&") if QUESTIONS[name].challenge in field)
    with pytest.raises(Malformed):
        ask(name, replace(webhook, query=f"{webhook.query}&{field}"))


def test_a_challenge_that_stands_twice_in_the_body_is_never_answered() -> None:
    with pytest.raises(Malformed):
        ask("slack", post(b'{"type": "url_verification", "challenge": "a", "challenge": "b"}'))


# What is hashed with a key for a stranger

NEVER_SIGNED = {
    "what events are signed as": 'v0:1700000000:{"event":"x"}',
    "a colon": "v0:1",
    "a body": '{"event":"meeting.started"}',
    "an empty object": "{}",
    "an empty array": "[]",
    "a form": "a&b",
    "a space": "a b",
    "129 characters": "x" * 129,
}
NEVER_SIGNED_BY_BRAINTREE = {
    "19 digits": "a" * 19,
    "41 digits": "a" * 41,
    "capitals": "A" * 20,
    "no hexadecimal digit": "g" * 20,
    "a payload": base64.b64encode(b"<notification><kind>check</kind></notification>").decode(),
    "a hyphen": UUID,
}
NEVER_SIGNED_BY_LINKEDIN = {
    "35 characters": UUID[1:],
    "37 characters": UUID + "0",
    "no hexadecimal digit": UUID.replace("d", "g"),
    "what events are signed as": "hmacsha256={}",
    "what begins as events do": "hmacsha256=" + UUID[11:],
    "a body of 36 characters": '{"a":"' + "b" * 28 + '"}',
    "32 digits": UUID.replace("-", ""),
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[pytest.param(name, text, id=f"{name}, {what}") for what, text in NEVER_SIGNED.items() for name in WORDS],
        *[pytest.param("braintree", text, id=f"braintree, {w}") for w, text in NEVER_SIGNED_BY_BRAINTREE.items()],
        *[pytest.param("linkedin", text, id=f"linkedin, {what}") for what, text in NEVER_SIGNED_BY_LINKEDIN.items()],
    ],
)
def test_nothing_is_hashed_for_a_stranger_that_could_be_what_an_event_is_signed_as(name: str, text: str) -> None:
    with pytest.raises(Malformed):
        ask(name, asked(name, text))


@pytest.mark.parametrize(
    ("name", "challenge"),
    [
        *[(name, "x" * 128) for name in WORDS],
        *[(name, "Az09_.~+/=-") for name in WORDS],
        ("braintree", "0123456789abcdef0123"),
        ("braintree", "f" * 40),
        ("linkedin", UUID.upper()),
    ],
)
def test_the_longest_and_the_oddest_token_is_answered(name: str, challenge: str) -> None:
    assert ask(name, asked(name, challenge)) == QUESTIONS[name].answer(challenge, keys_of(name)[1])


def test_what_x_has_signed_is_never_taken_for_a_body() -> None:
    signs = handshake_of("x").signs
    assert signs
    for word in ("123", "true", "null", UUID, "x" * 128):  # bodies that are JSON, and tokens that are signed
        assert ask("x", asked("x", word))
        assert signs.fullmatch(word)
    assert not signs.fullmatch(sample("x").body.decode())


@pytest.mark.parametrize("name", ["x", "linkedin", "ebay"])
def test_a_question_is_answered_with_the_newest_of_two_secrets(name: str) -> None:
    assert ask(name, asked(name), ["newest", "oldest"]) == QUESTIONS[name].answer(UUID, "newest")


def test_zooms_token_is_hashed_with_the_key_that_proved_the_question() -> None:
    assert ask("zoom", asked("zoom", "abc"), ["old-secret"]) == QUESTIONS["zoom"].answer("abc", "old-secret")


def test_ebays_address_is_hashed_without_the_query_it_came_with() -> None:
    webhook = replace(asked("ebay"), url=f"{PUBLIC}/ebay?challenge_code={UUID}&more=1")
    assert ask("ebay", webhook) == QUESTIONS["ebay"].answer(UUID, keys_of("ebay")[1])


def test_a_pair_that_is_none_is_our_fault() -> None:
    with pytest.raises(Failed, match="secret-form"):
        ask("braintree", asked("braintree"), ["no-pair"])


# The verify token

WRONG_TOKENS = {
    "empty": "",
    "another": "other-verify-token",
    "the beginning": "new-verify",
    "one more character": "new-verify-token1",
    "upper case": "NEW-VERIFY-TOKEN",
    "not ASCII": "new-verify-token\xe9",
    "a snowman": "\N{SNOWMAN}",
    "a surrogate escape": "\ufffd",
    "both, one a line": "new-verify-token\nold-verify-token",
}
TOKENS = ["new-verify-token", "old-verify-token"]


@pytest.mark.parametrize("name", BY_TOKEN)
@pytest.mark.parametrize("token", TOKENS)
def test_each_verify_token_is_taken(name: str, token: str) -> None:
    challenge = QUESTIONS[name].challenge
    assert ask(name, asked(name, token=token), TOKENS) == QUESTIONS[name].answer(challenge, token)


@pytest.mark.parametrize("name", BY_TOKEN)
@pytest.mark.parametrize("token", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_no_other_verify_token_is_taken(name: str, token: str) -> None:
    refusals = (WrongCode, Malformed) if name == "fitbit" else Unproved  # an empty code is none
    with pytest.raises(refusals):
        ask(name, asked(name, token=token), TOKENS)


@pytest.mark.parametrize("name", [name for name in BY_TOKEN if name != "fitbit"])
def test_a_question_without_a_verify_token_or_with_two_is_not_answered(name: str) -> None:
    webhook = asked(name)
    fields = [part for part in webhook.query.split("&") if "token" not in part]
    for query in ("&".join(fields), f"{webhook.query}&{webhook.query}"):
        with pytest.raises((Unproved, Malformed)):
            ask(name, replace(webhook, query=query))


@pytest.mark.parametrize("name", BY_TOKEN)
def test_no_token_is_no_match_when_there_are_no_tokens(name: str) -> None:
    for token in ("", "x"):
        with pytest.raises(NotAccepted):
            ask(name, asked(name, token=token), [])


@pytest.mark.parametrize("name", [name for name in BY_TOKEN if QUESTIONS[name].challenge])
def test_the_verify_token_is_proved_before_the_challenge_is_looked_at(name: str) -> None:
    with pytest.raises(Unproved):
        ask(name, asked(name, "<script>", "wrong"))


@pytest.mark.parametrize("name", BY_TOKEN)
def test_every_verify_token_is_compared_in_constant_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def spy(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return hmac.compare_digest(given, wanted)

    monkeypatch.setattr(base, "hmac", SimpleNamespace(compare_digest=spy))
    assert ask(name, asked(name), TOKENS)
    assert len(compared) == 2
    assert all(b"new-verify-token" in pair for pair in compared)


def test_a_wrong_code_of_fitbit_is_not_found_and_none_is_no_question() -> None:
    with pytest.raises(WrongCode) as refused:
        ask("fitbit", get({"verify": "wrong"}))
    assert refused.value.status == 404
    with pytest.raises(Malformed):
        ask("fitbit", get())


@pytest.mark.parametrize("name", ["meta", "strava"])
@pytest.mark.parametrize("mode", ["", "unsubscribe", "Subscribe", "denied"])
def test_another_mode_is_no_question_of_meta_or_strava(name: str, mode: str) -> None:
    with pytest.raises(Malformed):
        ask(name, hub(UUID, "new-verify-token", hub_mode=mode))


def test_a_hub_may_also_ask_about_the_end_and_say_that_it_refuses() -> None:
    assert ask("websub", hub("5", "new-verify-token", hub_mode="unsubscribe")) == Answer(200, "5")
    assert ask("websub", hub("", "new-verify-token", hub_mode="denied", hub_reason="private")) == OK
    for mode in ("", "publish", "Subscribe"):
        with pytest.raises(Malformed):
            ask("websub", hub("5", "new-verify-token", hub_mode=mode))
    with pytest.raises(Unproved):
        ask("websub", hub("", "wrong", hub_mode="denied"))


def test_a_hub_gets_the_verify_token_in_the_address_it_was_given() -> None:
    query = {"token": "new-verify-token", "hub.mode": "subscribe", "hub.challenge": "5"}
    assert ask("websub", get(query)) == Answer(200, "5")


# Who asks nothing

NOT_ASKED = {
    "an event of Slack": ("slack", post({"type": "event_callback", "challenge": "x"})),
    "a challenge without its type": ("slack", post({"challenge": "x"})),
    "a type inside": ("slack", post({"event": {"type": "url_verification", "challenge": "x"}})),
    "a list": ("slack", post([{"type": "url_verification", "challenge": "x"}])),
    "an event of Zoom": ("zoom", post({"event": "meeting.started", "payload": {"plainToken": "x"}})),
    "an event of Discord": ("discord", post({"type": 1, "event": {"type": "ENTITLEMENT_CREATE"}})),
    "a form for Discord": ("discord", post(b"type=0")),
    "nothing for Discord": ("discord", post(b"")),
    "an interaction": ("discord-interactions", post({"type": 2})),
    "an interaction that is none": ("discord-interactions", post({"type": True})),
    "an event of GitHub": ("github", post({"zen": "x", "hook_id": 1}, X_GitHub_Event="push")),
    "a ping that only the body of GitHub names": ("github", post({"event": "ping"})),
    "an event of Twitch with a challenge": (
        "twitch",
        post({"challenge": "x"}, Twitch_Eventsub_Message_Type="notification"),
    ),
    "an event of Event Grid": (
        "azure-event-grid",
        post([{"data": {"validationCode": "x"}}], aeg_event_type="Notification"),
    ),
    "Event Grid's question in its body alone": (
        "azure-event-grid",
        post([{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "x"}}]),
    ),
    "a token in the body, for Graph": ("microsoft-graph", post({"validationToken": "x"})),
    "a challenge and more, for monday": ("monday", post({"challenge": "x", "event": {"type": "create_item"}})),
    "two keys, for monday": ("monday", post({"challenge": "x", "": ""})),
    "a list, for monday": ("monday", post(["challenge"])),
    "an empty object, for monday": ("monday", post({})),
    "a challenge that stands twice, for monday": ("monday", post(b'{"challenge": "a", "challenge": "b"}')),
    "a challenge in the body, for Smartsheet": ("smartsheet", post({"challenge": "x"})),
    "an event of Smartsheet": ("smartsheet", post({"events": []})),
    "no list of events, for Xero": ("xero", post({"events": None})),
    "an event of Xero": ("xero", post({"events": [{}]})),
    "no events at all, for Xero": ("xero", post({})),
    "a list, for LINE": ("line", post([])),
    "a notification of a topic": ("aws-sns", post({"Type": "Notification", "SubscribeURL": CONFIRM})),
    "the end of a subscription": ("aws-sns", post({"Type": "UnsubscribeConfirmation", "SubscribeURL": CONFIRM})),
    "a confirmation that only a header names": (
        "aws-sns",
        post({"SubscribeURL": CONFIRM}, x_amz_sns_message_type="SubscriptionConfirmation"),
    ),
    "a secret in the body, for Asana": ("asana", post({"X-Hook-Secret": UUID}, {"token": "new-verify-token"})),
    "a token and more, for Notion": (
        "notion",
        post({"verification_token": UUID, "id": "1"}, {"token": "new-verify-token"}),
    ),
    "a channel's change": ("google-calendar-drive", post(b"", X_Goog_Resource_State="exists")),
    "a signed ping, for WooCommerce": (
        "woocommerce",
        post(b"webhook_id=42", content_type=FORM, X_WC_Webhook_Signature="x"),
    ),
    "more than a ping, for WooCommerce": ("woocommerce", post(b"webhook_id=42&a=1", content_type=FORM)),
    "an id that is no number, for WooCommerce": ("woocommerce", post(b"webhook_id=a", content_type=FORM)),
    "a newline behind the ping, for WooCommerce": ("woocommerce", post(b"webhook_id=42\n", content_type=FORM)),
    "an id too long, for WooCommerce": ("woocommerce", post(b"webhook_id=" + b"4" * 21, content_type=FORM)),
    "a number that is not ASCII, for WooCommerce": (
        "woocommerce",
        post("webhook_id=\u0664".encode(), content_type=FORM),
    ),
    "an event of Mandrill": ("mandrill", post(b"mandrill_events=%5B%7B%7D%5D", content_type=FORM)),
    "no events and more, for Mandrill": ("mandrill", post(b"mandrill_events=%5B%5D&a=1", content_type=FORM)),
    "no events as nobody writes them, for Mandrill": ("mandrill", post(b"mandrill_events=[]", content_type=FORM)),
    "nothing, for Mandrill": ("mandrill", post(b"", content_type=FORM)),
}


@pytest.mark.parametrize(("name", "webhook"), NOT_ASKED.values(), ids=NOT_ASKED)
def test_what_is_no_question_is_an_event(name: str, webhook: Webhook) -> None:
    assert ask(name, webhook) is None


def test_mandrills_test_without_events_is_answered_whoever_signs_it() -> None:
    webhook = post(b"mandrill_events=%5B%5D", content_type=FORM, X_Mandrill_Signature="signed with test-webhook")
    assert ask("mandrill", webhook) == OK


@pytest.mark.parametrize(
    ("name", "query"),
    [("dropbox", "challeng=x"), ("x", "crc=x"), ("onfleet", "challenge=x"), ("ebay", ""), ("okta", "")],
)
def test_a_get_without_a_challenge_is_malformed(name: str, query: str) -> None:
    with pytest.raises(Malformed):
        ask(name, get(query))


# An origin asks whether it may send


@pytest.mark.parametrize(
    "name", ["", "*", "evil.example.net", "demo.example.com.evil.net", "DEMO.EXAMPLE.COM", "demo.example.com, a.net"]
)
def test_only_an_origin_on_the_list_may_send(name: str) -> None:
    with pytest.raises(WrongMethod) as refused:
        ask("cloudevents", origin(name, ""))
    assert (refused.value.status, refused.value.headers) == (405, {"Allow": "POST"})


def test_an_origin_may_send_nowhere_if_there_is_no_list() -> None:
    for name in ("", "demo.example.com"):
        with pytest.raises(WrongMethod):
            handshake_of("cloudevents").reply(Question(Places(origin(name, ""))))


@pytest.mark.parametrize("rate", ["1", "120", "999999", "*"])
def test_an_origin_gets_the_rate_it_asks_for(rate: str) -> None:
    answer = ask("cloudevents", with_headers(origin("demo.example.com", ""), WebHook_Request_Rate=rate))
    assert answer
    assert answer.headers["WebHook-Allowed-Rate"] == rate


@pytest.mark.parametrize("rate", ["", "0x10", "-1", "1.5", "1000000", "**", "1\r\nX: y", "<b>"])
def test_a_rate_that_is_none_is_not_repeated(rate: str) -> None:
    answer = ask("cloudevents", with_headers(origin("demo.example.com", ""), WebHook_Request_Rate=rate))
    assert answer
    assert answer.headers == {"WebHook-Allowed-Origin": "demo.example.com", "Allow": "POST"}


# An address that has to be visited


@dataclass
class Here:
    """The receiver in this process, which notes what it publishes and where it goes."""

    main: ModuleType
    private: str
    scheme: Sns
    visited: list[str] = field(default_factory=list)
    published: list[Any] = field(default_factory=list)
    down: bool = False

    def fetch(self, location: Location, deadline: Deadline) -> str:
        self.visited.append(location.url)
        if self.down:
            raise Failed("keys-refused")
        return "<ConfirmSubscriptionResponse/>"

    def publish(self, event: Any, deadline: Deadline) -> str:
        self.published.append(event)
        return "1"

    def post(self, webhook: Webhook) -> int:
        """Send it, and say how it is answered."""
        context = flask.Flask("here").test_request_context(
            "/aws-sns", method="POST", data=webhook.body, headers=dict(webhook.headers)
        )
        with context:
            answer: flask.Response = self.main.receive(flask.request)
        assert answer.get_data() == b""
        return answer.status_code

    def signed(self, webhook: Webhook) -> Webhook:
        return self.scheme.sign(webhook, self.private)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    file = tmp_path / "sources.yaml"
    file.write_text(json.dumps({"aws-sns": demo_entry("aws-sns", PROVIDERS["aws-sns"], PUBLIC)}))
    for name, value in {"SOURCES": str(file), "TOPIC": "projects/tests/topics/webhooks", "KEYS": "env"}.items():
        monkeypatch.setenv(name, value)
    scheme = ROWS["aws-sns"].provider.scheme
    assert isinstance(scheme, Sns)
    private, certificate = keys_of("aws-sns")
    monkeypatch.delitem(sys.modules, "functions.receiver.main", raising=False)
    here = Here(importlib.import_module("functions.receiver.main"), private, scheme)
    monkeypatch.setattr(here.main, "PUBLISHED", Published(here.fetch, {"PUBLISHED_AWS_SNS": certificate}))
    monkeypatch.setattr(here.main, "PUBLISHER", SimpleNamespace(publish=here.publish))
    yield here
    del sys.modules["functions.receiver.main"]


def test_the_address_of_a_signed_confirmation_is_visited_once_and_nothing_is_published(here: Here) -> None:
    assert here.post(here.signed(confirmation())) == 200
    assert (here.visited, here.published) == ([CONFIRM], [])


def test_an_event_of_the_topic_is_published_and_visits_nothing(here: Here) -> None:
    assert here.post(here.signed(post({"Type": "Notification", "Message": "x", "SubscribeURL": CONFIRM}))) == 200
    assert (here.visited, [event.type for event in here.published]) == ([], ["aws-sns.Notification"])


def test_a_visit_that_fails_is_our_fault_so_that_the_confirmation_comes_again(here: Here) -> None:
    here.down = True
    assert here.post(here.signed(confirmation())) == 503
    assert (here.visited, here.published) == ([CONFIRM], [])


def unsigned(here: Here) -> Webhook:
    document = json.loads(here.signed(confirmation()).body)
    del document["Signature"]
    return post(document)


def of_a_stranger(here: Here) -> Webhook:
    return here.scheme.sign(confirmation(), keys_of("aws-sns-v1")[0])


def of_another_topic(here: Here) -> Webhook:
    other = "arn:aws:sns:us-east-1:999999999999:demo"
    return replace(here.scheme, topics=(other,)).sign(confirmation(), here.private)


def to_another_address(here: Here) -> Webhook:
    webhook = here.signed(confirmation())
    return replace(webhook, body=webhook.body.replace(b"Token=2336412f37", b"Token=another"))


def with_another_certificate(here: Here) -> Webhook:
    webhook = here.signed(confirmation())
    return replace(
        webhook, body=webhook.body.replace(b"/SimpleNotificationService-", b".evil.com/SimpleNotificationService-")
    )


def of_long_ago(here: Here) -> Webhook:
    webhook = confirmation()
    return here.signed(replace(webhook, received=webhook.received - 8 * 86_400))


UNPROVED: list[Callable[[Here], Webhook]] = [
    unsigned,
    of_a_stranger,
    of_another_topic,
    to_another_address,
    with_another_certificate,
    of_long_ago,
]


@pytest.mark.parametrize("forge", UNPROVED, ids=lambda forge: forge.__name__)
def test_an_unproved_confirmation_visits_nothing(here: Here, forge: Callable[[Here], Webhook]) -> None:
    assert here.post(forge(here)) == 401
    assert (here.visited, here.published) == ([], [])


QUERY = "?Action=ConfirmSubscription&Token=1"
NEVER_VISITED = {
    "the metadata server": f"http://169.254.169.254/{QUERY}",
    "the metadata server by https": f"https://169.254.169.254/{QUERY}",
    "without https": f"http://sns.us-east-1.amazonaws.com/{QUERY}",
    "a host that only begins so": f"https://sns.us-east-1.amazonaws.com.evil.com/{QUERY}",
    "a user before the host": f"https://x@sns.us-east-1.amazonaws.com/{QUERY}",
    "the host as a user": f"https://sns.us-east-1.amazonaws.com@evil.com/{QUERY}",
    "a bucket": f"https://evil-bucket.s3.amazonaws.com/{QUERY}",
    "a bucket that is named so": f"https://sns.us-east-1.s3.amazonaws.com/{QUERY}",
    "another service": f"https://sqs.us-east-1.amazonaws.com/{QUERY}",
    "another port": f"https://sns.us-east-1.amazonaws.com:8443/{QUERY}",
    "another path": f"https://sns.us-east-1.amazonaws.com/x{QUERY}",
    "another action": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&Token=1",
    "a prefix": f"https://evil.com/https://sns.us-east-1.amazonaws.com/{QUERY}",
    "a space": f"https://sns.us-east-1.amazonaws.com/{QUERY} x",
    "a newline": f"https://sns.us-east-1.amazonaws.com/{QUERY}\n",
    "a dot for any character": f"https://sns.us-east-1xamazonaws.com/{QUERY}",
    "a region in capitals": f"https://sns.US-EAST-1.amazonaws.com/{QUERY}",
    "no region": f"https://sns..amazonaws.com/{QUERY}",
    "an address far too long": f"https://sns.us-east-1.amazonaws.com/{QUERY}{'x' * 2000}",
    "none": "",
}


@pytest.mark.parametrize("address", NEVER_VISITED.values(), ids=NEVER_VISITED)
def test_even_a_signed_confirmation_is_followed_only_to_amazon_sns(here: Here, address: object) -> None:
    assert here.post(here.signed(confirmation(address))) == 400
    assert (here.visited, here.published) == ([], [])


def test_an_address_that_is_no_text_is_not_signed_and_proves_nothing(here: Here) -> None:
    assert here.post(here.signed(confirmation(["https://sns.us-east-1.amazonaws.com/"]))) == 401
    assert (here.visited, here.published) == ([], [])


@pytest.mark.parametrize("host", ["sns.eu-central-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"])
def test_a_confirmation_is_followed_to_any_region(here: Here, host: str) -> None:
    assert here.post(here.signed(confirmation(f"https://{host}/{QUERY}"))) == 200
    assert here.visited == [f"https://{host}/{QUERY}"]


# A key that its sender has replaced


@pytest.mark.parametrize(("before", "status"), [("another key", 401), ("no key", 503)])
def test_a_key_that_proves_nothing_is_fetched_anew_before_a_webhook_is_refused(
    here: Here, monkeypatch: pytest.MonkeyPatch, before: str, status: int
) -> None:
    texts, now = [keys_of("aws-sns-v1")[1] if before == "another key" else "<html>"], [1.0]
    published = Published(lambda location, deadline: texts[-1], clock=lambda: now[-1])
    monkeypatch.setattr(here.main, "PUBLISHED", published)
    event = here.signed(post({"Type": "Notification", "Message": "x"}))
    assert (here.post(event), here.published) == (status, [])
    texts.append(keys_of("aws-sns")[1])
    now.append(62.0)
    assert here.post(event) == 200
    assert len(here.published) == 1


def test_a_surprise_on_the_way_to_a_key_is_a_refusal_and_nothing_is_visited(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def published(self: Sns, webhook: Webhook, secret: str) -> Location:
        raise ZeroDivisionError

    signed = here.signed(confirmation())
    monkeypatch.setattr(Sns, "published", published)
    assert here.post(signed) == 401
    assert (here.visited, here.published) == ([], [])
