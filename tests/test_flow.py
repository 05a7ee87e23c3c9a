"""The whole path on one machine, as `make run` and `make send` make it: sender, receiver, queue, processor, handler."""

import hmac
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.rows import ROWS
from tests.servers import ROOT, clean_environment, free_port, require_emulator, start_emulator, until

LINE = re.compile(r"^\S+ (\w+) +\| (\{.*\})$")


class Run:
    """One `make run` in a copy of the project, with a `.local/` of its own."""

    def __init__(self, folder: Path, handlers: Mapping[str, str] | None = None, **env: str) -> None:
        for name in ("functions", "tools", "samples"):
            shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
        for name, text in (handlers or {}).items():
            (folder / f"functions/processor/handlers/{name}.py").write_text(text)
        self.folder = folder
        self.ports = {name: str(free_port()) for name in ("PORT", "PROCESSOR_PORT", "QUEUE_PORT")}
        self.env = clean_environment(**self.ports, **env)
        self.output = folder / "output"
        self.url = f"http://127.0.0.1:{self.ports['PORT']}"
        self.begin()

    def begin(self) -> None:
        """Start it, and wait until it says that it is ready."""
        self.output.write_text("")
        with self.output.open("ab") as sink:
            command = [sys.executable, "-m", "tools.run"]
            self.process = subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=sink, stderr=sink)
        until(lambda: f"ready {self.url}\n" in self.output.read_text(), 40, 0.1)

    def lines(self, of: str, **fields: Any) -> list[dict[str, Any]]:
        """What one of the two functions has logged with these values."""
        found = [LINE.match(line) for line in self.output.read_text().splitlines()]
        logged = [json.loads(line[2]) for line in found if line and line[1] == of]
        return [line for line in logged if fields.items() <= line.items()]

    def send(self, source: str, event: str = "", count: int = 1) -> subprocess.CompletedProcess[str]:
        """Do what `make send` does."""
        return self.tool("send", source, "--event", event, "--count", str(count))

    def tool(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Do what a verb does, in another terminal."""
        command = [sys.executable, "-m", f"tools.{name}", *options]
        return subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=60)

    def pids(self, part: str) -> list[int]:
        """The processes of a part, by what stands in their command."""
        found = subprocess.run(["pgrep", "-f", "--", part], capture_output=True, text=True).stdout.split()
        mine = [int(pid) for pid in found if os.readlink(f"/proc/{pid}/cwd") == str(self.folder)]
        return [pid for pid in mine if "bin/sh" not in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]]

    def stop(self) -> int:
        """Do what Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    running = Run(tmp_path_factory.mktemp("run"), MAX_ATTEMPTS="5")
    yield running
    running.stop()


def test_a_push_to_main_is_deployed_within_two_seconds(run: Run) -> None:
    sent = run.send("github", "push")
    assert (sent.stdout, sent.returncode) == ("200 OK\n", 0)
    done = until(lambda: run.lines("processor", outcome="processed", type="github.push"), 2)
    assert done[0]["handler"] == "deploy.deploy"
    assert run.lines("processor", id=done[0]["id"], message="deploying 6b1f533 of acme/shop")
    assert run.lines("receiver", id=done[0]["id"], outcome="accepted", message_id=done[0]["message_id"])


@pytest.mark.parametrize("event", ["payment_intent.succeeded", "payment_intent.payment_failed"])
def test_a_payment_reaches_its_handler(run: Run, event: str) -> None:
    assert run.send("stripe", event).returncode == 0
    assert until(lambda: run.lines("processor", outcome="processed", type=f"stripe.{event}"), 3)


KINDS = {type(source.provider.scheme).__name__: name for name, source in reversed(ROWS.items())}


@pytest.mark.parametrize("source", KINDS.values(), ids=KINDS)
def test_a_provider_of_every_kind_can_be_tried(run: Run, source: str) -> None:
    sent = run.send(source)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert run.lines("receiver", source=source, outcome="accepted")


def test_a_type_that_can_be_no_file_name_can_be_sent(run: Run) -> None:
    assert run.send("bitbucket", "repo:updated").returncode == 0
    assert run.lines("receiver", type="bitbucket.repo:updated")


def test_many_webhooks_are_all_processed_once(run: Run) -> None:
    before = len(run.lines("processor", outcome="processed"))
    assert run.send("github", "push", 40).returncode == 0
    until(lambda: len(run.lines("processor", outcome="processed")) == before + 40, 10)
    assert not run.lines("processor", outcome="duplicate")


FAILING = """
from pathlib import Path
from . import Event, GiveUp, on

@on("erp.*")
def ok(event: Event) -> None:
    with Path("done").open("a") as file:
        file.write(f"ok {event.id}\\n")

@on("erp.*")
def broken(event: Event) -> None:
    if not Path("mended").exists():
        raise GiveUp("the shop is closed")
    with Path("done").open("a") as file:
        file.write(f"mended {event.id}\\n")
"""


def test_what_could_not_be_done_is_shown_and_done_when_it_is_replayed(tmp_path: Path) -> None:
    run = Run(tmp_path, handlers={"failing": FAILING})
    try:
        for number in ("o-1", "o-2"):
            assert order(run, number) == 200
        until(lambda: len(run.lines("processor", outcome="dead-lettered")) == 2)
        listed = run.tool("dead_letters", "--type=erp.*")
        assert listed.returncode == 0, listed.stderr
        row = r"erp +erp.order.created +o-1 +gave-up +GiveUp: the shop is closed +1 +0"
        assert re.search(row, listed.stdout), listed.stdout
        assert "2 dead letters in local" in listed.stdout
        (tmp_path / "mended").touch()
        replayed = run.tool("replay", "--id=o-1")
        assert replayed.stdout == "replayed 1, left 1 (1 not chosen)\n", replayed.stderr
        until(lambda: run.lines("processor", outcome="processed", id="o-1", handler="failing.broken"))
        assert (tmp_path / "done").read_text().splitlines() == ["ok o-1", "ok o-2", "mended o-1"]
        again = run.tool("replay", "--again")
        assert again.stdout == "replayed 1, left 0\n", again.stderr
        assert "happens twice" in again.stderr
        until(lambda: run.lines("processor", outcome="processed", id="o-2"))
        assert (tmp_path / "done").read_text().splitlines()[3:] == ["ok o-2", "mended o-2"]
        assert "0 dead letters in local" in run.tool("dead_letters").stdout
    finally:
        run.stop()


def test_what_is_sent_without_proof_is_refused(run: Run) -> None:
    answer = requests.post(f"{run.url}/github", data=b"{}", timeout=5)
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_source_that_is_not_there_is_named(run: Run) -> None:
    sent = run.send("nobody")
    assert sent.returncode == 1
    assert "no source nobody in sources.yaml; there are github, stripe" in sent.stderr


def test_a_refusal_fails_the_command(run: Run) -> None:
    command = [sys.executable, "-m", "tools.send", "github"]
    env = run.env | {"KEY_GITHUB": "another secret than the receiver's"}
    sent = subprocess.run(command, cwd=run.folder, env=env, capture_output=True, text=True, timeout=20)
    assert (sent.returncode, sent.stdout) == (1, "401 UNAUTHORIZED\n")


def test_a_stopped_queue_is_503_in_time_and_200_again_afterwards(run: Run) -> None:
    queue = run.pids("tools.broker")
    for pid in queue:
        os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    assert run.send("slack", "app_mention").stdout.startswith("503")
    assert run.lines("receiver", outcome="failed", source="slack")[-1]["ms"] < 3000
    assert time.monotonic() - started < 3 + 5  # and the start of Python on a busy machine
    for pid in queue:
        os.kill(pid, signal.SIGCONT)
    assert run.send("slack", "app_mention").stdout == "200 OK\n"


def test_no_secret_is_in_the_output_and_only_you_can_read_them(run: Run) -> None:
    file = run.folder / ".local" / "keys.json"
    assert file.stat().st_mode & 0o077 == 0
    output = run.output.read_text()
    for pair in json.loads(file.read_text()).values():
        assert not [secret for secret in pair if secret in output]


@pytest.mark.parametrize("part", ["tools.broker", "--target receive", "--target process"])
def test_kill_9_of_a_part_loses_nothing_that_was_answered_200(run: Run, part: str) -> None:
    accepted: set[str] = set()
    for n in range(40):
        if n == 15:
            for pid in run.pids(part):
                os.kill(pid, signal.SIGKILL)
        if order(run, number := f"{part.split()[-1]}-{n}") == 200:
            accepted.add(number)
        else:
            time.sleep(0.25)
    assert len(accepted) >= 16
    assert order(run, f"{part}-last") == 200
    until(lambda: accepted <= {line["id"] for line in run.lines("processor", source="erp")}, 45, 0.2)


def order(run: Run, number: str) -> int:
    """Send an order of the custom sender; its status, or 0 for no answer."""
    body = b'{"event_type": "order.created"}'
    secret, _ = json.loads((run.folder / ".local" / "keys.json").read_text())["KEY_ERP"]
    signature = f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"
    headers = {"X-Signature": signature, "X-Request-Id": number}
    try:
        return requests.post(f"{run.url}/erp", data=body, headers=headers, timeout=10).status_code
    except requests.ConnectionError:
        return 0


def test_ctrl_c_stops_all_of_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    pids = [pid for part in ("tools.broker", "functions_framework") for pid in run.pids(part)]
    assert len(pids) >= 5
    assert run.stop() == 0
    until(lambda: not any(runs(pid) for pid in pids), 3)


def runs(pid: int) -> bool:
    """Whether a process is there, and more than an entry that nobody has cleared away."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_secret_of_the_environment_wins(tmp_path: Path) -> None:
    run = Run(tmp_path, KEY_GITHUB="It's a Secret to Everybody")
    try:
        assert run.send("github").stdout == "200 OK\n"
        run.env["KEY_GITHUB"] = json.loads((tmp_path / ".local" / "keys.json").read_text())["KEY_GITHUB"][0]
        assert run.send("github").stdout == "401 UNAUTHORIZED\n"
    finally:
        run.stop()


def test_an_emulator_that_is_there_is_used(tmp_path: Path) -> None:
    require_emulator()
    emulator = start_emulator(tmp_path / "emulator")
    run = Run(tmp_path, PUBSUB_EMULATOR_HOST=f"127.0.0.1:{emulator.port}")
    try:
        assert run.send("github", "push").stdout == "200 OK\n"
        assert until(lambda: run.lines("processor", outcome="processed", type="github.push"), 5)
        assert not run.pids("tools.broker")
    finally:
        run.stop()
        emulator.stop()


def test_a_port_that_is_taken_is_named(run: Run) -> None:
    command = [sys.executable, "-m", "tools.run"]
    ended = subprocess.run(command, cwd=run.folder, env=run.env, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"port {run.ports['PORT']} is taken")
