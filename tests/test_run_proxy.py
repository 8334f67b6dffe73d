"""The command line: what it starts, what it says, and how it ends."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import config
from config.settings import LedgerSettings
from run_proxy import DefaultToServe, Late, main
from storage import open_storage

ROOT = Path(__file__).parents[1]
CONFIG = Path(config.__file__).parent
WAIT_SECONDS = 30


def invoke(*arguments: object, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], env=env)


def copy_config(directory: Path, name: str, old: str, new: str) -> Path:
    """The shipped files with one change."""
    copied = directory / "config"
    copied.mkdir()
    for file in CONFIG.glob("*.yaml"):
        shutil.copy(file, copied)
    text = (copied / name).read_text("utf-8")
    assert old in text
    (copied / name).write_text(text.replace(old, new, 1), "utf-8")
    return copied


# Help.


def test_the_help_names_every_command() -> None:
    listed = invoke("--help").stdout.partition("Commands:")[2]
    assert {line.split()[0] for line in listed.splitlines() if line.strip()} == {
        "backup",
        "config",
        "doctor",
        "key",
        "meter",
        "order",
        "prices",
        "quote",
        "receipt",
        "refund",
        "restore",
        "serve",
        "user",
        "verify",
        "voucher",
        "web-password",
    }


@pytest.mark.parametrize("name", sorted(main.commands))
def test_the_list_says_what_each_command_says_of_itself(name: str) -> None:
    listed = main.commands[name]
    assert isinstance(listed, Late)
    itself = listed.load()
    assert (itself.name, itself.hidden) == (name, listed.hidden)
    if not itself.hidden:
        assert listed.get_short_help_str(80) == itself.get_short_help_str(80)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["user", "list"], ["receipt", "check", "receipt.json"]],
    ids=" ".join,
)
def test_who_asks_one_thing_does_not_wait_for_the_gateway(
    tmp_path: Path, arguments: list[str]
) -> None:
    program = [sys.executable, "-X", "importtime", ROOT / "run_proxy.py", *arguments]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True)
    assert " click" in done.stderr
    for heavy in ("addons", "aiohttp", "dashboard", "flask", "mitmproxy", "uvloop"):
        assert f" {heavy}\n" not in done.stderr


# The default command.


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], "serve"),
        (["--demo"], "serve"),
        (["--port", "1"], "serve"),
        (["serve", "--demo"], "serve"),
        (["verify"], "verify"),
        (["--help"], None),
    ],
)
def test_without_a_command_it_serves(arguments: list[str], command) -> None:
    ran: list[str] = []

    def stand_in(name: str) -> click.Command:
        anything = {"ignore_unknown_options": True, "allow_extra_args": True}
        return click.Command(
            name, callback=lambda: ran.append(name), context_settings=anything
        )

    group = DefaultToServe(commands={name: stand_in(name) for name in main.commands})
    assert CliRunner().invoke(group, arguments).exit_code == 0
    assert ran == ([command] if command else [])


# Mistakes.


@pytest.mark.parametrize("arguments", [["serve"], []])
def test_a_mistake_in_the_files_is_one_line(tmp_path: Path, arguments) -> None:
    bad = copy_config(tmp_path, "gateway.yaml", "port: 8000", "port: many")
    result = invoke(*arguments, "--config", bad, "--data", tmp_path / "data")
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert re.match(r"gateway.yaml:\d+: listen.port: .*expected", line)
    assert not (tmp_path / "data").exists(), "nothing is touched before all is read"


def test_a_dialect_that_nobody_speaks_is_one_line(tmp_path: Path) -> None:
    bad = copy_config(tmp_path, "providers.yaml", "dialect: demo", "dialect: klingon")
    result = invoke("--config", bad, "--data", tmp_path / "data", "--demo")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "klingon" in line and "expected one of" in line


def test_a_data_directory_in_use_is_one_line(tmp_path: Path) -> None:
    storage = open_storage(tmp_path, LedgerSettings(), gateway=True)
    result = invoke("serve", "--data", tmp_path)
    storage.close()
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "another gateway" in line


def test_a_data_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("serve", "--data", tmp_path / "file" / "data")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["serve", "--port", "70000"], "--port"),
        (["serve", "--port", "x"], "--port"),
        (["serve", "--nonsense"], "--nonsense"),
        (["--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
        (["serve", "extra"], "extra"),
    ],
)
def test_a_wrong_option_is_named(arguments: list[str], named: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert named in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("AUTOLIST_PORT", "x", "--port"),
        ("AUTOLIST_DEMO", "perhaps", "--demo"),
        ("AUTOLIST_CONFIG", "/nowhere", "/nowhere"),
        ("AUTOLIST_DATA", "/dev/null/data", "/dev/null/data"),
    ],
)
def test_every_option_may_come_from_the_environment(variable, value, named) -> None:
    result = invoke("serve", env={variable: value})
    assert result.exit_code == 2
    assert named in result.stderr


def test_an_address_that_cannot_be_had_is_named_and_storage_let_go(
    tmp_path: Path,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = invoke("serve", "--data", tmp_path, "--port", port)
    assert result.exit_code == 1
    assert "cannot listen" in result.stderr.splitlines()[-1]
    open_storage(tmp_path, LedgerSettings(), gateway=True).close()


def test_sockets_that_cannot_be_taken_over_are_named(tmp_path: Path) -> None:
    told = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"}
    result = invoke("serve", "--data", tmp_path, env=told)
    assert result.exit_code == 1
    assert "cannot listen" in result.stderr.splitlines()[-1]
    assert "gave 2 sockets" in result.stderr.splitlines()[-1]
    open_storage(tmp_path, LedgerSettings(), gateway=True).close()


# Serving.


class Run:
    """The program in a process of its own, until the greeting is complete."""

    def __init__(self, data: Path, *arguments: str, **environ: str) -> None:
        bare = {
            name: value
            for name, value in os.environ.items()
            if not name.endswith(("_API_KEY", "_BASE_URL"))
        }
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "run_proxy.py", *arguments],
            env={
                **bare,
                "AUTOLIST_DATA": str(data),
                "AUTOLIST_PORT": "0",
                "AUTOLIST_WORKERS": "1",
                **environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def greeting(self, last: str) -> str:
        said = ""
        while last not in said:
            line = self.process.stdout.readline()
            if not line:
                raise EOFError(said + self.process.stderr.read())
            said += line
        return said

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, complaints = self.process.communicate(timeout=WAIT_SECONDS)
        return self.process.returncode, complaints


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.communicate()


def test_the_demo_greets_with_all_that_is_needed(tmp_path: Path, runs) -> None:
    run = Run(tmp_path, "--demo")
    runs.append(run)
    said = run.greeting("你好")
    demo = json.loads((tmp_path / "demo.json").read_text("utf-8"))
    assert demo.keys() == {"address", "email", "password", "api_key"}
    for fact in (*demo.values(), f"{demo['address']}/public/dashboard.html"):
        assert fact in said
    with urllib.request.urlopen(f"{demo['address']}/healthz", timeout=20) as answer:
        assert answer.status == 200
    code, complaints = run.end()
    assert code == 0
    # Each model that the shipped prices sell below cost has its line, so has each
    # request, and there are no more.
    below = ("dall-e-3", "stable-diffusion", "qwen-vl", "gen-2", "pika-1.0")
    *warnings, request = complaints.splitlines()
    lines = [line.split(":")[:2] for line in warnings]
    assert lines == [["warning", f" {model} sells below cost"] for model in below]
    told = json.loads(request)
    assert (told["endpoint"], told["status"]) == ("health", 200)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_the_demo_nobody_is_made_and_a_signal_ends_it(
    tmp_path: Path, runs, number: signal.Signals
) -> None:
    run = Run(tmp_path, "serve")
    runs.append(run)
    assert "tk_" not in run.greeting("/public/dashboard.html")
    assert not (tmp_path / "demo.json").exists()
    code, complaints = run.end(number)
    assert code == 0
    assert all("sells below cost" in line for line in complaints.splitlines())


def test_the_public_address_is_the_one_that_is_shown(tmp_path: Path, runs) -> None:
    run = Run(tmp_path, AUTOLIST_PUBLIC_URL="https://ai.example.com")
    runs.append(run)
    assert "https://ai.example.com/public/dashboard.html" in run.greeting(".html")
