"""What is particular to one scheme; what holds for all of them is in test_rows.py."""

import ast
import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from functions.receiver.errors import Failed, NotAccepted, Unproved
from functions.receiver.schemes import (
    Basic,
    Ed25519,
    Hmac,
    Key,
    Scheme,
    StandardWebhooks,
    Timestamped,
    Token,
    UrlForm,
    WebSub,
    base,
    prove,
)
from functions.receiver.schemes.base import with_headers
from functions.receiver.webhook import Webhook
from tests.servers import ROOT

NOW = 1_700_000_000.0
SECRET = "a-secret-of-fair-length"
WHSEC = "whsec_" + base64.b64encode(b"a key of twenty-four bytes").decode()
URL = "https://hooks.example.com/twilio"
OTHER = "whsec_" + base64.b64encode(b"a key of a stranger").decode()
FORM = {"content-type": "application/x-www-form-urlencoded"}


def webhook(body: bytes = b'{"a": 1}', **headers: str) -> Webhook:
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Webhook(body, names, url=URL, received=NOW)


def proved(scheme: Scheme, given: Webhook, *secrets: str) -> bool:
    """Whether one of the secrets proves the webhook, and it is refused as forged if none does."""
    try:
        prove(scheme, given, [Key(secret, str(n)) for n, secret in enumerate(secrets or (SECRET,))])
    except Unproved as refused:
        if refused.reason == "surprise":
            raise
        return False
    return True


def mac(message: bytes, digest: str = "sha256", secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), message, digest).digest()


# Empty keys


@pytest.mark.parametrize("secret", ["whsec_", "whsec_=", "whsec_====", "="])
def test_a_key_of_standard_webhooks_with_nothing_in_it_is_our_fault_and_lets_nobody_in(secret: str) -> None:
    unsigned = webhook(webhook_id="msg_1", webhook_timestamp="1700000000")
    forged = base64.b64encode(hmac.digest(b"", b"msg_1.1700000000." + unsigned.body, "sha256")).decode()
    with pytest.raises(Failed, match="secret-form"):
        prove(StandardWebhooks(), with_headers(unsigned, webhook_signature=f"v1,{forged}"), [Key(secret, "1")])


def test_a_public_key_of_standard_webhooks_with_nothing_in_it_is_our_fault() -> None:
    forged = webhook(webhook_id="msg_1", webhook_timestamp="1700000000", webhook_signature="v1a,AAAA")
    with pytest.raises(Failed, match="secret-form"):
        prove(StandardWebhooks(), forged, [Key("whpk_", "1")])


@pytest.mark.parametrize("secret", [":", "user:"])
def test_a_password_with_nothing_in_it_is_our_fault_and_lets_nobody_in(secret: str) -> None:
    forged = webhook(authorization="Basic " + base64.b64encode(secret.encode()).decode())
    with pytest.raises(Failed, match="secret-form"):
        prove(Basic(), forged, [Key(secret, "1")])


ZEROS = {"hex": "00" * 32, "base64": "AAAA", "whsec": "whsec_AAAAAAAA", "whsec-or-text": "whsec_AAAA", "text": "\0"}


@pytest.mark.parametrize(("form", "secret"), ZEROS.items(), ids=ZEROS)
def test_a_key_of_zeros_is_the_empty_key_and_lets_nobody_in(form: str, secret: str) -> None:
    forged = webhook(X_Sig=hmac.digest(b"", webhook().body, "sha256").hex())
    with pytest.raises(Failed, match="secret-form"):
        prove(Hmac("X-Sig", key=form), forged, [Key(secret, "1")])


UNREADABLE = [
    ("base64", "YWJj!ZGVm"),
    ("base64", "YWJj-_Vm"),
    ("whsec", "whsec_YWJj ZGVm"),
    ("hex", "6162 63"),
    ("hex", "abc"),
]


@pytest.mark.parametrize(("form", "secret"), UNREADABLE, ids=repr)
def test_a_secret_that_is_not_in_its_encoding_is_our_fault_and_not_read_in_part(form: str, secret: str) -> None:
    with pytest.raises(Failed, match="secret-form"):
        prove(Hmac("X-Sig", key=form), webhook(X_Sig="x"), [Key(secret, "1")])


