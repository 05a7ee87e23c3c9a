"""The traps that are a scheme's own: what an attacker would try with it, and what it says to that."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from functions.receiver.errors import Failed, Unproved
from functions.receiver.handshakes import Question, bt_challenge
from functions.receiver.places import Places
from functions.receiver.schemes import (
    Adyen,
    Braintree,
    Contentful,
    DetachedJws,
    Ebay,
    Ecdsa,
    Ed25519,
    Hmac,
    HttpSignature,
    Jwks,
    Jwt,
    Key,
    MercadoPago,
    PayPal,
    Plaid,
    Plivo,
    Publishes,
    Rsa,
    Scheme,
    SinchApplication,
    Sns,
    SortedParameters,
    StandardWebhooks,
    Timestamped,
    Token,
    UrlForm,
    WebSub,
    locate,
    prove,
)
from functions.receiver.schemes.base import with_headers
from functions.receiver.schemes.certificate import certified
from functions.receiver.schemes.publickey import new_rsa, pair_of
from functions.receiver.webhook import Webhook
from tests.rows import ROWS, sample

NOW = 1_700_000_000
BODY = b'{"a": "1"}'
URL = "https://hooks.example.com/erp"
SECRET = "a-secret-of-fair-length"
FORM = "application/x-www-form-urlencoded"


def webhook(body: bytes = BODY, content_type: str = "application/json", query: str = "", **headers: str) -> Webhook:
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()} | {"content-type": content_type}
    return Webhook(body, names, f"{URL}?{query}" if query else URL, query, received=NOW)


def check(scheme: Scheme, given: Webhook, secret: str) -> None:
    """Prove a webhook as the receiver does."""
    if isinstance(scheme, Publishes):
        locate(scheme, given, "client:secret")
    prove(scheme, given, [Key(secret, "1")])


def refusal(scheme: Scheme, given: Webhook, secret: str) -> str:
    """Why a webhook is refused as forged, which it has to be, and foreseen."""
    with pytest.raises(Unproved) as refused:
        check(scheme, given, secret)
    assert refused.value.reason != "surprise"
    return refused.value.reason


def failure(scheme: Scheme, given: Webhook, secret: str) -> str:
    """Why our own keys are at fault, which they have to be."""
    with pytest.raises(Failed) as failed:
        check(scheme, given, secret)
    return failed.value.reason


@cache
def rsa() -> Any:
    return new_rsa()


@cache
def strange_rsa() -> Any:
    return new_rsa()


def row(name: str) -> Any:
    """The scheme of a row, with what its source says."""
    return ROWS[name].provider.scheme


# Tokens: made by hand, since no library makes what an attacker sends

Sign = Callable[[bytes], bytes]
JWKS = Jwks(
    "X-Token", keys="https://example.com/keys", issuer="https://example.com", audience="erp", body_hash="body_hash"
)
HEADER = {"alg": "RS256", "kid": "k1", "typ": "JWT"}
CLAIMS: dict[str, Any] = {
    "iss": "https://example.com",
    "aud": "erp",
    "iat": NOW,
    "exp": NOW + 60,
    "body_hash": hashlib.sha256(BODY).hexdigest(),
}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def by(private: Any) -> Sign:
    return lambda message: bytes(private.sign(message, PKCS1v15(), SHA256()))


def with_secret(secret: bytes, digest: str = "sha256") -> Sign:
    return lambda message: hmac.digest(secret, message, digest)


def token(header: Any = HEADER, claims: Any = CLAIMS, sign: Sign | None = None) -> str:
    """A token; header and claims may be JSON that no object makes."""
    parts = [text if isinstance(text, str) else json.dumps(text) for text in (header, claims)]
    message = ".".join(b64(part.encode()) for part in parts)
    return f"{message}.{b64((sign or by(rsa()))(message.encode()))}"


def jwk(private: Any, number: str | None = "k1") -> dict[str, Any]:
    modulus = private.public_key().public_numbers().n
    return {"kty": "RSA", "n": b64(modulus.to_bytes(256)), "e": "AQAB"} | ({"kid": number} if number else {})


@cache
def key_set() -> str:
    return json.dumps({"keys": [jwk(rsa()), jwk(strange_rsa(), "k2")]})


def test_a_token_that_is_made_by_hand_is_let_in() -> None:
    check(JWKS, webhook(x_token=token()), key_set())
    check(JWKS, webhook(x_token=token(claims=CLAIMS | {"aud": ["other", "erp"], "nbf": NOW + 299})), key_set())


WRONG_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "no audience": ({"aud": None}, "audience"),
    "another audience": ({"aud": "erp2"}, "audience"),
    "the beginning of the audience": ({"aud": "er"}, "audience"),
    "audiences without ours": ({"aud": ["a", "b"]}, "audience"),
    "an audience inside an object": ({"aud": {"erp": "erp"}}, "audience"),
    "no issuer": ({"iss": None}, "issuer"),
    "another issuer": ({"iss": "https://example.com.evil.example"}, "issuer"),
    "issuers": ({"iss": ["https://example.com"]}, "issuer"),
    "expired": ({"exp": NOW - 301}, "stale"),
    "expired long ago": ({"exp": 0}, "stale"),
    "not yet": ({"nbf": NOW + 301}, "stale"),
    "issued in the future": ({"iat": NOW + 301}, "stale"),
    "issued long ago, and good for ever": ({"iat": NOW - 301, "exp": None}, "stale"),
    "issued in the future, and good for ever": ({"iat": NOW + 301, "exp": None}, "stale"),
    "an end that is text": ({"exp": "soon"}, "timestamp"),
    "an end that is true": ({"exp": True}, "timestamp"),
    "a negative end": ({"exp": -1}, "timestamp"),
    "an end of 13 digits": ({"exp": NOW * 1000}, "timestamp"),
    "an end that is a list": ({"exp": [NOW + 60]}, "timestamp"),
    "a beginning that is an object": ({"nbf": {}}, "timestamp"),
    "no hash of the body": ({"body_hash": None}, "body-hash"),
    "an empty hash": ({"body_hash": ""}, "body-hash"),
    "the hash of another body": ({"body_hash": hashlib.sha256(b"{}").hexdigest()}, "body-hash"),
    "the beginning of the hash": ({"body_hash": CLAIMS["body_hash"][:32]}, "body-hash"),
    "hashes": ({"body_hash": [CLAIMS["body_hash"]]}, "body-hash"),
}


@pytest.mark.parametrize(("change", "reason"), WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_a_token_that_says_something_else_is_refused(change: dict[str, Any], reason: str) -> None:
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}
    assert refusal(JWKS, webhook(x_token=token(claims=claims)), key_set()) == reason


def test_a_claim_that_stands_twice_in_a_token_is_none() -> None:
    claims = json.dumps(CLAIMS)[:-1]
    assert refusal(JWKS, webhook(x_token=token(claims=claims + ', "aud": "erp"}')), key_set()) == "audience"
    assert refusal(JWKS, webhook(x_token=token(claims=claims + ', "body_hash": "x"}')), key_set()) == "body-hash"


@pytest.mark.parametrize("claims", ["", "[]", "null", '"erp"', "{", "\ud800"], ids=repr)
def test_a_token_without_claims_is_refused(claims: str) -> None:
    text = token(claims=claims.encode(errors="surrogatepass").decode("latin-1"))
    assert refusal(JWKS, webhook(x_token=text), key_set()) in ("claims", "encoding")


def test_the_body_cannot_be_taken_off_a_token_nor_added_to_one() -> None:
    assert refusal(JWKS, webhook(b"", x_token=token()), key_set()) == "body-hash"
    bare = {name: value for name, value in CLAIMS.items() if name != "body_hash"}
    check(JWKS, webhook(b"", x_token=token(claims=bare)), key_set())
    assert refusal(JWKS, webhook(b" ", x_token=token(claims=bare)), key_set()) == "body-hash"


def public_pem() -> str:
    return pair_of(rsa(), "pem")[1]


FORGED: dict[str, tuple[dict[str, Any], Callable[[], Sign], str]] = {
    "none": ({"alg": "none"}, lambda: lambda message: b"", "encoding"),
    "none, with a signature": ({"alg": "none"}, lambda: by(rsa()), "algorithm"),
    "None": ({"alg": "None"}, lambda: by(rsa()), "algorithm"),
    "NONE": ({"alg": "NONE"}, lambda: by(rsa()), "algorithm"),
    "null": ({"alg": None}, lambda: by(rsa()), "algorithm"),
    "the public key as a secret": ({"alg": "HS256"}, lambda: with_secret(public_pem().encode()), "algorithm"),
    "the key set as a secret": ({"alg": "HS256"}, lambda: with_secret(key_set().encode()), "algorithm"),
    "no secret": ({"alg": "HS256"}, lambda: with_secret(b""), "algorithm"),
    "the public key as a secret, under our algorithm": ({}, lambda: with_secret(public_pem().encode()), "mismatch"),
    "another of RSA's algorithms": ({"alg": "RS512"}, lambda: by(rsa()), "algorithm"),
    "the algorithm in another case": ({"alg": "rs256"}, lambda: by(rsa()), "algorithm"),
    "the algorithm in a list": ({"alg": ["RS256"]}, lambda: by(rsa()), "algorithm"),
    "another key of the set": ({"kid": "k2"}, lambda: by(rsa()), "mismatch"),
    "an unknown key": ({"kid": "k3"}, lambda: by(rsa()), "unknown-key"),
    "no name of a key, of two": ({"kid": None}, lambda: by(rsa()), "unknown-key"),
    "an empty name of a key": ({"kid": ""}, lambda: by(rsa()), "unknown-key"),
    "names of keys": ({"kid": ["k1"]}, lambda: by(rsa()), "unknown-key"),
    "an object for a key": ({"kid": {"k1": 1}}, lambda: by(rsa()), "unknown-key"),
    "something that has to be understood": ({"crit": ["x"], "x": 1}, lambda: by(rsa()), "algorithm"),
    "nothing that has to be understood": ({"crit": []}, lambda: by(rsa()), "algorithm"),
    "a body that is not encoded": ({"crit": ["b64"], "b64": False}, lambda: by(rsa()), "algorithm"),
    "a stranger": ({}, lambda: by(strange_rsa()), "mismatch"),
    "a stranger's set": ({"jku": "https://evil.example/keys"}, lambda: by(strange_rsa()), "mismatch"),
    "a stranger's address": ({"x5u": "https://evil.example/c.pem"}, lambda: by(strange_rsa()), "mismatch"),
    "a stranger's key inside": ({"jwk": {"kty": "oct", "k": ""}}, lambda: by(strange_rsa()), "mismatch"),
    "a stranger's set and key": ({"jku": "https://evil.example", "kid": "e"}, lambda: by(strange_rsa()), "unknown-key"),
}


@pytest.mark.parametrize(("change", "sign", "reason"), FORGED.values(), ids=FORGED)
def test_what_a_token_says_of_its_own_proof_lets_nobody_in(
    change: dict[str, Any], sign: Callable[[], Sign], reason: str
) -> None:
    header = {name: value for name, value in (HEADER | change).items() if value is not None}
    assert refusal(JWKS, webhook(x_token=token(header, sign=sign())), key_set()) == reason


def test_a_stranger_who_brings_the_key_along_is_refused() -> None:
    for header in (HEADER | {"jwk": jwk(strange_rsa())}, HEADER | {"x5c": [public_pem()]}):
        assert refusal(JWKS, webhook(x_token=token(header, sign=by(strange_rsa()))), key_set()) == "mismatch"


def test_the_keys_of_a_token_are_looked_for_where_its_sender_keeps_them_whatever_it_says() -> None:
    header = {"jku": "https://evil.example/keys", "x5u": "https://evil.example", "iss": "https://evil.example"}
    given = webhook(x_token=token(HEADER | header, CLAIMS | {"iss": "https://evil.example"}))
    assert locate(JWKS, given, "").url == "https://example.com/keys"
    kinde = replace(JWKS, keys="{issuer}/.well-known/jwks", issuer="https://example.kinde.com/")
    assert locate(kinde, given, "").url == "https://example.kinde.com/.well-known/jwks"


NO_TOKENS = ["", "a", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d", " a.b.c", "a.b.c\n", "a.b=.c", "a.b+.c", "\xe9.b.c"]


@pytest.mark.parametrize("text", NO_TOKENS, ids=repr)
def test_what_is_no_token_costs_no_fetch(text: str) -> None:
    for scheme in (JWKS, replace(JWKS, header="X-Token", prefix="Bearer ")):
        with pytest.raises(Unproved, match=r"^(missing|encoding)$"):
            locate(scheme, webhook(x_token=text), "")


def test_a_token_stands_behind_its_own_word() -> None:
    scheme = replace(JWKS, header="X-Token", prefix="Bearer ")
    for word in ("Bearer ", "bearer "):
        check(scheme, webhook(x_token=word + token()), key_set())
    for word in ("", "Digest ", "Bearer", "Bearer  ", "Bearer: "):
        assert refusal(scheme, webhook(x_token=word + token()), key_set()) == "encoding"


def test_a_token_without_the_name_of_a_key_is_of_the_only_one() -> None:
    header = {"alg": "RS256"}
    check(JWKS, webhook(x_token=token(header)), json.dumps({"keys": [jwk(rsa())]}))
    check(JWKS, webhook(x_token=token(header)), json.dumps({"keys": [jwk(rsa(), None)]}))


SETS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "a secret": lambda: [{"kty": "oct", "k": b64(b"k" * 32), "kid": "k1"}],
    "two keys of one name": lambda: [jwk(rsa()), jwk(rsa())],
    "a key of another kind": lambda: [{"kty": "EC", "crv": "P-256", "x": b64(b"1" * 32), "y": "", "kid": "k1"}],
    "half a key": lambda: [{"kty": "RSA", "e": "AQAB", "kid": "k1"}],
    "no key": lambda: [],
}


@pytest.mark.parametrize("keys", SETS.values(), ids=SETS)
def test_a_set_without_one_usable_key_of_that_name_lets_nobody_in(keys: Callable[[], list[dict[str, Any]]]) -> None:
    for sign in (by(rsa()), with_secret(b"k" * 32)):
        assert refusal(JWKS, webhook(x_token=token(sign=sign)), json.dumps({"keys": keys()})) == "unknown-key"


@pytest.mark.parametrize("published", ["", "<html>", "[]", "{}", '{"keys": 5}', '{"keys": [5]}', '{"key": "x"}', "5"])
def test_what_is_published_and_is_no_set_of_keys_is_our_fault(published: str) -> None:
    assert failure(JWKS, webhook(x_token=token()), published) == "keys-form"


def test_a_secret_signs_by_the_algorithm_of_its_sender_alone() -> None:
    scheme = Jwt("X-Token", issuer="https://example.com", body_hash="body_hash")

    def made(algorithm: str, digest: str = "sha256", secret: str = SECRET) -> Webhook:
        return webhook(x_token=token({"alg": algorithm}, sign=with_secret(secret.encode(), digest)))

    check(scheme, made("HS256"), SECRET)
    for algorithm, digest in (("HS512", "sha512"), ("HS384", "sha384"), ("RS256", "sha256"), ("none", "sha256")):
        assert refusal(scheme, made(algorithm, digest), SECRET) == "algorithm"
    check(replace(scheme, algorithm="HS256|HS512"), made("HS512", "sha512"), SECRET)
    assert refusal(scheme, made("HS256", secret=""), SECRET) == "mismatch"
    assert failure(scheme, made("HS256", secret=public_pem()), public_pem()) == "secret-form"


@pytest.mark.parametrize("more", [{"crit": ["x"], "x": 1}, {"crit": ["b64"], "b64": True}, {"crit": []}], ids=repr)
def test_a_token_that_wants_something_to_be_understood_is_refused_though_a_secret_signed_it(more: Any) -> None:
    scheme = Jwt("X-Token", body_hash="body_hash")
    given = webhook(x_token=token({"alg": "HS256"} | more, sign=with_secret(SECRET.encode())))
    assert refusal(scheme, given, SECRET) in ("algorithm", "mismatch")


def test_a_token_is_for_one_method_path_and_query() -> None:
    scheme = Jwt("X-Token", query_hash="qsh")
    signed = scheme.sign(webhook(query="b=1&a=2"), SECRET)
    check(scheme, signed, SECRET)
    check(scheme, replace(signed, url=f"{URL}?a=2&b=1"), SECRET)
    for changed in (
        replace(signed, method="GET"),
        replace(signed, url=f"{URL}?a=2"),
        replace(signed, url=f"{URL}?a=2&b=1&c=3"),
        replace(signed, url="https://hooks.example.com/other?a=2&b=1"),
    ):
        assert refusal(scheme, changed, SECRET) == "query-hash"


def test_a_token_is_for_one_url() -> None:
    by_hash, by_audience = Jwt("X-Token", url_hash="url_hash"), Jwt("X-Token", audience="{url}")
    for scheme, reason in ((by_hash, "url-hash"), (by_audience, "audience")):
        signed = scheme.sign(webhook(query="a=1"), SECRET)
        check(scheme, signed, SECRET)
        assert refusal(scheme, replace(signed, url=URL), SECRET) == reason


# Google


EMAILS: dict[str, Any] = {
    "another account": {"email": "demo@evil.iam.gserviceaccount.com"},
    "the account in capitals": {"email": "DEMO@demo.iam.gserviceaccount.com"},
    "no account": {"email": None},
    "the account in a list": {"email": ["demo@demo.iam.gserviceaccount.com"]},
    "not verified": {"email_verified": False},
    "nobody says verified": {"email_verified": None},
    "verified as text": {"email_verified": "true"},
    "verified as a number": {"email_verified": 1},
}


@pytest.mark.parametrize("change", EMAILS.values(), ids=EMAILS)
def test_a_token_of_google_is_of_our_own_service_account(change: dict[str, Any]) -> None:
    scheme = row("google-pubsub-push")
    claims = scheme.claims(webhook())
    check(scheme, webhook(authorization=f"Bearer {token(claims=claims)}"), key_set())
    wrong = {name: value for name, value in (claims | change).items() if value is not None}
    assert refusal(scheme, webhook(authorization=f"Bearer {token(claims=wrong)}"), key_set()) == "email"


def test_a_source_of_google_names_audience_and_account() -> None:
    assert {"audience", "email"} <= set(row("google-pubsub-push").needs)


# Plaid


def test_plaids_key_is_asked_for_by_its_name_and_with_our_own_account() -> None:
    place = locate(Plaid(), webhook(plaid_verification=token()), "client:secret")
    assert place.json == {"client_id": "client", "secret": "secret", "key_id": "k1"}
    assert place.url == "https://production.plaid.com/webhook_verification_key/get"
    for number in (None, True, ["k1"], {"k1": 1}, "", "../k1", "k1/x", "k1 ", "k1\n", "k" * 65):
        with pytest.raises(Unproved, match="unknown-key"):
            locate(Plaid(), webhook(plaid_verification=token(HEADER | {"kid": number})), "client:secret")


@pytest.mark.parametrize("scheme", [Plaid(), Ebay()], ids=lambda scheme: type(scheme).__name__)
@pytest.mark.parametrize("secret", ["client", "client:", ":secret", ""])
def test_a_key_that_can_be_asked_for_with_nothing_is_our_fault(scheme: Publishes, secret: str) -> None:
    with pytest.raises(Failed, match="secret-form"):
        locate(scheme, webhook(plaid_verification=token()), secret)


def test_plaids_token_is_signed_with_p_256_alone() -> None:
    scheme = Plaid()
    private, public = scheme.new_keys()
    signed = scheme.sign(webhook(), private)
    check(scheme, signed, public)
    for header, sign in ((HEADER, by(rsa())), ({"alg": "HS256", "kid": "demo"}, with_secret(public.encode()))):
        forged = webhook(plaid_verification=token(header | {"kid": "demo"}, scheme.claims(webhook()), sign))
        assert refusal(scheme, forged, public) == "algorithm"


# Signatures beside their body

DETACHED = DetachedJws("X-Sig", keys="https://example.com/keys")
BESIDE = {"alg": "RS256", "b64": False, "crit": ["b64"], "ts": NOW, "kid": "k1"}


def beside(header: Any = BESIDE, sign: Sign | None = None, body: bytes = BODY) -> Webhook:
    first = b64(json.dumps(header).encode())
    return webhook(x_sig=f"{first}..{b64((sign or by(rsa()))(f'{first}.'.encode() + body))}")


def test_a_signature_beside_its_body_is_let_in() -> None:
    check(DETACHED, beside(), key_set())
    check(DETACHED, beside(), json.dumps({"keys": [jwk(strange_rsa(), None), jwk(rsa(), None)]}))


UNSAID: dict[str, tuple[dict[str, Any], str]] = {
    "nothing has to be understood": ({"crit": None}, "algorithm"),
    "more has to be understood": ({"crit": ["b64", "x"]}, "algorithm"),
    "a body that is encoded": ({"b64": True}, "algorithm"),
    "a body that may be encoded": ({"b64": None}, "algorithm"),
    "no algorithm": ({"alg": "none"}, "algorithm"),
    "a secret": ({"alg": "HS256"}, "algorithm"),
    "no time": ({"ts": None}, "timestamp"),
    "a time that is text": ({"ts": "now"}, "timestamp"),
    "an old time": ({"ts": NOW - 301}, "stale"),
    "a time to come": ({"ts": NOW + 301}, "stale"),
    "an unknown key": ({"kid": "k3"}, "mismatch"),
    "another key": ({"kid": "k2"}, "mismatch"),
}


@pytest.mark.parametrize(("change", "reason"), UNSAID.values(), ids=UNSAID)
def test_what_a_signature_beside_its_body_says_lets_nobody_in(change: dict[str, Any], reason: str) -> None:
    header = {name: value for name, value in (BESIDE | change).items() if value is not None}
    assert refusal(DETACHED, beside(header), key_set()) == reason


def test_a_signature_that_brings_another_body_along_is_refused() -> None:
    signed = beside()
    first, _, last = signed.header("x-sig").partition("..")
    for text in (f"{first}.{b64(BODY)}.{last}", f"{first}...{last}", f"{first}..", f"..{last}", f"{first}.{last}"):
        assert refusal(DETACHED, with_headers(signed, x_sig=text), key_set()) in ("encoding", "algorithm")
    assert refusal(DETACHED, replace(signed, body=b"{}"), key_set()) == "mismatch"


def test_a_key_of_another_kind_in_the_set_does_not_hide_the_good_one() -> None:
    other: dict[str, Any] = {"kty": "EC", "crv": "P-256", "x": b64(b"1" * 32), "y": b64(b"2" * 32)}
    for keys in ([other, jwk(rsa(), None)], [{"kty": "oct", "k": "AAAA"}, jwk(rsa())]):
        check(DETACHED, beside(), json.dumps({"keys": keys}))


def test_ten_keys_without_a_name_are_tried_and_no_more() -> None:
    strange, own = jwk(strange_rsa(), None), jwk(rsa(), None)
    check(DETACHED, beside(), json.dumps({"keys": [strange] * 9 + [own]}))
    assert refusal(DETACHED, beside(), json.dumps({"keys": [strange] * 10 + [own]})) == "mismatch"


# Amazon

TOPIC = row("aws-sns").topics[0]
EVENT = json.dumps({"Type": "Notification", "MessageId": "m-1", "Message": "all is well"}).encode()


@cache
def amazon() -> tuple[str, str]:
    return certified("sns.amazonaws.com")


def notified(scheme: Sns | None = None, received: float = NOW, **changes: Any) -> Webhook:
    """A message signed by Amazon; what is changed, is changed afterwards."""
    signed = (scheme or row("aws-sns")).sign(replace(webhook(EVENT), received=received), amazon()[0])
    return replace(signed, body=json.dumps(json.loads(signed.body) | changes).encode()) if changes else signed


def test_a_message_of_a_foreign_topic_is_refused_though_amazon_signed_it() -> None:
    check(row("aws-sns"), notified(), amazon()[1])
    for topic in (TOPIC.replace("123456789012", "210987654321"), TOPIC + "2", TOPIC[:-1]):
        foreign = notified(Sns(topics=(topic,)))
        check(Sns(topics=(topic,)), foreign, amazon()[1])
        assert refusal(row("aws-sns"), foreign, amazon()[1]) == "topic"
        with pytest.raises(Unproved, match="topic"):
            row("aws-sns").verify(foreign, amazon()[1])


def test_sha_1_is_refused_where_it_is_not_asked_for() -> None:
    old = notified(replace(row("aws-sns"), versions="1"))
    assert refusal(row("aws-sns"), old, amazon()[1]) == "algorithm"
    check(row("aws-sns-v1"), old, amazon()[1])
    check(row("aws-sns-v1"), notified(), amazon()[1])


@pytest.mark.parametrize("version", ["1", "3", "", "1|2", "2 ", None, ["2"]], ids=repr)
def test_the_version_of_a_message_cannot_be_changed(version: Any) -> None:
    assert refusal(row("aws-sns"), notified(SignatureVersion=version), amazon()[1]) == "algorithm"
    assert refusal(row("aws-sns-v1"), notified(SignatureVersion=version), amazon()[1]) in ("algorithm", "mismatch")


FILE = "SimpleNotificationService-" + "0" * 32 + ".pem"
NOT_AMAZONS = [
    f"http://sns.us-east-1.amazonaws.com/{FILE}",
    f"https://sns.eu-west-1.amazonaws.com/{FILE}",
    f"https://sns.us-east-1.amazonaws.com.evil.example/{FILE}",
    f"https://sns.us-east-1.amazonaws.com@evil.example/{FILE}",
    f"https://evil.example/sns.us-east-1.amazonaws.com/{FILE}",
    f"https://sns.us-east-1.amazonaws.com:8443/{FILE}",
    f"https://evil.s3.amazonaws.com/{FILE}",
    f"https://snsxus-east-1.amazonaws.com/{FILE}",
    f"https://sns.us-east-1xamazonaws.com/{FILE}",
    f"https://sns.us-east-1.amazonawsxcom/{FILE}",
    f"https://sns.us-east-1.s3.amazonaws.com/{FILE}",
    f"https://sns.us-east-1.amazonaws.com/../{FILE}",
    f"https://sns.us-east-1.amazonaws.com/{FILE}?x=1",
    f"https://sns.us-east-1.amazonaws.com/{FILE}#x",
    f"https://sns.us-east-1.amazonaws.com/{FILE}\n",
    f"https://sns.us-east-1.amazonaws.com/x{FILE}",
    f"HTTPS://sns.us-east-1.amazonaws.com/{FILE}",
    "https://sns.us-east-1.amazonaws.com/key.pem",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "",
    None,
    [f"https://sns.us-east-1.amazonaws.com/{FILE}"],
]


@pytest.mark.parametrize("address", NOT_AMAZONS, ids=repr)
def test_a_certificate_is_fetched_from_amazon_and_the_topics_region_alone(address: Any) -> None:
    forged = notified(SigningCertURL=address)
    with pytest.raises(Unproved, match="certificate-address"):
        locate(row("aws-sns"), forged, "")
    with pytest.raises(Unproved, match="certificate-address"):
        row("aws-sns").verify(forged, amazon()[1])


NAMES = ["sns.amazonaws.com.evil.example", "evilsns.amazonaws.com", "amazonaws.com", "s3.amazonaws.com", "*"]


@pytest.mark.parametrize("name", NAMES)
def test_a_certificate_of_another_name_proves_nothing(name: str) -> None:
    private, certificate = certified(name)
    signed = row("aws-sns").sign(webhook(EVENT), private)
    assert refusal(row("aws-sns"), signed, certificate) == "certificate"


@cache
def certified_as(name: str) -> tuple[str, str]:
    return certified(name)


OF_REGIONS = {
    "us-east-1": ("sns.amazonaws.com", "sns-signing.us-east-1.amazonaws.com"),
    "eu-south-2": ("sns.amazonaws.com", "sns-signing.eu-south-2.amazonaws.com"),
    "cn-north-1": ("sns-cn-north-1.amazonaws.com.cn",),
    "us-gov-east-1": ("sns-us-gov-west-1.amazonaws.com",),
}
OF_NO_REGION = ("us-east-1.amazonaws.com", "sns.us-east-1.amazonaws.com", "sns.amazonaws.com.cn")


@pytest.mark.parametrize("region", OF_REGIONS)
def test_a_certificate_has_a_name_of_the_topics_region(region: str) -> None:
    scheme = Sns(topics=(f"arn:aws:sns:{region}:123456789012:demo",))
    for name in {*OF_NO_REGION, *(name for names in OF_REGIONS.values() for name in names)}:
        private, certificate = certified_as(name)
        signed = scheme.sign(webhook(EVENT), private)
        if name in OF_REGIONS[region]:
            check(scheme, signed, certificate)
        else:
            assert refusal(scheme, signed, certificate) == "certificate"


def with_names(*names: str) -> str:
    """A certificate with so many names."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(subject, subject, rsa().public_key(), 1, begin, begin + timedelta(days=3650))
    return builder.sign(rsa(), SHA256()).public_bytes(Encoding.PEM).decode()


