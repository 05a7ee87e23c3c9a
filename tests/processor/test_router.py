"""Who gets which event, and what is checked about handlers before the first event."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.processor import router
from functions.processor.errors import Misconfigured
from functions.processor.event import Event
from functions.processor.matching import matches
from functions.processor.router import handlers_of, load, on


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        ("github.push", "github.push"),
        ("*", "github.push"),
        ("*", ""),
        ("stripe.payment_intent.*", "stripe.payment_intent.succeeded"),
        ("stripe.*", "stripe.payment_intent.succeeded"),
        ("stripe.*.succeeded", "stripe.payment_intent.succeeded"),
        ("*.payment_*.*ed", "stripe.payment_intent.succeeded"),
        ("*a*", "a"),
        ("**", "any.thing"),
        ("shop.*", "shop.line\nbreak"),
        ("shop.[ab]?", "shop.[ab]?"),
    ],
)
def test_a_pattern_takes(pattern: str, event_type: str) -> None:
    assert matches(pattern, event_type)


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        ("github.push", "github.pusher"),
        ("github.push", "xgithub.push"),
        ("github.push", "github_push"),
        ("github.push", "github.push\n"),
        ("github.push", "GitHub.push"),
        ("stripe.payment_intent.*", "stripe.payment_intent"),
        ("stripe.*.succeeded", "stripe.succeeded"),
        ("a*a", "a"),
        ("*ab*b", "ab"),
        ("shop.[ab]", "shop.a"),
        ("shop.?", "shop.a"),
        ("", "shop.a"),
    ],
)
def test_a_pattern_leaves(pattern: str, event_type: str) -> None:
    assert not matches(pattern, event_type)


@pytest.mark.timeout(5)
def test_no_pattern_takes_long() -> None:
    assert not matches("*a" * 30 + "b", "a" * 1024)


@pytest.fixture(autouse=True)
def routes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "routes", [])


def names(**about: Any) -> list[str]:
    event = Event(**({"type": "shop.order", "source": "shop", "id": "1"} | about))
    return [handler.name for handler in handlers_of(event)]


def test_a_handler_gets_the_types_it_names_and_no_others() -> None:
    @on("shop.order")
    def one(event: Event) -> None: ...

    @on("shop.*")
    def two(event: Event) -> None: ...

    assert names() == ["test_router.one", "test_router.two"]
    assert names(type="shop.refund") == ["test_router.two"]
    assert names(type="other.order") == []


def test_a_handler_of_one_source_gets_nothing_from_another() -> None:
    @on("shop.order", source="shop-eu")
    def one(event: Event) -> None: ...

    assert names(source="shop-eu") == ["test_router.one"]
    assert names(source="shop") == []


def test_a_handler_that_is_named_twice_gets_each_event_once() -> None:
    @on("shop.*")
    @on("shop.order")
    @on("other.order")
    def one(event: Event) -> None: ...

    assert names() == ["test_router.one"]
    assert names(type="other.order") == ["test_router.one"]


def test_on_leaves_the_function_as_it_is() -> None:
    def one(event: Event) -> None: ...

    assert on("shop.order")(one) is one


async def asynchronous(event: Event) -> None: ...


def generator(event: Event) -> Iterator[None]:
    yield


def takes_nothing() -> None: ...


def takes_two(event: Event, more: int) -> None: ...


@pytest.mark.parametrize(
    "function",
    [asynchronous, generator, takes_nothing, takes_two, print, "text"],
    ids=lambda function: getattr(function, "__name__", function),
)
def test_what_can_not_handle_an_event_stops_the_start(function: Any) -> None:
    with pytest.raises(Misconfigured):
        on("shop.order")(function)


def test_two_handlers_of_one_name_stop_the_start() -> None:
    def make() -> Any:
        def twin(event: Event) -> None: ...

        return twin

    on("shop.order")(make())
    with pytest.raises(Misconfigured, match=r"test_router\.twin"):
        on("shop.refund")(make())


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> str:
    (folder / "hooks").mkdir()
    for name, text in {"__init__": "", **files}.items():
        (folder / f"hooks/{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    for module in [m for m in sys.modules if m.partition(".")[0] == "hooks"]:
        monkeypatch.delitem(sys.modules, module)
    return "hooks"


HOOK = "from functions.processor.router import on\n@on('shop.*')\ndef run(event): pass\n"


def test_every_file_of_handlers_is_found_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(package(tmp_path, monkeypatch, b=HOOK, a=HOOK, not_one="x = 1"))
    assert names() == ["a.run", "b.run"]


BROKEN = {
    "import": ("import nothing_of_this_name", ":1"),
    "syntax": ("def", ""),  # its own text has the line
    "error": ("\n\n1 / 0", ":3"),
    "handler": (HOOK.replace("event", ""), ":2"),
}


@pytest.mark.parametrize(("text", "line"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_can_not_be_imported_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: str
) -> None:
    with pytest.raises(Misconfigured, match=f"handlers/broken.py{re.escape(line)} can't be imported: "):
        load(package(tmp_path, monkeypatch, a=HOOK, broken=text))