# Several secrets


def test_all_secrets_are_tried_and_the_one_that_matched_is_told() -> None:
    signed = Hmac("X-Sig").sign(webhook(), "the-third")
    keys = [Key(secret, f"7:{n}") for n, secret in enumerate(["the-first", "the-second", "the-third"], 1)]
    assert prove(Hmac("X-Sig"), signed, keys) == Key("the-third", "7:3")


def test_a_secret_that_cannot_be_read_is_told_even_beside_a_good_one_that_does_not_match() -> None:
    signed = StandardWebhooks().sign(webhook(), WHSEC)
    assert proved(StandardWebhooks(), signed, "whsec_not base64", WHSEC)
    with pytest.raises(Failed, match="secret-form"):
        prove(StandardWebhooks(), signed, [Key("whsec_YW5vdGhlciBrZXk=", "1"), Key("whsec_not base64", "2")])


# Lists of signatures

LISTS: dict[str, tuple[Scheme, str, Callable[[Webhook, list[str]], Webhook], str]] = {
    "in one header": (
        Hmac("X-Sig", separator=" "),
        SECRET,
        lambda signed, macs: with_headers(signed, x_sig=" ".join(macs)),
        "x-sig",
    ),
    "names and values": (
        Timestamped("X-Sig"),
        SECRET,
        lambda signed, macs: with_headers(signed, x_sig=",".join(["t=1700000000", *(f"v1={mac}" for mac in macs)])),
        "x-sig",
    ),
    "Standard Webhooks": (
        StandardWebhooks(),
        WHSEC,
        lambda signed, macs: with_headers(signed, webhook_signature=" ".join(f"v1,{mac}" for mac in macs)),
        "webhook-signature",
    ),
}
lists = pytest.mark.parametrize(("scheme", "secret", "join", "header"), LISTS.values(), ids=LISTS)


def signature_of(scheme: Scheme, secret: str, header: str) -> tuple[Webhook, str]:
    signed = scheme.sign(webhook(), secret)
    return signed, signed.headers[header].rpartition("v1,")[2].rpartition("v1=")[2]


@lists
def test_a_signature_is_found_at_any_place_of_ten(
    scheme: Scheme, secret: str, join: Callable[[Webhook, list[str]], Webhook], header: str
) -> None:
    signed, good = signature_of(scheme, secret, header)
    for place in range(10):
        macs = ["x" * len(good)] * 10
        macs[place] = good
        assert proved(scheme, join(signed, macs), secret)
    assert not proved(scheme, join(signed, ["x" * len(good)] * 10), secret)


@lists
def test_eleven_signatures_are_refused_though_one_is_good(
    scheme: Scheme, secret: str, join: Callable[[Webhook, list[str]], Webhook], header: str
) -> None:
    signed, good = signature_of(scheme, secret, header)
    with pytest.raises(Unproved, match="signatures"):
        prove(scheme, join(signed, [good] * 11), [Key(secret, "1")])


def test_stripes_other_schemes_do_not_count() -> None:
    scheme = Timestamped("Stripe-Signature")
    good = mac(b"1700000000." + webhook().body).hex()
    assert proved(scheme, webhook(Stripe_Signature=f"t=1700000000,v1={good},v0=x"))
    for wrong in (f"v0={good}", f"V1={good}", f"v1 ={good}", f"v1=={good}", f"v11={good}", good):
        assert not proved(scheme, webhook(Stripe_Signature=f"t=1700000000,{wrong}"))


@pytest.mark.parametrize("times", ["", "t=1700000000,t=1700000000,", "t=1700000000,t=1,", "T=1700000000,", "t=,"])
def test_a_header_of_names_and_values_has_one_time(times: str) -> None:
    good = mac(b"1700000000." + webhook().body).hex()
    assert not proved(Timestamped("X-Sig"), webhook(X_Sig=f"{times}v1={good}"))


