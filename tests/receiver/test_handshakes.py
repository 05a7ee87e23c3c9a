"""The questions senders ask: what is answered, to whom, and what is never echoed or signed."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from functions.receiver import handshakes
from functions.receiver.answers import OK, Answer
from functions.receiver.errors import Malformed, Unproved
from functions.receiver.handshakes import (
    Handshake,
    event_ping,
    github_ping,
    hub_challenge,
    interaction_ping,
    url_validation,
    url_verification,
)
from functions.receiver.places import Places
from functions.receiver.providers import PROVIDERS
from functions.receiver.schemes import Key, base
from functions.receiver.webhook import Webhook

TOKENS = [Key("new-verify-token", "2:1"), Key("old-verify-token", "2:2")]
SECRET = [Key("zoom-secret-token", "1:1")]


def ask(handshake: Handshake, document: object, keys: Sequence[Key] = SECRET, **headers: str) -> Answer | None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return handshake.reply(Places(Webhook(body, names)), keys)


def get(query: str | dict[str, str], tokens: Sequence[Key] = TOKENS) -> Answer | None:
    text = query if isinstance(query, str) else urlencode(query)
    return hub_challenge.reply(Places(Webhook(query=text, method="GET")), tokens)


def slack(challenge: object) -> dict[str, object]:
    return {"type": "url_verification", "token": "x", "challenge": challenge}


def meta(challenge: str, token: str = "new-verify-token") -> dict[str, str]:
    return {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}


def zoom(token: object) -> dict[str, object]:
    return {"event": "endpoint.url_validation", "event_ts": 1, "payload": {"plainToken": token}}


# What is echoed

ECHOED = {
    "digits": "1158201444",
    "Slack's own example": "3eZbrw1aBm2rZgRNFdxV2595E9CYnx0DvL4wLJdn0E4X",
    "marks": "!#$%()*+,-./:;=?@[]^_`{|}~",
    "1,024 characters": "x" * 1024,
}
NEVER_ECHOED = {
    "nothing": "",
    "a tag": "<script>alert(1)</script>",
    "an opening bracket": "a<b",
    "a closing bracket": "a>b",
    "an ampersand": "a&lt;b",
    "a double quote": 'a"b',
    "a single quote": "a'b",
    "a space": "a b",
    "a newline": "a\n",
    "CR and LF": "a\r\nSet-Cookie: b",
    "a NUL": "a\0",
    "not ASCII": "caf\xe9",
    "DEL": "a\x7f",
    "1,025 characters": "x" * 1025,
}


@pytest.mark.parametrize("challenge", ECHOED.values(), ids=ECHOED)
def test_a_challenge_is_echoed_as_it_is_wanted(challenge: str) -> None:
    by_slack = ask(url_verification, slack(challenge))
    assert by_slack == Answer(200, json.dumps({"challenge": challenge}), "application/json")
    assert get(meta(challenge)) == Answer(200, challenge, "text/plain; charset=utf-8")


@pytest.mark.parametrize("challenge", NEVER_ECHOED.values(), ids=NEVER_ECHOED)
def test_what_a_browser_could_take_for_more_than_text_is_never_echoed(challenge: str) -> None:
    with pytest.raises(Malformed, match="challenge"):
        ask(url_verification, slack(challenge))
    with pytest.raises(Malformed, match="challenge"):
        get(meta(challenge))


@pytest.mark.parametrize("challenge", [None, {}, {"a": 1}, [], ["a"]], ids=repr)
def test_what_is_no_text_is_never_echoed(challenge: object) -> None:
    with pytest.raises(Malformed):
        ask(url_verification, slack(challenge))


def test_a_challenge_that_stands_twice_is_never_echoed() -> None:
    with pytest.raises(Malformed):
        ask(url_verification, b'{"type": "url_verification", "challenge": "a", "challenge": "b"}')
    with pytest.raises(Malformed):
        get(urlencode(meta("a")) + "&hub.challenge=b")


# Meta's verify token


@pytest.mark.parametrize("token", [key.secret for key in TOKENS])
def test_each_verify_token_is_taken(token: str) -> None:
    assert get(meta("5", token)) == Answer(200, "5")


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


@pytest.mark.parametrize("token", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_no_other_verify_token_is_taken(token: str) -> None:
    with pytest.raises(Unproved, match="verify-token"):
        get(meta("5", token))


def test_a_question_without_or_with_two_verify_tokens_is_not_answered() -> None:
    for query in ("", "&hub.verify_token=", "&hub.verify_token=new-verify-token&hub.verify_token=new-verify-token"):
        with pytest.raises(Unproved):
            get("hub.mode=subscribe&hub.challenge=5" + query)


def test_no_token_is_no_match_when_there_are_no_tokens() -> None:
    for token in ("", "x"):
        with pytest.raises(Unproved):
            get(meta("5", token), [])


def test_the_verify_token_is_proved_before_the_challenge_is_looked_at() -> None:
    with pytest.raises(Unproved):
        get(meta("<script>", "wrong"))


@pytest.mark.parametrize("query", ["", "hub.mode=unsubscribe", "hub.mode=Subscribe", "a=1", "hub.mode=subscribe&" * 2])
def test_a_get_that_is_no_such_question_is_malformed(query: str) -> None:
    with pytest.raises(Malformed):
        get(query + "&hub.verify_token=new-verify-token&hub.challenge=5")


def test_every_verify_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def spy(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return hmac.compare_digest(given, wanted)

    monkeypatch.setattr(base, "hmac", SimpleNamespace(compare_digest=spy))
    assert get(meta("5"))
    assert len(compared) == 2
    assert all(b"new-verify-token" in pair for pair in compared)


# Zoom's keyed digest


def test_zooms_token_comes_back_with_its_keyed_digest() -> None:
    digest = hmac.new(b"zoom-secret-token", b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256).hexdigest()
    answer = ask(url_validation, zoom("qgg8vlvZRS6UYooatFL8Aw"))
    assert answer
    assert json.loads(answer.body) == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": digest}
    assert (answer.status, answer.content_type) == (200, "application/json")


def test_zooms_token_is_hashed_with_the_key_that_proved_the_question() -> None:
    answer = ask(url_validation, zoom("abc"), [Key("old-secret", "1:2")])
    assert answer
    assert json.loads(answer.body)["encryptedToken"] == hmac.new(b"old-secret", b"abc", hashlib.sha256).hexdigest()


NEVER_SIGNED = {
    "what events are signed as": 'v0:1700000000:{"event":"x"}',
    "a colon": "v0:1",
    "a body": '{"event":"meeting.started"}',
    "a brace": "{}",
    "a space": "a b",
    "a newline": "a\n",
    "129 characters": "x" * 129,
    "empty": "",
    "not ASCII": "\xe9",
    "a list": ["a"],
    "null": None,
}


@pytest.mark.parametrize("token", NEVER_SIGNED.values(), ids=NEVER_SIGNED)
def test_nothing_is_signed_for_a_stranger_that_could_be_what_an_event_is_signed_as(token: object) -> None:
    with pytest.raises(Malformed):
        ask(url_validation, zoom(token))


def test_a_token_of_128_characters_is_signed() -> None:
    assert ask(url_validation, zoom("x" * 128))


# Who asks nothing

NOT_ASKED = {
    "an event of Slack": (url_verification, {"type": "event_callback", "challenge": "x"}),
    "a challenge without its type": (url_verification, {"challenge": "x"}),
    "a type inside": (url_verification, {"event": slack("x")}),
    "a list": (url_verification, [slack("x")]),
    "an event of Zoom": (url_validation, {"event": "meeting.started", "payload": {"plainToken": "x"}}),
    "an event of Discord": (event_ping, {"type": 1, "event": {"type": "ENTITLEMENT_CREATE"}}),
    "an interaction of Discord": (interaction_ping, {"type": 2}),
    "an interaction that is none": (interaction_ping, {"type": True}),
    "a form": (event_ping, b"type=0"),
    "nothing": (event_ping, b""),
    "an event of GitHub": (github_ping, {"zen": "x", "hook_id": 1}),
}


@pytest.mark.parametrize(("handshake", "document"), NOT_ASKED.values(), ids=NOT_ASKED)
def test_what_is_no_question_is_an_event(handshake: Handshake, document: object) -> None:
    assert ask(handshake, document, X_GitHub_Event="push") is None


def test_pings_get_what_their_senders_want() -> None:
    assert ask(event_ping, {"version": 1, "type": 0}) == Answer(204)
    assert ask(interaction_ping, {"type": 1}) == Answer(200, '{"type": 1}', "application/json")
    assert ask(github_ping, {"zen": "Speak like a human."}, X_GitHub_Event="ping") == OK


def test_only_what_is_asked_by_get_is_proved_by_a_token() -> None:
    by_token = {name for name, value in vars(handshakes).items() if isinstance(value, Handshake) and value.token}
    assert by_token == {"hub_challenge"}
    assert PROVIDERS["meta"].handshake is hub_challenge
