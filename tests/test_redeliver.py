"""`make redeliver` against a server that answers as GitHub's REST API is documented to."""

import argparse
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import github_stub
from tests.github_stub import HOOK, TOKEN, Answer, GitHub, attempt, serve
from tests.servers import ROOT, free_port
from tools import redeliver
from tools.ages import age
from tools.github import client, notebook, options
from tools.github.answers import GitHubError, rate_limit
from tools.github.deliveries import LATE, Checkpoint, Delivery, unsettled
from tools.github.webhooks import Webhook, kept


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the ages of a test's attempts count from its own beginning, not from that of the session."""
    monkeypatch.setattr(github_stub, "NOW", datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def github() -> Iterator[GitHub]:
    """GitHub with a webhook of octo/hello to /github, and no deliveries yet."""
    github = GitHub()
    github.hook(5, "https://hooks.example.com/github")
    github.add()
    server = serve(github)
    yield github
    server.shutdown()
    server.server_close()


@pytest.fixture
def elsewhere() -> Iterator[GitHub]:
    """Another host, that would accept everything."""
    other = GitHub()
    other.hook(5, "https://hooks.example.com/github")
    other.add(attempt("elsewhere"))
    server = serve(other)
    yield other
    server.shutdown()
    server.server_close()


REPO = ("--repo", "octo/hello")


@dataclass
class Tool:
    """The command, in a folder of its own."""

    github: GitHub
    folder: Path

    def __call__(self, *options: str, place: tuple[str, ...] = REPO, **env: str) -> "Ended":
        """Run it in this process, which is faster."""
        output, errors = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
            patch.chdir(self.folder)
            patch.setattr("sys.argv", self.command(*options, place=place)[2:])
            for name, value in self.environment(**env).items():
                patch.setenv(name, value)
            try:
                status = redeliver.main()
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
                errors.write("" if isinstance(end.code, int) else f"{end.code}\n")
        return Ended(status, output.getvalue(), errors.getvalue())

    def process(self, *options: str, place: tuple[str, ...] = REPO, **env: str) -> "Ended":
        """Run it as `make` does."""
        command, env = self.command(*options, place=place), self.environment(**env)
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=50)
        assert "Traceback" not in done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def command(self, *options: str, place: tuple[str, ...] = REPO) -> list[str]:
        return [sys.executable, "-m", "tools.redeliver", "github", *place, "--api", self.github.url, *options]

    def environment(self, **more: str) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(ROOT), "GITHUB_TOKEN": TOKEN, "HOME": str(self.folder)} | more

    @property
    def file(self) -> Path:
        return self.folder / ".local" / "redeliver-github.json"

    @property
    def checkpoint(self) -> dict[str, Any]:
        """What it noted of its only webhook."""
        (noted,) = json.loads(self.file.read_text()).values()
        return dict(noted)


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    status: int
    output: str
    errors: str

    def __post_init__(self) -> None:
        assert TOKEN not in self.output + self.errors

    @property
    def last(self) -> str:
        return self.output.splitlines()[-1]


@pytest.fixture
def tool(github: GitHub, tmp_path: Path) -> Tool:
    """The command, against GitHub as above."""
    return Tool(github, tmp_path)


def test_only_what_failed_is_asked_for_and_is_shown(github: GitHub, tool: Tool) -> None:
    failed = github.add(attempt("a", 503, 50), attempt("b", 401, 40, "issues", "opened"), attempt("c", 0, 30))
    github.add(attempt("d", 200), attempt("e", 202), attempt("f", 204))
    ended = tool.process()
    assert ended.status == 0
    assert github.redelivered() == failed
    assert [line.split() for line in ended.output.splitlines()[2:5]] == [
        [*f"{github_stub.NOW - timedelta(minutes=50):%Y-%m-%d %H:%M:%S}".split(), "push", "503", "a"],
        [*f"{github_stub.NOW - timedelta(minutes=40):%Y-%m-%d %H:%M:%S}".split(), "issues.opened", "401", "b"],
        [*f"{github_stub.NOW - timedelta(minutes=30):%Y-%m-%d %H:%M:%S}".split(), "push", "timed", "out", "c"],
    ]
    assert ended.last.startswith("3 asked for, 0 could not be, 0 under way, 6 listed since ")


