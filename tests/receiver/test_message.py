"""The Pub/Sub message, attribute by attribute: what the processor is promised."""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.processor.event import Event
from functions.processor.message import read
from functions.receiver.message import Message, write
from functions.receiver.places import Places
from functions.receiver.providers import PROVIDERS
from functions.receiver.sources import Source, load
from functions.receiver.webhook import Webhook
from tests.processor.pushes import push
from tests.rows import ROWS, sample
from tests.servers import ROOT
from tools.local import demo_entry
from tools.samples import fresh

FORMS = sorted((ROOT / "tests/contract").glob("message-v*.json"))
EXAMPLES: list[dict[str, Any]] = [example for form in FORMS for example in json.loads(form.read_text())]
SIGNED_BODY: Any = {"hmac": {"header": "X-Sig"}}
TOKEN: Any = {"token": {"header": "X-Token"}}
rows = pytest.mark.parametrize("provider", PROVIDERS)
ATTRIBUTES = {
    *("ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "ce-occurred", "ce-subject", "ce-traceparent"),
    *("ce-signed", "ce-headers", "content-type", "content-encoding"),
}


@cache
def entry(name: str, text: str) -> Source:
    """Read one entry of sources.yaml."""
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({name: json.loads(text)}, file)
        file.flush()
        return load(file.name)[name]


def source(verify: Any = SIGNED_BODY, **options: Any) -> Source:
    """A custom sender called erp."""
    given = {option: value for option, value in options.items() if value not in ((), "")}
    return entry("erp", json.dumps({"verify": verify} | given))


def known(provider: str, name: str = "") -> Source:
    entry_of_row = demo_entry(provider, PROVIDERS[provider], "https://hooks.example.com")
    return entry(name, json.dumps(entry_of_row)) if name else ROWS[provider]


def attributes(source: Source, body: bytes = b"{}", traceparent: str | None = None, **headers: str) -> dict[str, str]:
    """The attributes of a webhook; `_` in the name of a header stands for `-`."""
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return write(Places(Webhook(body, names)), source, traceparent).attributes


def event_id(where: str | tuple[str, ...], body: bytes = b"{}", **headers: str) -> str:
    return attributes(source(id=where), body, **headers)["ce-id"]


def is_fresh(make: Callable[[], str]) -> bool:
    """Whether ids are UUIDs, another each time."""
    ids = {make() for _ in range(3)}
    return len(ids) == 3 and all(str(uuid.UUID(text)) == text for text in ids)


def sha256(text: str | bytes) -> str:
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


# The contract


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["what"])
def test_the_message_is_what_was_promised_to_the_processor(example: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text(json.dumps(example["source"]))
    (the_source,) = load(tmp_path / "sources.yaml").values()
    webhook = Webhook(example["body"].encode(), example["headers"], received=example["received"])
    message = write(Places(webhook), the_source, example["traceparent"])
    assert base64.b64encode(message.data).decode() == example["message"]["data"]
    assert message.attributes == example["message"]["attributes"]


def test_the_least_that_a_message_has() -> None:
    message = write(Places(Webhook(b"", received=0.5)), source("none"))
    assert message.attributes.pop("ce-id")
    assert message == Message(
        b"",
        {
            "ce-specversion": "1.0",
            "ce-source": "/erp",
            "ce-type": "erp.unknown",
            "ce-time": "1970-01-01T00:00:00.500000Z",
        },
    )


@pytest.mark.parametrize("body", [b"", b"\xff\x00\r\n", b'{"b":1,  "a":2.0}', b"\x1f\x8b\x08"], ids=repr)
def test_the_bytes_are_those_of_the_sender(body: bytes) -> None:
    assert write(Places(Webhook(body)), source(type="json:a", id="json:b")).data == body


def test_content_type_and_encoding_are_kept_as_they_were_written() -> None:
    kept = attributes(source(), content_type="Text/Plain;charset=UTF-7", content_encoding="gzip")
    assert (kept["content-type"], kept["content-encoding"]) == ("Text/Plain;charset=UTF-7", "gzip")
    assert not {"content-type", "content-encoding"} & attributes(source()).keys()


# When it happened

UNTRUE = ["", "null", '""', "{}", "[1772368495]", "true", "0", "1e9", "1900000000"]
UNTRUE += ['"yesterday"', '"1989-12-31T23:59:59Z"']


def happened(written: str, where: str = "json:at") -> str | None:
    webhook = Webhook(b'{"at": %s}' % written.encode() if written else b"", {"x-at": "1772368494"}, received=1772368496)
    return write(Places(webhook), source(occurred=where)).attributes.get("ce-occurred")


def test_an_event_says_when_it_happened_where_its_sender_does() -> None:
    assert happened("1772368495") == happened('"2026-03-01T13:34:55+01:00"') == "2026-03-01T12:34:55.000000Z"
    assert happened("1772368495.000005") == "2026-03-01T12:34:55.000005Z"
    assert happened("null", "json:at|header:X-At") == "2026-03-01T12:34:54.000000Z"
    assert happened("1772368495", "") is None


@pytest.mark.parametrize("written", UNTRUE, ids=repr)
def test_what_can_not_be_when_it_happened_is_left_out_and_refuses_nothing(written: str) -> None:
    assert happened(written) is None


# Ids


def test_an_id_is_taken_as_it_stands() -> None:
    assert event_id("json:id", b'{"id": "evt_1 a/b#c"}') == "evt_1 a/b#c"
    assert event_id("header:X-Id", x_id="~" * 256) == "~" * 256


@pytest.mark.parametrize(("written", "read"), [("7", "7"), ("0", "0"), ("-1", "-1"), ("1.5", "1.5"), ("true", "true")])
def test_a_number_is_an_id(written: str, read: str) -> None:
    assert event_id("json:id", b'{"id": %s}' % written.encode()) == read


NO_IDS = ['{"id": null}', '{"id": {}}', '{"id": {"a": 1}}', '{"id": []}', '{"id": ["a"]}', '{"id": ""}', "{}", "[]", ""]


@pytest.mark.parametrize("body", NO_IDS, ids=lambda body: body or "no body")
def test_what_holds_no_id_gets_a_fresh_one(body: str) -> None:
    assert is_fresh(lambda: event_id("json:id", body.encode()))


def test_a_row_without_an_id_gives_each_webhook_a_fresh_one() -> None:
    assert is_fresh(lambda: event_id((), b'{"id": "evt_1"}'))


def test_an_id_of_several_parts_cannot_be_mistaken_for_another() -> None:
    def joined(a: str, b: str) -> str:
        return event_id(("json:a", "json:b"), json.dumps({"a": a, "b": b}).encode())

    assert joined("ab", "c") == "2:ab1:c"
    assert len({joined("ab", "c"), joined("a", "bc"), joined("abc", "1:"), joined("2:ab1:c", "c")}) == 4


def test_an_id_that_lacks_a_part_is_no_id() -> None:
    assert is_fresh(lambda: event_id(("json:a", "json:b"), b'{"a": "x"}'))
    assert is_fresh(lambda: event_id(("json:a", "json:b"), b'{"a": "x", "b": null}'))


ODD_IDS = {
    "257 characters": "x" * 257,
    "5,000 characters": "y" * 5000,
    "not ASCII": "caf\xe9",
    "a newline": 'a\n{"severity": "EMERGENCY"}',
    "a lone surrogate": "\ud800",
    "a NUL": "a\0b",
    "DEL": "a\x7f",
}


@pytest.mark.parametrize("text", ODD_IDS.values(), ids=ODD_IDS)
def test_an_id_that_pub_sub_or_a_log_would_spoil_becomes_the_hash_of_the_whole(text: str) -> None:
    assert event_id("json:id", json.dumps({"id": text}).encode()) == sha256(text)


def test_long_ids_that_begin_alike_are_different() -> None:
    assert event_id("header:X-Id", x_id="x" * 999 + "1") != event_id("header:X-Id", x_id="x" * 999 + "2")


def test_an_id_of_long_parts_becomes_the_hash_of_the_joined_text() -> None:
    body = json.dumps({"a": "x" * 200, "b": "y" * 200}).encode()
    assert event_id(("json:a", "json:b"), body) == sha256(f"200:{'x' * 200}200:{'y' * 200}")


def test_by_digest_equal_bodies_are_the_same_event() -> None:
    assert event_id("digest", b'{"a": 1}', x_id="1") == event_id("digest", b'{"a": 1}', x_id="2") == sha256(b'{"a": 1}')
    assert event_id("digest", b'{"a":1}') != event_id("digest", b'{"a": 1}')


def test_the_first_place_that_holds_an_id_counts() -> None:
    assert event_id("json:id|header:X-Id", b'{"id": null}', x_id="7") == "7"
    assert event_id("json:id|header:X-Id", b'{"id": 5}', x_id="7") == "5"


def test_a_key_that_stands_twice_is_never_used() -> None:
    twice = b'{"id": "a", "id": "b", "type": "x", "type": "y", "subject": "s", "subject": "s"}'
    row = source(id="json:id", type="json:type", subject="json:subject")
    assert is_fresh(lambda: attributes(row, twice)["ce-id"])
    assert attributes(row, twice)["ce-type"] == "erp.unknown"
    assert "ce-subject" not in attributes(row, twice)


# Types

TYPES: dict[str, tuple[str, str]] = {
    "all parts": ('{"a": "payment", "b": "created"}', "erp.payment.created"),
    "no last part": ('{"a": "payment"}', "erp.payment"),
    "no first part": ('{"b": "created"}', "erp.created"),
    "parts that are none": ('{"a": {}, "b": ["x"]}', "erp.unknown"),
    "a part of control characters": ('{"a": "\\u0000", "b": "created"}', "erp.created"),
    "a part that stands there twice": ('{"a": "x", "a": "x", "b": "created"}', "erp.created"),
    "a number": ('{"a": 5, "b": true}', "erp.5.true"),
    "nothing": ("", "erp.unknown"),
}


@pytest.mark.parametrize(("body", "wanted"), TYPES.values(), ids=TYPES)
def test_a_type_of_several_parts_is_joined_by_dots(body: str, wanted: str) -> None:
    assert attributes(source(type=["json:a", "json:b"]), body.encode())["ce-type"] == wanted


def test_a_type_of_long_parts_is_cut_within_1024_bytes() -> None:
    body = json.dumps({"a": "x" * 2000, "b": "y" * 2000}).encode()
    assert attributes(source(type=["json:a", "json:b"]), body)["ce-type"] == f"erp.{'x' * 1020}"


@rows
def test_a_body_that_is_no_event_of_a_row_is_of_unknown_type(provider: str) -> None:
    assert attributes(known(provider), b"")["ce-type"] == f"{provider}.unknown"


# Whether the id is proved

SIGNED = {
    "github": False,
    "gitlab": False,
    "stripe": True,
    "slack": True,
    "shopify": False,
    "meta": False,
    "zoom": False,
    "standard-webhooks": True,
    "svix": True,
    "twilio": False,
    "telegram": False,
    "discord": False,
    "discord-interactions": True,
    "aws-sns": True,
    "checkout-com": True,
    "chargebee": False,
    "configcat": True,
    "google-pubsub-push": False,
    "jira-connect": False,
    "keygen": True,
    "kinde": True,
    "linear": False,
    "mailgun": False,
    "mercado-pago": False,
    "okta": False,
    "paypal": True,
    "trello": True,
    "twitch": True,
}


@pytest.mark.parametrize(("provider", "signed"), SIGNED.items(), ids=SIGNED)
def test_an_id_counts_as_proved_only_where_the_proof_covers_it(provider: str, signed: bool) -> None:
    assert attributes(known(provider)).get("ce-signed") == ("id" if signed else None)


def id_beside(signs: str) -> dict[str, dict[str, str]]:
    """A custom sender that signs the id in a header so."""
    return {"hmac": {"header": "X-Sig", "signs": signs, "id": "X-Id"}}


SIGNED_TIME = {"hmac": {"header": "X-Sig", "signs": "{timestamp}.{body}", "timestamp": "X-Time"}}
UNSIGNED_TIME = {"hmac": {"header": "X-Sig", "timestamp": "X-Time"}}
SIGNED_ID = id_beside("{id}.{body}")
UNSIGNED_BODY = {"hmac": {"header": "X-Sig", "signs": "{timestamp}", "timestamp": "X-Time"}}
SIGNED_URL = {"hmac": {"header": "X-Sig", "signs": "{url}{body}"}}
CUSTOM: dict[str, tuple[Any, str | tuple[str, ...], bool]] = {
    "in a signed body": (SIGNED_BODY, "json:id", True),
    "in a form that is signed": (SIGNED_BODY, "form:id", True),
    "the digest of a signed body": (SIGNED_BODY, "digest", True),
    "in a header": (SIGNED_BODY, "header:X-Id", False),
    "in the query": (SIGNED_BODY, "query:id", False),
    "in a body or a header": (SIGNED_BODY, "json:id|header:X-Id", False),
    "in a body and a header": (SIGNED_BODY, ("json:id", "header:X-Id"), False),
    "in a header that is signed": (SIGNED_ID, "header:x-id", True),
    "in the header of a signed time": (SIGNED_TIME, "header:x-time", True),
    "in the header of a time that is not signed": (UNSIGNED_TIME, "header:x-time", False),
    "in a header that is signed right before the body": (id_beside("{id}{body}"), "header:x-id", False),
    "in a header that is signed right behind the body": (id_beside("{body}{id}"), "header:x-id", False),
    "in another header than the one that is signed": (SIGNED_ID, "header:Y", False),
    "in a header that could be signed, but is not": ({"hmac": {"header": "X-Sig", "id": "X-Id"}}, "header:X-Id", False),
    "in a body that is not signed": (UNSIGNED_BODY, "json:id", False),
    "in the query of a signed URL": (SIGNED_URL, "query:id", True),
    "beside a token": (TOKEN, "json:id", False),
    "the digest beside a token": (TOKEN, "digest", False),
    "of anyone": ("none", "json:id", False),
    "nowhere": (SIGNED_BODY, (), False),
}


@pytest.mark.parametrize(("verify", "where", "signed"), CUSTOM.values(), ids=CUSTOM)
def test_a_custom_id_counts_as_proved_only_where_the_proof_covers_it(
    verify: Any, where: str | tuple[str, ...], signed: bool
) -> None:
    the_source = source(verify, id=where, public_url="https://hooks.example.com/erp")
    assert attributes(the_source).get("ce-signed") == ("id" if signed else None)


# Events of the same entity: headers and body of the first and of the second.
Sent = tuple[dict[str, str], bytes]
SAME_ENTITY: dict[str, tuple[Sent, Sent]] = {
    "github": (({"X_GitHub_Delivery": "a"}, b'{"after": "1"}'), ({"X_GitHub_Delivery": "b"}, b'{"after": "2"}')),
    "gitlab": (({"Idempotency_Key": "a"}, b'{"project": {"id": 1}}'), ({"Idempotency_Key": "b"}, b'{"project": {}}')),
    "stripe": (
        ({}, b'{"id": "evt_1", "data": {"object": {"id": "pi_1", "status": "processing"}}}'),
        ({}, b'{"id": "evt_2", "data": {"object": {"id": "pi_1", "status": "succeeded"}}}'),
    ),
    "slack": (({}, b'{"event_id": "Ev1", "team_id": "T1"}'), ({}, b'{"event_id": "Ev2", "team_id": "T1"}')),
    "shopify": (
        ({"X_Shopify_Event_Id": "a", "X_Shopify_Topic": "orders/create"}, b'{"id": 1}'),
        ({"X_Shopify_Event_Id": "a", "X_Shopify_Topic": "orders/paid"}, b'{"id": 1, "paid": true}'),
    ),
    "twilio": (
        ({"I_Twilio_Idempotency_Token": "a"}, b"MessageSid=SM1&MessageStatus=sent"),
        ({"I_Twilio_Idempotency_Token": "b"}, b"MessageSid=SM1&MessageStatus=delivered"),
    ),
    "telegram": (
        ({}, b'{"update_id": 1, "message": {"message_id": 5}}'),
        ({}, b'{"update_id": 2, "edited_message": {"message_id": 5}}'),
    ),
    "discord-interactions": (({}, b'{"id": "1", "type": 2}'), ({}, b'{"id": "2", "type": 2}')),
    "standard-webhooks": (({"webhook_id": "a"}, b'{"type": "u.new"}'), ({"webhook_id": "b"}, b'{"type": "u.gone"}')),
    "svix": (({"svix_id": "a"}, b'{"type": "invoice.sent"}'), ({"svix_id": "b"}, b'{"type": "invoice.paid"}')),
}


def processed(webhook: Webhook, source: Source) -> Event:
    """What the processor gets of a webhook."""
    message = write(Places(webhook), source)
    pushed = push(message.data)
    pushed["message"]["attributes"] = message.attributes
    return read(json.dumps(pushed).encode())


@pytest.mark.parametrize(("provider", "events"), SAME_ENTITY.items(), ids=SAME_ENTITY)
def test_two_events_of_the_same_entity_are_two_and_each_sent_again_is_one(
    provider: str, events: tuple[Sent, Sent]
) -> None:
    webhooks = [
        Webhook(body, {name.replace("_", "-").lower(): value for name, value in headers.items()})
        for headers, body in events
    ]
    once, again = ([processed(webhook, known(provider)).key for webhook in webhooks] for _ in range(2))
    assert once[0] != once[1]
    assert once == again


@cache
def secret_of(provider: str) -> str:
    """What the sender of a row signs with."""
    scheme = ROWS[provider].provider.scheme
    assert scheme
    return scheme.new_keys()[0]


def signed(provider: str, webhook: Webhook) -> Webhook:
    scheme = ROWS[provider].provider.scheme
    assert scheme
    return scheme.sign(webhook, secret_of(provider))


def about_the_same(webhook: Webhook, number: int) -> Webhook:
    """The webhook with one thing more to say, of the same entity."""
    content_type, document = webhook.header("content-type"), Places(webhook).document
    if isinstance(document, dict):
        return replace(webhook, body=json.dumps(json.loads(webhook.body) | {"more": str(number)}).encode())
    if content_type.endswith("urlencoded"):
        return replace(webhook, body=webhook.body + f"&More={number}".encode())
    return replace(webhook, body=webhook.body + b"\n" * number)


@rows
def test_two_events_of_any_row_are_two_though_they_are_about_the_same(provider: str) -> None:
    source, plain = ROWS[provider], sample(provider)
    events = [signed(provider, about_the_same(fresh(plain, source), number)) for number in (1, 2)]
    first, second = (processed(event, source) for event in events)
    assert first.key != second.key
    assert first.subject == second.subject
    assert first.id != first.subject
    if source.provider.id:
        assert first.id != second.id


@rows
def test_an_event_of_any_row_that_is_sent_again_is_one_wherever_the_row_has_an_id(provider: str) -> None:
    source, plain = ROWS[provider], fresh(sample(provider), ROWS[provider])
    once = signed(provider, plain)
    copies = [once, replace(once, received=once.received + 3600)]
    anew = signed(provider, replace(plain, headers=once.headers, received=once.received + 3600))
    if anew.body == once.body or source.id_is_signed:
        copies.append(anew)
    keys = {processed(copy, source).key for copy in copies}
    assert len(keys) == (1 if source.provider.id else len(copies))


def places_of(where: str | tuple[str, ...]) -> set[tuple[str, str]]:
    """The kinds and names of all places of an id."""
    alternatives = [place for part in ((where,) if isinstance(where, str) else where) for place in part.split("|")]
    return {(kind, name) for kind, _, name in (place.partition(":") for place in alternatives)}


def without(document: Any, path: list[str]) -> Any:
    """The document without what stands at a path."""
    key, *rest = path
    if not isinstance(document, dict) or key not in document:
        return document
    return {**document, key: without(document[key], rest)} if rest else {k: v for k, v in document.items() if k != key}


def nameless(provider: str) -> Webhook:
    """A sample of a row without anything that its id could be made of."""
    places, webhook = places_of(ROWS[provider].provider.id), sample(provider)
    lost = {name.lower() for kind, name in places if kind == "header"}
    webhook = replace(webhook, headers={name: v for name, v in webhook.headers.items() if name not in lost})
    for kind, name in places:
        if kind in ("json", "jwt") and Places(webhook).document is not None:
            document = without(json.loads(webhook.body), name.split("."))
            webhook = replace(webhook, body=json.dumps(document).encode())
        elif kind == "form":
            fields = [pair for pair in parse_qsl(webhook.body.decode(), keep_blank_values=True) if pair[0] != name]
            webhook = replace(webhook, body=urlencode(fields).encode())
    return signed(provider, webhook) if "jwt" in {kind for kind, _ in places} else webhook


with_ids = pytest.mark.parametrize("provider", [name for name, row in PROVIDERS.items() if row.id])


@with_ids
def test_a_webhook_of_any_row_that_lacks_its_id_has_none_and_nothing_stands_in_for_it(provider: str) -> None:
    for webhook in (nameless(provider), Webhook(b"{}"), Webhook(b"[]"), Webhook(b"")):
        assert is_fresh(lambda webhook=webhook: write(Places(webhook), ROWS[provider]).id)  # type: ignore[misc]


@with_ids
def test_no_row_takes_what_an_event_is_about_for_its_id(provider: str) -> None:
    row = PROVIDERS[provider]
    assert not row.subject or places_of(row.id).isdisjoint(places_of(row.subject))


SAMPLES = [file for file in sorted((ROOT / "samples").rglob("*.*")) if file.parts[len(ROOT.parts) + 1] in PROVIDERS]


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: str(file.relative_to(ROOT / "samples")))
def test_a_real_body_keeps_to_the_limits_and_to_its_bytes(file: Path) -> None:
    provider, body = file.parts[len(ROOT.parts) + 1], file.read_bytes()
    message = write(Places(Webhook(body, {"content-type": "application/json"})), known(provider))
    assert message.data == body
    assert message.type.startswith(f"{provider}.")
    check_limits(message)


