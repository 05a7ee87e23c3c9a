"""Every row of every provider, and every scheme that a custom sender may name: what is let in, and what never is."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from functions.receiver.errors import Failed, Unproved
from functions.receiver.schemes import (
    SCHEMES,
    Basic,
    DetachedJws,
    Ecdsa,
    Ed25519,
    Hmac,
    HttpSignature,
    Jwks,
    Jwt,
    Key,
    Plivo,
    Publishes,
    Rsa,
    Scheme,
    SortedParameters,
    Timestamped,
    Token,
    UrlForm,
    WebSub,
    locate,
)
from functions.receiver.schemes.base import prove, with_headers
from functions.receiver.schemes.location import Location
from functions.receiver.webhook import Webhook
from tests.rows import PUBLIC, ROWS, sample
from tools import samples

NOW = 1_700_000_000.0
SAMPLES = [file for file in sorted(samples.FOLDER.rglob("*.*")) if file.relative_to(samples.FOLDER).parts[0] in ROWS]
CUSTOM: dict[str, Scheme] = {
    "basic": Basic(),
    "bearer": Token(header="Authorization", prefix="Bearer "),
    "token in the query": Token(query="token"),
    "token in the body": Token(json="data.token"),
    "hmac of method, url and body": Hmac("X-Sig", signs="{method}:{url}:{body}"),
    "hmac of id, time and body, several": Hmac(
        "X-Sig", signs="{id}.{timestamp}.{body}", id="X-Id", timestamp="X-Time", separator=",", encoding="base64url"
    ),
    "hmac with sha-512 in base64": Hmac("X-Sig", digest="sha512", encoding="base64"),
    "hmac in the query": Hmac(signature="query:signature"),
    "names and values": Timestamped("X-Sig", timestamp="time", signature="sig"),
    "detached": DetachedJws("X-Sig", keys="https://example.com/keys"),
    "ecdsa": Ecdsa("X-Sig", timestamp="X-Time", signs="{timestamp}{body}", key="pem", encoding="hex"),
    "ed25519": Ed25519("X-Sig", "X-Time", key="pem"),
    "http signature": HttpSignature("X-Sig"),
    "key set": Jwks("X-Token", algorithm="ES256", keys="https://example.com/keys", body_hash="hash"),
    "jwt": Jwt("X-Token", body_hash="hash", algorithm="HS512"),
    "rsa with pss": Rsa("X-Sig", padding="pss"),
    "sorted parameters": SortedParameters(),
    "url and form": UrlForm("X-Sig"),
    "websub": WebSub(),
}
SUBJECTS: dict[str, Scheme] = {
    n: source.provider.scheme for n, source in ROWS.items() if source.provider.scheme
} | CUSTOM
BODY_IS_SIGNED = [name for name, scheme in SUBJECTS.items() if scheme.covers("json:x")]
subjects = pytest.mark.parametrize("name", SUBJECTS)
signed_subjects = pytest.mark.parametrize("name", BODY_IS_SIGNED)


def unsigned(name: str, received: float = NOW) -> Webhook:
    """What the sender has to say, before it proves itself: a sample, or a form."""
    if name in ROWS:
        return sample(name, received)
    headers = {"content-type": "application/x-www-form-urlencoded", "x-id": "1"}
    url = "https://hooks.example.com/source?a=1"
    return Webhook(b"Body=caf%C3%A9&To=%2B1", headers, url=url, query="a=1", received=received)


@cache
def keys(name: str) -> tuple[str, Key, Key]:
    """What the sender signs with, the receiver's half of it, and that of a stranger."""
    (secret, given), (_, other) = SUBJECTS[name].new_keys(), SUBJECTS[name].new_keys()
    return secret, Key(given, "1:1"), Key(other, "1:2")


def genuine(name: str, received: float = NOW) -> tuple[Webhook, Key, Key]:
    """A signed webhook, the key that proves it, and that of a stranger."""
    secret, key, other = keys(name)
    return SUBJECTS[name].sign(unsigned(name, received), secret), key, other


