"""docs/deploy: what operators copy names options and variables that there are."""

import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from config import load
from tests.documented import commands

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = ("autolist.service", "autolist.socket")
# What is not ours: PostgreSQL's, and the interpreter's.
OTHERS = {"PGPASSWORD", "POSTGRES_PASSWORD"}


def text_of(name: str) -> str:
    return (DEPLOY / name).read_text("utf-8")


def known_variables() -> set[str]:
    """Those of the command line, and those that the shipped files mention."""
    options = [
        option.envvar
        for option in commands()["serve"].params
        if isinstance(option, click.Option)
    ]
    asked: set[str] = set()

    class Environ(dict[str, str]):
        def get(self, name: str, default: str | None = None) -> str | None:
            asked.add(name)
            return default

    load(ROOT / "config", Environ())
    return asked | {str(one) for one in options if one}


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name in UNITS:
        python = "/opt/autolist/.venv/bin/python"
        here = text_of(name).replace(python, sys.executable)
        here = here.replace("/opt/autolist", str(ROOT))
        (tmp_path / name).write_text(here, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", *UNITS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_names_the_program_and_its_variables() -> None:
    lines = text_of("autolist.service").splitlines()
    (command,) = (line for line in lines if line.startswith("ExecStart="))
    assert command.endswith("run_proxy.py serve")
    named = {
        line.split("=")[1] for line in lines if line.startswith("Environment=")
    }
    assert named == {"AUTOLIST_CONFIG", "AUTOLIST_DATA"} & known_variables()


def test_the_grace_time_fits_into_every_stop() -> None:
    settings = load(ROOT / "config", {})
    # After it what still runs is cut, settled, and every process ends.
    least = settings.listen.grace_seconds + 30
    (line,) = (
        line
        for line in text_of("autolist.service").splitlines()
        if line.startswith("TimeoutStopSec=")
    )
    compose = yaml.safe_load(text_of("compose.yaml"))
    grace = compose["services"]["gateway"]["stop_grace_period"]
    assert int(line.partition("=")[2]) >= least
    assert int(grace.removesuffix("s")) >= least


def test_compose_names_variables_that_are_read() -> None:
    services = yaml.safe_load(text_of("compose.yaml"))["services"]
    named = set(services["gateway"]["environment"])
    assert named - OTHERS <= known_variables()
    assert services["gateway"]["build"]["dockerfile"] == "docs/deploy/Dockerfile"
    wanted = {
        name
        for provider in load(ROOT / "config", {}).providers.values()
        for name in provider.credential_names
    }
    assert wanted <= named, "a provider without its credential"


def test_the_image_has_every_source_and_nothing_that_is_secret() -> None:
    copied = {
        word
        for line in text_of("Dockerfile").splitlines()
        if line.startswith("COPY")
        for word in line.split()[1:-1]
    }
    assert {one for one in copied if not (ROOT / one).exists()} == set()
    sources = {"run_proxy.py", "addons", "config", "dashboard", "storage"}
    assert sources <= copied
    sent = {
        line.removeprefix("!")
        for line in text_of("Dockerfile.dockerignore").splitlines()
        if line.startswith("!")
    }
    assert copied == sent


@pytest.mark.parametrize("name", ["nginx.conf", "haproxy.cfg"])
def test_who_stands_in_front_takes_bodies_as_large_as_ours(name: str) -> None:
    limit = load(ROOT / "config", {}).listen.body_bytes
    said = {"nginx.conf": "client_max_body_size 21m", "haproxy.cfg": "gt 22020096"}
    assert said[name] in text_of(name)
    assert 21 * 2**20 == 22020096 > limit