OURS = "sns.amazonaws.com"


@pytest.mark.parametrize("names", [(), (OURS, "evil.example"), ("evil.example", OURS), (OURS, OURS)], ids=repr)
def test_a_certificate_without_a_name_or_with_two_proves_nothing(names: tuple[str, ...]) -> None:
    signed = row("aws-sns").sign(webhook(EVENT), pair_of(rsa(), "pem")[0])
    check(row("aws-sns"), signed, with_names(OURS))
    assert refusal(row("aws-sns"), signed, with_names(*names)) == "certificate"


@pytest.mark.parametrize("received", [1_500_000_000, 4_000_000_000], ids=["not yet", "no more"])
def test_a_certificate_counts_in_its_own_time(received: int) -> None:
    assert refusal(row("aws-sns"), notified(received=received), amazon()[1]) == "certificate"


SIGNED = [
    {"Message": "all is lost"},
    {"MessageId": "m-2"},
    {"Subject": "new"},
    {"Type": "SubscriptionConfirmation"},
    {"Message": {"a": 1}},
    {"Message": None},
]


@pytest.mark.parametrize("change", SIGNED, ids=repr)
def test_what_amazon_signed_cannot_be_changed(change: dict[str, Any]) -> None:
    assert refusal(row("aws-sns"), notified(**change), amazon()[1]) == "mismatch"


