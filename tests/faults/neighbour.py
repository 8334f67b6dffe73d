"""Programs beside a gateway, on the same file: one that locks it, one that pays in.

    python -m tests.faults.neighbour lock DATA URL
    python -m tests.faults.neighbour pay DATA ACCOUNT AMOUNT OBJECT URL

Each says `ready`, waits for a line on standard input, and ends: `lock` holds the file
exclusively until then; `pay` pays then, and says what the ledger answered.
"""

import subprocess
import sys
from pathlib import Path

import apsw
import click
import psycopg

from config.gateway import LedgerSettings
from storage import DATABASE, open_storage
from storage.ledger import topup
from storage.postgres.connection import WRITER

ROOT = Path(__file__).parents[2]


def ready() -> None:
    click.echo("ready")
    sys.stdout.flush()
    sys.stdin.readline()


def lock(data: Path, url: str) -> None:
    if url:
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(f"SELECT pg_advisory_lock({WRITER})")
            ready()
        return
    connection = apsw.Connection(str(data / DATABASE))
    connection.execute("BEGIN EXCLUSIVE")
    ready()
    connection.execute("ROLLBACK")


def pay(
    data: Path, account_id: str, amount_nano: str, object_id: str, url: str
) -> None:
    patient = LedgerSettings(busy_seconds=30.0)
    storage = open_storage(data, patient, gateway=False, url=url)
    ready()
    answer = storage.writer.wait(
        topup, int(account_id), int(amount_nano), "test", object_id
    )
    click.echo(type(answer).__name__)
    storage.close()


class Neighbour:
    """One of them, from its `ready` to its end."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> "Neighbour":
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        return self

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """What it said last."""
        said, _ = self.process.communicate()
        assert self.process.returncode == 0
        return said.strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


if __name__ == "__main__":
    {"lock": lock, "pay": pay}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
