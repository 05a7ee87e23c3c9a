"""Requests that providers and their SDKs publish, with their verdicts."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from functions.receiver.errors import NotAccepted
from functions.receiver.places import Places
from functions.receiver.providers import PROVIDERS
from functions.receiver.schemes import Basic, Hmac, Key, Scheme, Timestamped, Token, prove
from functions.receiver.webhook import Webhook

FOLDER = Path(__file__).parent.parent / "vectors"
VECTORS: list[dict[str, Any]] = [v for file in sorted(FOLDER.glob("*.json")) for v in json.loads(file.read_text())]

# Vectors of a dialect or a policy that we rightly do not follow.
DIFFERS = {
    "github-gogithub-form-sha1": "SHA-1 alone is refused: GitHub sends SHA-256 beside it",
    "zoom-crc-beats": "the suite leaves the signature out; Zoom signs this request too, so it is wanted first",
    "zoom-crc-suite": "the suite leaves the signature out; Zoom signs this request too, so it is wanted first",
}


def scheme_of(vector: dict[str, Any]) -> Scheme:
    """The scheme of the vector's row, or of the custom sender that it describes."""
    config = vector.get("config", {})
    match vector["provider"]:
        case "generic-basic":
            return Basic()
        case "generic-bearer":
            return Token(header="Authorization", prefix="Bearer ")
        case "generic-hmac":
            name, digest, encoding = "X-Convoy-Signature", config["hash"].lower(), config["encoding"]
            if config["advanced"]:
                return Timestamped(name, digest=digest, encoding=encoding, signs="{timestamp},{body}")
            return Hmac(name, digest=digest, encoding=encoding)
    row = PROVIDERS[row_of(vector)].scheme
    assert row
    return row


def row_of(vector: dict[str, Any]) -> str:
    """The row of a vector; Discord has one for its interactions and one for its webhook events."""
    interactions = vector["provider"] == "discord" and vector.get("mode") != "webhook-events"
    return "discord-interactions" if interactions else str(vector["provider"])


def webhook_of(vector: dict[str, Any]) -> Webhook:
    body = (vector.get("body") or "").encode()
    if "body_base64" in vector:
        body = base64.b64decode(vector["body_base64"])
    if repeat := vector.get("body_repeat"):
        body = repeat["char"].encode() * repeat["count"]
    url = vector.get("url", "https://hooks.example.com/source")
    return Webhook(
        body=body,
        headers={name.lower(): value for name, value in vector["headers"].items()},
        url=url,
        query=vector.get("query") or url.partition("?")[2],
        method=vector["method"],
        received=1_700_000_000.0 if vector["now"] is None else float(vector["now"]),
    )


def verdict(vector: dict[str, Any]) -> int:
    """The status of the receiver for the request: that of its answer, or of its refusal."""
    webhook, key = webhook_of(vector), Key(vector.get("public_key") or vector["secret"], "1")
    handshake = PROVIDERS[row_of(vector)].handshake if row_of(vector) in PROVIDERS else None
    try:
        if webhook.method != "GET":
            prove(scheme_of(vector), webhook, [key])
        asked = handshake is not None and handshake.token == (webhook.method == "GET")
        answer = handshake.reply(Places(webhook), [key]) if handshake and asked else None
    except NotAccepted as refused:
        return refused.status
    if answer and "body_json" in vector["expect"]:
        assert json.loads(answer.body) == vector["expect"]["body_json"]
    if answer and "body" in vector["expect"]:
        assert answer.body == vector["expect"]["body"]
    if answer and "content_type" in vector["expect"] and answer.body:
        assert answer.content_type.startswith(vector["expect"]["content_type"])
    return answer.status if answer else 200


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_published_request_gets_the_published_verdict(vector: dict[str, Any]) -> None:
    accepted = verdict(vector) < 300
    wanted = vector["expect"].get("valid", vector["kind"] != "reject")
    assert accepted is (wanted if vector["id"] not in DIFFERS else not wanted)


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["kind"] == "challenge"], ids=lambda vector: vector["id"])
def test_a_published_question_gets_the_published_answer(vector: dict[str, Any]) -> None:
    status = vector["expect"].get("status", 401)
    assert verdict(vector) == (status if vector["id"] not in DIFFERS else 401)


def test_every_difference_is_of_a_vector_that_is_there() -> None:
    assert DIFFERS.keys() <= {vector["id"] for vector in VECTORS}
