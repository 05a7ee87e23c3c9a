"""Handlers that ask for a type: what they are given, and what becomes of a body that is none."""

import dataclasses
import gzip
import json
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from functions.processor import router
from functions.processor.errors import Failure, InvalidPayload, Misconfigured
from functions.processor.event import Event
from functions.processor.payload import read
from functions.processor.router import handlers_of, on


class Customer(BaseModel):
    email: SecretStr


class Order(BaseModel):
    number: int
    customer: Customer


@dataclasses.dataclass
class Point:
    x: int


GOOD = {"number": 7, "customer": {"email": "a@example.com"}, "more": True}


def event(body: Any, **more: Any) -> Event:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Event(**({"type": "shop.order", "source": "shop", "id": "1", "data": data} | more))


@pytest.fixture(autouse=True)
def routes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "routes", [])


def run(event: Event) -> Failure | None:
    (handler,) = handlers_of(event)
    return handler.failure(event)


def test_a_handler_is_given_the_event_and_what_it_holds() -> None:
    seen: list[tuple[Event, Order]] = []

    @on("shop.order", payload=Order)
    def one(event: Event, order: Order) -> None:
        seen.append((event, order))

    assert run(first := event(GOOD)) is None
    [(given, order)] = seen
    assert given is first
    assert (order.number, order.customer.email.get_secret_value()) == (7, "a@example.com")


def test_any_type_that_pydantic_reads_will_do() -> None:
    assert read(event([{"x": 1}, {"x": 2}]), list[Point]) == [Point(1), Point(2)]
    assert read(event({"a": 1}), dict[str, int]) == {"a": 1}


def test_a_compressed_body_is_read_too() -> None:
    assert read(event(gzip.compress(b"[1]"), content_encoding="gzip"), list[int]) == [1]


SECRET = "tell-nobody"
WRONG: dict[str, tuple[Any, str]] = {
    "another type": ({**GOOD, "number": SECRET}, "number: int_parsing"),
    "missing": ({"number": 7}, "customer: missing"),
    "missing inside": ({"number": 7, "customer": {SECRET: 1}}, "customer.email: missing"),
    "several": ({"number": SECRET, "customer": SECRET}, "number: int_parsing; customer: model_type"),
    "a list": ([SECRET], "body: model_type"),
    "no JSON": (SECRET.encode(), "body: json_invalid"),
    "not even text": (b"\xff\xfe" + SECRET.encode(), "body: json_invalid"),
    "nothing": (b"", "body: json_invalid"),
}


@pytest.mark.parametrize(("body", "named"), WRONG.values(), ids=WRONG)
def test_a_body_that_is_no_such_thing_is_given_up_with_its_fields_and_without_its_values(body: Any, named: str) -> None:
    @on("shop.order", payload=Order)
    def one(event: Event, order: Order) -> None:
        raise AssertionError("it must not run")

    failure = run(event(body))
    assert failure
    assert (failure.error, failure.reason, failure.why) == ("InvalidPayload", "invalid-payload", named)
    assert SECRET not in repr(failure)


def test_no_more_than_ten_fields_are_named() -> None:
    with pytest.raises(InvalidPayload) as invalid:
        read(event(["x"] * 12), list[int])
    assert str(invalid.value).startswith("0: int_parsing; 1: int_parsing; ")
    assert str(invalid.value).endswith("; 9: int_parsing; and 2 more")


def test_a_body_that_inflates_without_end_is_given_up() -> None:
    @on("shop.order", payload=Order)
    def one(event: Event, order: Order) -> None: ...

    failure = run(event(gzip.compress(b" " * 40_000_000), content_encoding="gzip"))
    assert failure
    assert failure.reason == "gave-up"


def takes_one(event: Event) -> None: ...


def takes_two(event: Event, order: Order) -> None: ...


class Plain: ...


@pytest.mark.parametrize(
    ("function", "payload", "hint"),
    [
        (takes_one, Order, "takes_one can't be called with the event and its payload"),
        (takes_two, None, "takes_two can't be called with the event: "),
        (takes_two, Plain, "is no type that pydantic can read"),
        (takes_two, 7, "is no type that pydantic can read"),
    ],
    ids=["no place for the payload", "no payload", "a class that it does not know", "no type"],
)
def test_what_can_not_be_given_stops_the_start(function: Any, payload: Any, hint: str) -> None:
    with pytest.raises(Misconfigured, match=hint):
        on("shop.order", payload=payload)(function)


def test_one_function_may_stand_under_two_types_with_one_payload() -> None:
    @on("shop.order", payload=list[Order])
    @on("shop.refund", payload=list[Order])
    def one(event: Event, orders: list[Order]) -> None: ...

    assert run(event([GOOD])) is None
