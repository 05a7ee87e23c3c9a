"""sources.yaml: what may stand in it, and what it says of a file that is wrong."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from functions.receiver.errors import Misconfigured, UnknownSource, Unproved
from functions.receiver.providers import PROVIDERS
from functions.receiver.schemes import (
    SCHEMES,
    Basic,
    Ed25519,
    Hmac,
    Jwks,
    Key,
    Publishes,
    StandardWebhooks,
    Timestamped,
    Token,
    UrlForm,
    locate,
    prove,
)
from functions.receiver.settings import Settings
from functions.receiver.sources import Source, Sources, load
from functions.receiver.webhook import Webhook
from tests.servers import ROOT, clean_environment
from tools.local import DEMO, demo_entry

RECEIVER = ROOT / "functions/receiver"
GOOD = """\
github:
  provider: github

payments-eu:
  provider: stripe
  only: [payment_intent.*, charge.refunded]   # the rest is answered 200 and not queued

erp:                                          # a sender without a row
  verify: {hmac: {header: X-Signature, prefix: "sha256=", encoding: hex}}
  type: json:event_type
  id: header:X-Request-Id
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sources.yaml"


def read(file: Path, text: str) -> Sources:
    file.write_text(text, encoding="utf-8")
    return load(file)


def complaint(file: Path, text: str | bytes) -> str:
    """What is said of a wrong file, without its name."""
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(Misconfigured) as wrong:
        load(file)
    return str(wrong.value).removeprefix(f"{file} ")


def one(file: Path, **options: Any) -> Source:
    """The source of a file with one entry."""
    return read(file, json.dumps({"a": options}))["a"]


# Good files


def test_the_file_of_the_design_says_who_may_send(file: Path) -> None:
    sources = read(file, GOOD)
    assert list(sources) == ["github", "payments-eu", "erp"]
    github, stripe = sources["github"], sources["payments-eu"]
    assert (github.name, github.prefix, github.provider) == ("github", "github", PROVIDERS["github"])
    assert (stripe.name, stripe.prefix, stripe.provider) == ("payments-eu", "stripe", PROVIDERS["stripe"])
    assert stripe.only == ("payment_intent.*", "charge.refunded")
    erp = sources["erp"]
    assert erp.provider.scheme == Hmac("X-Signature", prefix="sha256=", encoding="hex")
    assert (erp.prefix, erp.provider.type, erp.provider.id) == ("erp", "json:event_type", "header:X-Request-Id")
    assert (erp.provider.deadline, erp.provider.max_body) == (4, 1024 * 1024)


def test_the_file_that_we_ship_is_good() -> None:
    assert {"github", "stripe", "slack"} <= load(RECEIVER / "sources.yaml").keys()


def test_every_option_changes_the_source(file: Path) -> None:
    source = one(
        file,
        provider="slack",
        type=["json:a|header:B", "form:c:d.e"],
        id=["json:a", "header:B"],
        subject="form:c",
        occurred="json:at|header:X-At",
        only=["x.*"],
        headers=["X-A", "User-Agent"],
        max_body=9_000_000,
        deadline=0.5,
        tolerance=60,
        public_url="https://hooks.example.com:8443/slack",
    )
    row = source.provider
    assert (row.type, row.id, row.subject) == (("json:a|header:B", "form:c:d.e"), ("json:a", "header:B"), "form:c")
    assert row.occurred == "json:at|header:X-At"
    assert (row.max_body, row.deadline, row.handshake) == (9_000_000, 0.5, PROVIDERS["slack"].handshake)
    assert row.scheme is not None
    assert row.scheme.tolerance == 60
    assert (source.only, source.headers) == (("x.*",), ("X-A", "User-Agent"))
    assert source.public_url == "https://hooks.example.com:8443/slack"
    assert PROVIDERS["slack"].scheme is not None
    assert PROVIDERS["slack"].scheme.tolerance == 300


def test_the_deadlines_and_sizes_of_the_design_are_the_defaults(file: Path) -> None:
    rows = {name: one(file, provider=name).provider for name in ("github", "shopify", "slack", "discord", "stripe")}
    deadlines = {name: row.deadline for name, row in rows.items()}
    assert deadlines == {"github": 8, "shopify": 4, "slack": 2.5, "discord": 2.5, "stripe": 4}
    large = {name for name, row in rows.items() if row.max_body == 9_000_000}
    assert large == {"github", "shopify"}
    assert {row.max_body for row in rows.values()} == {9_000_000, 1024 * 1024}