def check(name: str, webhook: Webhook, *known: Key) -> Key:
    """Prove a webhook as the receiver does: by a key that is published only if it is published where it should be."""
    scheme = SUBJECTS[name]
    if isinstance(scheme, Publishes):
        locate(scheme, webhook, "client:secret")
    return prove(scheme, webhook, known)


def outcome(name: str, webhook: Webhook, *known: Key) -> str:
    """The reason of a refusal, or `proved`."""
    try:
        check(name, webhook, *known)
    except Unproved as refusal:
        return refusal.reason
    return "proved"


def reason(name: str, webhook: Webhook, *known: Key) -> str:
    """The reason of a refusal, which it has to be."""
    found = outcome(name, webhook, *known)
    assert found not in ("proved", "surprise")
    return found


def proofs(name: str) -> list[str]:
    """The headers that the scheme added, but for those that only say what it would be anyway."""
    before, (after, _, _) = unsigned(name), genuine(name)
    constant = {header.lower() for header in getattr(SUBJECTS[name], "expects", {})}
    return [header for header in after.headers if header not in before.headers and header not in constant]


def takes_lists(name: str) -> bool:
    """Whether the scheme takes several proofs in one header, as a second header line makes them."""
    scheme = SUBJECTS[name]
    return any(getattr(scheme, field, "") for field in ("separator", "groups")) or isinstance(scheme, Plivo)


@subjects
def test_a_genuine_webhook_is_let_in(name: str) -> None:
    webhook, key, _ = genuine(name)
    assert check(name, webhook, key) == key


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda file: str(file.relative_to(samples.FOLDER)))
def test_every_sample_can_be_signed_and_is_let_in(sample: Path) -> None:
    name, *event = sample.relative_to(samples.FOLDER).with_suffix("").parts
    source = ROWS[name]
    secret, key, _ = keys(name)
    webhook = samples.fresh(samples.find(source, unquote("/".join(event))), source)
    webhook = replace(webhook, url=source.public_url or PUBLIC, received=NOW)
    assert check(name, SUBJECTS[name].sign(webhook, secret), key) == key


@subjects
def test_a_webhook_signed_with_the_older_of_two_secrets_is_let_in(name: str) -> None:
    webhook, key, other = genuine(name)
    assert check(name, webhook, other, key) == key


@subjects
def test_a_stranger_is_refused(name: str) -> None:
    webhook, _, other = genuine(name)
    assert reason(name, webhook, other) == "mismatch"


@subjects
def test_nothing_at_all_is_refused(name: str) -> None:
    _, key, _ = genuine(name)
    bare = replace(unsigned(name), body=b"", headers={})
    assert reason(name, bare, key)
    assert reason(name, unsigned(name), key)


@subjects
def test_a_proof_in_a_header_that_is_not_there_is_told_to_be_missing(name: str) -> None:
    _, key, _ = genuine(name)
    if proofs(name):
        assert reason(name, unsigned(name), key) == "missing"


@signed_subjects
def test_a_changed_body_is_refused(name: str) -> None:
    webhook, key, _ = genuine(name)
    for changed in (webhook.body + b"1", b"1" + webhook.body, webhook.body[:-1], b"{}", b""):
        assert reason(name, replace(webhook, body=changed), key)


def without(value: str) -> str:
    return ""


def twice(value: str) -> str:
    return f"{value},{value}"


def not_ascii(value: str) -> str:
    return value + "\xe9"


def snowman_bytes(value: str) -> str:
    return "\xe2\x98\x83"


def first_character(value: str) -> str:
    return value[:1]


def all_but_the_last(value: str) -> str:
    return value[:-1]


def one_more(value: str) -> str:
    return value + "0"


def with_a_space_inside(value: str) -> str:
    return f"{value[:8]} {value[8:]}"


def arabic_digits(value: str) -> str:
    return value.translate({ord(str(d)): chr(0x660 + d) for d in range(10)}) + "\u0660"


BROKEN: list[Callable[[str], str]] = [
    without,
    twice,
    not_ascii,
    snowman_bytes,
    first_character,
    all_but_the_last,
    one_more,
    with_a_space_inside,
    arabic_digits,
]