def test_requests_carry_what_github_wants(github: GitHub, tool: Tool) -> None:
    github.add(attempt("a"))
    tool()
    assert github.paths("GET") == ["/repos/octo/hello/hooks?per_page=100", f"{HOOK}?per_page=100"]
    for _, _, headers in github.requests:
        assert headers["Authorization"] == f"Bearer {TOKEN}"
        assert headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert headers["Accept"] == "application/vnd.github+json"
        assert headers["User-Agent"]


@pytest.mark.parametrize("minutes", [10, 90], ids=["succeeded later", "succeeded before"])
def test_an_event_with_a_success_is_left_alone(github: GitHub, tool: Tool, minutes: int) -> None:
    github.add(attempt("a", 503, 60), attempt("a", 200, minutes), attempt("a", 503, 5))
    assert tool().status == 0
    assert github.redelivered() == []


def test_of_an_event_that_failed_often_only_the_newest_attempt_is_asked_for(github: GitHub, tool: Tool) -> None:
    *_, newest = github.add(attempt("a", 503, 60), attempt("a", 500, 50), attempt("a", 503, 40))
    tool()
    assert github.redelivered() == [newest]


def test_an_attempt_that_may_be_under_way_is_left_for_the_next_run(github: GitHub, tool: Tool) -> None:
    github.add(attempt("open", 0, 0.1))
    (refused,) = github.add(attempt("refused", 503, 0.1))
    assert "1 asked for, 0 could not be, 1 under way" in tool().last
    assert github.redelivered() == [refused]
    assert len(tool.checkpoint["failing"]) == 2


def test_every_page_is_read(github: GitHub, tool: Tool) -> None:
    github.page = 3
    failed = github.add(*(attempt(f"guid-{n}", 503, 60 - n) for n in range(8)))
    assert tool.process().status == 0
    assert github.redelivered() == failed
    assert [path.partition("cursor=")[2] for path in github.paths("GET")[1:]] == ["", "v1_3", "v1_6"]


def test_webhooks_are_found_on_every_page(github: GitHub, tool: Tool) -> None:
    github.page = 1
    github.hook(6, "https://hooks.example.com/other")
    github.add(attempt("a"), path="/repos/octo/hello/hooks/6/deliveries")
    assert tool("--hook", "6").status == 0
    assert len(github.asked) == 1


def test_no_page_is_read_that_is_older_than_it_must_be(github: GitHub, tool: Tool) -> None:
    github.page = 2
    github.add(*(attempt(f"guid-{n}", 503, 60 * n) for n in range(1, 9)))
    assert "2 asked for, 0 could not be, 0 under way, 2 listed" in tool("--since", "150m").last
    assert len(github.paths("GET")) == 3


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (REPO, HOOK),
        (("--org", "octo-org"), "/orgs/octo-org/hooks/6/deliveries"),
        (("--app",), "/app/hook/deliveries"),
    ],
    ids=["a repository", "an organisation", "an app"],
)
def test_there_are_three_places_for_webhooks(github: GitHub, tool: Tool, place: tuple[str, ...], path: str) -> None:
    github.app = True
    github.hook(6, "https://hooks.example.com/github", "/orgs/octo-org")
    (number,) = github.add(attempt("a"), path=path)
    ended = tool.process(place=place)
    assert ended.status == 0, ended
    assert github.asked == [f"{path}/{number}/attempts"]


def test_a_dry_run_asks_for_nothing_and_notes_nothing(github: GitHub, tool: Tool) -> None:
    github.add(attempt("a"))
    ended = tool.process("--dry-run")
    assert ended.status == 0
    assert ended.last.startswith("1 would be asked for, ")
    assert "  a" in ended.output
    assert github.asked == []
    assert not tool.file.exists()


def test_a_dry_run_moves_no_checkpoint(github: GitHub, tool: Tool) -> None:
    github.add(attempt("a"))
    tool()
    before = tool.file.read_bytes()
    github.add(attempt("b", 503, 1))
    tool("--dry-run")
    assert tool.file.read_bytes() == before


