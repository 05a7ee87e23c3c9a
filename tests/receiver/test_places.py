"""Where something stands in a webhook, and what is nowhere."""

import base64
import json
import time
from urllib.parse import urlencode

import pytest

from functions.receiver.places import Places, is_place
from functions.receiver.schemes.put import put
from functions.receiver.webhook import Webhook

EVENT = b"""{
    "type": "order.created", "count": 3, "big": 12345678901234567890, "ratio": 1.5, "zero": 0, "minus": -7,
    "yes": true, "no": false, "nothing": null, "empty": "", "list": ["a"],
    "object": {"id": "deep", "list": [{"id": 1}]},
    "caf\xc3\xa9": "\xe2\x98\x83", "escaped": "\\u2603\\n", "": "nameless", "a": {"b": {"c": {"d": "four"}}}
}"""


def find(place: str, body: bytes = EVENT, query: str = "", **headers: str) -> str | None:
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Places(Webhook(body, names, query=query)).find(place)


# JSON


def test_a_number_that_json_does_not_know_is_nothing() -> None:
    document = Places(Webhook(b'{"a": NaN, "b": [Infinity, -Infinity, 1]}', {})).document
    assert document == {"a": None, "b": [None, None, "1"]}


IN_JSON = {
    "text": ("json:type", "order.created"),
    "a number": ("json:count", "3"),
    "a number over 64 bits": ("json:big", "12345678901234567890"),
    "a fraction": ("json:ratio", "1.5"),
    "zero": ("json:zero", "0"),
    "a negative number": ("json:minus", "-7"),
    "true": ("json:yes", "true"),
    "false": ("json:no", "false"),
    "null": ("json:nothing", None),
    "empty text": ("json:empty", None),
    "a list": ("json:list", None),
    "an object": ("json:object", None),
    "something inside an object": ("json:object.id", "deep"),
    "something four deep": ("json:a.b.c.d", "four"),
    "an item of a list": ("json:list.0", "a"),
    "an item beyond the end": ("json:list.1", None),
    "an item before the beginning": ("json:list.-1", None),
    "an item by a digit that is not ASCII": ("json:list.\N{ARABIC-INDIC DIGIT ZERO}", None),
    "an item by a power, which is no number": ("json:list.\N{SUPERSCRIPT TWO}", None),
    "an item by 30 digits": ("json:list." + "9" * 30, None),
    "something inside an item of a list": ("json:object.list.0.id", "1"),
    "something inside a list": ("json:object.list.id", None),
    "something inside every item of a list": ("json:object.list.*.id", "1"),
    "every item of an object": ("json:object.*", None),
    "an item of an object": ("json:object.0", None),
    "something inside text": ("json:type.id", None),
    "something inside null": ("json:nothing.id", None),
    "a key that is not there": ("json:absent", None),
    "another spelling": ("json:Type", None),
    "escapes": ("json:escaped", "\N{SNOWMAN}\n"),
    "a path that ends in a dot": ("json:object.", None),
}


@pytest.mark.parametrize(("place", "value"), IN_JSON.values(), ids=IN_JSON)
def test_a_place_in_json(place: str, value: str | None) -> None:
    assert find(place) == value


def test_a_key_that_stands_twice_is_nowhere_and_its_neighbours_stay() -> None:
    body = b'{"id": "a", "x": {"id": "b", "id": "b", "ok": 1}, "type": "t", "id": "c", "i\\u0064": "d"}'
    assert find("json:id", body) is None
    assert find("json:x.id", body) is None
    assert (find("json:type", body), find("json:x.ok", body)) == ("t", "1")


def test_an_object_that_stands_twice_is_nowhere() -> None:
    assert find("json:x.id", b'{"x": {"id": 1}, "x": {"id": 2}}') is None


