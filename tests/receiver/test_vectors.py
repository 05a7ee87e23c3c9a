"""Requests that providers and their SDKs publish, with their verdicts."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.receiver.answers import OK, Answer
from functions.receiver.errors import NotAccepted
from functions.receiver.handshakes import Handshake, Proof, Question
from functions.receiver.places import Places
from functions.receiver.providers import PROVIDERS
from functions.receiver.schemes import (
    Basic,
    Hmac,
    Jwt,
    Key,
    PayPal,
    Plivo,
    Publishes,
    Scheme,
    Sns,
    SortedParameters,
    Timestamped,
    Token,
    UrlForm,
    locate,
    prove,
)
from functions.receiver.schemes.jose import payload_of
from functions.receiver.schemes.webtoken import canonical
from functions.receiver.webhook import Webhook

FOLDER = Path(__file__).parent.parent / "vectors"
VECTORS: list[dict[str, Any]] = [v for file in sorted(FOLDER.glob("*.json")) for v in json.loads(file.read_text())]
CANONICAL = [v for v in VECTORS if v["kind"] == "canonical"]
REQUESTS = [v for v in VECTORS if v["kind"] != "canonical" and v["provider"] != "generic-jwt"]
TOKENS = [v for v in VECTORS if v["provider"] == "generic-jwt"]
QUESTIONS = [v for v in VECTORS if v["kind"] == "challenge"]

# Vectors of a dialect or a policy that we rightly do not follow.
DIFFERS = {
    "github-gogithub-form-sha1": "SHA-1 alone is refused: GitHub sends SHA-256 beside it",
    "hubspot-v1-py": "a plain hash with the secret in front can be made longer; HubSpot sends version 3 beside it",
    "hubspot-v2-node": "as version 1",
    "hubspot-v2-py": "as version 1",
    "messagebird-legacy-body": "deprecated, and the JWT is sent beside it",
    "messagebird-legacy-no-body": "deprecated, and the JWT is sent beside it",
    "segment-batch-first-element": "only the first event of a batch is signed: the others would get in unproved",
    "sns-subscription-confirmation": "its signature is a placeholder",
    "vonage-sms-md5hash": "a plain hash with the secret behind it; the account's setting has an HMAC to choose",
    "woocommerce-empty-secret": "it is signed with the empty key, which anyone has",
    "zendesk-event": "its time is the text 1234, long ago",
    "zendesk-trigger": "its time is the text 1234, long ago",
    "zoom-crc-beats": "the suite leaves the signature out; Zoom signs this request too, so it is wanted first",
    "zoom-crc-suite": "the suite leaves the signature out; Zoom signs this request too, so it is wanted first",
}
# Vectors whose id we rightly do not take.
OTHER_IDS = {
    "box-primary": "the delivery id is another one with each attempt; this vector's body has no id of the event",
    "zendesk-event": "the id in the body may be anything that its author put there",
}
# The row of a vector, where its provider has several or another name.
ROWS = {
    "adyen-platform": "adyen-platform",
    "aws-sns": "aws-sns-v1",
    "plivo-v2": "plivo-messaging",
    "sinch-application": "sinch-application",
    "sinch-conversation": "sinch-conversation",
    "sinch-numbers": "sinch-numbers",
    "vonage-sms-sig": "vonage-sms",
    "cloudevents-options": "cloudevents",
}


def row_of(vector: dict[str, Any]) -> str:
    """The row of a vector."""
    if vector["provider"] == "discord" and vector.get("mode") != "webhook-events":
        return "discord-interactions"
    return ROWS.get(vector.get("scheme", ""), str(vector["provider"]))


def scheme_of(vector: dict[str, Any]) -> Scheme:
    """The scheme of the vector's row, or of the custom sender that it describes."""
    config = vector.get("config") or {}
    match vector.get("scheme"), vector["provider"]:
        case _, "generic-basic":
            return Basic()
        case _, "generic-bearer":
            return Token(header="Authorization", prefix="Bearer ")
        case _, "generic-hmac":
            name, digest, encoding = "X-Convoy-Signature", config["hash"].lower(), config["encoding"]
            if config["advanced"]:
                return Timestamped(name, digest=digest, encoding=encoding, signs="{timestamp},{body}")
            return Hmac(name, digest=digest, encoding=encoding)
        case _, "ms-teams":
            return Hmac("Authorization", prefix="HMAC ", encoding="base64", key="base64")
        case "shared-token-header", "buildkite":
            return Token(header="X-Buildkite-Token")
        case "plivo-v1", _:
            return UrlForm("X-Plivo-Signature", body_hash="")
        case "vonage-sms-sig", _:
            return SortedParameters(digest=config["algorithm"].removesuffix("hmac").removesuffix("hash"))
    row = PROVIDERS[row_of(vector)].scheme
    assert row
    if config.get("require_payload_hash") is False:
        return Jwt("Authorization", prefix="Bearer ")
    settings = {
        "topics": tuple(config.get("topic_arns", ())),
        "webhook_id": config.get("webhook_id", ""),
        "audience": config.get("audience", ""),
        "email": config.get("email", ""),
        "client_id": "client_id1",
        "tolerance": vector.get("tolerance_s") or 0,
    }
    return replace(row, **{name: value for name, value in settings.items() if value and hasattr(row, name)})