def test_the_next_run_begins_where_the_last_one_ended(github: GitHub, tool: Tool) -> None:
    github.page = 2
    github.add(*(attempt(f"old-{n}", 200, 60 * n) for n in range(1, 9)))
    tool.process()
    first = len(github.requests)
    (new,) = github.add(attempt("new", 503, 5))
    ended = tool.process()
    assert github.redelivered() == [new]
    assert len(github.requests) - first == 4  # the webhooks, two pages of four, and the one it asks for
    assert f"listed since {github_stub.NOW - timedelta(minutes=60) - LATE:%Y-%m-%d %H:%M:%S}" in ended.last


def test_a_delivery_that_appears_late_in_the_list_is_not_missed(github: GitHub, tool: Tool) -> None:
    github.add(attempt("on time", 200, 30))
    tool()
    (late,) = github.add(attempt("late", 503, 40))
    tool()
    assert github.redelivered() == [late]


def test_what_was_asked_for_is_not_asked_for_twice(github: GitHub, tool: Tool) -> None:
    github.add(attempt("a"))
    tool()
    assert "0 asked for, 0 could not be, 1 under way" in tool().last
    assert "1 under way" in tool("--since", "3d").last
    assert len(github.asked) == 1


def test_what_was_asked_for_and_failed_again_is_asked_for_again(github: GitHub, tool: Tool) -> None:
    (first,) = github.add(attempt("a", 503, 60))
    tool()
    (second,) = github.add(attempt("a", 503, 1))
    tool()
    assert github.redelivered() == [first, second]


def test_what_was_asked_for_and_arrived_is_forgotten(github: GitHub, tool: Tool) -> None:
    github.add(attempt("a", 503, 60))
    tool()
    github.add(attempt("a", 200, 1))
    assert "0 asked for, 0 could not be, 0 under way" in tool().last
    assert len(github.asked) == 1
    assert tool.checkpoint["failing"] == tool.checkpoint["asked"] == {}


def test_what_was_asked_for_and_never_shows_up_is_asked_for_again(github: GitHub, tool: Tool) -> None:
    (number,) = github.add(attempt("a", 503, 300))
    github.add(attempt("b", 200, 1))
    tool()
    (key,) = notes = json.loads(tool.file.read_text())
    notes[key]["asked"][str(number)] = (github_stub.NOW - timedelta(minutes=61)).isoformat()
    tool.file.write_text(json.dumps(notes))
    tool()
    assert github.redelivered() == [number, number]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "stopped with Ctrl-C"])
def test_a_run_that_is_interrupted_loses_nothing(github: GitHub, tool: Tool, how: signal.Signals) -> None:
    failed = github.add(*(attempt(f"guid-{n}", 503, 60 - n) for n in range(4)))
    reached, release = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        release.wait(20)

    github.next_time("POST", f"/{failed[1]}/attempts", hold)
    run = subprocess.Popen(
        tool.command(),
        cwd=tool.folder,
        env=tool.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # where the tests run in the background
    )
    assert reached.wait(20)
    run.send_signal(how)
    output, errors = run.communicate(timeout=20)
    release.set()
    assert run.returncode == (-how if how == signal.SIGKILL else 1)
    assert how == signal.SIGKILL or errors.decode().startswith("stopped; ")
    assert b"guid-3" in output
    assert github.redelivered() == failed[:1]
    assert tool.process().status == 0
    assert github.redelivered() == failed


def test_a_request_that_fails_stops_no_other_and_is_made_again_by_the_next_run(github: GitHub, tool: Tool) -> None:
    failed = github.add(*(attempt(f"guid-{n}", 503, 60 - n) for n in range(3)))
    github.next_time("POST", f"/{failed[1]}/attempts", (422, {}, '{"message": "Validation Failed"}'))
    ended = tool.process()
    assert ended.status == 1
    assert ended.errors == "guid-1: GitHub answered 422 (Validation Failed)\n"
    assert "2 asked for, 1 could not be" in ended.last
    assert github.redelivered() == [failed[0], failed[2]]
    assert tool.process().status == 0
    assert github.redelivered() == [failed[0], failed[2], failed[1]]