def test_only_the_version_of_the_key_counts_in_standard_webhooks() -> None:
    signed, good = signature_of(StandardWebhooks(), WHSEC, "webhook-signature")
    for version in ("v1a", "v2", "V1", "", "v1,v1"):
        assert not proved(StandardWebhooks(), with_headers(signed, webhook_signature=f"{version},{good}"), WHSEC)
    assert proved(StandardWebhooks(), with_headers(signed, webhook_signature=f"v1a,AAAA v2,x v1,{good}"), WHSEC)


def test_standard_webhooks_without_an_id_are_refused_though_they_are_signed() -> None:
    good = base64.b64encode(hmac.digest(b"a key of twenty-four bytes", b".1700000000." + webhook().body, "sha256"))
    for given in (webhook(), webhook(webhook_id="")):
        signed = with_headers(given, webhook_timestamp="1700000000", webhook_signature=f"v1,{good.decode()}")
        with pytest.raises(Unproved, match="missing"):
            prove(StandardWebhooks(), signed, [Key(WHSEC, "1")])


def test_standard_webhooks_are_proved_by_a_public_key_too() -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    unsigned = webhook(webhook_id="msg_1", webhook_timestamp="1700000000")
    signature = private.sign(b"msg_1.1700000000." + unsigned.body)
    text, whpk = base64.b64encode(signature).decode(), "whpk_" + base64.b64encode(public).decode()
    assert proved(StandardWebhooks(), with_headers(unsigned, webhook_signature=f"v1,x v1a,{text}"), whpk)
    for wrong in (f"v1,{text}", f"v1a,{text[:-4]}", "v1a,", "v1a,!!!", f"v1a,{text} x"[:-10]):
        assert not proved(StandardWebhooks(), with_headers(unsigned, webhook_signature=wrong), whpk)
    changed = replace(unsigned, body=b"{}")
    assert not proved(StandardWebhooks(), with_headers(changed, webhook_signature=f"v1a,{text}"), whpk)


def test_a_public_key_is_no_key_of_a_mac() -> None:
    """Who knows the public key, as everybody may, signs nothing with it."""
    whpk = "whpk_" + base64.b64encode(b"k" * 32).decode()
    unsigned = webhook(webhook_id="msg_1", webhook_timestamp="1700000000")
    forged = base64.b64encode(hmac.digest(b"k" * 32, b"msg_1.1700000000." + unsigned.body, "sha256")).decode()
    assert not proved(StandardWebhooks(), with_headers(unsigned, webhook_signature=f"v1,{forged}"), whpk)


# Prefixes and lengths

SIGNATURES: dict[str, Callable[[str], str]] = {
    "empty": lambda good: "",
    "the prefix alone": lambda good: "sha256=",
    "without the prefix": lambda good: good.removeprefix("sha256="),
    "the prefix twice": lambda good: "sha256=" + good,
    "another prefix": lambda good: good.replace("sha256", "sha1"),
    "one digit": lambda good: good[:8],
    "eight digits": lambda good: good[:15],
    "63 digits": lambda good: good[:-1],
    "a digit more": lambda good: good + "0",
    "twice": lambda good: good + good.removeprefix("sha256="),
    "twice with a comma": lambda good: f"{good},{good}",
    "a space in front": lambda good: " " + good,
    "a space behind": lambda good: good + " ",
    "a space inside": lambda good: good[:20] + " " + good[20:],
    "a NUL behind": lambda good: good + "\0",
    "in base64": lambda good: "sha256=" + base64.b64encode(bytes.fromhex(good[7:])).decode(),
    "full-width digits": lambda good: good[:7] + "".join(chr(ord(c) + 0xFEE0) for c in good[7:]),
    "a lone surrogate": lambda good: good[:-1] + "\udcff",
    "a lone surrogate behind": lambda good: good + "\udcff",
}


@pytest.mark.parametrize("change", SIGNATURES.values(), ids=SIGNATURES)
def test_a_signature_is_taken_whole_and_as_it_is_written_or_not_at_all(change: Callable[[str], str]) -> None:
    scheme = Hmac("X-Hub-Signature-256", prefix="sha256=")
    good = "sha256=" + mac(webhook().body).hex()
    assert proved(scheme, webhook(X_Hub_Signature_256=good))
    assert not proved(scheme, webhook(X_Hub_Signature_256=change(good)))