NO_JSON = {
    "nothing": b"",
    "a form": b"id=1",
    "half of it": b'{"id": 1',
    "two documents": b'{"id": 1}{"id": 2}',
    "a comma too many": b'{"id": 1,}',
    "single quotes": b"{'id': 1}",
    "bytes that are not UTF-8": b'{"id": "\xff"}',
    "UTF-8 that is too long": b'{"id": "\xc0\xaf"}',
    "UTF-16": '{"id": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"id": 1}'.encode("utf-16-le"),
    "UTF-32": '{"id": 1}'.encode("utf-32"),
    "200,000 opened lists": b"[" * 200_000,
    "200,000 opened objects": b'{"id":' * 200_000,
    "200,000 closed lists beside it": b'{"id": 1, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a list": b'[{"id": 1}]',
    "text": b'"id"',
    "a number": b"5",
    "null": b"null",
}


def test_a_number_of_5000_digits_is_found_as_it_was_written() -> None:
    assert find("json:id", b'{"id": ' + b"9" * 5000 + b"}") == "9" * 5000


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_nothing_is_found_in_what_is_no_object_and_nothing_is_raised(body: bytes) -> None:
    start = time.monotonic()
    places = Places(Webhook(body))
    assert [places.find(place) for place in ("json:id", "json:id.id", "besides:x")] == [None] * 3
    assert time.monotonic() - start < 0.5


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_in_json_is_none(text: str) -> None:
    assert find("json:id", b'{"id": %s}' % text.encode()) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("12345678901234567.1", "12345678901234567.2"), ("1e400", "1e500"), ("0.1", "0.10000000000000000001")],
)
def test_two_numbers_that_are_written_differently_are_two_ids(one: str, other: str) -> None:
    assert find("json:id", b'{"id": %s}' % one.encode()) != find("json:id", b'{"id": %s}' % other.encode())


def test_a_key_that_stands_twice_among_many_costs_no_more_than_reading() -> None:
    body = json.dumps({f"key{n}": n for n in range(5_000)}).encode()
    start = time.monotonic()
    assert find("json:key7", body[:-1] + b', "key1": 1}') == "7"
    assert time.monotonic() - start < 0.15


def test_the_body_is_parsed_once_and_only_when_asked_for() -> None:
    places = Places(Webhook(EVENT, {"x-a": "1"}))
    assert places.find("header:X-A|json:type") == "1"
    assert "document" not in vars(places)
    document = places.document
    assert places.find("json:type") == "order.created"
    assert places.document is document


EVERY = {
    "one": (b'{"a": [{"b": "1"}]}', ["1"]),
    "several": (b'{"a": [{"b": "1"}, {"b": 2}, {"b": true}]}', ["1", "2", "true"]),
    "one without": (b'{"a": [{"b": "1"}, {}]}', ["1", None]),
    "one with null": (b'{"a": [{"b": "1"}, {"b": null}]}', ["1", None]),
    "one that is no object": (b'{"a": [{"b": "1"}, "b", ["b"], null]}', ["1", None, None, None]),
    "one with it twice": (b'{"a": [{"b": "1"}, {"b": "1", "b": "1"}]}', ["1", None]),
    "an empty list": (b'{"a": []}', []),
    "a list that stands there twice": (b'{"a": [{"b": "1"}], "a": [{"b": "1"}]}', [None]),
    "no list": (b'{"a": {"b": "1"}}', [None]),
    "nothing": (b"", [None]),
}


@pytest.mark.parametrize(("body", "values"), EVERY.values(), ids=EVERY)
def test_every_item_of_a_list_is_given_and_none_for_each_that_holds_nothing(
    body: bytes, values: list[str | None]
) -> None:
    assert Places(Webhook(body)).every("a.*.b") == values


# The others


def test_a_header_is_found_in_any_spelling() -> None:
    for name in ("X-GitHub-Event", "x-github-event", "X-GITHUB-EVENT"):
        assert find(f"header:{name}", X_GitHub_Event="push") == "push"
    assert find("header:X-Absent") is None
    assert find("header:X-Empty", X_Empty="") is None