def test_a_token_that_may_only_read_is_told_so_once(github: GitHub, tool: Tool) -> None:
    github.add(attempt("a", 503, 60), attempt("b", 503, 50))
    refusal: Answer = (403, {}, '{"message": "Resource not accessible by personal access token"}')
    github.next_time("POST", "/attempts", refusal, refusal)
    ended = tool()
    assert ended.status == 1
    assert ended.errors.count("Resource not accessible") == 1
    assert 'permission "Webhooks" of the repository to read and write' in ended.errors
    assert "0 asked for, 2 could not be" in ended.last
    assert len(github.paths("POST")) == 1


@pytest.mark.parametrize(
    ("place", "answer", "said"),
    [
        (REPO, (401, {}, '{"message": "Bad credentials"}'), "does not accept the token (Bad cred"),
        (("--org", "octo"), (403, {}, '{"message": "Forbidden"}'), "admin:org_hook"),
        (REPO, (404, {}, '{"message": "Not Found"}'), "not there, or not shown to this token"),
        (("--app",), (401, {}, '{"message": "A JSON web token could not be decoded"}'), "a JWT of the app"),
        (REPO, (200, {}, "<html>Sign in</html>"), "https://HOST/api/v3 of an Enterprise Server"),
        (REPO, (200, {}, '[{"id": "five"}]'), "does not answer as GitHub's API does"),
        (REPO, (304, {}, ""), "GitHub answered 304"),
    ],
    ids=["no such token", "not allowed", "not found", "no JWT", "not GitHub", "not as documented", "an odd status"],
)
def test_a_refusal_is_one_sentence(
    github: GitHub, tool: Tool, place: tuple[str, ...], answer: Answer, said: str
) -> None:
    github.next_time("GET", "/app" if place == ("--app",) else "/hooks", answer)
    ended = tool(place=place)
    assert (ended.status, ended.output) == (1, "")
    assert said in ended.errors
    assert len(ended.errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [("OK", 200, True), ("Accepted", 202, True), ("OK", None, True), ("Found", 302, False), ("", None, False)],
    ids=["200", "another 2xx", "OK without a status code", "a redirect", "nothing at all"],
)
def test_a_delivery_succeeded_if_it_is_ok_or_has_a_2xx(status: str, code: int | None, expected: bool) -> None:
    assert Delivery.model_validate(attempt("a") | {"status": status, "status_code": code}).succeeded is expected


def test_a_server_that_goes_on_failing_is_told(github: GitHub, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    github.next_time("GET", "/hooks", *[(502, {}, "")] * 4)
    assert tool().errors == "repos/octo/hello: GitHub answered 502\n"


def test_a_server_that_fails_for_a_moment_is_asked_again(github: GitHub, tool: Tool) -> None:
    github.add(attempt("a"))
    github.next_time("GET", "/hooks", (502, {"Retry-After": "600"}, ""))
    github.next_time("GET", "/deliveries", lambda: None)
    assert tool().status == 0
    assert len(github.asked) == 1


@pytest.mark.parametrize("answer", [(500, {}, ""), lambda: None], ids=["an error", "no answer"])
def test_a_request_for_redelivery_that_may_have_arrived_is_not_repeated(
    github: GitHub, tool: Tool, answer: Answer | Callable[[], None]
) -> None:
    github.add(attempt("a"))
    github.next_time("POST", "/attempts", answer)
    ended = tool()
    assert ended.status == 1
    assert "0 asked for, 1 could not be" in ended.last
    assert len(github.paths("POST")) == 1


def test_where_nothing_listens_it_says_so(tool: Tool) -> None:
    tool.github = GitHub(url=f"http://127.0.0.1:{free_port()}")
    ended = tool.process()
    assert ended.status == 1
    assert ended.errors == f"repos/octo/hello: no answer from {tool.github.url}: ConnectionError\n"


def test_a_server_that_hangs_is_not_waited_for(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", (1, 0.2))
    github.next_time("POST", "/slow", lambda: time.sleep(1))
    with pytest.raises(GitHubError, match=r"within 0\.2 s"):
        client.Client(github.url, TOKEN, "").post("slow")


@pytest.mark.parametrize("method", ["GET", "POST"], ids=["when it lists", "when it asks"])
def test_a_short_rate_limit_is_waited_for(github: GitHub, tool: Tool, method: str) -> None:
    github.add(attempt("a"))
    ending = "/deliveries" if method == "GET" else "/attempts"
    github.next_time(method, ending, (403, {"Retry-After": "1"}, '{"message": "secondary rate limit"}'))
    started = time.monotonic()
    ended = tool()
    assert ended.status == 0
    assert time.monotonic() - started > 1
    assert "waiting 1 s" in ended.errors
    assert len(github.asked) == 1


def test_a_long_rate_limit_ends_the_run_and_loses_nothing(github: GitHub, tool: Tool) -> None:
    failed = github.add(*(attempt(f"guid-{n}", 503, 60 - n) for n in range(3)))
    reset = github_stub.NOW + timedelta(minutes=40)
    limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(reset.timestamp()))}
    github.next_time("POST", f"/{failed[1]}/attempts", (429, limits, "{}"))
    ended = tool()
    assert ended.status == 1
    assert re.search(
        rf"come back at {reset:%Y-%m-%d %H:%M}:0[0-9] UTC|come back at {reset:%Y-%m-%d %H:%M:%S} UTC", ended.errors
    )
    assert "1 asked for, 2 could not be" in ended.last
    tool()
    assert github.redelivered() == failed


