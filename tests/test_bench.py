"""The benchmarks make their page out of what they measure, and measure what they say."""

import signal
import struct
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
from google.pubsub_v1 import PublishRequest, PublishResponse

from benchmarks import bench, page
from benchmarks.bench import main
from benchmarks.chart import draw
from benchmarks.imports import by_package, dearest, medians
from benchmarks.load import BenchmarkError, Load, script_of
from benchmarks.processor import check, pushed
from benchmarks.rates import figures
from benchmarks.slow import slow_queue
from benchmarks.sources import written
from benchmarks.table import Bars, Curves, Table, aim
from benchmarks.turns import in_turns
from benchmarks.webhook import NUMBER, push, signed
from functions.processor.message import read
from functions.receiver.sources import load
from tests.servers import Server, clean_environment, free_port, start

FACTS = Table("What ran, and where", ["fact", "value"], ["", ""], [["python", "3.11.7"]])
CURVES = Curves(
    "Google's emulator", "connections", "requests/s", {"empty function": {1: 2518}, "ours": {1: 530, 80: 1}}
)
BARS = Bars("first 200", "{:.2f} s", {"naive receiver": 0.5, "ours": 0.4})
RATES = Table(
    "Throughput",
    ["connections", "function", "requests/s", "of naive"],
    ["d", "", ",.0f", ".2f"],
    [[1, "naive receiver", 2518.4, 1.0], [80, "ours", 1418.6, None]],
    ["Riding together helps."],
    CURVES,
)
Request, Response = PublishRequest.pb(), PublishResponse.pb()


def test_a_table_is_written_for_a_terminal() -> None:
    assert RATES.text().splitlines() == [
        "Throughput",
        "",
        "  connections  function          requests/s    of naive",
        "-------------  --------------  ------------  ----------",
        "            1  naive receiver         2,518        1.00",
        "           80  ours                   1,419",
        "Riding together helps.",
    ]


def test_a_table_is_a_section_of_the_page() -> None:
    title, _, headings, line, *rows, _, remark = RATES.markdown().splitlines()
    assert (title, remark) == ("## Throughput", "Riding together helps.")
    assert [cell.strip() for cell in headings.split("|")] == ["", *RATES.headings, ""]
    assert [cell[-1:] for cell in line.split("|")[1:-1]] == [":", "-", ":", ":"]
    assert [[cell.strip() for cell in row.split("|")][1:-1] for row in rows] == [
        ["1", "naive receiver", "2,518", "1.00"],
        ["80", "ours", "1,419", ""],
    ]


def test_a_number_without_its_format_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Table("Short", ["a", "b"], ["d"], [[1, 2]]).text()


@pytest.mark.parametrize(("reached", "word"), [(True, "reached"), (False, "missed")])
def test_an_aim_is_reached_or_missed(reached: bool, word: str) -> None:
    assert aim("at most 110 MB", reached) == f"The aim was at most 110 MB: {word}."


def test_the_page_says_what_it_is_and_has_the_facts_the_chart_and_every_table_in_order() -> None:
    text = page.page(FACTS, [RATES, Table("Cold start", ["s"], [".2f"], [[0.431]])], 21.4)
    parts = ["# Benchmarks\n", "`make bench`", "one run of 21 minutes", "3.11.7", "](bench.png)"]
    places = [text.index(part) for part in [*parts, "## Throughput", "1,419", "## Cold start", "0.43 |"]]
    assert places == sorted(places)
    assert "{" not in text