def test_the_case_of_hex_does_not_matter_and_that_of_base64_does() -> None:
    for header in (good := mac(webhook().body).hex(), good.upper(), good[:20].upper() + good[20:]):
        assert proved(Hmac("X-Sig"), webhook(X_Sig=header))
        assert proved(Timestamped("X-Sig", signs="{body}"), webhook(X_Sig=f"t=1700000000,v1={header}"))
        assert proved(WebSub("X-Sig"), webhook(X_Sig=f"sha256={header}"))
    for encoding, write in {"base64": base64.b64encode, "base64url": base64.urlsafe_b64encode}.items():
        text = write(mac(webhook().body)).decode()
        assert proved(Hmac("X-Sig", encoding=encoding), webhook(X_Sig=text))
        for other in (text.upper(), text.lower(), text.swapcase()):
            assert not proved(Hmac("X-Sig", encoding=encoding), webhook(X_Sig=other))


STANDARD: dict[str, Callable[[str], str]] = {
    "the version alone": lambda good: "v1,",
    "without a comma": lambda good: "v1",
    "without the version": lambda good: good,
    "junk inside, which lenient decoders drop": lambda good: f"v1,!!*!!{good}",
    "no padding": lambda good: "v1," + good.rstrip("="),
    "padding twice": lambda good: f"v1,{good}==",
    "the alphabet of URLs": lambda good: "v1," + good.replace("+", "-").replace("/", "_") + "-",
    "its first eight": lambda good: f"v1,{good[:8]}",
    "two in one": lambda good: f"v1,{good},v1,{good}",
    "a tab between": lambda good: f"v1,x\tv1,{good}",
    "a bit that the padding hides": lambda good: f"v1,{good[:-2]}{chr(ord(good[-2]) + 1)}=",
    "the version in capitals": lambda good: f"V1,{good}",
}


@pytest.mark.parametrize("change", STANDARD.values(), ids=STANDARD)
def test_a_signature_of_standard_webhooks_is_taken_as_it_is_written_or_not_at_all(change: Callable[[str], str]) -> None:
    signed, good = signature_of(StandardWebhooks(), WHSEC, "webhook-signature")
    assert proved(StandardWebhooks(), signed, WHSEC)
    assert not proved(StandardWebhooks(), with_headers(signed, webhook_signature=change(good)), WHSEC)


def test_the_name_of_a_header_may_be_written_in_any_case() -> None:
    good = mac(webhook().body).hex()
    for name in ("X-Sig", "x-sig", "X-SIG"):
        assert proved(Hmac(name), webhook(X_Sig=good))
        assert proved(Token(header=name), webhook(X_Sig=SECRET))


def test_a_header_of_another_name_is_no_signature() -> None:
    good = "sha256=" + mac(webhook().body).hex()
    for name in ("X_Hub_Signature", "X_Hub_Signature_2561", "Hub_Signature_256", "X_Hub_Signature_256_"):
        assert not proved(Hmac("X-Hub-Signature-256", prefix="sha256="), with_headers(webhook(), **{name: good}))


# Times

DATED = Hmac("X-Sig", signs="{timestamp}.{body}", timestamp="X-Time")


def dated(text: str) -> Webhook:
    """Signed with a time that is written so."""
    good = mac(text.encode() + b"." + webhook().body).hex()
    return webhook(X_Time=text, X_Sig=good)


TIMES = [
    "1700000000",
    "1700000000000",
    "2023-11-14T22:13:20Z",
    "2023-11-14T22:13:20.123456789Z",
    "2023-11-14T23:13:20+01:00",
]


@pytest.mark.parametrize("text", TIMES)
def test_a_time_is_written_in_seconds_or_milliseconds_or_with_its_zone(text: str) -> None:
    assert proved(DATED, dated(text))


NO_TIMES = [
    "1700000000000000",
    "17000000000000",
    "1700000000 ",
    "1700000000,1",
    "1700000000000,1",
    "2023-11-14T22:13:20",
    "2023-11-14T22:13:20Z,",
    "2023-11-14T22:13:20z",
    "2023-11-14T22:13:20+00:00:00",
    "2023-11-14 22:13:20Z",
    "20231114T221320Z",
    "2023-W46-2T22:13:20Z",
    "2023-11-14",
    "2023-02-30T22:13:20Z",
    "now",
]