def test_a_rate_limit_without_end_is_not_waited_for_without_end(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    github.next_time("POST", "/x", *[(429, {}, "{}")] * 9)
    with pytest.raises(GitHubError, match="come back at"):
        client.Client(github.url, TOKEN, "").post("x")
    assert slept == [60]


@pytest.mark.parametrize(
    ("status", "headers", "text", "seconds"),
    [
        (429, {"Retry-After": "7"}, "", 7),
        (403, {"Retry-After": "0"}, "", 1),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "130"}, "", 30),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "90"}, "", 1),
        (403, {"X-RateLimit-Remaining": "8", "X-RateLimit-Reset": "130"}, "", 0),
        (403, {}, "You have exceeded a secondary rate limit", 60),
        (429, {"Retry-After": "soon"}, "", 60),
        (429, {"Retry-After": "9" * 400}, "", 60),
        (403, {}, "Forbidden", 0),
        (404, {"Retry-After": "7"}, "", 0),
    ],
    ids=[
        "retry after so many seconds",
        "at least one second",
        "until the reset",
        "the reset is past",
        "some are left",
        "a secondary limit",
        "not a number",
        "not a time",
        "forbidden",
        "another status",
    ],
)
def test_a_rate_limit_is_read_as_documented(status: int, headers: dict[str, str], text: str, seconds: float) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = status, text.encode()
    answer.headers.update(headers)
    assert rate_limit(answer, now=100) == seconds


@pytest.mark.parametrize(
    ("method", "ending"),
    [("GET", "/hooks"), ("GET", "/deliveries"), ("POST", "/attempts")],
    ids=["of the webhooks", "of the deliveries", "of a redelivery"],
)
def test_a_redirect_to_another_host_never_gets_the_token(
    github: GitHub, elsewhere: GitHub, tool: Tool, method: str, ending: str
) -> None:
    github.add(attempt("a"))
    github.next_time(method, ending, (307, {"Location": f"{elsewhere.url}/repos/octo/hello/hooks"}, ""))
    ended = tool.process()
    assert ended.status == 1
    assert f"leads to {elsewhere.url}, and the token is not sent there" in ended.errors
    assert elsewhere.requests == []


@pytest.mark.parametrize("where", ["another host", "another scheme"])
def test_a_next_page_elsewhere_never_gets_the_token(github: GitHub, elsewhere: GitHub, tool: Tool, where: str) -> None:
    url = elsewhere.url if where == "another host" else github.url.replace("http:", "https:")
    github.next_time("GET", "/deliveries", (200, {"Link": f'<{url}{HOOK}?cursor=v1_2>; rel="next"'}, "[]"))
    ended = tool()
    assert ended.status == 1
    assert f"leads to {url}, and the token is not sent there" in ended.errors
    assert elsewhere.requests == []


def test_a_repository_that_was_renamed_is_followed(github: GitHub, tool: Tool) -> None:
    github.renamed = ("/repos/octo/old", "/repos/octo/hello")
    github.add(attempt("a"))
    assert tool(place=("--repo", "octo/old")).status == 0
    assert len(github.asked) == 1