# Limits


def test_a_type_of_5_kb_is_cut_at_a_character_within_1024_bytes() -> None:
    for pad in ("", "x", "xx", "xxx"):
        text = pad + "\N{SNOWMAN}" * 1700
        cut = attributes(source(type="json:type"), json.dumps({"type": text}).encode())["ce-type"]
        assert 1021 < len(cut.encode()) <= 1024
        assert f"erp.{text}".startswith(cut)


def test_a_header_of_600_latin_letters_is_cut_within_1024_bytes() -> None:
    cut = attributes(source(), content_type="\xe9" * 600)["content-type"]
    assert cut == "\xe9" * 512


def test_control_characters_are_taken_out() -> None:
    row = source(type="json:type", subject="json:subject")
    body = json.dumps({"type": 'a\r\n{"b"}\x1b[31m\x7f\x85', "subject": "c\0d\ud800e\tf"}).encode()
    found = attributes(row, body)
    assert (found["ce-type"], found["ce-subject"]) == ('erp.a{"b"}[31m', "cdef")


def test_what_has_only_control_characters_is_as_good_as_absent() -> None:
    found = attributes(
        source(type="json:type", subject="json:type"), b'{"type": "\\u0000\\ud800"}', content_type="\x80"
    )
    assert found["ce-type"] == "erp.unknown"
    assert not {"ce-subject", "content-type"} & found.keys()


