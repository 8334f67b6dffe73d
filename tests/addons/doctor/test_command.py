"""`doctor` as an operator runs it: a line for each finding, and its exit code."""

import json
import socket
from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result

from run_proxy import main
from tests.addons.doctor.conftest import CONFIG, SECRET
from tests.fakes.openai_server import FakeOpenAI

LEVELS = {"ok", "warn", "fail"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The shipped files, on a port that is free."""
    copied = copytree(CONFIG, tmp_path / "config")
    path = copied / "gateway.yaml"
    path.write_text(path.read_text("utf-8").replace("port: 8000", "port: 0"), "utf-8")
    return copied


def run(config: Path, *words: str, **environ: str) -> Result:
    given = ["doctor", "--config", str(config), "--data", str(config.parent / "data")]
    environ = {"OPENAI_API_KEY": SECRET, "AUTOLIST_STORAGE": ""} | environ
    return CliRunner().invoke(main, [*given, *words], env=environ)


def test_a_healthy_machine_has_a_line_for_each_check_and_exit_code_0(config) -> None:
    result = run(config)
    assert result.exit_code == 0, result.output
    lines = [line.split()[:2] for line in result.stdout.splitlines()]
    assert {level for level, _ in lines} <= LEVELS
    assert {name for _, name in lines} >= {"python", "sqlite", "database", "port"}
    assert SECRET not in result.output


def test_a_failure_is_exit_code_1_and_says_what_to_do(config: Path) -> None:
    result = run(config, OPENAI_API_KEY="")
    assert result.exit_code == 1
    assert "none can be served: set the credential of a provider" in result.stdout


def test_a_mistake_in_the_files_is_a_finding_too(config: Path) -> None:
    (config / "gateway.yaml").write_text("listen: {port: many}", "utf-8")
    result = run(config)
    assert result.exit_code == 1
    assert "gateway.yaml:1: listen.port" in result.stdout


def test_the_port_is_the_one_that_the_gateway_is_told(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        taken.settimeout(0)
        result = run(config, AUTOLIST_PORT=number)
    assert result.exit_code == 1
    assert f"127.0.0.1:{number}" in result.stdout


def test_programs_get_the_same_as_json(config: Path) -> None:
    found = json.loads(run(config, "--json").stdout)
    assert found["ok"] is True
    assert {one["level"] for one in found["checks"]} <= LEVELS
    (names,) = {frozenset(one) for one in found["checks"]}
    assert names == {"check", "level", "text", "todo"}


def test_providers_are_asked_when_that_is_wanted(config: Path) -> None:
    with FakeOpenAI(api_key=SECRET) as fake:
        result = run(config, "--probe", OPENAI_BASE_URL=f"{fake.address}/v1")
    assert "OPENAI_API_KEY is accepted" in result.stdout
    assert result.exit_code == 0, result.output