def test_redirects_come_to_an_end(github: GitHub, tool: Tool) -> None:
    github.renamed = ("/repos/octo/hello", "/repos/octo/hello")
    ended = tool()
    assert ended.status == 1
    assert "redirects without end" in ended.errors


def test_the_token_is_not_shown_where_github_repeats_it(github: GitHub, tool: Tool) -> None:
    github.next_time("GET", "/hooks", (400, {}, json.dumps({"message": f"\x1b[31m{TOKEN} is odd"})))
    assert tool.process().errors == "repos/octo/hello: GitHub answered 400 ([31m*** is odd)\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "no token in"),
        ("  ", "no token in"),
        ("ghp_one\nghp_two", "something else"),
        ("ghp_ключ", "something else"),
    ],
    ids=["none", "blank", "two lines", "not ASCII"],
)
def test_without_a_token_nothing_is_sent(github: GitHub, tool: Tool, given: str, said: str) -> None:
    ended = tool.process(GITHUB_TOKEN=given)
    assert ended.status == 1
    assert said in ended.errors
    assert "ghp_" not in ended.errors
    assert github.requests == []


def test_a_token_is_taken_with_a_line_end_behind_it(github: GitHub, tool: Tool) -> None:
    assert tool(GITHUB_TOKEN=f"{TOKEN}\n").status == 0


def test_a_password_in_netrc_does_not_replace_the_token(github: GitHub, tool: Tool) -> None:
    (tool.folder / ".netrc").write_text("machine 127.0.0.1 login someone password something\n")
    (tool.folder / ".netrc").chmod(0o600)
    assert tool().status == 0


def test_the_webhook_is_found_by_its_url(github: GitHub, tool: Tool) -> None:
    for number, path in enumerate(["/stripe", "/my-github", "/github/other", "/?to=/github", ""], 6):
        github.hook(number, f"https://{'github' if not path else 'hooks.example.com'}{path}")
    github.add(attempt("a"))
    assert tool().status == 0
    assert github.asked[0].startswith(HOOK)


def test_a_webhook_behind_a_path_and_with_a_slash_is_found_too(github: GitHub, tool: Tool) -> None:
    github.hooks["/repos/octo/hello/hooks"][0]["config"]["url"] = "https://example.com/hooks/github/?x=1"
    assert tool().status == 0


@pytest.mark.parametrize(
    ("urls", "options", "said"),
    [
        ([], (), "no webhooks to /github; there are: none"),
        (["/stripe"], (), "no webhooks to /github; there are: 6 https://hooks.example.com:8443/stripe"),
        (["/github", "/github"], (), "2 webhooks to /github; there are: 6 https://hooks.example.com:8443/github, 7 h"),
        (["/github"], ("--hook", "9"), "no webhook 9; there are: 6 https://hooks.example.com:8443/github"),
    ],
    ids=["none at all", "none that fits", "several that fit", "none with this id"],
)
def test_where_no_webhook_can_be_chosen_those_there_are_are_listed_without_secrets(
    github: GitHub, tool: Tool, urls: list[str], options: tuple[str, ...], said: str
) -> None:
    github.hooks.clear()
    github.attempts["/repos/octo/hello/hooks"] = []
    for number, path in enumerate(urls, 6):
        github.hook(number, f"https://user:hidden@hooks.example.com:8443{path}?key=hidden")
    ended = tool(*options)
    assert ended.status == 1
    assert ended.errors.startswith(f"repos/octo/hello: {said}")
    assert "hidden" not in ended.errors
    assert github.asked == []


def test_one_of_several_webhooks_can_be_chosen(github: GitHub, tool: Tool) -> None:
    github.hook(6, "https://hooks.example.com/github")
    github.add(attempt("a"))
    github.add(attempt("b"), path="/repos/octo/hello/hooks/6/deliveries")
    tool("--hook", "6")
    assert [path.partition("/deliveries")[0] for path in github.asked] == ["/repos/octo/hello/hooks/6"]


def test_an_app_whose_webhook_goes_elsewhere_is_not_touched(github: GitHub, tool: Tool) -> None:
    github.app = True
    github.add(attempt("a"), path="/app/hook/deliveries")
    github.next_time("GET", "/app/hook/config", (200, {}, '{"url": "https://hooks.example.com/stripe"}'))
    ended = tool(place=("--app",))
    assert ended.status == 1
    assert "no webhooks to /github; there are: 77 https://hooks.example.com/stripe" in ended.errors
    assert github.asked == []