@pytest.mark.parametrize("more", ['"Subject": {"a": 1}', '"Subject": "x", "Subject": "y"'], ids=["object", "twice"])
def test_what_amazon_would_have_signed_cannot_be_added_in_another_form(more: str) -> None:
    signed = notified()
    assert refusal(row("aws-sns"), replace(signed, body=signed.body[:-1] + f", {more}}}".encode()), amazon()[1])


def test_what_stands_twice_in_a_message_is_seen_behind_what_stands_once_inside_it() -> None:
    signed = notified(MessageAttributes={"a": {"Type": "String", "Value": "1"}})
    check(row("aws-sns"), signed, amazon()[1])
    twice = replace(signed, body=signed.body[:-1] + b', "Subject": "x", "Subject": "y"}')
    assert refusal(row("aws-sns"), twice, amazon()[1]) == "body-uncovered"


@pytest.mark.parametrize("published", ["", "<html>", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate_is_our_fault(published: str) -> None:
    assert failure(row("aws-sns"), notified(), published) == "keys-form"


# PayPal


@cache
def paypal() -> tuple[str, str]:
    return certified("messageverificationcerts.paypal.com")


def paid(webhook_id: str = "") -> Webhook:
    scheme: PayPal = row("paypal")
    return replace(scheme, webhook_id=webhook_id or scheme.webhook_id).sign(webhook(), paypal()[0])


@pytest.mark.parametrize("algorithm", ["", "none", "HS256", "MD5withRSA", "SHA1withRSA", "sha256withrsa"])
def test_paypal_does_not_choose_its_algorithm(algorithm: str) -> None:
    check(row("paypal"), paid(), paypal()[1])
    other = with_headers(paid(), paypal_auth_algo=algorithm)
    assert refusal(row("paypal"), other, paypal()[1]) == "algorithm"
    with pytest.raises(Unproved, match="algorithm"):
        row("paypal").verify(other, paypal()[1])


def test_what_paypal_signed_for_another_webhook_is_refused() -> None:
    assert refusal(row("paypal"), paid("ANOTHER-WEBHOOK"), paypal()[1]) == "mismatch"
    assert refusal(replace(row("paypal"), webhook_id=""), paid(), paypal()[1]) == "mismatch"


def test_the_checksum_of_paypal_is_that_of_the_bytes_which_came() -> None:
    for body in (b"", BODY + b" ", b" " + BODY, b'{"a":"1"}', b'{"a": "2"}'):
        assert refusal(row("paypal"), replace(paid(), body=body), paypal()[1]) == "mismatch"


def test_id_and_time_of_paypal_are_signed() -> None:
    for header, value in (("id", "other"), ("time", "2023-11-14T22:13:21Z")):
        changed = with_headers(paid(), **{f"paypal-transmission-{header}": value})
        assert refusal(row("paypal"), changed, paypal()[1]) == "mismatch"


CERTS = "v1/notifications/certs/CERT-demo"
NOT_PAYPALS = [
    f"http://api.paypal.com/{CERTS}",
    f"https://api.paypal.com.evil.example/{CERTS}",
    f"https://api.paypal.com@evil.example/{CERTS}",
    f"https://api.paypal.com:8443/{CERTS}",
    f"https://evil.example/api.paypal.com/{CERTS}",
    f"https://apixpaypal.com/{CERTS}",
    f"https://www.paypal.com/{CERTS}",
    f"https://api.paypal.com/{CERTS}/../../../x",
    f"https://api.paypal.com/{CERTS}?x=1",
    "https://api.paypal.com/v1/notifications/certs/../../x",
    "https://api.paypal.com/v1/notifications/certs/demo",
    "",
]


@pytest.mark.parametrize("address", NOT_PAYPALS)
def test_a_certificate_is_fetched_from_paypal_alone(address: str) -> None:
    with pytest.raises(Unproved, match="certificate-address"):
        locate(row("paypal"), with_headers(paid(), paypal_cert_url=address), "")


@pytest.mark.parametrize(
    "name", ["paypal.com", "api.paypal.com", "paypal.com.evil.example", "notpaypal.com", "example.com", "com"]
)
def test_a_certificate_of_another_name_is_not_paypals(name: str) -> None:
    private, certificate = certified(name)
    assert refusal(row("paypal"), row("paypal").sign(webhook(), private), certificate) == "certificate"


# Adobe and eBay

ADOBE_PATHS = ["/prod/keys/../x.pem", "//evil.example/x.pem", "@evil.example/x.pem", "/prod/keys/a/b.pem", "x", ""]


@pytest.mark.parametrize("path", ADOBE_PATHS)
def test_a_key_of_adobe_is_fetched_from_adobe_alone(path: str) -> None:
    signed = row("adobe-io").sign(webhook(), pair_of(rsa(), "pem")[0])
    with pytest.raises(Unproved):
        locate(row("adobe-io"), with_headers(signed, **{"x-adobe-public-key1-path": path}), "")


def test_what_adobe_signed_for_another_project_is_refused() -> None:
    private, public = pair_of(rsa(), "pem")
    check(row("adobe-io"), row("adobe-io").sign(webhook(), private), public)
    other = replace(row("adobe-io"), client_id="another").sign(webhook(), private)
    assert refusal(row("adobe-io"), other, public) == "client-id"
    with pytest.raises(Unproved, match="client-id"):
        row("adobe-io").verify(other, public)


def in_adobes_batch(*clients: str | None) -> Webhook:
    """A list of events for these projects, signed by Adobe."""
    items = [{"recipient_client_id": client} if client else {"id": "1"} for client in clients]
    given = webhook(json.dumps(items).encode(), x_adobe_public_key1_path="/prod/keys/pub-key-demo.pem")
    return Rsa("x-adobe-digital-signature-1").sign(given, pair_of(rsa(), "pem")[0])


def test_every_event_in_a_batch_of_adobe_is_for_our_project() -> None:
    ours, public = row("adobe-io").client_id, public_pem()
    check(row("adobe-io"), in_adobes_batch(ours, ours), public)
    for clients in ((), ("another",), (ours, "another"), ("another", ours), (ours, None), (None, ours)):
        assert refusal(row("adobe-io"), in_adobes_batch(*clients), public) == "client-id"
        with pytest.raises(Unproved, match="client-id"):
            row("adobe-io").verify(in_adobes_batch(*clients), public)


def test_one_of_adobes_two_signatures_has_to_hold() -> None:
    private, strange = pair_of(rsa(), "pem")[0], pair_of(strange_rsa(), "pem")[0]
    signed = row("adobe-io").sign(webhook(), private)
    good = signed.header("x-adobe-digital-signature-1")
    wrong = row("adobe-io").sign(webhook(), strange).header("x-adobe-digital-signature-1")
    for first, second in ((good, wrong), (wrong, good), ("", good), (good, "")):
        both = with_headers(signed, x_adobe_digital_signature_1=first, x_adobe_digital_signature_2=second)
        check(row("adobe-io"), both, public_pem())
    for first, second in ((wrong, wrong), ("", wrong)):
        both = with_headers(signed, x_adobe_digital_signature_1=first, x_adobe_digital_signature_2=second)
        assert refusal(row("adobe-io"), both, public_pem()) == "mismatch"


EBAY_HEADERS = [
    {"kid": "../../x", "signature": "AAAA"},
    {"kid": "a/b", "signature": "AAAA"},
    {"kid": "", "signature": "AAAA"},
    {"kid": ["a"], "signature": "AAAA"},
    {"kid": "a", "signature": None},
    {"kid": "a"},
    {"signature": "AAAA"},
    ["kid", "signature"],
    "kid",
]


@pytest.mark.parametrize("header", EBAY_HEADERS, ids=repr)
def test_the_name_of_ebays_key_is_no_path(header: Any) -> None:
    text = base64.b64encode(json.dumps(header).encode()).decode()
    with pytest.raises(Unproved, match="encoding"):
        locate(Ebay(), webhook(x_ebay_signature=text), "client:secret")


@pytest.mark.parametrize("spoil", ["!{}", "{}\n", "{} "], ids=repr)
def test_the_header_of_ebay_is_base64_and_no_more(spoil: str) -> None:
    signed = Ebay().sign(webhook(), Ebay().new_keys()[0])
    locate(Ebay(), signed, "client:secret")
    with pytest.raises(Unproved, match="encoding"):
        locate(
            Ebay(), with_headers(signed, x_ebay_signature=spoil.format(signed.header(Ebay().header))), "client:secret"
        )


# Adyen

HEX_KEY = "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056"


def noticed(*items: dict[str, Any]) -> Webhook:
    """Items that Adyen signed."""
    body = json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item} for item in items]})
    return Adyen().sign(webhook(body.encode()), HEX_KEY)