def keys_of(vector: dict[str, Any]) -> list[Key]:
    """The secrets of a vector, or what its provider publishes."""
    config = vector.get("config") or {}
    if "jwks" in config:
        return [Key(json.dumps(config["jwks"]), "1")]
    if "cert_chain_pem" in config:
        return [Key("".join(config["cert_chain_pem"]), "1")]
    secrets = [vector.get("public_key") or vector.get("secret") or "", vector.get("secret_secondary") or ""]
    first = config.get("public_key") or config.get("application_key")
    return [
        Key(f"{first}:{secret}" if first else secret, str(n)) for n, secret in enumerate(secrets) if secret or n == 0
    ]


def webhook_of(vector: dict[str, Any]) -> Webhook:
    body = (vector.get("body") or "").encode()
    if "body_base64" in vector:
        body = base64.b64decode(vector["body_base64"])
    if repeat := vector.get("body_repeat"):
        body = repeat["char"].encode() * repeat["count"]
    headers = vector.get("headers") or {}
    query = vector.get("query") or vector.get("url", "").partition("?")[2]
    url = vector.get("url", "https://hooks.example.com/source").partition("?")[0]
    return Webhook(
        body=body,
        # One test of PayPal's has another address than PayPal itself.
        headers={n.lower(): v.replace("notifications/test", "notifications/certs/CERT-1") for n, v in headers.items()},
        url=f"{url}?{query}" if query else url,
        query=query,
        method=vector["method"],
        received=time_of(vector),
    )


def time_of(vector: dict[str, Any]) -> float:
    """The clock of a vector; where it has none, the time that it was signed at."""
    if vector.get("now") is not None:
        return float(vector["now"])
    signed = re.search(r't=(\d{13}),|"event_time": "(\d{10})"', f"{vector.get('headers')}{vector.get('body')}")
    return float(int(signed[1]) / 1000 if signed and signed[1] else signed[2] if signed else 1_700_000_000)


def verdict(vector: dict[str, Any]) -> Answer:
    """What the receiver answers to the request."""
    row, webhook, keys = PROVIDERS.get(row_of(vector)), webhook_of(vector), keys_of(vector)
    handshake = row.handshake if row else None
    try:
        asked = handshake and webhook.method in handshake.methods
        first = handshake.proof is not Proof.SIGNED if handshake else False
        if handshake and asked and first and (reply := handshake.reply(question(webhook, handshake, keys, vector))):
            return reply
        scheme = scheme_of(vector)
        if isinstance(scheme, Publishes) and not scheme.HAS_SECRET:
            locate(scheme, webhook, "")
        proved = prove(scheme, webhook, keys)
        told = Question(Places(webhook), lambda: [proved])
        if handshake and asked and not first and (reply := handshake.reply(told)):
            return reply
        return row.answer(Places(webhook)) if row else OK
    except NotAccepted as refused:
        return Answer(refused.status, headers=refused.headers)