FIELDS = {
    "plain": ("a=1&b=2", "a", "1"),
    "escaped": ("a=caf%C3%A9+%26", "a", "café &"),
    "an escaped name": ("%61=1", "a", "1"),
    "twice": ("a=1&a=2", "a", None),
    "twice, once escaped": ("a=1&%61=2", "a", None),
    "empty": ("a=&b=2", "a", None),
    "absent": ("b=2", "a", None),
    "a name with dots": ("hub.mode=subscribe", "hub.mode", "subscribe"),
    "semicolons, which separate nothing": ("b=1;a=2", "a", None),
    "bytes that are not UTF-8": ("a=%FF", "a", "\N{REPLACEMENT CHARACTER}"),
    "a thousand and one": ("&".join(["a=1", *["b=2"] * 1000]), "a", None),
}


@pytest.mark.parametrize(("encoded", "name", "value"), FIELDS.values(), ids=FIELDS)
def test_a_field_is_found_in_the_query_and_in_a_form_alike(encoded: str, name: str, value: str | None) -> None:
    assert find(f"query:{name}", query=encoded) == value
    assert find(f"form:{name}", encoded.encode()) == value


def test_the_query_is_no_form_and_the_form_is_no_query() -> None:
    assert find("form:a", b"b=1", query="a=1") is None
    assert find("query:a", b"a=1", query="b=1") is None


def test_a_form_with_raw_bytes_is_read_nevertheless() -> None:
    assert find("form:a", b"a=1&b=\xff\x00") == "1"


IN_JSON_OF_A_FIELD = {
    "text": ('{"event": {"type": "signed"}}', "signed"),
    "a number": ('{"event": {"type": 7}}', "7"),
    "an object": ('{"event": {"type": {}}}', None),
    "nothing": ('{"event": {}}', None),
    "twice": ('{"event": {"type": "a", "type": "a"}}', None),
    "no JSON": ("event.type=1", None),
    "empty": ("", None),
}


@pytest.mark.parametrize(("text", "value"), IN_JSON_OF_A_FIELD.values(), ids=IN_JSON_OF_A_FIELD)
def test_a_place_in_the_json_of_a_field(text: str, value: str | None) -> None:
    assert find("form:json:event.type", urlencode({"json": text, "other": "{}"}).encode()) == value
    in_parts = f'--b\r\nContent-Disposition: form-data; name="json"\r\n\r\n{text}\r\n--b--\r\n'.encode()
    assert find("form:json:event.type", in_parts, content_type="multipart/form-data; boundary=b") == value


def test_a_field_that_stands_there_twice_has_no_json_in_it() -> None:
    body = urlencode([("json", '{"a": 1}'), ("json", '{"a": 1}')]).encode()
    assert find("form:json:a", body) is None


PARTS = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
MULTIPART = {
    "whole": (PARTS, "multipart/form-data; boundary=b", "1"),
    "in capitals": (PARTS, "Multipart/Form-Data; boundary=b", "1"),
    "cut off": (PARTS[:-9], "multipart/form-data; boundary=b", None),
    "with another boundary": (PARTS, "multipart/form-data; boundary=c", None),
    "without a boundary": (PARTS, "multipart/form-data", None),
    "a file": (PARTS.replace(b'"a"', b'"a"; filename="a"'), "multipart/form-data; boundary=b", None),
    "twice": (PARTS[:-7] + b"\r\n" + PARTS, "multipart/form-data; boundary=b", None),
    "of 1,001 parts": (PARTS[:-7] * 1001 + PARTS, "multipart/form-data; boundary=b", None),
    "that says it is JSON": (b"a=1", "Application/JSON; charset=utf-8", None),
    "without a type": (b"a=1", "", "1"),
}