def spoilt(signed: Webhook, spoil: Callable[[list[Any]], object]) -> Webhook:
    """The webhook after its items were changed."""
    document = json.loads(signed.body)
    spoil(document["notificationItems"])
    return replace(signed, body=json.dumps(document).encode())


ITEMS: tuple[dict[str, Any], ...] = tuple(
    {"pspReference": f"psp-{n}", "eventCode": "AUTHORISATION", "success": "true", "amount": {"value": n}}
    for n in range(3)
)
SPOILT: dict[str, tuple[Callable[[list[Any]], object], str]] = {
    "one is changed": (lambda items: items[2]["NotificationRequestItem"].update(success="false"), "mismatch"),
    "an amount is changed": (lambda items: items[0]["NotificationRequestItem"]["amount"].update(value=9), "mismatch"),
    "one is not signed": (lambda items: items[1]["NotificationRequestItem"].pop("additionalData"), "missing"),
    "one is added": (lambda items: items.append({"NotificationRequestItem": {"pspReference": "x"}}), "missing"),
    "one is added that is none": (lambda items: items.append("x"), "missing"),
    "one is added under another name": (lambda items: items.append({"Item": {}}), "missing"),
    "one has the signature of another": (
        lambda items: items[0]["NotificationRequestItem"].update(
            additionalData=items[1]["NotificationRequestItem"]["additionalData"]
        ),
        "mismatch",
    ),
    "one has an empty signature": (
        lambda items: items[0]["NotificationRequestItem"].update(additionalData={"hmacSignature": ""}),
        "missing",
    ),
    "one has signatures": (
        lambda items: items[0]["NotificationRequestItem"].update(additionalData={"hmacSignature": ["x"]}),
        "missing",
    ),
    "a list in what is signed": (
        lambda items: items[0]["NotificationRequestItem"].update(pspReference=["psp-0"]),
        "body-uncovered",
    ),
    "an object in what is signed": (
        lambda items: items[0]["NotificationRequestItem"]["amount"].update(value={"value": 0}),
        "body-uncovered",
    ),
    "all are gone": (lambda items: items.clear(), "missing"),
}


