"""Marks on the way to a PostgreSQL server: the gateway dies at one point of its talk.

The server is told each statement in full once, before its first use in a session. The
transaction that comes after that is the one that is struck, at its COMMIT: before the
server hears of it, or after the server has done it and before the gateway hears of
that.
"""

import os
import signal
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from tests.fakes.postgres_line import CHUNK, COMMIT, PostgresLine
from tests.faults.marks import AFTER
from tests.scenarios.child import Child

WAIT_SECONDS = 20


class MarkedLine(PostgresLine):
    """Kills its gateway when the talk comes to the mark."""

    def __init__(self, url: str, moment: str, statement: str) -> None:
        server, through = rerouted(url)
        super().__init__(server)
        self.url = through.format(port=self.port)
        self.moment = moment
        self.statement = statement.encode()
        self.pid = 0
        self.marked = False
        self.struck = threading.Event()
        self.done = threading.Event()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(CHUNK):
                self.marked = self.marked or self.statement in data
                if self.marked and COMMIT in data:
                    self.strike(server, data)
                    return
                server.sendall(data)

    def strike(self, server: socket.socket, data: bytes) -> None:
        self.struck.set()
        if self.moment == AFTER:
            server.sendall(data)
            self.done.wait(WAIT_SECONDS)
        os.kill(self.pid, signal.SIGKILL)
        # Only closed, it would stay open as long as the other thread reads from it.
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if self.struck.is_set():
                    self.done.set()
                    continue
                client.sendall(data)
        client.close()


def rerouted(url: str) -> tuple[Path, str]:
    """The socket of a server, and the address of its database by way of a line."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    user = parts.netloc.partition("@")[0]
    server = Path(asked["host"][0]) / f".s.PGSQL.{asked['port'][0]}"
    return server, f"postgresql://{user}@127.0.0.1:{{port}}{parts.path}"


def bury(url: str) -> None:
    """All gateways are dead, and their leases on a PostgreSQL ledger have run out: a
    quarter of a minute in no time. The kernel's locks need none."""
    if url:
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("UPDATE boot SET lease_ns = 0")


class StruckChild(Child):
    """`run_proxy.py serve` on a ledger at the end of a marked line."""

    def __init__(
        self, data: Path, environ: Mapping[str, str], line: MarkedLine, *flags: str
    ) -> None:
        super().__init__(data, environ, *flags)
        self.line = line

    def greet(self) -> None:
        super().greet()
        self.line.pid = self.process.pid

    def died(self) -> None:
        """Returns when it is dead, of its mark and of nothing else."""
        assert self.wait() == -signal.SIGKILL
        assert self.line.struck.is_set()
