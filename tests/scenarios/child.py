"""A gateway as an operator runs it: a process of its own, flags, signals, exit codes.

It inherits no settings from whoever runs the tests, and nothing that it logs is lost:
what it wrote to standard error can be read at any time.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx
from click.testing import CliRunner

from run_proxy import main
from storage import engine_at
from tests.scenarios.harness import faults

ROOT = Path(__file__).parents[2]
LOG = "stderr.log"
STOP_SECONDS = 45
# The last line of a greeting, with and without a demo.
LAST_LINES = {True: "    -d ", False: "  dashboard "}


class Child:
    """`run_proxy.py serve` on a free port, from its greeting to its end."""

    def __init__(
        self, data: Path, environ: Mapping[str, str], *flags: str, port: int = 0
    ) -> None:
        self.data = data
        self.environ = environ
        self.demo = "--demo" in flags
        # Descriptors that it inherits.
        self.shares: tuple[int, ...] = ()
        self.command = ["serve", "--data", str(data), "--port", str(port), *flags]

    def __enter__(self) -> Self:
        self.data.mkdir(exist_ok=True)
        self.errors = (self.data / LOG).open("ab")
        self.process = subprocess.Popen(
            self.program,
            cwd=ROOT,
            env=bare(self.environ),
            pass_fds=self.shares,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        try:
            self.greet()
        except BaseException:
            self.end()
            raise
        return self

    @property
    def program(self) -> list[str]:
        return program(*self.command)

    def greet(self) -> None:
        assert self.process.stdout is not None
        self.greeting = self.read_greeting(self.process.stdout)
        (line,) = (one for one in self.greeting.splitlines() if "  address " in one)
        self.url = line.split()[1]
        self.port = int(self.url.rpartition(":")[2])

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            self.end()

    def read_greeting(self, out: IO[str]) -> str:
        lines = []
        for line in out:
            lines.append(line)
            if line.startswith(LAST_LINES[self.demo]):
                return "".join(lines)
        raise RuntimeError(f"no greeting but {lines}; {self.log}")

    @property
    def log(self) -> str:
        """What it complained of, without what the shipped prices always do, and what
        it only tells."""
        lines = (self.data / LOG).read_text("utf-8").splitlines(keepends=True)
        told = ("sells below cost", '"logger":"autolist.requests"')
        return "".join(line for line in lines if not any(one in line for one in told))

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1"

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code."""
        return self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def workers(self) -> list[int]:
        """The processes that serve, if it was started with several; in no order."""
        id = self.process.pid
        text = Path(f"/proc/{id}/task/{id}/children").read_text("ascii")
        return [int(one) for one in text.split()]

    def visitor(self) -> httpx.Client:
        """A program with a cookie jar."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=STOP_SECONDS)

    def register(self, email: str) -> str:
        """A new user's key."""
        with self.visitor() as visitor:
            answer = visitor.post(
                "/api/auth.php?action=register",
                json={"email": email, "password": "password"},
            )
        return str(answer.raise_for_status().json()["data"]["user"]["api_key"])


def program(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "run_proxy.py"), *arguments]


def bare(environ: Mapping[str, str]) -> dict[str, str]:
    """What a program needs to run, and what it is told here."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        # However many cores there are: who wants several says so.
        "AUTOLIST_WORKERS": "1",
        **environ,
    }


def command(data: Path, *arguments: str, storage: str = "") -> Any:
    """What an operator's command says in JSON; it must succeed."""
    done = subprocess.run(
        program(*arguments, "--data", str(data), "--json"),
        env=bare({"AUTOLIST_STORAGE": storage}),
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def prove(data: Path, storage: str = "") -> None:
    """A stopped gateway's ledger adds up and holds nobody's money, and the operator's
    own command says so; nobody else is there for whom it had to be a process."""
    with engine_at(data, storage).snapshot() as snapshot:
        assert faults(snapshot) == []
    asked = ["verify", "--data", str(data), "--json"]
    done = CliRunner().invoke(main, asked, env={"AUTOLIST_STORAGE": storage})
    verdict = json.loads(done.stdout)
    assert (verdict["proved"], verdict["open_holds"]) == (True, 0)