@pytest.mark.parametrize(("spoil", "reason"), SPOILT.values(), ids=SPOILT)
def test_every_item_of_adyen_is_signed_or_none_is_let_in(spoil: Callable[[list[Any]], object], reason: str) -> None:
    signed = noticed(*ITEMS)
    check(Adyen(), signed, HEX_KEY)
    assert refusal(Adyen(), spoilt(signed, spoil), HEX_KEY) == reason


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"notificationItems": {}}', '{"notificationItems": null}', "null"])
def test_a_body_without_items_is_not_adyens(body: str) -> None:
    assert refusal(Adyen(), webhook(body.encode()), HEX_KEY) == "missing"


# Braintree

PAIR = "public-key:private-key"
CODE = "20f9f8ed05f77439fe955c977e4c8a53"


def braintree(signature: str, payload: str) -> Webhook:
    return webhook(urlencode({"bt_signature": signature, "bt_payload": payload}).encode(), FORM)


@pytest.mark.parametrize("payload", [CODE, f"{CODE}\n", f" {CODE}", f"{CODE}\r\n"], ids=repr)
def test_the_answer_to_braintrees_challenge_signs_no_event(payload: str) -> None:
    places = Places(webhook(query=f"bt_challenge={CODE}"))
    answer = bt_challenge.reply(Question(places, lambda: [Key(PAIR, "1")]))
    assert answer
    assert refusal(Braintree(), braintree(answer.body, payload), PAIR) == "challenge-as-body"


def test_a_hash_of_braintree_counts_behind_our_own_public_key() -> None:
    payload = base64.b64encode(b"<notification/>" * 10).decode()
    good = Braintree.mac("private-key", payload)
    for signature in (f"public-key|{good}", f"other|x&public-key|{good}", f"public-key|x&public-key|{good}"):
        check(Braintree(), braintree(signature, payload), PAIR)
    wrong = [
        f"other-key|{good}",
        f"PUBLIC-KEY|{good}",
        f"|{good}",
        good,
        f"{good}|public-key",
        "public-key|",
        "public-key",
    ]
    for signature in (*wrong, f"public-key|{good[:-1]}", f"public-key|{good}|x", f"public-key |{good}"):
        assert refusal(Braintree(), braintree(signature, payload), PAIR) == "mismatch"
    assert refusal(Braintree(), braintree(f"public-key|{good}", payload[:-4] + "AAAA"), PAIR) == "mismatch"


@pytest.mark.parametrize("payload", ["<notification/>", "YQ==%", "YQ-_", "{}", "YQ==\0", "é"])
def test_a_payload_of_braintree_is_base64(payload: str) -> None:
    signature = f"public-key|{Braintree.mac('private-key', payload)}"
    assert refusal(Braintree(), braintree(signature, payload), PAIR) == "encoding"


@pytest.mark.parametrize("secret", ["private-key", ":private-key", "public-key:", ""])
def test_a_pair_of_which_half_is_missing_is_our_fault(secret: str) -> None:
    assert failure(Braintree(), braintree("public-key|x", "YQ=="), secret) == "secret-form"


# Contentful


def delivered(names: list[str], **headers: str) -> Webhook:
    """What Contentful would sign if it named these headers."""
    given = webhook(x_contentful_timestamp=str(NOW * 1000), x_contentful_signed_headers=",".join(names))
    given = with_headers(given, **headers)
    scheme = Contentful()
    return with_headers(given, **{scheme.header: scheme.mac(SECRET, scheme.message(given, names))})


def test_the_time_is_among_the_headers_that_contentful_signs() -> None:
    check(Contentful(), delivered(["x-contentful-timestamp"]), SECRET)
    check(Contentful(), delivered(["x-contentful-timestamp", "content-type"]), SECRET)
    for names in ([], [""], ["content-type"], ["x-contentful-timestamp2"], ["x-contentful-timestamp x"]):
        assert refusal(Contentful(), delivered(names), SECRET) == "headers"


def test_contentful_signs_thirty_headers_at_most() -> None:
    names = ["x-contentful-timestamp", *(f"x-{n}" for n in range(29))]
    check(Contentful(), delivered(names), SECRET)
    assert refusal(Contentful(), delivered([*names, "x-30"]), SECRET) == "headers"


def test_what_contentful_signed_cannot_be_changed() -> None:
    signed = delivered(["x-contentful-timestamp", "x-kept"], x_kept="1")
    other_names = "x-contentful-timestamp,x-other"
    for changed in (
        with_headers(signed, x_kept="2"),
        with_headers(signed, x_contentful_signed_headers="x-contentful-timestamp"),
        with_headers(signed, x_contentful_signed_headers=other_names, x_other="1"),
        with_headers(signed, x_contentful_timestamp=str(NOW * 1000 + 1)),
        replace(signed, method="PUT"),
        replace(signed, url=f"{URL}?a=1"),
        replace(signed, body=b"{}"),
    ):
        assert refusal(Contentful(), changed, SECRET) == "mismatch"


# Sinch


def test_a_signature_of_sinch_is_of_our_application_and_of_its_kind() -> None:
    name = next(name for name, source in ROWS.items() if isinstance(source.provider.scheme, SinchApplication))
    secret, _ = row(name).new_keys()
    signed = row(name).sign(webhook(), secret)
    check(row(name), signed, secret)
    kind, _, proof = signed.header("authorization").partition(" ")
    application, _, mac = proof.partition(":")
    for given, reason in (
        (f"Basic {proof}", "encoding"),
        (proof, "encoding"),
        (f"{kind} other:{mac}", "mismatch"),
        (f"{kind} :{mac}", "mismatch"),
        (f"{kind} {mac}", "mismatch"),
        (f"{kind} {application}:", "mismatch"),
    ):
        assert refusal(row(name), with_headers(signed, authorization=given), secret) == reason


# Keygen

KEYGEN = HttpSignature("Keygen-Signature")
LINES = "(request-target) host date digest"


@cache
def keygen() -> tuple[str, str]:
    return KEYGEN.new_keys()