def test_each_webhook_and_each_api_has_a_checkpoint_of_its_own(github: GitHub, elsewhere: GitHub, tool: Tool) -> None:
    github.hook(6, "https://hooks.example.com/other")
    github.add(path="/repos/octo/hello/hooks/6/deliveries")
    tool()
    tool("--hook", "6")
    tool.github = elsewhere
    assert tool(place=("--repo", "Octo/Hello")).status == 0
    assert set(json.loads(tool.file.read_text())) == {
        f"{github.url}/repos/octo/hello/5",
        f"{github.url}/repos/octo/hello/6",
        f"{elsewhere.url}/repos/octo/hello/5",
    }


def test_what_is_damaged_is_not_taken_for_a_first_run(github: GitHub, tool: Tool) -> None:
    github.add(attempt("a"))
    tool.file.parent.mkdir()
    tool.file.write_text("{")
    ended = tool()
    assert ended.status == 1
    assert ended.errors.startswith(".local/redeliver-github.json is damaged; delete it")
    assert github.asked == []


def test_where_nothing_can_be_noted_nothing_is_asked_for(github: GitHub, tool: Tool) -> None:
    github.add(attempt("a"))
    (tool.folder / ".local").write_text("in the way")
    ended = tool()
    assert ended.status == 1
    assert ended.errors.startswith("what is asked for can't be noted")
    assert github.asked == []


def test_a_file_that_can_not_be_replaced_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = notebook.Notebook(tmp_path / "notes.json", "a")
    book.keep(Checkpoint(since=github_stub.NOW))
    before = (tmp_path / "notes.json").read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("no space")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="no space"):
        book.keep(Checkpoint())
    assert (tmp_path / "notes.json").read_bytes() == before


def delivery(guid: str, status: int = 503, minutes: float = 30) -> Delivery:
    """An attempt as the tool reads it."""
    return Delivery.model_validate(attempt(guid, status, minutes))


@pytest.mark.parametrize(
    ("since", "start", "expected"),
    [
        (None, 4320, 10 + 15),
        (None, 120, None),
        (600, 600, 10 + 15),
        (600, 4320, 10 + 15),
        (600, 120, 600),
        (20, 20, 20),
        (9000, 4320, 10 + 15),
    ],
    ids=[
        "a first run",
        "a first run over a part",
        "the next run",
        "a run that goes further back",
        "a run that leaves a gap",
        "never back",
        "older than GitHub keeps",
    ],
)
def test_the_checkpoint_moves_only_over_what_was_listed(since: int | None, start: int, expected: int | None) -> None:
    def ago(minutes: int | None) -> datetime | None:
        return None if minutes is None else github_stub.NOW - timedelta(minutes=minutes)

    began = ago(start)
    assert began
    after = Checkpoint(since=ago(since)).after([delivery("a", 200, 10)], began, github_stub.NOW - timedelta(days=3))
    assert after.since == ago(expected)


def test_a_run_over_a_part_leaves_the_rest_to_the_next(github: GitHub, tool: Tool) -> None:
    old, new = github.add(attempt("old", 503, 600), attempt("new", 503, 20))
    tool("--since", "1h")
    assert github.redelivered() == [new]
    tool()
    assert github.redelivered() == [new, old]


def test_a_run_over_a_part_forgets_nothing_that_failed_before(github: GitHub, tool: Tool) -> None:
    (old,) = github.add(attempt("old", 503, 600))
    github.add(attempt("fine", 200, 1))
    github.next_time("POST", "/attempts", (500, {}, ""))
    tool()
    tool("--since", "1h")
    assert github.redelivered() == []
    tool()
    assert github.redelivered() == [old]


def test_what_github_keeps_no_longer_is_forgotten() -> None:
    old = delivery("a", 503, 4321)
    known = Checkpoint(since=github_stub.NOW, failing={old.id: old}, asked={old.id: github_stub.NOW})
    assert known.after([], github_stub.NOW, github_stub.NOW - timedelta(days=3)) == Checkpoint(since=github_stub.NOW)