def question(webhook: Webhook, handshake: Handshake, keys: list[Key], vector: dict[str, Any]) -> Question:
    """The question of a vector; one that hands over a secret comes with the verify token in its address."""
    if handshake.hands_over:
        keys = [Key("verify-me", "1")]
        webhook = replace(webhook, query="token=verify-me")
    allowed = (vector.get("config") or vector).get("allowed_origins", ["eventemitter.example.com"])
    return Question(Places(webhook), lambda: keys, tuple(allowed))


@pytest.mark.parametrize("vector", REQUESTS, ids=lambda vector: vector["id"])
def test_a_published_request_gets_the_published_verdict(vector: dict[str, Any]) -> None:
    accepted = verdict(vector).status < 300
    wanted = vector["expect"].get("valid", vector["kind"] != "reject" and vector["expect"].get("status", 200) < 300)
    assert accepted is (wanted if vector["id"] not in DIFFERS else not wanted)


@pytest.mark.parametrize("vector", [v for v in REQUESTS if v["expect"].get("event_type")], ids=lambda v: v["id"])
def test_a_published_event_has_the_published_type_and_id(vector: dict[str, Any]) -> None:
    row, places = PROVIDERS[row_of(vector)], Places(webhook_of(vector))
    assert isinstance(row.type, str)
    assert places.find(row.type) == vector["expect"]["event_type"]
    if (number := vector["expect"].get("event_id")) and isinstance(row.id, str) and vector["id"] not in OTHER_IDS:
        assert places.find(row.id) == number


@pytest.mark.parametrize("vector", QUESTIONS, ids=lambda vector: vector["id"])
def test_a_published_question_gets_the_published_answer(vector: dict[str, Any]) -> None:
    answer, expect = verdict(vector), vector["expect"]
    if vector["id"] in DIFFERS:
        assert answer.status == 401
        return
    assert answer.status == expect.get("status", answer.status)
    assert answer.status < 300 or not answer.body
    if "body_json" in expect:
        assert json.loads(answer.body) == expect["body_json"]
    if expect.get("body") is not None:
        assert answer.body == expect["body"]
    if expect.get("content_type") and answer.body:
        assert answer.content_type.startswith(expect["content_type"])
    common = {"X-Content-Type-Options": "nosniff"}  # which every answer has: see response.py
    assert (answer.headers | common).items() >= expect.get("headers", {}).items()
    assert answer.headers.keys().isdisjoint(expect.get("headers_absent", []))


@pytest.mark.parametrize("vector", CANONICAL, ids=lambda vector: vector["id"])
def test_what_is_signed_is_written_as_published(vector: dict[str, Any]) -> None:
    webhook, expect = webhook_of(vector), vector["expect"]
    match vector["provider"]:
        case "aws-sns":
            assert Sns.message(Places(webhook)).decode() == expect["signed_string"]
        case "paypal":
            scheme = PayPal(webhook_id=vector["config"]["webhook_id"])
            assert scheme.message(webhook).decode() == expect["signed_string"]
        case "plivo":
            assert Plivo().message(webhook).decode() == expect["signed_string"]
        case "adyen":
            hpp = Hmac("X", key="hex", encoding="base64")
            assert hpp.mac(vector["secret"], webhook.body) == expect["mac_base64"]
        case _:
            path = "/" + vector["url"].partition("//")[2].partition("/")[2] if vector["url"].count("/") > 2 else ""
            path = path or "?" + vector["url"].partition("?")[2]
            assert canonical(vector["method"], path) == expect["canonical"]


@pytest.mark.parametrize("vector", TOKENS, ids=lambda vector: vector["id"])
def test_a_published_token_gets_the_published_verdict(vector: dict[str, Any]) -> None:
    import jwt

    token = vector["headers"]["Authorization"].removeprefix("Bearer ")
    key: Any = (
        vector.get("public_key")
        or jwt.PyJWK(vector["config"]["jwks"]["keys"][0], jwt.get_unverified_header(token)["alg"]).key
    )
    try:
        valid = bool(payload_of(token, key, vector["config"]["algorithms"]))
    except NotAccepted:
        valid = False
    assert valid is vector["expect"]["valid"]


def test_every_difference_is_of_a_vector_that_is_there() -> None:
    assert DIFFERS.keys() <= {vector["id"] for vector in VECTORS}