def licensed(lines: str = LINES, text: str = "", body: bytes = BODY, digest: str = "") -> Webhook:
    """What Keygen signs; `lines` are those that it says it has signed, and has."""
    signed = KEYGEN.sign(webhook(body), keygen()[0])
    signed = with_headers(signed, digest=digest or signed.header("digest"))
    values = {
        "(request-target)": "post /erp",
        "host": "hooks.example.com",
        "date": signed.header("date"),
        "digest": signed.header("digest"),
    }
    message = "\n".join(f"{name}: {values.get(name, '')}" for name in lines.split())
    private: Any = load_pem_private_key(keygen()[0].encode(), None)
    signature = base64.b64encode(private.sign(message.encode())).decode()
    text = text or 'keyid="k", algorithm="ed25519", signature="{signature}", headers="{lines}"'
    return with_headers(signed, **{KEYGEN.header: text.format(signature=signature, lines=lines)})


def test_a_signature_of_keygen_made_by_hand_is_let_in() -> None:
    check(KEYGEN, licensed(), keygen()[1])
    check(KEYGEN, licensed(text='keyid="k",signature="{signature}",headers="{lines}"'), keygen()[1])


FEWER = ["", "date", "(request-target) host date", "(request-target) host digest", "digest date host (request-target)"]


@pytest.mark.parametrize("lines", [*FEWER, LINES + " x", "host", LINES.upper()])
def test_the_sender_does_not_choose_what_is_signed(lines: str) -> None:
    assert refusal(KEYGEN, licensed(lines), keygen()[1]) == "headers"


TEXTS: dict[str, tuple[str, str]] = {
    "another algorithm": ('algorithm="rsa-sha256", signature="{signature}", headers="{lines}"', "algorithm"),
    "an algorithm of the newer draft": ('algorithm="hs2019", signature="{signature}", headers="{lines}"', "algorithm"),
    "no algorithm's name": ('algorithm="", signature="{signature}", headers="{lines}"', "algorithm"),
    "no headers": ('algorithm="ed25519", signature="{signature}"', "headers"),
    "headers twice": ('signature="{signature}", headers="{lines}", headers="date"', "encoding"),
    "headers twice, ours last": ('headers="date", signature="{signature}", headers="{lines}"', "encoding"),
    "a signature twice": ('signature="{signature}", signature="x", headers="{lines}"', "encoding"),
    "no signature": ('algorithm="ed25519", headers="{lines}"', "mismatch"),
    "a signature that is none": ('signature="!", headers="{lines}"', "encoding"),
    "no quotes": ("signature={signature}, headers={lines}", "encoding"),
    "something behind": ('signature="{signature}", headers="{lines}" x', "encoding"),
}


@pytest.mark.parametrize(("text", "reason"), TEXTS.values(), ids=TEXTS)
def test_what_a_signature_of_keygen_says_of_itself_lets_nobody_in(text: str, reason: str) -> None:
    assert refusal(KEYGEN, licensed(text=text), keygen()[1]) == reason


def test_the_digest_of_keygen_is_that_of_the_body() -> None:
    signed = licensed()
    assert refusal(KEYGEN, replace(signed, body=b"{}"), keygen()[1]) == "body-hash"
    assert refusal(KEYGEN, with_headers(signed, digest=""), keygen()[1]) == "body-hash"
    other = with_headers(signed, digest=licensed(body=b"{}").header("digest"))
    assert refusal(KEYGEN, replace(other, body=b"{}"), keygen()[1]) == "mismatch"


def test_the_digest_that_keygen_signs_is_ours_to_the_letter() -> None:
    digest = licensed().header("digest")
    for other in (digest.lower(), digest.upper(), digest.swapcase()):
        assert refusal(KEYGEN, licensed(digest=other), keygen()[1]) == "mismatch"


@pytest.mark.parametrize("date", ["", "1700000000", "Tue, 14 Nov 2023 22:13:20", "Tue, 14 Nov 2023 22:13:20 +0000"])
def test_a_date_of_keygen_is_written_in_one_way(date: str) -> None:
    assert refusal(KEYGEN, with_headers(licensed(), date=date), keygen()[1]) == "timestamp"


# WebSub


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_a_hub_chooses_among_the_methods_of_the_specification(method: str) -> None:
    good = hmac.digest(SECRET.encode(), BODY, method).hex()
    check(WebSub(), webhook(x_hub_signature=f"{method}={good}"), SECRET)
    for digest in ("", good[:-1], good + "0", good[:8], hmac.digest(b"", BODY, method).hex()):
        assert refusal(WebSub(), webhook(x_hub_signature=f"{method}={digest}"), SECRET) == "mismatch"


@pytest.mark.parametrize("method", ["md5", "SHA256", "Sha1", "sha224", "sha3_256", "", " sha256", "sha256 ", "none"])
def test_a_hub_chooses_no_other_method(method: str) -> None:
    known = method.strip().lower() if method.strip().lower() in hashlib.algorithms_guaranteed else "sha256"
    good = hmac.digest(SECRET.encode(), BODY, known).hex()
    assert refusal(WebSub(), webhook(x_hub_signature=f"{method}={good}"), SECRET) == "algorithm"


# Mercado Pago


def mercado(text: str, query: str, **headers: str) -> Webhook:
    """Signed by hand, over the text that their page describes."""
    mac = hmac.digest(SECRET.encode(), text.encode(), "sha256").hex()
    return with_headers(webhook(query=query, x_signature=f"ts={NOW},v1={mac}"), **headers)


MERCADO = MercadoPago("x-signature")
SPELLED = {
    "as it is written": (f"id:ORD01;request-id:r-1;ts:{NOW};", "data.id=ORD01&type=order"),
    "in lower case": (f"id:ord01;request-id:r-1;ts:{NOW};", "data.id=ORD01&type=order"),
    "a number": (f"id:123;request-id:r-1;ts:{NOW};", "data.id=123"),
    "without an id": (f"request-id:r-1;ts:{NOW};", "type=order"),
}


@pytest.mark.parametrize(("text", "query"), SPELLED.values(), ids=SPELLED)
def test_mercado_pago_may_spell_the_id_in_both_ways_or_leave_it_out(text: str, query: str) -> None:
    check(MERCADO, mercado(text, query, x_request_id="r-1"), SECRET)


def test_mercado_pago_may_leave_out_the_id_of_the_request() -> None:
    check(MERCADO, mercado(f"id:1;ts:{NOW};", "data.id=1"), SECRET)


def test_what_mercado_pago_signed_cannot_be_changed_nor_left_out() -> None:
    text = f"id:ORD01;request-id:r-1;ts:{NOW};"
    for query, number in (("data.id=ORD02", "r-1"), ("data.id=ORD01", "R-1"), ("", "r-1"), ("data.id=ORD01", "")):
        assert refusal(MERCADO, mercado(text, query, x_request_id=number), SECRET) == "mismatch"
    twice = mercado(text, "data.id=ORD01&data.id=ORD01", x_request_id="r-1")
    assert refusal(MERCADO, twice, SECRET) == "mismatch"


# A token in every item

ITEM = {"clientState": SECRET, "resource": "messages"}
STATES: dict[str, tuple[list[Any], str]] = {
    "one without": ([ITEM, {"resource": "messages"}], "missing"),
    "the first without": ([{"resource": "messages"}, ITEM], "missing"),
    "one with another": ([ITEM, ITEM | {"clientState": "x"}], "mismatch"),
    "one with nothing": ([ITEM, ITEM | {"clientState": ""}], "missing"),
    "one with null": ([ITEM, ITEM | {"clientState": None}], "missing"),
    "one with a list": ([ITEM, ITEM | {"clientState": [SECRET]}], "missing"),
    "one that is no object": ([ITEM, SECRET], "missing"),
    "one that is a list": ([ITEM, [ITEM]], "missing"),
    "none": ([], "missing"),
}


@pytest.mark.parametrize(("items", "reason"), STATES.values(), ids=STATES)
def test_a_token_stands_in_every_item_or_nothing_is_let_in(items: list[Any], reason: str) -> None:
    scheme = row("microsoft-graph")
    assert scheme == Token(json="value.*.clientState")
    check(scheme, webhook(json.dumps({"value": [ITEM, ITEM]}).encode()), SECRET)
    assert refusal(scheme, webhook(json.dumps({"value": items}).encode()), SECRET) == reason


def test_a_token_that_stands_twice_in_an_item_or_beside_the_list_is_none() -> None:
    item = json.dumps(ITEM)[:-1]
    scheme = row("microsoft-graph")
    for body in (
        f'{{"value": [{item}, "clientState": "{SECRET}"}}]}}',
        f'{{"value": [{item}}}], "value": [{item}}}]}}',
        f'{{"value": {item}}}}}',
        f"[{item}}}]",
    ):
        assert refusal(scheme, webhook(body.encode()), SECRET) == "missing"


# What is joined without separators


@pytest.mark.parametrize("scheme", [UrlForm("X-Sig"), Plivo()], ids=lambda scheme: type(scheme).__name__)
def test_a_field_that_can_be_split_otherwise_does_not_count_as_signed(scheme: Scheme) -> None:
    signed = scheme.sign(webhook(b"a=bc", FORM), SECRET)
    check(scheme, replace(signed, body=b"ab=c"), SECRET)  # which is how these providers sign
    assert not scheme.covers("form:a")


def test_no_field_can_be_moved_between_the_url_and_the_form() -> None:
    signed = UrlForm("X-Sig").sign(webhook(b"b=2", FORM, query="a=1"), SECRET)
    for changed in (
        replace(signed, url=URL, query="", body=b"a=1&b=2"),
        replace(signed, url=f"{URL}?a=1&b=2", query="a=1&b=2", body=b""),
    ):
        assert refusal(UrlForm("X-Sig"), changed, SECRET) == "mismatch"