VERIFY: dict[str, tuple[Any, Any]] = {
    "text": ("basic", Basic()),
    "text with a dash": ("standard-webhooks", StandardWebhooks()),
    "a mapping without parameters": ({"basic": None}, Basic()),
    "hmac": ({"hmac": {"header": "X-Sig", "digest": "sha512"}}, Hmac("X-Sig", digest="sha512")),
    "timestamped": ({"timestamped": {"header": "X-Sig", "signature": "v0"}}, Timestamped("X-Sig", signature="v0")),
    "token": ({"token": {"header": "Authorization", "prefix": "Bearer "}}, Token("Authorization", prefix="Bearer ")),
    "ed25519": ({"ed25519": {"header": "X-S", "timestamp": "X-T"}}, Ed25519("X-S", "X-T")),
    "standard-webhooks": ({"standard-webhooks": {"prefix": "svix"}}, StandardWebhooks(prefix="svix")),
}


@pytest.mark.parametrize(("verify", "scheme"), VERIFY.values(), ids=VERIFY)
def test_verify_is_the_name_of_a_scheme_or_a_mapping(file: Path, verify: Any, scheme: Any) -> None:
    assert one(file, verify=verify).provider.scheme == scheme


# Each scheme of `verify:`, as its user writes it: with every parameter that it takes, the header its own.
EXAMPLES: dict[str, dict[str, str]] = {
    "basic": {},
    "detached-jws": {"header": "X-Sig", "algorithm": "RS256", "keys": "https://example.com/keys"},
    "ecdsa": {
        **{"header": "X-Sig|X-Other", "timestamp": "X-Time", "signs": "{timestamp}.{body}", "encoding": "base64url"},
        **{"key": "pem", "digest": "sha512"},
    },
    "ed25519": {
        **{"header": "X-Sig", "timestamp": "X-Time", "signs": "{timestamp}.{body}", "encoding": "base64"},
        **{"key": "base64"},
    },
    "hmac": {
        **{"header": "X-Sig", "digest": "sha512", "encoding": "base64", "key": "base64", "prefix": "v0=", "id": "X-Id"},
        **{"signs": "{id}.{timestamp}.{method}.{path-query}.{body}", "timestamp": "X-Time", "separator": ","},
    },
    "http-signature": {"header": "X-Sig", "lines": "(request-target) host date digest"},
    "jwks": {
        **{"header": "X-Token", "prefix": "Bearer ", "algorithm": "ES256", "keys": "{issuer}/keys"},
        **{"issuer": "https://example.com", "audience": "erp", "body_hash": "hash", "email": "erp@example.com"},
    },
    "jwt": {
        **{"header": "X-Token", "prefix": "JWT ", "algorithm": "HS384", "issuer": "erp", "audience": "{url}"},
        **{"body_hash": "body", "url_hash": "url", "query_hash": "qsh"},
    },
    "rsa": {"header": "X-Sig", "padding": "pss", "digest": "sha512", "encoding": "hex", "signs": "{url}|{body}"},
    "sorted-parameters": {"signature": "hash", "timestamp": "time", "digest": "sha512", "encoding": "hex"},
    "standard-webhooks": {"prefix": "acme", "key": "text", "id": "X-Acme-Id"},
    "timestamped": {
        **{"header": "X-Sig", "digest": "sha1", "encoding": "base64", "key": "hex", "signs": "{timestamp}:{body}"},
        **{"timestamp": "ts", "signature": "h1", "separator": ";", "groups": " "},
    },
    "token": {"json": "items.*.token"},
    "url-form": {"header": "X-Sig", "digest": "sha256", "encoding": "hex", "body_hash": "hash"},
    "websub": {"header": "X-Signature"},
}


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_can_be_named_under_verify_and_proves_what_its_sender_signs(file: Path, name: str) -> None:
    url = "https://hooks.example.com/erp"
    scheme = one(file, verify={name: EXAMPLES[name]}, public_url=url).provider.scheme
    assert type(scheme) is SCHEMES[name]
    assert {parameter: getattr(scheme, parameter) for parameter in EXAMPLES[name]} == EXAMPLES[name]
    (secret, given), (_, other) = scheme.new_keys(), scheme.new_keys()
    form = name == "url-form"
    headers = {"content-type": "application/x-www-form-urlencoded" if form else "application/json", "x-id": "1"}
    signed = scheme.sign(Webhook(b"a=1" if form else b'{"a": "1"}', headers, url=url), secret)
    if isinstance(scheme, Publishes):
        assert locate(scheme, signed, "").url == "https://example.com/keys"
    assert prove(scheme, signed, [Key(given, "1")]) == Key(given, "1")
    with pytest.raises(Unproved):
        prove(scheme, signed, [Key(other, "1")])


def test_verify_takes_the_settings_of_its_scheme_beside_it(file: Path) -> None:
    keys = {"jwks": {"keys": "{issuer}/keys"}}
    said: dict[str, Any] = {"issuer": "https://example.com", "audience": "erp", "email": "erp@example.com"}
    assert one(file, verify=keys, **said).provider.scheme == Jwks(keys="{issuer}/keys", **said)