def test_the_headers_of_the_allow_list_are_kept_and_no_others() -> None:
    row = source(headers=("X-Kept", "X-Absent", "X-Also"))
    kept = attributes(row, X_Kept="a", X_Also='caf\xe9 "b"', X_Other="c", Authorization="Bearer d", Cookie="e")
    assert json.loads(kept["ce-headers"]) == {"x-kept": "a", "x-also": 'caf\xe9 "b"'}
    assert "ce-headers" not in attributes(row, X_Other="c")
    assert "ce-headers" not in attributes(source(), X_Kept="a")


def test_a_header_that_makes_the_kept_ones_too_long_is_left_out_whole() -> None:
    row = source(headers=("X-A", "X-Long", "X-B"))
    kept = attributes(row, X_A="a", X_Long="\xe9" * 200, X_B="b")["ce-headers"]
    assert json.loads(kept) == {"x-a": "a", "x-b": "b"}
    fits = 1024 - len('{"x-a": "a", "x-long": "", "x-b": "b"}')
    full = attributes(row, X_A="a", X_Long="x" * fits, X_B="b")["ce-headers"]
    assert len(full) == 1024
    assert json.loads(full)["x-long"] == "x" * fits
    assert "x-b" not in json.loads(attributes(row, X_A="a", X_Long="x" * (fits + 1), X_B="b")["ce-headers"])