# What counts as signed

COVERED: dict[str, tuple[Scheme, str, str]] = {
    "the body": (Hmac("X-Sig"), "json:a form:a digest besides:a,b jwt:jti", "header:a query:a header:X-Sig"),
    "the URL": (Hmac("X-Sig", signs="{url}{body}"), "query:a json:a", "header:a"),
    "path and query": (Hmac("X-Sig", signs="{path-query}{body}"), "query:a json:a", "header:a"),
    "the path": (Hmac("X-Sig", signs="{path}{body}"), "json:a", "query:a"),
    "the URL without its query": (Hmac("X-Sig", signs="{base-url}{body}"), "json:a", "query:a"),
    "a header": (Hmac("X-Sig", signs="{header:X-Id-Of}.{body}"), "header:x-id-of json:a", "header:X-Id query:a"),
    "a field": (Hmac("X-Sig", signs="{json:a.b}"), "json:a.b", "json:a json:a.c form:a.b digest"),
    "names and values": (Timestamped("X-Sig", signs="{timestamp}"), "", "json:a digest query:a header:X-Sig"),
    "time and body": (Ed25519("X-Sig", "X-Time"), "header:x-time json:a", "header:X-Sig query:a"),
    "the body alone": (Ed25519("X-Sig", "X-Time", signs="{body}"), "json:a", "header:X-Time"),
    "a token": (Token(header="X-Token"), "", "header:X-Token json:a digest"),
    "a hub": (WebSub(), "json:a digest", "header:a query:a"),
    "standard webhooks": (StandardWebhooks(), "json:a header:webhook-id", "header:webhook-id2 header:a query:a"),
    "a token without hashes": (Jwt("X-Token"), "", "json:a digest query:a header:X-Token"),
    "a token with the body's hash": (Jwt("X-Token", body_hash="h"), "json:a digest", "query:a header:a"),
    "a token with the URL's hash": (Jwt("X-Token", url_hash="h"), "query:a", "json:a header:a"),
    "a token that is the body": (Jwt(""), "jwt:jti digest", "query:a header:a"),
    "sns": (Sns(), "json:MessageId json:Message", "json:Message.a json:Token json:MessageAttributes.a header:a digest"),
    "paypal": (PayPal(), "json:id header:PAYPAL-TRANSMISSION-ID", "header:paypal-transmission-sig query:a"),
    "adyen": (Adyen(), "", "json:notificationItems.0.NotificationRequestItem.pspReference digest"),
    "braintree": (Braintree(), "form:bt_payload", "form:bt_signature form:a digest"),
    "mercado pago": (MercadoPago("X-Sig"), "", "json:id query:id digest"),
    "plivo": (Plivo(), "query:a digest", "form:a json:a header:a"),
    "url and form": (UrlForm("X-Sig"), "query:a digest", "form:a json:a header:a"),
}


@pytest.mark.parametrize(("scheme", "covered", "uncovered"), COVERED.values(), ids=COVERED)
def test_a_place_counts_as_signed_only_where_the_proof_covers_it(scheme: Scheme, covered: str, uncovered: str) -> None:
    places = [*covered.split(), *uncovered.split()]
    assert [place for place in places if scheme.covers(place)] == covered.split()


# Sorted parameters

SORTED = SortedParameters()
UNCOVERED = {
    "an object": '{"x": {"a": 1}}',
    "a list": '{"x": ["a"]}',
    "null": '{"x": null}',
    "true": '{"x": true}',
}


@pytest.mark.parametrize("text", UNCOVERED.values(), ids=UNCOVERED)
def test_a_parameter_that_is_no_text_is_not_covered_and_so_refused(text: str) -> None:
    signed = SORTED.sign(webhook(), SECRET)
    check(SORTED, signed, SECRET)
    body = json.dumps(json.loads(signed.body) | json.loads(text)).encode()
    assert refusal(SORTED, replace(signed, body=body), SECRET) == "body-uncovered"


def test_a_parameter_that_stands_twice_in_the_json_is_refused() -> None:
    signed = SORTED.sign(webhook(), SECRET)
    assert refusal(SORTED, replace(signed, body=signed.body[:-1] + b', "x": "1", "x": "2"}'), SECRET)
    assert refusal(SORTED, replace(signed, body=signed.body[:-1] + b', "a": "2"}'), SECRET)


def test_two_parameters_cannot_be_made_one_with_both_in_its_name() -> None:
    signed = SORTED.sign(webhook(b'{"a": "b", "c": "d"}'), SECRET)
    document = json.loads(signed.body)
    document["a=b&c"] = document.pop("a") and document.pop("c")
    assert refusal(SORTED, replace(signed, body=json.dumps(document).encode()), SECRET)


def test_a_signature_or_a_time_that_stands_in_two_places_is_none() -> None:
    signed = SORTED.sign(webhook(), SECRET)
    document = json.loads(signed.body)
    for name, reason in (("sig", "missing"), ("timestamp", "timestamp")):
        query = f"{name}={document[name]}"
        assert refusal(SORTED, replace(signed, query=query, url=f"{URL}?{query}"), SECRET) == reason


def test_a_list_or_a_text_is_no_set_of_parameters() -> None:
    for body in (b"[]", b'"a"', b'[{"a": "1"}]'):
        query = SORTED.sign(webhook(b""), SECRET).query
        assert refusal(SORTED, replace(webhook(body), query=query), SECRET) == "body-uncovered"


@pytest.mark.parametrize("place", ["body", "query"])
def test_more_fields_than_any_sender_has_are_refused_unread(place: str) -> None:
    fields = "&".join(f"a{n}=1" for n in range(2000))
    many = webhook(fields.encode(), FORM) if place == "body" else webhook(b"{}", query=fields)
    assert refusal(SORTED, many, SECRET) == "body-uncovered"


# What a header is expected to say


def test_a_header_that_names_another_algorithm_is_refused_and_one_that_is_missing_is_not() -> None:
    scheme = Hmac("X-Sig", expects={"X-Algorithm": "HmacSHA256", "X-Version": "1"})
    signed = scheme.sign(webhook(), SECRET)
    check(scheme, signed, SECRET)
    check(scheme, with_headers(signed, x_algorithm="", x_version=""), SECRET)
    for header, value in (("x-algorithm", "none"), ("x-algorithm", "hmacsha256"), ("x-version", "2")):
        assert refusal(scheme, with_headers(signed, **{header: value}), SECRET) == "algorithm"


EXPECTING = [name for name, source in ROWS.items() if getattr(source.provider.scheme, "expects", None)]


@pytest.mark.parametrize("name", EXPECTING)
def test_every_row_that_names_its_algorithm_refuses_another(name: str) -> None:
    scheme = row(name)
    secret, given = scheme.new_keys()
    signed = scheme.sign(webhook(), secret)
    for header in scheme.expects:
        assert refusal(scheme, with_headers(signed, **{header: "none"}), given) == "algorithm"


# A time behind an id, with nothing between them


@pytest.mark.parametrize("name", ["configcat", "twitch"])
def test_no_digit_can_be_moved_from_an_id_to_the_time_behind_it(name: str) -> None:
    scheme = row(name)
    signed = scheme.sign(with_headers(webhook(), **{scheme.id: "m-0"}), SECRET)
    check(scheme, signed, SECRET)
    moved = with_headers(signed, **{scheme.id: "m-", scheme.timestamp: "0" + signed.header(scheme.timestamp)})
    assert refusal(scheme, moved, SECRET) == "timestamp"


# Many signatures


LISTS: dict[str, tuple[Scheme, str]] = {
    "separated": (Hmac("X-Sig", separator=","), ","),
    "separated, in base64": (Hmac("X-Sig", encoding="base64", separator=" "), " "),
    "in groups": (Timestamped("X-Sig", groups=" "), " "),
}


def listed(scheme: Scheme, between: str, number: int) -> Webhook:
    """A webhook with so many signatures, of which the last is good."""
    signed = scheme.sign(webhook(), SECRET)
    return with_headers(signed, x_sig=between.join([*["x"] * (number - 1), signed.header("x-sig")]))


@pytest.mark.parametrize(("scheme", "between"), LISTS.values(), ids=LISTS)
def test_ten_signatures_are_looked_at_and_eleven_are_refused_unseen(scheme: Scheme, between: str) -> None:
    check(scheme, listed(scheme, between, 10), SECRET)
    assert refusal(scheme, listed(scheme, between, 11), SECRET) == "signatures"


def test_ten_signatures_of_plivo_and_of_braintree_are_looked_at_and_no_more() -> None:
    plivo = Plivo().sign(webhook(b"a=1", FORM), SECRET)
    good = plivo.header("X-Plivo-Signature-V3")
    payload = base64.b64encode(b"<notification/>").decode()
    last = f"public-key|{Braintree.mac('private-key', payload)}"
    check(Plivo(), with_headers(plivo, x_plivo_signature_v3="x," * 9 + good), SECRET)
    check(Braintree(), braintree("public-key|x&" * 9 + last, payload), PAIR)
    assert refusal(Plivo(), with_headers(plivo, x_plivo_signature_v3="x," * 10 + good), SECRET) == "signatures"
    assert refusal(Braintree(), braintree("public-key|x&" * 10 + last, payload), PAIR) == "signatures"


# Signatures that only the sender can make