def test_the_chart_is_a_picture_of_1200_points_across(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw([CURVES, BARS], tmp_path / "bench.png")
    picture = (tmp_path / "bench.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">I", picture[16:20]) == (1200,)


@pytest.mark.parametrize("options", [[], ["--quick"]], ids=["whole", "quick"])
def test_only_the_whole_run_writes_into_the_documents(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(bench, "ROOT", tmp_path / "project")
    monkeypatch.setattr(bench, "mkdtemp", lambda prefix: str(tmp_path / "elsewhere"))
    monkeypatch.setattr(bench, "stage", nullcontext)
    monkeypatch.setattr(bench, "answers", lambda *_: [RATES, Table("Bars", [""], [""], [["x"]], drawn=BARS), FACTS])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(page, "draw", lambda given, file: drawn.append((given, file)))
    monkeypatch.setattr(sys, "argv", ["bench", *options])
    for folder in ("project/docs", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    main()
    place = tmp_path / ("elsewhere" if options else "project/docs")
    assert [*tmp_path.rglob("bench.md")] == [place / "bench.md"]
    assert drawn == [([CURVES, BARS], place / "bench.png")]
    assert RATES.text() in capsys.readouterr().out


def test_everyone_takes_a_turn_in_each_round_and_another_one_first() -> None:
    order: list[str] = []
    assert in_turns(["a", "b", "c"], 3, lambda name: order.append(name) or len(order), "t") == {  # type: ignore[func-returns-value]
        "a": [1, 6, 8],
        "b": [2, 4, 9],
        "c": [3, 5, 7],
    }
    assert order == [*"abc", *"bca", *"cab"]


def test_ratios_are_taken_round_by_round() -> None:
    loads = {
        "base": [Load(100, 1, 9, 0), Load(1000, 1, 9, 0), Load(10, 1, 9, 0)],
        "own": [Load(300, 5, 7, 0), Load(1500, 6, 8, 0), Load(5, 4, 6, 0)],
    }
    assert figures(loads, "own", ["base", "absent"]) == [300, 1.5, None, 5, 7]


def ask(port: int, times: int) -> list[str]:
    """Publish so many messages in calls of their own, all at once; their ids."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        method = "/google.pubsub.v1.Publisher/Publish"
        call = channel.unary_unary(method, Request.SerializeToString, Response.FromString)
        waiting = [call.future(Request(topic="t", messages=[{"data": b"1"}]), timeout=20) for _ in range(times)]
        return [id_ for answer in waiting for id_ in answer.result().message_ids]


def test_the_slow_queue_takes_20_ms_and_gives_every_message_an_id(tmp_path: Path) -> None:
    with slow_queue(tmp_path) as server:
        begun = time.monotonic()
        assert len({*ask(server.port, 1), *ask(server.port, 2)}) == 3
        assert time.monotonic() - begun > 2 * 0.019


# No call is answered before all of them wait.
TOGETHER = """
import sys
from asyncio import Event, run
from benchmarks import slow_queue

waiting, full = [], Event()

async def wait(seconds):
    print(seconds, flush=True)
    waiting.append(seconds)
    if len(waiting) == 200:
        full.set()
    await full.wait()

slow_queue.sleep = wait
run(slow_queue.serve(int(sys.argv[1])))
"""


def test_the_slow_queue_lets_many_calls_wait_at_once(tmp_path: Path) -> None:
    port = free_port()
    server = start([sys.executable, "-c", TOGETHER, str(port)], port, tmp_path / "output", clean_environment())
    try:
        assert len({*ask(port, 200)}) == 200
        assert server.output.read_text().split() == ["0.02"] * 200
    finally:
        server.stop()


IMPORTS = """\
import time: self [us] | cumulative | imported package
import time:      1500 |       1500 |   json.decoder
import time:       500 |       2000 | json
{"severity": "INFO", "message": "import time:      9999 |       9999 | logged"}
import time:      3000 |       9000 |     google.pubsub_v1.types
import time:       250 |       3250 |   google.pubsub_v1
import time:      4000 |       4000 | google.protobuf.message
import time:        10 |         10 | google
import time:       100 |        100 | main.schemes.mac
import time:       200 |        200 | main.worker
import time:        40 |         40 | flask.app
"""


def test_import_times_are_summed_by_package() -> None:
    assert by_package(IMPORTS) == {
        "the standard library": 2.0,
        "google.pubsub_v1": 3.25,
        "google.protobuf": 4.0,
        "google": 0.01,
        "the function's own files": pytest.approx(0.3),
        "flask": 0.04,
    }


def test_several_starts_are_one_by_their_medians() -> None:
    assert medians([{"a": 1.0, "b": 5.0}, {"a": 3.0}, {"a": 9.0, "b": 7.0}]) == {"a": 3.0, "b": 5.0}


def test_the_ten_dearest_packages_are_shown_with_what_the_others_take() -> None:
    ours = {f"p{n}": float(n) for n in range(1, 13)}
    rows = dearest(ours, {"p12": 20.0, "p1": 1.0, "only naive": 4.0})
    assert [row[0] for row in rows] == [*(f"p{n}" for n in range(12, 2, -1)), "others", "all"]
    assert rows[0] == ["p12", 12.0, 20.0]
    assert rows[1] == ["p11", 11.0, 0.0]
    assert rows[-2:] == [["others", 3.0, 5.0], ["all", 78.0, 25.0]]


@pytest.mark.parametrize("size", [1_000, 2_048, 100_000])
def test_a_push_has_the_size_that_is_asked_for(size: int) -> None:
    assert len(signed(push(size)).body) == size


def test_every_event_that_is_pushed_to_the_processor_has_an_id_of_its_own() -> None:
    numbers = ["0" * 31 + digit for digit in "12"]
    posts = [pushed().numbered(number) for number in numbers]
    assert [read(post.body).id for post in posts] == numbers
    assert {len(post.body) for post in posts} == {len(pushed().body)}
    assert len(NUMBER) == 32


def test_wrk_numbers_only_what_wants_a_number(tmp_path: Path) -> None:
    assert "function request()" in script_of(pushed(), tmp_path / "body")
    assert "function request()" not in script_of(signed(push()), tmp_path / "body")


def test_a_processor_that_did_something_else_is_no_measurement() -> None:
    def server(*outcomes: str) -> Server:
        return cast(Server, SimpleNamespace(lines=[{"outcome": outcome} for outcome in outcomes]))

    check(server("processed", "processed"), 0)
    check(server("retry", "processed"), 1)
    for outcomes in [("processed", "duplicate"), ("retry",), ()]:
        with pytest.raises(BenchmarkError):
            check(server(*outcomes), 0)


@pytest.mark.parametrize("number", [1, 50, 500])
def test_the_file_with_many_sources_can_be_used(number: int, tmp_path: Path) -> None:
    sources = load(written(tmp_path, number))
    assert len(sources) == number
    assert sources["github"].prefix == "github"
