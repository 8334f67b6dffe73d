"""An inspector is kept running, and takes nobody with it."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from addons.inspector.keeping import HOST, Keeping, listen
from addons.inspector.web_brief import WebBrief
from config.settings import InspectorSettings, LogSettings

LOG = LogSettings("text")
# Says that it is there, and waits until nobody is.
PROGRAM = """
import os, sys
brief = sys.stdin.buffer.readline()
with open(sys.argv[1], "a") as log:
    log.write(f"{os.getpid()}\\n")
sys.stdin.buffer.read()
"""


class Kept:
    def __init__(self, path: Path, program: str = PROGRAM) -> None:
        self.log = path / "log"
        self.log.touch()
        self.listening = listen(0)
        brief = WebBrief(str(path), self.listening.fileno(), "", 1, 1)
        command = [sys.executable, "-c", program, str(self.log)]
        self.keeping = Keeping(command, brief, self.listening, None, [0.01])

    async def started(self, count: int) -> list[int]:
        """The process numbers of the first so many."""
        while len(found := self.log.read_text().split()) < count:
            await asyncio.sleep(0)
        return [int(one) for one in found]


@pytest.fixture
def kept(tmp_path: Path):
    made = Kept(tmp_path)
    yield made
    made.keeping.close()


async def test_one_that_dies_is_followed_by_another(kept: Kept) -> None:
    async with kept.keeping:
        (first,) = await kept.started(1)
        os.kill(first, signal.SIGKILL)
        _, second = await kept.started(2)
        assert second != first


async def test_one_that_is_stopped_ends_with_the_gateway(kept: Kept) -> None:
    async with kept.keeping:
        (pid,) = await kept.started(1)
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_gateway_goes_on_without_one(tmp_path: Path) -> None:
    made = Kept(tmp_path)
    made.keeping.command = ["/nowhere/at/all"]
    async with made.keeping as keeping:
        await asyncio.sleep(0)
        assert keeping.task is not None and not keeping.task.done()
    made.keeping.close()


def test_a_password_is_made_where_none_is_given(tmp_path: Path) -> None:
    made = Keeping.of(InspectorSettings(port=0), LOG, tmp_path, ["true"])
    port = made.listening.getsockname()[1]
    try:
        assert made.password is not None and len(made.password) >= 20
        assert made.invitation == (
            f"http://{HOST}:{port}/ with the password {made.password}"
        )
        assert made.password not in made.brief.dump().decode()
    finally:
        made.close()


def test_a_password_of_the_operators_is_not_repeated(tmp_path: Path) -> None:
    settings = InspectorSettings(port=0, password="$argon2id$hash")
    made = Keeping.of(settings, LOG, tmp_path, ["true"])
    try:
        assert made.brief.password_hash == "$argon2id$hash"
        assert made.invitation.endswith("/")
    finally:
        made.close()


def test_a_port_of_somebody_else_is_an_error() -> None:
    with listen(0) as taken:
        with pytest.raises(OSError, match="in use"):
            listen(taken.getsockname()[1])


def test_it_listens_on_this_machine_alone() -> None:
    with listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
        assert listening.family == socket.AF_INET