ASYMMETRIC: dict[str, Scheme] = {
    "ecdsa in base64": Ecdsa("X-Sig"),
    "ecdsa in hex": Ecdsa("X-Sig", encoding="hex"),
    "ed25519 in hex": Ed25519("X-Sig", "X-Time"),
    "ed25519 in base64": Ed25519("X-Sig", "X-Time", encoding="base64"),
    "ed25519 in base64url": Ed25519("X-Sig", "X-Time", encoding="base64url"),
    "rsa in base64": Rsa("X-Sig"),
    "rsa in base64url": Rsa("X-Sig", encoding="base64url"),
    "rsa in hex": Rsa("X-Sig", encoding="hex"),
    "rsa with pss": Rsa("X-Sig", padding="pss"),
}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def other_last_bits(text: str) -> str:
    """The same bytes, for a decoder that does not look at the bits which the last letter has too many of."""
    bare = text.rstrip("=")
    letters = ALPHABET.replace("+", "-").replace("/", "_") if "-" in text or "_" in text else ALPHABET
    return bare[:-1] + letters[(letters.index(bare[-1]) + 1) % 64] + text[len(bare) :]


OTHERWISE: dict[str, Callable[[str], str]] = {
    "a space in front": lambda text: " " + text,
    "a space behind": lambda text: text + " ",
    "a newline behind": lambda text: text + "\n",
    "a newline inside": lambda text: text[:8] + "\n" + text[8:],
    "a space inside": lambda text: text[:8] + " " + text[8:],
    "junk inside": lambda text: text[:8] + "!*" + text[8:],
    "junk behind": lambda text: text + "!",
    "more padding": lambda text: text + "=",
    "twice": lambda text: text + text,
    "something more": lambda text: text + "AA",
    "something more behind a comma": lambda text: f"{text},{text}",
    "cut off": lambda text: text[:-4],
    "a prefix of hex": lambda text: "0x" + text,
    "other last bits": other_last_bits,
    "letters of other alphabets": lambda text: text[:-8] + "\xff\xfe" + text[-6:],
}


@cache
def new_pair(name: str) -> tuple[str, str]:
    return ASYMMETRIC[name].new_keys()


@pytest.mark.parametrize("name", ASYMMETRIC)
@pytest.mark.parametrize("write", OTHERWISE.values(), ids=OTHERWISE)
def test_a_signature_that_is_written_otherwise_is_refused(name: str, write: Callable[[str], str]) -> None:
    scheme, (private, public) = ASYMMETRIC[name], new_pair(name)
    signed = scheme.sign(webhook(), private)
    check(scheme, signed, public)
    given = with_headers(signed, x_sig=write(signed.header("x-sig")))
    assert refusal(scheme, given, public) in ("encoding", "mismatch")


def test_what_stands_behind_a_signature_in_der_is_not_overlooked() -> None:
    private, public = new_pair("ecdsa in hex")
    signed = ASYMMETRIC["ecdsa in hex"].sign(webhook(), private)
    for more in ("00", "0000", "300602010102"):
        given = with_headers(signed, x_sig=signed.header("x-sig") + more)
        assert refusal(ASYMMETRIC["ecdsa in hex"], given, public) == "mismatch"


@pytest.mark.parametrize("write", OTHERWISE.values(), ids=OTHERWISE)
def test_a_signature_of_standard_webhooks_with_a_public_key_is_written_in_one_way(write: Callable[[str], str]) -> None:
    private = Ed25519PrivateKey.generate()
    public = "whpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()
    given = webhook(webhook_id="m", webhook_timestamp=str(NOW))
    signature = base64.b64encode(private.sign(f"m.{NOW}.".encode() + BODY)).decode()
    check(StandardWebhooks(), with_headers(given, webhook_signature=f"v1a,{signature}"), public)
    other = f"v1a,{write(signature)}"
    if other.split(" ")[0] != f"v1a,{signature}":  # a space stands between signatures
        wrong = with_headers(given, webhook_signature=other)
        assert refusal(StandardWebhooks(), wrong, public) == "mismatch"


KINDS: dict[str, Callable[[], Any]] = {
    "rsa": rsa,
    "p-256": lambda: new_ec(SECP256R1()),
    "ed25519": Ed25519PrivateKey.generate,
    "x25519": X25519PrivateKey.generate,
}
OF_KIND: dict[str, Scheme] = {
    "rsa": Rsa("X-Sig", encoding="hex"),
    "rsa, with pss": Rsa("X-Sig", encoding="hex", padding="pss"),
    "p-256": Ecdsa("X-Sig", encoding="hex", key="pem"),
    "ed25519": Ed25519("X-Sig", "X-Time", key="pem"),
}


@cache
def pair_of_kind(kind: str) -> tuple[str, str]:
    return pair_of(KINDS[kind](), "pem")


@pytest.mark.parametrize("name", OF_KIND)
def test_a_key_of_another_kind_is_our_fault_and_lets_nobody_in(name: str) -> None:
    scheme, own = OF_KIND[name], name.partition(",")[0]
    signed = scheme.sign(webhook(), pair_of_kind(own)[0])
    check(scheme, signed, pair_of_kind(own)[1])
    for kind in KINDS.keys() - {own}:
        private, public = pair_of_kind(kind)
        assert failure(scheme, signed, public) == "secret-form"
        if kind in OF_KIND:
            assert failure(scheme, OF_KIND[kind].sign(signed, private), public) == "secret-form"


def test_a_certificate_or_a_published_key_of_another_kind_is_our_fault() -> None:
    private, _ = Ebay().new_keys()
    signed = Ebay().sign(webhook(), private)
    for kind in ("rsa", "ed25519"):
        key = pair_of_kind(kind)[1].replace("\n", "")
        assert failure(Ebay(), signed, json.dumps({"key": key})) == "secret-form"
    for published in ("", "{}", '{"key": ""}', '{"key": 5}', "[]", '{"key": "AAAA"}'):
        assert failure(Ebay(), signed, published) in ("keys-form", "secret-form")
    adobe = row("adobe-io").sign(webhook(), pair_of(rsa(), "pem")[0])
    assert failure(row("adobe-io"), adobe, pair_of_kind("p-256")[1]) == "secret-form"


@pytest.mark.parametrize("content_type", ["", "text/plain", FORM, f"{FORM}; charset=utf-8"], ids=repr)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a mark in front"])
def test_a_genuine_payload_inside_json_does_not_prove_the_json(content_type: str, bom: bytes) -> None:
    secret, given = row("gitea").new_keys()
    genuine = row("gitea").sign(Webhook(b'{"ref": "main"}', {"content-type": "application/json"}), secret)
    forged = bom + b'{"ref": "evil", "x": "&payload=' + quote(genuine.body).encode() + b'&y="}'
    webhook = replace(genuine, body=forged, headers={**genuine.headers, "content-type": content_type})
    with pytest.raises(Unproved, match="mismatch"):
        prove(row("gitea"), webhook, [Key(given, "1")])


def test_a_form_is_proved_by_the_payload_in_it() -> None:
    secret, given = row("gitea").new_keys()
    genuine = row("gitea").sign(Webhook(b'{"ref": "main"}'), secret)
    form = replace(genuine, body=b"payload=" + quote(genuine.body).encode())
    webhook = replace(form, headers={**genuine.headers, "content-type": FORM})
    assert prove(row("gitea"), webhook, [Key(given, "1")])


# What a fuzzer found: each was refused as a surprise, or taken for the sender's fault

DEEP = "[" * 3000


def genuine(name: str) -> tuple[Scheme, Webhook, str]:
    """The scheme of a row, a webhook that its sender signed, and what it is proved with."""
    scheme = ROWS[name].provider.scheme
    assert scheme
    secret, given = scheme.new_keys()
    return scheme, scheme.sign(sample(name, NOW), secret), given


def test_a_date_that_no_calendar_has_is_no_time() -> None:
    scheme, signed, given = genuine("keygen")
    never = {**signed.headers, "date": "Tue, 31 Feb 2023 00:00:00 GMT"}
    assert refusal(scheme, replace(signed, headers=never), given) == "timestamp"


def test_many_fields_in_a_query_are_no_hash_of_the_body() -> None:
    scheme, signed, given = genuine("twilio")
    query = "a=1&" * 101
    assert refusal(scheme, replace(signed, query=query, url=f"{signed.url}?{query}"), given) == "mismatch"


def test_brackets_without_end_are_no_signature_of_ebays() -> None:
    scheme, signed, given = genuine("ebay")
    deep = {**signed.headers, "x-ebay-signature": base64.b64encode(DEEP.encode()).decode()}
    assert refusal(scheme, replace(signed, headers=deep), given) == "encoding"


@pytest.mark.parametrize("name", ["ebay", "plaid"])
def test_published_keys_without_end_are_not_the_senders_fault(name: str) -> None:
    scheme, signed, _ = genuine(name)
    with pytest.raises(Failed, match="keys-form"):
        check(scheme, signed, DEEP)


def test_a_published_key_that_is_broken_is_not_the_senders_fault() -> None:
    scheme, signed, given = genuine("constant-contact")
    broken = json.dumps({"keys": [json.loads(given)["keys"][0] | {"n": "A"}]})
    with pytest.raises(Failed, match="keys-form"):
        check(scheme, signed, broken)


def test_what_amazon_did_not_sign_is_not_added_to_its_message() -> None:
    scheme = ROWS["aws-sns"].provider.scheme
    assert scheme
    secret, given = scheme.new_keys()
    webhook = sample("aws-sns", NOW)
    document = {name: value for name, value in json.loads(webhook.body).items() if name != "MessageId"}
    signed = scheme.sign(replace(webhook, body=json.dumps(document).encode()), secret)
    more = json.dumps(json.loads(signed.body) | {"MessageId": False}).encode()
    assert refusal(scheme, replace(signed, body=more), given) == "body-uncovered"