@pytest.mark.parametrize(("body", "content_type", "value"), MULTIPART.values(), ids=MULTIPART)
def test_a_form_in_several_parts(body: bytes, content_type: str, value: str | None) -> None:
    assert find("form:a", body, content_type=content_type) == value


def token(claims: str) -> bytes:
    return b"e30." + base64.urlsafe_b64encode(claims.encode()).rstrip(b"=") + b".c2ln"


CLAIMS = {
    "a claim": (token('{"event": {"id": "evt_1"}}'), "evt_1"),
    "a number": (token('{"event": {"id": 5}}'), "5"),
    "a claim that stands there twice": (token('{"event": {"id": "a", "id": "a"}}'), None),
    "none": (token("{}"), None),
    "a list": (token("[]"), None),
    "no JSON": (token("event.id"), None),
    "no token": (b'{"event": {"id": "evt_1"}}', None),
    "a token of one part": (b"e30", None),
    "a token of odd characters": (b"e30.\xff!.c2ln", None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize(("body", "value"), CLAIMS.values(), ids=CLAIMS)
def test_a_claim_of_a_body_that_is_a_token(body: bytes, value: str | None) -> None:
    assert find("jwt:event.id", body) == value


BESIDES = {
    "one other": (b'{"update_id": 7, "message": {}}', "message"),
    "one other, in front": (b'{"poll": {}, "update_id": 7}', "poll"),
    "none": (b'{"update_id": 7}', None),
    "two others": (b'{"update_id": 7, "message": {}, "poll": {}}', None),
    "one other alone": (b'{"message": {}}', "message"),
    "a list": (b'["update_id", "message"]', None),
    "no JSON": (b"update_id", None),
}


def test_the_one_key_besides_several_others() -> None:
    body = b'{"app": 1, "time": 2, "message": {}}'
    assert find("besides:app,time", body) == "message"
    assert find("besides:app,time,absent", body) == "message"
    assert find("besides:app", body) is None
    assert find("besides:app,time,message", body) is None


@pytest.mark.parametrize(("body", "value"), BESIDES.values(), ids=BESIDES)
def test_the_one_key_besides_another(body: bytes, value: str | None) -> None:
    assert find("besides:update_id", body) == value


def test_the_first_place_that_holds_some_text_counts() -> None:
    body = b'{"a": null, "b": "", "c": {}, "d": 0, "e": "last"}'
    assert find("json:a|json:b|json:c|json:d|json:e", body) == "0"
    assert find("form:x|header:X|query:y|json:e", body, query="y=from+the+query") == "from the query"
    assert find("json:a|json:b", body) is None


# Their names

GOOD = ["json:a", "json:a.b.c", "header:X-A", "form:A", "query:hub.mode", "besides:id", "json:a|form:b", "json:$schema"]
GOOD += ["json:a.0.b", "json:a.*.b", "form:a:b.c", "form:a[b][c]", "jwt:a.b", "besides:a,b", "jwt:a|json:a"]
BAD = ["", "a", "json:", "xml:a", "JSON:a", "json:a b", "json:a|", "|json:a", "json:é", "json:a\n", "digest", " json:a"]
BAD += ["jwt:", "JWT:a", "jwt", "besides:", "besides:a, b", "form:a: b", "every:a"]


@pytest.mark.parametrize("text", GOOD)
def test_a_name_of_a_place(text: str) -> None:
    assert is_place(text)


@pytest.mark.parametrize("text", BAD, ids=repr)
def test_no_name_of_a_place(text: str) -> None:
    assert not is_place(text)


@pytest.mark.parametrize("body", [b"", b"[]", b"[1]", b"7", b"null", b'{"a": 1}'])
@pytest.mark.parametrize("place", ["json:time", "json:value.*.time"])
def test_what_is_put_at_a_place_is_found_there_whatever_the_body_was(body: bytes, place: str) -> None:
    found = Places(put(Webhook(body), place, "12")).every(place.removeprefix("json:"))
    assert set(found) == {"12"}