@pytest.mark.parametrize("text", NO_TIMES, ids=repr)
def test_a_time_that_is_written_otherwise_is_none_though_it_is_signed(text: str) -> None:
    with pytest.raises(Unproved, match="timestamp"):
        prove(DATED, dated(text), [Key(SECRET, "1")])


# What is signed


def test_a_template_signs_each_part_where_it_stands() -> None:
    scheme = Hmac("X-Sig", signs="{method}|{url}|{id}|{timestamp}|{body}|", id="X-Id", timestamp="X-Time")
    given = webhook(X_Id="7", X_Time="1700000000")
    good = mac(b"POST|" + URL.encode() + b"|7|1700000000|" + given.body + b"|").hex()
    signed = with_headers(given, x_sig=good)
    assert proved(scheme, signed)
    for changed in (
        replace(signed, method="PUT"),
        replace(signed, url=URL + "?"),
        replace(signed, body=b""),
        with_headers(signed, x_id="8"),
        with_headers(signed, x_time="1700000001"),
    ):
        assert not proved(scheme, changed)


def test_the_bytes_that_came_are_signed_and_not_what_they_mean() -> None:
    body = b'{"b":1, "a":2.0,"\xc3\xa9":"\\u00e9"}'
    signed = Hmac("X-Sig").sign(webhook(body), SECRET)
    assert proved(Hmac("X-Sig"), signed)
    for same in (b'{"b": 1, "a": 2.0, "\xc3\xa9": "\xc3\xa9"}', body + b"\n", body.replace(b"2.0", b"2")):
        assert not proved(Hmac("X-Sig"), replace(signed, body=same))


def test_a_body_of_any_bytes_can_be_signed() -> None:
    for body in (b"", b"\xff\xfe\x00", b"[" * 200_000, bytes(range(256))):
        assert proved(Hmac("X-Sig"), Hmac("X-Sig").sign(webhook(body), SECRET))
        assert proved(StandardWebhooks(), StandardWebhooks().sign(webhook(body), WHSEC), WHSEC)