@subjects
@pytest.mark.parametrize("spoil", BROKEN, ids=lambda f: f.__name__)
def test_a_header_of_the_proof_that_is_broken_is_refused(name: str, spoil: Callable[[str], str]) -> None:
    webhook, key, _ = genuine(name)
    for header in proofs(name):
        broken = with_headers(webhook, **{header: spoil(webhook.headers[header])})
        if (spoil is twice and takes_lists(name)) or names_another_key(name, webhook, broken):
            assert outcome(name, broken, key) != "surprise"
        else:
            assert reason(name, broken, key), header


def names_another_key(name: str, webhook: Webhook, broken: Webhook) -> bool:
    """Whether it points to another published key, which then would not be the one that proves it."""
    scheme = SUBJECTS[name]
    if not isinstance(scheme, Publishes):
        return False
    try:
        return locate(scheme, broken, "client:secret") != locate(scheme, webhook, "client:secret")
    except Unproved:
        return False


@subjects
@pytest.mark.parametrize("seconds", [-1, 1], ids=["old", "of the future"])
def test_a_webhook_outside_the_tolerance_is_refused(name: str, seconds: int) -> None:
    webhook, key, _ = genuine(name)
    tolerance = SUBJECTS[name].tolerance
    within = replace(webhook, received=NOW - seconds * (tolerance - 1))
    assert check(name, within, key) == key
    beside = replace(webhook, received=NOW - seconds * (tolerance + 62))  # a token may expire a minute later
    if has_time(name):
        assert reason(name, beside, key) == "stale"
    else:
        assert check(name, beside, key) == key


def has_time(name: str) -> bool:
    """Whether the sender says when it signed: then the same webhook is signed otherwise at another time."""
    secret, _, _ = keys(name)
    now, later = (SUBJECTS[name].sign(unsigned(name, NOW + second), secret) for second in (0, 3_600))
    changed = [header for header, value in now.headers.items() if later.headers[header] != value]
    times = [header for header in changed if "1700000000" in now.headers[header] or "22:13:20" in now.headers[header]]
    in_body = b"1700000000" in now.body or b"22:13:20" in now.body
    return bool(times) or in_body or isinstance(SUBJECTS[name], Jwt)


TIMES = [
    "nan",
    "inf",
    "-1",
    "1e9",
    "+1700000000",
    " 1700000000",
    "1_700_000_000",
    "1700000000.0",
    "9" * 5000,
    "٣",
    "0x10",
]


@subjects
@pytest.mark.parametrize("text", TIMES, ids=[repr(text)[:20] for text in TIMES])
def test_a_time_that_is_no_number_of_seconds_is_refused(name: str, text: str) -> None:
    webhook, key, _ = genuine(name)
    for header in proofs(name):
        if "1700000000" in (value := webhook.headers[header]):
            broken = with_headers(webhook, **{header: value.replace("1700000000", text)})
            assert reason(name, broken, key) in ("timestamp", "stale", "mismatch")


@subjects
@pytest.mark.parametrize("secret", ["", " ", "\n", "é", "whsec_", "not hex", "{}", "a:b"], ids=repr)
def test_no_odd_secret_lets_anybody_in(name: str, secret: str) -> None:
    webhook, _, _ = genuine(name)
    with pytest.raises((Unproved, Failed)) as refusal:
        check(name, webhook, Key(secret, "1"))
    assert refusal.value.reason != "surprise"


def test_every_scheme_is_tried() -> None:
    assert {type(scheme) for scheme in SUBJECTS.values()} >= set(SCHEMES.values())


def test_a_surprise_in_a_verifier_is_a_refusal() -> None:
    class Surprising(Token):
        def verify(self, webhook: Webhook, secret: str) -> None:
            raise ZeroDivisionError

    with pytest.raises(Unproved, match="surprise"):
        prove(Surprising(header="X"), unsigned("basic"), [Key("secret", "1")])


def test_a_surprise_on_the_way_to_a_published_key_is_a_refusal() -> None:
    class Surprising(Jwks):
        def published(self, webhook: Webhook, secret: str) -> Location:
            raise ZeroDivisionError

    with pytest.raises(Unproved, match="surprise"):
        locate(Surprising(keys="https://example.com/keys"), unsigned("basic"), "")
