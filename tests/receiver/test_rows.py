"""Every row of every provider, and every scheme that a custom sender may name: what is let in, and what never is."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from functions.receiver.errors import Failed, NotAccepted, Unproved
from functions.receiver.providers import PROVIDERS
from functions.receiver.schemes import SCHEMES, Basic, Ed25519, Hmac, Key, Scheme, StandardWebhooks, Timestamped, Token
from functions.receiver.schemes.base import prove, with_headers
from functions.receiver.webhook import Webhook

NOW = 1_700_000_000.0
CUSTOM: dict[str, Scheme] = {
    "basic": Basic(),
    "bearer": Token(header="Authorization", prefix="Bearer "),
    "token in the query": Token(query="token"),
    "hmac of method, url and body": Hmac("X-Sig", signs="{method}:{url}:{body}"),
    "hmac of id, time and body, several": Hmac(
        "X-Sig", signs="{id}.{timestamp}.{body}", id="X-Id", timestamp="X-Time", separator=",", encoding="base64url"
    ),
    "hmac with sha-512 in base64": Hmac("X-Sig", digest="sha512", encoding="base64"),
    "names and values": Timestamped("X-Sig", timestamp="time", signature="sig"),
}
SUBJECTS: dict[str, Scheme] = {n: row.scheme for n, row in PROVIDERS.items() if row.scheme} | CUSTOM
BODY_IS_SIGNED = {name: scheme for name, scheme in SUBJECTS.items() if scheme.covers("json:x")}
HAS_TIME = {
    name: scheme
    for name, scheme in SUBJECTS.items()
    if isinstance(scheme, Timestamped | StandardWebhooks | Ed25519) or bool(getattr(scheme, "timestamp", ""))
}
rows = pytest.mark.parametrize("scheme", SUBJECTS.values(), ids=SUBJECTS)
signed_rows = pytest.mark.parametrize("scheme", BODY_IS_SIGNED.values(), ids=BODY_IS_SIGNED)
timed_rows = pytest.mark.parametrize("scheme", HAS_TIME.values(), ids=HAS_TIME)


def unsigned(received: float = NOW) -> Webhook:
    headers = {"content-type": "application/x-www-form-urlencoded", "x-id": "1"}
    url = "https://hooks.example.com/source?a=1"
    return Webhook(b"Body=caf%C3%A9&To=%2B1", headers, url=url, query="a=1", received=received)


def genuine(scheme: Scheme, received: float = NOW) -> tuple[Webhook, Key, Key]:
    """A webhook signed by a new key, the receiver's half of it, and that of a stranger."""
    (secret, given), (_, other) = scheme.new_keys(), scheme.new_keys()
    return scheme.sign(unsigned(received), secret), Key(given, "1:1"), Key(other, "1:2")


def reason(scheme: Scheme, webhook: Webhook, *keys: Key) -> str:
    with pytest.raises(Unproved) as refusal:
        prove(scheme, webhook, keys)
    return refusal.value.reason


def proofs(scheme: Scheme) -> list[str]:
    """The headers that the scheme added."""
    return [name for name in genuine(scheme)[0].headers if name not in unsigned().headers]


@rows
def test_a_genuine_webhook_is_let_in(scheme: Scheme) -> None:
    webhook, key, _ = genuine(scheme)
    assert prove(scheme, webhook, [key]) == key


@rows
def test_a_webhook_signed_with_the_older_of_two_secrets_is_let_in(scheme: Scheme) -> None:
    webhook, key, other = genuine(scheme)
    assert prove(scheme, webhook, [other, key]) == key


@rows
def test_a_stranger_is_refused(scheme: Scheme) -> None:
    webhook, _, other = genuine(scheme)
    assert reason(scheme, webhook, other) == "mismatch"


@rows
def test_nothing_at_all_is_refused(scheme: Scheme) -> None:
    _, key, _ = genuine(scheme)
    assert reason(scheme, unsigned(), key) == "missing"


@signed_rows
def test_a_changed_body_is_refused(scheme: Scheme) -> None:
    webhook, key, _ = genuine(scheme)
    assert reason(scheme, replace(webhook, body=webhook.body + b"1"), key) == "mismatch"


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


def may_come_twice(scheme: Scheme, spoil: Callable[[str], str]) -> bool:
    """Whether the scheme takes a list that a second header line makes: the same signature twice proves the same."""
    return spoil is twice and getattr(scheme, "separator", "") == "," and not isinstance(scheme, Timestamped)


@rows
@pytest.mark.parametrize("spoil", BROKEN, ids=lambda f: f.__name__)
def test_a_header_of_the_proof_that_is_broken_is_refused(scheme: Scheme, spoil: Callable[[str], str]) -> None:
    webhook, key, _ = genuine(scheme)
    for name in proofs(scheme):
        broken = with_headers(webhook, **{name: spoil(webhook.headers[name])})
        if may_come_twice(scheme, spoil) and name == "x-sig":
            assert prove(scheme, broken, [key]) == key
        else:
            assert reason(scheme, broken, key) not in ("surprise", "no-key"), name


@timed_rows
@pytest.mark.parametrize("seconds", [-1, 1], ids=["old", "of the future"])
def test_a_webhook_outside_the_tolerance_is_refused(scheme: Scheme, seconds: int) -> None:
    webhook, key, _ = genuine(scheme)
    beside = seconds * (scheme.tolerance + 1)
    assert reason(scheme, replace(webhook, received=NOW - beside), key) == "stale"
    within = seconds * (scheme.tolerance - 1)
    assert prove(scheme, replace(webhook, received=NOW - within), [key]) == key


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


@timed_rows
@pytest.mark.parametrize("text", TIMES, ids=[repr(text)[:20] for text in TIMES])
def test_a_time_that_is_no_number_of_seconds_is_refused(scheme: Scheme, text: str) -> None:
    webhook, key, _ = genuine(scheme)
    for name, value in webhook.headers.items():
        if "1700000000" in value:
            broken = with_headers(webhook, **{name: value.replace("1700000000", text)})
            assert reason(scheme, broken, key) in ("timestamp", "stale")


@rows
@pytest.mark.parametrize("secret", ["", " ", "\n", "é", "whsec_", "not hex"], ids=repr)
def test_no_odd_secret_lets_anybody_in(scheme: Scheme, secret: str) -> None:
    webhook, _, _ = genuine(scheme)
    with pytest.raises(NotAccepted) as refusal:
        prove(scheme, webhook, [Key(secret, "1")])
    assert isinstance(refusal.value, Unproved | Failed)
    assert refusal.value.reason != "surprise"


def test_every_scheme_is_tried() -> None:
    assert {type(scheme) for scheme in SUBJECTS.values()} == set(SCHEMES.values())


def test_a_surprise_in_a_verifier_is_a_refusal() -> None:
    class Surprising(Token):
        def verify(self, webhook: Webhook, secret: str) -> None:
            raise ZeroDivisionError

    assert reason(Surprising(header="X"), unsigned(), Key("secret", "1")) == "surprise"