def test_verify_takes_a_tolerance_beside_it(file: Path) -> None:
    source = one(file, verify={"timestamped": {"header": "X-Sig"}}, tolerance=30)
    assert source.provider.scheme == Timestamped("X-Sig", tolerance=30)


def test_a_sender_that_signs_its_url_needs_to_be_told_which_it_knows(file: Path) -> None:
    url = "https://hooks.example.com/twilio"
    source = one(file, verify={"url-form": {"header": "X-Sig"}}, public_url=url)
    assert (source.provider.scheme, source.public_url) == (UrlForm("X-Sig"), url)
    assert one(file, provider="twilio", public_url=url).public_url == url


def test_verify_none_is_warned_of_at_every_start(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read(file, "open: {verify: none}\nclosed: {verify: basic}\nwide: {verify: none}\n")
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(line["severity"], line["source"]) for line in lines] == [("WARNING", "open"), ("WARNING", "wide")]
    assert lines[0]["message"] == "open accepts anything from anyone (verify: none)"


def test_nobody_is_warned_of_a_source_that_proves_itself(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read(file, GOOD)
    assert capfd.readouterr().out == ""


def test_nothing_is_open_that_does_not_say_verify_none(file: Path) -> None:
    assert one(file, verify="none").provider.scheme is None
    for name, row in PROVIDERS.items():
        assert one(file, **demo_entry(name, row, "https://example.com")).provider.scheme is not None


def test_five_hundred_sources_are_read_in_a_second(file: Path) -> None:
    file.write_text("\n".join(f"s{n}0:\n  verify: {{hmac: {{header: X-S}}}}\n  only: [a.*]\n" for n in range(500)))
    start = time.monotonic()
    assert len(load(file)) == 500
    assert time.monotonic() - start < 1


def test_a_path_leads_to_its_source_and_to_no_other(file: Path) -> None:
    sources = read(file, GOOD)
    assert sources.at("/payments-eu") is sources["payments-eu"]
    for path in ("/", "", "//github", "/github/", "/GitHub", "/github/x", "/github%00", "/../github", "/github;x"):
        with pytest.raises(UnknownSource):
            sources.at(path)


def test_only_drops_what_no_pattern_names(file: Path) -> None:
    stripe = one(file, provider="stripe", only=["payment_intent.*", "charge.refunded"])
    assert not stripe.drops("stripe.payment_intent.succeeded")
    assert not stripe.drops("stripe.charge.refunded")
    assert stripe.drops("stripe.charge.refunded.updated")
    assert stripe.drops("stripe.customer.created")


def test_only_never_drops_an_event_without_a_type_nor_one_of_a_batch(file: Path) -> None:
    assert not one(file, provider="stripe", only=["x"]).drops("stripe.unknown")
    assert not one(file, provider="meta", only=["x"]).drops("meta.page")
    assert not one(file, provider="stripe").drops("stripe.anything")


# Names

GOOD_NAMES = ["a", "payments-eu", "x1", "a-1", "y" * 40, "on", "yes", "null", "true", "eventlog2", "zebra", "z9"]
BAD_NAMES = {
    "z at the end": "quiz",
    "a dash at the end": "a-",
    "a dash in front": "-a",
    "two dashes": "a--b",
    "eventlog": "eventlog",
    "upper case": "GitHub",
    "41 characters": "a" * 41,
    "a digit in front": "1a",
    "an underscore": "a_b",
    "a dot": "a.b",
    "a slash": "a/b",
    "a space": "a b",
    "a newline": "a\n",
    "not ASCII": "café",
    "digits that are not ASCII": "a٣",
    "empty": "",
}


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_source_may_have_the_name(file: Path, name: str) -> None:
    assert list(read(file, f"{name}: {{provider: github}}")) == [name]


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
def test_a_source_may_not_have_the_name(file: Path, name: str) -> None:
    text = complaint(file, f"fine: {{provider: github}}\n{json.dumps(name)}: {{provider: github}}")
    rule = (
        "a name is lower-case letters, digits and single '-', 1 to 40, begins with a letter, "
        "does not end in '-' or 'z', and is not eventlog"
    )
    assert text == f"line 2: {name}: {rule}"


def test_a_source_may_not_be_named_z_either(file: Path) -> None:
    assert complaint(file, "z: {provider: github}").startswith("line 1: z: a name is lower-case letters")


# Wrong files

PLACES = (
    "header:NAME, json:PATH.TO, form:FIELD, form:FIELD:PATH.IN.ITS.JSON, query:NAME, besides:KEY,KEY or jwt:CLAIM "
    "(of a body that is a token)"
)
NAMES = (
    "basic, detached-jws, ecdsa, ed25519, hmac, http-signature, jwks, jwt, rsa, sorted-parameters, standard-webhooks, "
    "timestamped, token, url-form, websub"
)
HMAC = "header, digest, encoding, key, signs, signature, prefix, timestamp, id, separator"
PROVIDER = f"one of the {len(PROVIDERS)} of docs/providers.md"
WRONG: dict[str, tuple[str, str]] = {
    "nothing in it": ("", "line 1: the file: must be a mapping of names to values"),
    "a list": ("- github", "line 1: the file: must be a mapping of names to values"),
    "a source without a value": ("a:", "line 1: a: must be a mapping of names to values"),
    "a source that is text": ("a: github", "line 1: a: must be a mapping of names to values"),
    "neither provider nor verify": (
        "a: {}",
        "line 1: a: needs either provider (a known one) or verify (how it proves itself)",
    ),
    "provider and verify": (
        "a:\n  provider: github\n  verify: basic",
        "line 1: a: needs either provider (a known one) or verify (how it proves itself)",
    ),
    "verify none beside a provider": ("a: {provider: github, verify: none}", "line 1: a: needs either provider"),
    "a provider that is misspelt": (
        "a:\n  provider: githib",
        f"line 2: a.provider: must be {PROVIDER}; perhaps github or gitlab",
    ),
    "a provider that is a number": ("a:\n  provider: 5", f"line 2: a.provider: must be {PROVIDER}"),
    "an unknown scheme": (
        "a:\n  verify: foo",
        f"line 2: a.verify: there are {NAMES}, and none (which accepts anything from anyone)",
    ),
    "no scheme": ("a:\n  verify:", "line 2: a.verify: must be a scheme with its parameters, such as"),
    "an empty mapping for a scheme": ("a:\n  verify: {}", f"line 2: a.verify: there are {NAMES}"),
    "verify false": ("a:\n  verify: false", "line 2: a.verify: must be a scheme with its parameters, such as"),
    "None instead of none": ("a:\n  verify: None", f"line 2: a.verify: there are {NAMES}"),
    "two schemes": ("a:\n  verify: {basic: , token: {header: X}}", "line 2: a.verify: takes one scheme"),
    "an unknown parameter": (
        "a:\n  verify: {hmac: {headr: X-Sig}}",
        f"line 2: a.verify: hmac has no headr of that kind; it takes text for {HMAC}",
    ),
    "a parameter that is no text": ("a:\n  verify: {hmac: {header: 5}}", "line 2: a.verify: hmac has no header of "),
    "a tolerance among the parameters": ("a:\n  verify: {hmac: {header: X, tolerance: 5}}", "line 2: a.verify: hmac "),
    "a missing parameter": ("a:\n  verify: ecdsa", "line 2: a.verify: ecdsa needs header"),
    "a signature nowhere": ("a:\n  verify: hmac", "line 2: a.verify: hmac: header: can't be empty"),
    "a signature in two places": (
        "a:\n  verify: {hmac: {header: X, signature: json:a}}",
        "line 2: a.verify: hmac: needs either header or signature",
    ),
    "parameters that are text": ("a:\n  verify: {hmac: x}", "line 2: a.verify.hmac: must be a mapping of names to "),
    "a token nowhere": ("a:\n  verify: token", "line 2: a.verify: token: needs one of header, query and json"),
    "a token in two places": (
        "a:\n  verify: {token: {header: X, query: y}}",
        "line 2: a.verify: token: needs one of header, query and json",
    ),
    "an unknown digest": ("a:\n  verify: {hmac: {header: X, digest: md6}}", "line 2: a.verify: hmac: digest: no md6; "),
    "a digest without a length": ("a:\n  verify: {hmac: {header: X, digest: shake_128}}", "line 2: a.verify: hmac: "),
    "an unknown encoding": (
        "a:\n  verify: {hmac: {header: X, encoding: HEX}}",
        "line 2: a.verify: hmac: encoding: no HEX; there are hex, base64, base64url",
    ),
    "an unknown part of what is signed": (
        'a:\n  verify: {hmac: {header: X, signs: "{bdy}"}}',
        "line 2: a.verify: hmac: signs: no {bdy}; there are body, body-base64, body-md5, url, ",
    ),
    "an unknown option": (
        "a:\n  provider: github\n  onyl: [push]",
        "line 3: a.onyl: no such option; there are provider, verify, type, id, subject, occurred, only, headers, "
        "max_body, deadline, tolerance, topics, webhook_id, client_id, audience, email, issuer, origins, public_url, "
        "expect_every",
    ),
    "a merge key": ("a:\n  <<: {provider: github}", "line 2: a.<<: no such option; there are provider, "),
    "a source twice": (
        "a: {provider: github}\nb: {provider: github}\na: {provider: stripe}",
        "line 3: a: stands here for the second time, first on line 1",
    ),
    "an option twice": (
        "a:\n  provider: github\n  provider: stripe",
        "line 3: a.provider: stands here for the second time, first on line 2",
    ),
    "a parameter twice": (
        "a:\n  verify:\n    hmac:\n      header: X\n      header: Y",
        "line 5: a.verify.hmac.header: stands here for the second time, first on line 4",
    ),
    "no address where the URL is signed": (
        "a:\n  provider: twilio",
        "line 1: a: needs public_url: an address such as https://hooks.example.com/twilio, without a query",
    ),
    "no address where a custom sender signs it": (
        'a: {verify: {hmac: {header: X, signs: "{url}"}}}',
        "line 1: a: needs public_url",
    ),
    "a type that is no place": (
        "a:\n  provider: github\n  type: event",
        f"line 3: a.type: must be {PLACES}, or a list of those",
    ),
    "types of no kind": ("a:\n  provider: github\n  type: ['json:a', b]", f"line 3: a.type: must be {PLACES}, or a "),
    "a place without a name": ("a:\n  provider: github\n  type: 'json:'", f"line 3: a.type: must be {PLACES}"),
    "a place of no kind": ("a:\n  provider: github\n  subject: xml:a", f"line 3: a.subject: must be {PLACES}"),
    "a place that is half there": ("a:\n  provider: github\n  type: 'json:a|'", f"line 3: a.type: must be {PLACES}"),
    "a moment that is no place": ("a:\n  provider: github\n  occurred: now", f"line 3: a.occurred: must be {PLACES}"),
    "moments of several places": (
        "a:\n  provider: github\n  occurred: ['json:a', 'json:b']",
        f"line 3: a.occurred: must be {PLACES}",
    ),
    "one moment of a body of several events": (
        "a:\n  provider: meta\n  occurred: json:time",
        "line 3: a.occurred: has no use here: this sender may put several events into one body",
    ),
    "an id that is no place": (
        "a:\n  provider: github\n  id: id",
        f"line 3: a.id: must be digest, {PLACES}, or a list",
    ),
    "an id of no places": ("a:\n  provider: github\n  id: []", f"line 3: a.id: must be digest, {PLACES}, or a list"),
    "an id with a digest in it": ("a:\n  provider: github\n  id: [digest]", "line 3: a.id: must be digest, "),
    "only that is text": (
        "a:\n  provider: github\n  only: push",
        "line 3: a.only: must be a list of event types, such",
    ),
    "only that is empty": ("a:\n  provider: github\n  only: []", "line 3: a.only: must be a list of event types, such"),
    "only with an empty type": (
        "a:\n  provider: github\n  only: ['']",
        "line 3: a.only: must be a list of event types",
    ),
    "only with a number": ("a:\n  provider: github\n  only: [5]", "line 3: a.only: must be a list of event types"),
    "headers that are text": (
        "a:\n  provider: github\n  headers: X-A",
        "line 3: a.headers: must be a list of headers ",
    ),
    "not YAML": ("a: {provider: github", "can't be read as YAML: while parsing a flow mapping"),
    "a tab": ("a:\n\tprovider: github", "can't be read as YAML: while scanning for the next token"),
    "two documents": ("a: {provider: github}\n---\nb: {provider: github}", "can't be read as YAML: expected a single"),
    "an alias of nothing": ("a: *b", "can't be read as YAML: found undefined alias"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_told_with_line_and_key_and_what_is_allowed(file: Path, text: str, said: str) -> None:
    assert complaint(file, text).startswith(said)


def test_the_message_begins_with_the_name_of_the_file(file: Path) -> None:
    file.write_text("a: {provider: nobody}")
    with pytest.raises(Misconfigured, match=f"^{file} line 1: a.provider: must be {PROVIDER}$"):
        load(file)


def test_a_file_that_is_not_there_or_not_text_is_told(file: Path, tmp_path: Path) -> None:
    assert "can't be read as YAML: 'utf-8' codec can't decode byte 0xff" in complaint(file, b"\xff\xfea")
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(Misconfigured, match=f"^{path} can't be read as YAML: .*directory"):
            load(path)


# What YAML itself stumbles over when it makes values of the text.
STUMBLES = {
    "a provider that is a list": "a:\n  provider: [github]",
    "a provider that is a mapping": "a:\n  provider: {github: }",
    "a tag that nobody knows": "a:\n  provider: !foo github",
    "a number that is none": "a:\n  provider: github\n  max_body: !!int abc",
    "a day that is none": "a:\n  provider: github\n  type: 2024-13-45",
    "a hexadecimal without digits": "a:\n  provider: github\n  max_body: 0x_",
    "a list for a key": "a:\n  verify: {[b]: c}",
    "a list for a key further in": "a:\n  verify: {hmac: {[b]: c}}",
    "bytes that are none": "a:\n  provider: github\n  only: !!binary x",
}


@pytest.mark.parametrize("text", STUMBLES.values(), ids=STUMBLES)
def test_a_value_that_cannot_be_made_is_told_like_any_other(file: Path, text: str) -> None:
    assert complaint(file, text).startswith(("line 2: a.", "line 3: a."))


# Settings that load, and with which no request can ever be proved.
HOPELESS = {
    "a header without a name": "{hmac: {header: ''}}",
    "a header with a name that none has": "{hmac: {header: 'X-Sig:'}}",
    "a time that is signed and stands nowhere": "{hmac: {header: X, signs: '{timestamp}.{body}'}}",
    "an id that is signed and stands nowhere": "{hmac: {header: X, signs: '{id}.{body}'}}",
    "a time that a key signs and that stands nowhere": "{ed25519: {header: X}}",
    "a time that RSA signs and that stands nowhere": "{rsa: {header: X, signs: '{timestamp}.{body}'}}",
    "a header without a name for a public key": "{ecdsa: {header: ''}}",
    "nothing between names and values": "{timestamped: {header: X, separator: ''}}",
    "the URL and a form, and nowhere a hash": "url-form",
    "a header without a name for a hub": "{websub: {header: ''}}",
    "a header without a name for an HTTP signature": "{http-signature: {header: ''}}",
    "lines that there are not": "{http-signature: {header: X, lines: 'date digest colour'}}",
    "a body that is a signature without its body": "{detached-jws: {header: '', keys: 'https://example.com/keys'}}",
    "two algorithms where there can be one": "{detached-jws: {algorithm: RS256|ES256, keys: 'https://example.com/k'}}",
    "parameters without a signature among them": "{sorted-parameters: {signature: ''}}",
    "an issuer in the address that nobody names": "{jwks: {keys: '{issuer}/keys'}}",
    "a key set without an address": "jwks",
    "a key set that is not fetched over https": "{jwks: {keys: 'http://example.com/keys'}}",
    "a setting that there is not": "{jwks: {keys: 'https://example.com/keys', asks: colour}}",
}
# Settings that would let in what the sender has not signed.
CARELESS = {
    "a token that nobody signed": "{jwt: {algorithm: none}}",
    "a secret as the key of a set": "{jwks: {keys: 'https://example.com/keys', algorithm: HS256}}",
    "a secret or a public key": "{jwt: {algorithm: HS256|RS256}}",
    "a signature without its body": "{http-signature: {header: X, lines: '(request-target) host date'}}",
    "a signature without its time": "{http-signature: {header: X, lines: '(request-target) host digest'}}",
}


@pytest.mark.parametrize("verify", HOPELESS.values(), ids=HOPELESS)
def test_a_scheme_that_can_prove_nothing_is_told(file: Path, verify: str) -> None:
    text = f"a:\n  verify: {verify}\n  public_url: https://hooks.example.com/a"
    assert complaint(file, text).startswith(("line 2: a.verify", "line 1: a: needs"))


@pytest.mark.parametrize("verify", CARELESS.values(), ids=CARELESS)
def test_a_scheme_that_would_let_in_what_nobody_signed_is_told(file: Path, verify: str) -> None:
    text = f"a:\n  verify: {verify}\n  public_url: https://hooks.example.com/a"
    assert complaint(file, text).startswith("line 2: a.verify")


# What a sender's proof asks for

NEEDS = [(name, need) for name, row in PROVIDERS.items() for need in row.needs]
SETTINGS = [option for option in DEMO if option != "origins"]


@pytest.mark.parametrize(("name", "need"), NEEDS)
def test_a_source_without_what_its_provider_needs_is_told(file: Path, name: str, need: str) -> None:
    entry = demo_entry(name, PROVIDERS[name], "https://hooks.example.com")
    assert one(file, **entry).provider.needs == PROVIDERS[name].needs
    del entry[need]
    assert complaint(file, json.dumps({"a": entry})).startswith(f"line 1: a: needs {need}: ")


@pytest.mark.parametrize("option", SETTINGS)
@pytest.mark.parametrize("sender", ["provider: github", "verify: basic"])
def test_a_setting_is_told_where_the_proof_has_no_use_for_it(file: Path, sender: str, option: str) -> None:
    text = complaint(file, f"a:\n  {sender}\n  {option}: {json.dumps(DEMO[option])}")
    assert text == f"line 3: a.{option}: has no use here: this sender's proof does not ask for it"


@pytest.mark.parametrize("name", [name for name, row in PROVIDERS.items() if set(row.needs) & set(SETTINGS)])
def test_what_a_source_says_is_what_its_scheme_is_given(file: Path, name: str) -> None:
    entry = demo_entry(name, PROVIDERS[name], "https://hooks.example.com")
    scheme = one(file, **entry).provider.scheme
    for option in entry.keys() & SETTINGS:
        said = entry[option]
        assert getattr(scheme, option) == (tuple(said) if isinstance(said, list) else said)


ARN = "arn:aws:sns:us-east-1:123456789012:demo"
FORMS: dict[str, tuple[list[Any], list[Any]]] = {
    "topics": (
        [[ARN], [ARN, "arn:aws-cn:sns:cn-north-1:123456789012:a_b-c"]],
        [
            *(ARN, [], [ARN, ""], ["*"], [5], ["arn:aws:sns:us-east-1:123456789012:*"], [f"{ARN}\n"], None),
            *(["arn:aws:sqs:us-east-1:123456789012:demo"], ["arn:aws:sns:us-east-1:12345678901:demo"], {ARN: ""}),
        ],
    ),
    "webhook_id": (["8PT597110X687430LKGECATA"], ["", "a b", 5, None, ["a"], "caf\xe9", "x" * 257, "a\n"]),
    "client_id": (["4f3c1a"], ["", "a b", 5, None, ["a"]]),
    "audience": (["https://hooks.example.com/push", "erp"], ["", "a b", 5, None, ["erp"], "a\n"]),
    "email": (["a@b.iam.gserviceaccount.com"], ["", "a", "a b@c", 5, None, ["a@b"], "a@b\n"]),
    "issuer": (
        ["https://example.kinde.com"],
        ["", "example.kinde.com", "https://a.example.com?b=1", "https://a.example.com#b", 5, None, "ftp://example.com"],
    ),
    "origins": ([["eventgrid.azure.net"], ["a.b:8443", "c"]], ["*", [], ["*"], ["a b"], ["https://a.b"], [""], None]),
}
TAKES = {
    "topics": {"provider": "aws-sns"},
    "webhook_id": {"provider": "paypal"},
    "client_id": {"provider": "adobe-io"},
    "origins": {"provider": "cloudevents"},
}
BY_TOKEN = {"verify": {"jwks": {"keys": "https://example.com/keys"}}}


@pytest.mark.parametrize(
    ("option", "value"), [(option, value) for option, (good, _) in FORMS.items() for value in good]
)
def test_a_setting_takes_what_has_its_form(file: Path, option: str, value: Any) -> None:
    assert one(file, **TAKES.get(option, BY_TOKEN), **{option: value})


@pytest.mark.parametrize(("option", "value"), [(option, value) for option, (_, bad) in FORMS.items() for value in bad])
def test_a_setting_refuses_what_has_another_form(file: Path, option: str, value: Any) -> None:
    text = complaint(file, json.dumps({"a": TAKES.get(option, BY_TOKEN) | {option: value}}))
    assert text.startswith(f"line 1: a.{option}: must be ")


def test_every_setting_is_tried() -> None:
    assert FORMS.keys() == DEMO.keys()


# Bounds

BOUNDS: dict[str, tuple[list[Any], list[Any], str]] = {
    "max_body": ([1, 1024, 9_000_000], [0, -1, 9_000_001, 1.5, "1024", True, None, [1]], "bytes, 1 to 9000000"),
    "deadline": ([0.5, 4, 60], [0.4, 0, -1, 61, "4", True, None], "seconds, 0.5 to 60"),
    "tolerance": ([1, 300, 604_800], [0, -300, 604_801, 1.5, "300", True, None], "seconds, 1 to 604800"),
    "expect_every": (
        ["5m", "90m", "1380m", "1h", "23h"],
        [
            *("4m", "0m", "1381m", "9999m", "24h", "0h", "05m", "1.5h", "-6h", "6", "h", "6 h", "6H", "1d", "300s"),
            *("1h30m", "", " 6h", "6h\n", "\u0666h", "9" * 5000 + "m", 6, 0.5, True, None, ["6h"], {"h": 6}),
        ],
        "whole minutes or hours, 5m to 23h, such as 30m or 6h",
    ),
}
WITHIN = [(option, value) for option, (good, _, _) in BOUNDS.items() for value in good]
BEYOND = [(option, value, said) for option, (_, bad, said) in BOUNDS.items() for value in bad]


@pytest.mark.parametrize(("option", "value"), WITHIN)
def test_an_option_takes_what_is_within_its_bounds(file: Path, option: str, value: Any) -> None:
    assert one(file, provider="github", **{option: value})


@pytest.mark.parametrize(("option", "value", "said"), BEYOND, ids=lambda part: ascii(part)[:20])
def test_an_option_refuses_what_is_beyond_its_bounds(file: Path, option: str, value: Any, said: str) -> None:
    text = complaint(file, f"a:\n  provider: github\n  {option}: {json.dumps(value)}")
    assert text == f"line 3: a.{option}: must be {said}"


@pytest.mark.parametrize("text", [".nan", ".inf", "-.inf", "4s", "1e1"])
def test_a_deadline_is_a_real_number(file: Path, text: str) -> None:
    said = "line 2: a.deadline: must be seconds, 0.5 to 60"
    assert complaint(file, f"a:\n  deadline: {text}\n  provider: github") == said


def test_how_often_a_sender_should_send_is_for_terraform_and_changes_nothing_here(file: Path) -> None:
    assert read(file, "a: {provider: github, expect_every: 6h}") == read(file, "a: {provider: github}")


SIZES = "a: {provider: github}\nb: {provider: stripe}\nc: {verify: basic}\nd: {verify: basic, max_body: 500}\n"
SIZES += "e: {provider: github, max_body: 600_000}\nf: {verify: none}\n"


def test_no_source_takes_more_than_the_most_that_is_said(file: Path) -> None:
    def sizes(**most: int) -> list[int]:
        return [source.provider.max_body for source in load(file, **most).values()]

    file.write_text(SIZES)
    assert sizes() == [9_000_000, 1_048_576, 1_048_576, 500, 600_000, 1_048_576]
    assert sizes(most=512_000) == [512_000, 512_000, 512_000, 500, 512_000, 512_000]
    assert sizes(most=1) == [1] * 6
    assert PROVIDERS["github"].max_body == 9_000_000


REFUSED = [
    *("Authorization", "authorization", "Cookie", "COOKIE", "X-Hub-Signature-256", "Stripe-Signature"),
    *("X-GitHub-Encoded-Secret", "X-Gitlab-Token", "I-Twilio-Idempotency-Token", "X-TOKENS", "X A", "X:A", "", "Café"),
]


@pytest.mark.parametrize("header", REFUSED)
def test_a_header_that_could_hold_a_secret_is_never_kept(file: Path, header: str) -> None:
    text = complaint(file, f"a:\n  provider: github\n  headers: [X-Fine, {json.dumps(header)}]")
    assert text == "line 3: a.headers: must be a list of headers that hold no secret, signature or token"


URLS = {
    "https": ("https://hooks.example.com/twilio", True),
    "a port": ("https://hooks.example.com:8443/twilio", True),
    "http, for a local run": ("http://127.0.0.1:8080/twilio", True),
    "no scheme": ("hooks.example.com/twilio", False),
    "another scheme": ("ftp://hooks.example.com/twilio", False),
    "no host": ("https:///twilio", False),
    "a query": ("https://hooks.example.com/twilio?a=1", False),
    "an impossible port": ("https://hooks.example.com:99999/", False),
    "port 0": ("https://hooks.example.com:0/", False),
    "a number": (5, False),
    "empty": ("", False),
}


@pytest.mark.parametrize(("url", "good"), URLS.values(), ids=URLS)
def test_a_public_url_is_an_address_without_a_query(file: Path, url: Any, good: bool) -> None:
    if good:
        assert one(file, provider="twilio", public_url=url).public_url == url
    else:
        text = complaint(file, f"a:\n  provider: twilio\n  public_url: {json.dumps(url)}")
        assert text.startswith("line 3: a.public_url: must be an address such as https://hooks.example.com/twilio")


# The start

ENVIRONMENT = {"TOPIC": "projects/p/topics/t", "KEYS": "env"}


@pytest.mark.parametrize(("given", "most"), [("1", 1), ("512000", 512_000), ("9000000", 9_000_000), ("", 9_000_000)])
def test_the_environment_says_the_most_that_any_source_takes(given: str, most: int) -> None:
    assert Settings.read(ENVIRONMENT | {"MAX_BODY": given}).max_body == most
    assert Settings.read(ENVIRONMENT).max_body == 9_000_000


@pytest.mark.parametrize(
    "text",
    ["0", "9000001", "10000000", "-1", "1.5", "512 KB", "1e5", "1_000", " 1", "1\n", "0x10", "²", "١", "9" * 5000],
    ids=lambda text: ascii(text)[:20],
)
def test_a_most_that_is_no_number_of_bytes_stops_the_start_and_is_named(text: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        Settings.read(ENVIRONMENT | {"MAX_BODY": text})
    assert str(wrong.value) == f"MAX_BODY is {text!r}: leave it out, or write a number from 1 to 9000000"


def test_the_receiver_does_not_start_with_a_wrong_file(file: Path) -> None:
    file.write_text("a:\n  provider: github\n  deadline: 0\n")
    command = [sys.executable, "-m", "functions_framework", "--target", "receive", "--port", "0", "--host", "127.0.0.1"]
    done = subprocess.run(
        [*command, "--source", str(RECEIVER / "main.py")],
        capture_output=True,
        text=True,
        timeout=30,
        env=clean_environment(SOURCES=str(file), KEYS="env", TOPIC="projects/p/topics/t"),
    )
    assert done.returncode not in (0, None)
    said = f"surehook can't start: {file} line 3: a.deadline: must be seconds, 0.5 to 60\n"
    assert (done.stdout, done.stderr) == ("", said)