ENCODINGS = ["hex", "base64", "base64url"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoding_is_no_other(encoding: str) -> None:
    digest = mac(b'{"a": 20}')
    written = {
        "hex": digest.hex(),
        "base64": base64.b64encode(digest).decode(),
        "base64url": base64.urlsafe_b64encode(digest).decode().rstrip("="),
    }
    assert len(set(written.values())) == 3
    taken = {
        name for name, text in written.items() if proved(Hmac("X", encoding=encoding), webhook(b'{"a": 20}', X=text))
    }
    assert taken == {encoding}


# Tokens and passwords


def test_a_token_in_the_query_stands_there_once() -> None:
    scheme = Token(query="token")
    assert proved(scheme, replace(webhook(), query=f"a=1&token={SECRET}"))
    for query in (f"token={SECRET}&token={SECRET}", f"token=x&token={SECRET}", f"Token={SECRET}", "token=", "token"):
        assert not proved(scheme, replace(webhook(), query=query))


def test_a_token_in_the_body_is_taken_whole() -> None:
    scheme = Token(json="token")
    assert proved(scheme, webhook(f'{{"token": "{SECRET}"}}'.encode()))
    for more in ("\\udcff", "\\u0000", " ", "\N{SNOWMAN}"):
        assert not proved(scheme, webhook(f'{{"token": "{SECRET}{more}"}}'.encode()))


def test_a_token_with_marks_in_it_is_found_in_the_query() -> None:
    scheme = Token(query="token")
    assert proved(scheme, scheme.sign(webhook(), "a+b/c=d&e f%20"), "a+b/c=d&e f%20")


BEARERS = [
    "bearer {}",
    "Bearer  {}",
    "Bearer {} ",
    "Bearer{}",
    "{}",
    "Basic {}",
    "Bearer {0}, Bearer {0}",
    "Bearer ",
    "Bearer {}\N{SNOWMAN}",
]


@pytest.mark.parametrize("given", BEARERS)
def test_a_bearer_token_is_written_in_one_way(given: str) -> None:
    scheme = Token(header="Authorization", prefix="Bearer ")
    assert proved(scheme, webhook(authorization=f"Bearer {SECRET}"))
    assert not proved(scheme, webhook(authorization=given.format(SECRET)))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_password_may_hold_colons_and_letters_of_any_kind() -> None:
    for pair in ("user:pass", "user:a:b:c", "käse:größe-mit-soße", "user:\N{SNOWMAN}"):
        assert proved(Basic(), webhook(authorization=f"Basic {encoded(pair)}"), pair)
        assert proved(Basic(), webhook(authorization=f"basic {encoded(pair)}"), pair)


PAIRS = {
    "another password": f"Basic {encoded('user:other')}",
    "another user": f"Basic {encoded('other:pass')}",
    "the colon elsewhere": f"Basic {encoded('use:r:pass')}",
    "no password": f"Basic {encoded('user:')}",
    "in plain": "Basic user:pass",
    "no scheme": encoded("user:pass"),
    "two spaces": f"Basic  {encoded('user:pass')}",
    "a newline behind": f"Basic {encoded('user:pass')}\n",
    "junk inside": f"Basic {encoded('user:pass')[:4]}!{encoded('user:pass')[4:]}",
    "nothing": "Basic ",
    "half a group": "Basic A",
    "not ASCII": "Basic \xe9\xff",
}


@pytest.mark.parametrize("header", PAIRS.values(), ids=PAIRS)
def test_no_other_user_and_password_are_taken(header: str) -> None:
    assert not proved(Basic(), webhook(authorization=header), "user:pass")


# Twilio


def twilio(url: str, fields: str = "", body: bytes = b"Body=hi&From=%2B1", **headers: str) -> Webhook:
    """Signed by hand, as Twilio documents it: `url` is what the sender knew, `fields` what it signed of a form."""
    signature = base64.b64encode(mac((url + fields).encode(), "sha1")).decode()
    return with_headers(Webhook(body, FORM, url=URL, received=NOW), X_Twilio_Signature=signature, **headers)


TWILIO = UrlForm("X-Twilio-Signature")
SIGNED = "BodyhiFrom+1"
ONE_URL = {
    "as we know it": URL,
    "with the default port": "https://hooks.example.com:443/twilio",
}
OTHER_URLS = {
    "another port": "https://hooks.example.com:8443/twilio",
    "http": "http://hooks.example.com/twilio",
    "http with its port": "http://hooks.example.com:80/twilio",
    "a slash more": URL + "/",
    "another host": "https://evil.example.com/twilio",
    "a query": URL + "?a=1",
    "upper case": "https://HOOKS.example.com/twilio",
}


@pytest.mark.parametrize("url", ONE_URL.values(), ids=ONE_URL)
def test_twilio_may_write_the_default_port_or_leave_it_out(url: str) -> None:
    assert proved(TWILIO, twilio(url, SIGNED))
    with_port = replace(twilio(url, SIGNED), url="https://hooks.example.com:443/twilio")
    assert proved(TWILIO, with_port)


@pytest.mark.parametrize("url", OTHER_URLS.values(), ids=OTHER_URLS)
def test_what_is_signed_for_another_url_is_refused(url: str) -> None:
    assert not proved(TWILIO, twilio(url, SIGNED))


def test_another_port_is_part_of_the_url() -> None:
    eight = "https://hooks.example.com:8443/twilio"
    assert proved(TWILIO, replace(twilio(eight, SIGNED), url=eight))
    assert not proved(TWILIO, replace(twilio(URL, SIGNED), url=eight))
    assert not proved(TWILIO, replace(twilio("https://hooks.example.com:443/twilio", SIGNED), url=eight))


@pytest.mark.parametrize("query", ["a=b%20c", "a=b%20c&d=%C3%A9%26", "a=&b=1"])
def test_a_query_whose_escapes_the_platform_undid_still_proves(query: str) -> None:
    signed = twilio(f"{URL}?{query}", SIGNED)
    for seen in (query, query.replace("%20", " "), unquote(query).replace("é&", "%C3%A9%26")):
        assert proved(TWILIO, replace(signed, url=f"{URL}?{seen}", query=seen))
    assert not proved(TWILIO, replace(signed, url=f"{URL}?{query}1", query=query + "1"))


def test_the_fields_of_a_form_are_signed_in_the_order_of_their_names_and_once() -> None:
    for body in (b"From=%2B1&Body=hi", b"Body=hi&From=%2B1&Body=hi", b"Body=%68i&From=%2b1"):
        assert proved(TWILIO, twilio(URL, SIGNED, body))
    for body in (b"Body=hi", b"Body=hi&From=%2B2", b"Body=hi&From=%2B1&A=", b"Body=hi&From=+1", b""):
        assert not proved(TWILIO, twilio(URL, SIGNED, body))
    assert proved(TWILIO, twilio(URL, "A" + SIGNED, b"A=&Body=hi&From=%2B1"))


def test_json_that_is_not_hashed_into_the_url_proves_nothing() -> None:
    for content_type in ("application/json", "", "text/plain", "application/x-www-form-urlencoded-not"):
        for fields in ("", '{"a": 1}'):
            forged = twilio(URL, fields, b'{"a": 1}', content_type=content_type)
            with pytest.raises(Unproved, match="body-uncovered"):
                prove(TWILIO, forged, [Key(SECRET, "1")])
    assert proved(TWILIO, twilio(URL, SIGNED, content_type="Application/X-WWW-Form-Urlencoded; charset=utf-8"))


def test_json_is_proved_by_its_hash_in_the_signed_url() -> None:
    body = b'{"a": 1}'
    query = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
    signed = replace(
        twilio(f"{URL}?{query}", "", body, content_type="application/json"), url=f"{URL}?{query}", query=query
    )
    assert proved(TWILIO, signed)
    with pytest.raises(Unproved, match="body-hash"):
        prove(TWILIO, replace(signed, body=b'{"a": 2}'), [Key(SECRET, "1")])
    other = f"bodySHA256={hashlib.sha256(b'{}').hexdigest()}"
    assert not proved(TWILIO, replace(signed, body=b"{}", url=f"{URL}?{other}", query=other))
    for trick in (f"{other}&{query}", f"{query}&{other}", "bodySHA256=", ""):
        assert not proved(TWILIO, replace(signed, body=b"{}", url=f"{URL}?{trick}", query=trick))


def test_a_get_without_a_body_is_proved_by_its_url() -> None:
    assert proved(TWILIO, twilio(URL, "", b"", content_type=""))


# Ed25519

KEYS = {
    "empty": "",
    "31 bytes": "aa" * 31,
    "33 bytes": "aa" * 33,
    "63 digits": "a" * 63,
    "65 digits": "a" * 65,
    "no digits": "z" * 64,
    "PEM": "-----BEGIN PUBLIC KEY",
}


@pytest.mark.parametrize("public", KEYS.values(), ids=KEYS)
def test_a_public_key_that_is_none_is_our_fault(public: str) -> None:
    scheme = Ed25519("X-Sig", "X-Time")
    private, _ = scheme.new_keys()
    with pytest.raises(Failed, match="secret-form"):
        prove(scheme, scheme.sign(webhook(), private), [Key(public, "1")])


def test_a_signature_of_ed25519_covers_the_time() -> None:
    scheme = Ed25519("X-Sig", "X-Time")
    private, public = scheme.new_keys()
    signed = scheme.sign(webhook(), private)
    assert proved(scheme, signed, public)
    assert not proved(scheme, with_headers(signed, x_time="1700000001"), public)
    assert not proved(scheme, replace(with_headers(signed, x_time="170000000"), body=b"0" + signed.body), public)


# Comparing

ALL: dict[str, tuple[Scheme, str, int]] = {
    "hmac": (Hmac("X-Sig"), SECRET, 1),
    "three of hmac": (Hmac("X-Sig", separator=","), SECRET, 3),
    "timestamped": (Timestamped("X-Sig"), SECRET, 1),
    "token": (Token(header="X-Sig"), SECRET, 1),
    "token in the query": (Token(query="sig"), SECRET, 1),
    "basic": (Basic(), f"user:{SECRET}", 1),
    "standard-webhooks": (StandardWebhooks(), WHSEC, 1),
    "url-form, in two spellings": (TWILIO, SECRET, 2),
}


@pytest.mark.parametrize(("scheme", "secret", "times"), ALL.values(), ids=ALL)
@pytest.mark.parametrize("good", [True, False], ids=["genuine", "forged"])
def test_every_candidate_is_compared_in_constant_time_and_in_bytes(
    scheme: Scheme, secret: str, times: int, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = scheme.sign(replace(webhook(), headers=FORM, body=b"a=1"), secret if good else OTHER)
    if times == 3:
        signed = with_headers(signed, x_sig=f"{signed.headers['x-sig']},x,{signed.headers['x-sig']}")
    compared: list[tuple[object, object]] = []

    def spy(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return hmac.compare_digest(given, wanted)

    monkeypatch.setattr(base, "hmac", SimpleNamespace(compare_digest=spy))
    assert proved(scheme, signed, secret) is good
    assert len(compared) == times
    assert all(isinstance(given, bytes) and isinstance(wanted, bytes) for given, wanted in compared)


RECEIVER = ROOT / "functions/receiver"
FOLDERS = [*RECEIVER.glob("schemes/*.py"), *RECEIVER.glob("handshakes/*.py")]
GUARDED = sorted([*FOLDERS, RECEIVER / "main.py", RECEIVER / "secret_manager.py"])
SECRETS = {"secret", "secrets", "signature", "signatures", "token", "digest", "wanted", "given", "mac", "macs"}
SECRETS |= {"password", "private", "proof", "candidate", "candidates", "encoded", "user_and_password", "echo"}
SECRETS |= {"kept", "expected"}
COMPARISONS = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)


def names(operand: ast.expr) -> set[str]:
    """What an operand is made of; parameters of a scheme (`self.digest`) are settings, never secrets."""
    if isinstance(operand, ast.Call) and isinstance(operand.func, ast.Name) and operand.func.id == "len":
        return set()
    found = {node.id for node in ast.walk(operand) if isinstance(node, ast.Name)}
    attributes = [node for node in ast.walk(operand) if isinstance(node, ast.Attribute)]
    return found | {a.attr for a in attributes if not (isinstance(a.value, ast.Name) and a.value.id == "self")}


def is_public(operand: ast.expr) -> bool:
    """Whether an operand is made of nothing but literals and parameters of a scheme, which anybody may know."""
    used = {node.id for node in ast.walk(operand) if isinstance(node, ast.Name)}
    return used <= {"self"}


def careless(source: str) -> list[str]:
    """The comparisons of a secret that stop at the first difference."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, COMPARISONS) for operator in node.ops)
        and any(names(operand) & SECRETS for operand in (node.left, *node.comparators))
        and not any(is_public(operand) for operand in (node.left, *node.comparators))
    ]


@pytest.mark.parametrize("file", GUARDED, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_no_secret_is_compared_by_an_operator(file: Path) -> None:
    assert careless(file.read_text()) == []


def test_a_comparison_by_an_operator_would_be_seen() -> None:
    text = "a == secret; key.secret != b; given[7:] in c; x == digest.hex(); y not in (token, 1)"
    assert len(careless(text)) == 5
    fine = "self.digest not in ALL; name == self.signature; len(given) == 5; token is None; a == b; secret == ''"
    assert careless(f"{fine}; given[: len(self.prefix)].lower() != self.prefix.lower()") == []


def test_nothing_leaves_a_verifier_but_what_has_a_status() -> None:
    odd = [
        "",
        "\0",
        "\udcff",
        "\xff" * 3,
        "v1,",
        "t=,v1=",
        "Basic =",
        "=" * 5000,
        "9" * 5000,
        ",",
        " ",
        "{",
        "v1a,AAAA",
    ]
    for scheme, secret, _ in ALL.values():
        for text in odd:
            every = dict.fromkeys(("x-sig", "authorization", "webhook-id", "webhook-timestamp", "x-time"), text)
            given = replace(webhook(), headers=every | {"webhook-signature": text, "x-twilio-signature": text})
            with pytest.raises(NotAccepted):
                scheme.verify(given, secret)