def check_limits(message: Message) -> None:
    assert message.attributes.keys() <= ATTRIBUTES
    assert len(message.attributes) <= 20
    for value in message.attributes.values():
        assert len(value.encode()) <= 1024
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", value)
    assert re.fullmatch(r"[\x20-\x7e]{1,256}", message.id)


TEXT = st.text(max_size=2000) | st.text(st.characters(max_codepoint=0xFF), max_size=2000)
HEADERS = st.dictionaries(st.sampled_from(["x-a", "x-b", "timeout", "ordering-key", "topic", "content-type"]), TEXT)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()), st.lists)
BODIES = st.binary(max_size=200) | st.dictionaries(st.sampled_from(["id", "type", "x"]), JSON).map(
    lambda document: json.dumps(document).encode()
)


@given(HEADERS, BODIES, st.text(max_size=80))
@settings(max_examples=40, deadline=None)
def test_no_webhook_makes_a_message_that_pub_sub_refuses(headers: dict[str, str], body: bytes, trace: str) -> None:
    senders = [
        source(headers=("X-A", "X-B", "Timeout"), type="json:type|header:X-A", id=("json:id", "header:X-B")),
        source(type="besides:id", id="json:id", subject="header:Topic"),
        *map(known, PROVIDERS),
    ]
    for row in senders:
        message = write(Places(Webhook(body, headers)), row, trace)
        assert message.data == body
        check_limits(message)


def test_headers_named_like_parameters_make_no_attributes() -> None:
    found = attributes(source(), Timeout="5", Retry="x", Ordering_Key="k", Topic="t", Data="d")
    assert found.keys() <= ATTRIBUTES


def test_a_custom_sender_is_named_by_its_source_and_a_known_one_by_its_provider() -> None:
    found = attributes(known("stripe", "payments-eu"), b'{"type": "charge.refunded"}')
    assert (found["ce-type"], found["ce-source"]) == ("stripe.charge.refunded", "/payments-eu")
    found = attributes(source(type="json:type"), b'{"type": "order"}')
    assert (found["ce-type"], found["ce-source"]) == ("erp.order", "/erp")