@pytest.mark.parametrize(
    ("api", "days"),
    [("https://api.github.com", 3), ("https://api.octo.ghe.com", 3), ("https://github.example.com/api/v3", 7)],
    ids=["github.com", "ghe.com", "an Enterprise Server"],
)
def test_a_first_run_goes_back_as_far_as_github_keeps_deliveries(api: str, days: int) -> None:
    assert kept(api) == timedelta(days=days)


def test_a_first_run_asks_for_nothing_that_is_no_longer_kept(github: GitHub, tool: Tool) -> None:
    _, kept_still = github.add(attempt("old", 503, 4330), attempt("new", 503, 4310))
    tool()
    assert github.redelivered() == [kept_still]


def test_a_run_after_a_long_time_goes_back_no_further(github: GitHub, tool: Tool) -> None:
    github.add(attempt("a", 200, 1))
    tool()
    (key,) = notes = json.loads(tool.file.read_text())
    notes[key]["since"] = (github_stub.NOW - timedelta(days=9)).isoformat()
    tool.file.write_text(json.dumps(notes))
    github.add(attempt("old", 503, 4330))
    assert "0 asked for, 0 could not be, 0 under way, 1 listed" in tool().last


def test_who_wants_to_can_go_further_back(github: GitHub, tool: Tool) -> None:
    (old,) = github.add(attempt("old", 503, 4330))
    tool("--since", "30d")
    assert github.redelivered() == [old]


def test_what_failed_is_asked_for_in_the_order_it_happened() -> None:
    deliveries = [delivery("b", 503, 20), delivery("a", 503, 30), delivery("a", 500, 10), delivery("c", 0, 5)]
    assert [d.guid for d in unsettled(deliveries)] == ["b", "a", "c"]


@pytest.mark.parametrize(("many", "pauses"), [(10, [0] * 10), (11, [1.0] * 11)], ids=["few", "many"])
def test_between_many_requests_there_is_a_pause(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int, pauses: list[float]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    webhook = Webhook(client.Client(github.url, TOKEN, ""), 5, "", HOOK.lstrip("/"))
    wanted = [delivery(f"guid-{n}") for n in range(many)]
    book = notebook.Notebook(tmp_path / "notes.json", "a")
    book.keep(Checkpoint())
    assert redeliver._ask(webhook, wanted, book) == many
    assert slept == pauses


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["github"], "one of the arguments --repo --org --app is required"),
        (["github", "--repo", "octo/hello", "--app"], "not allowed with argument"),
        (["github", "--repo", "hello"], "is not the owner and the name of a repository"),
        (["github", "--repo", "octo/.."], "is not the owner and the name of a repository"),
        (["github", "--repo", "octo/hello/hooks"], "is not the owner and the name of a repository"),
        (["github", "--org", "octo/hello"], "is not the name of an organisation"),
        (["../github", "--app"], "is not the name of a source"),
        (["github", "--app", "--since", "yesterday"], "is not an age"),
        (["github", "--app", "--hook", "five"], "invalid int value"),
        (["github", "--app", "--api", "http://github.example.com"], "is not an address such as https://"),
        (["github", "--app", "--api", "https://user:secret@github.example.com"], "is not an address such as https://"),
        (["github", "--app", "--api", "github.example.com"], "is not an address such as https://"),
        (["--app"], "the following arguments are required: source"),
    ],
    ids=[
        "no place",
        "two places",
        "no owner",
        "a path upwards",
        "a longer path",
        "a repository for an organisation",
        "a path for a source",
        "no age",
        "no number",
        "an API without encryption",
        "an API with a password",
        "an API without a scheme",
        "no source",
    ],
)
def test_wrong_options_are_told(given: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options.arguments("", given)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_help_says_which_token_is_needed(tool: Tool) -> None:
    ended = tool.process("--help", GITHUB_TOKEN="")
    assert ended.status == 0
    assert "GITHUB_TOKEN" in ended.output
    assert "for an app it is a JWT" in ended.output


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("3d", 259200), ("99999d", 8639913600)]
)
def test_an_age_is_read(text: str, seconds: int) -> None:
    assert age(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "3", "d", "0h", "-1h", "1.5h", "3 d", "3D", "1h30m", "٣d", "100000d", "3d\n"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not an age: a number and s, m, h or d"):
        age(text)
