"""A PostgreSQL server of our own, for as long as tests run.

It listens on a Unix socket in a fresh directory only, so nothing on the machine can be
in its way. No test cuts the power, and what a killed process has written the kernel
keeps, so the server need not wait for the disk. It refuses to run as root, who hands it
to the user that Debian's package makes.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from storage.migrations.postgres import migrate
from storage.models import TABLES

REQUIRED = "AUTOLIST_REQUIRE_POSTGRES"
USER = "autolist"
PORT = 5432
START_SECONDS = 60
MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 * 2**30
INITDB = ("-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "fsync": "off",
    "full_page_writes": "off",
    "log_min_messages": "fatal",
}


def memory() -> Path | None:
    """A file system that is no disk, if this machine has one with room."""
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        return None
    return MEMORY


def binaries() -> Path | None:
    """Where the newest installed server is, if there is one."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    every = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(every, key=lambda path: int(path.parts[-3]), default=None)
    return None if newest is None else newest.parent


class Cluster:
    """Runs while the `with` block does; databases are made by `create`."""

    def __init__(self, bin_: Path) -> None:
        self.bin = bin_
        # A socket's path has room for a hundred characters only.
        self.home = Path(tempfile.mkdtemp(prefix="pg-", dir=memory() or "/tmp"))
        self.data = self.home / "data"
        self._number = 0

    def __enter__(self) -> Self:
        try:
            self._run("initdb", "-D", self.data, *INITDB)
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop("immediate")
        finally:
            self._remove()

    def start(self) -> None:
        settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        options = f"-k {self.home} -p {PORT} {' '.join(settings)}"
        log = self.home / "log"
        self._control("-l", log, "-o", options, "-t", START_SECONDS, "start")

    def stop(self, mode: str = "fast") -> None:
        self._control("-m", mode, "stop")

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?host={self.home}&port={PORT}"

    def create(self, template: str = "template1") -> str:
        """A new database like another one; its name."""
        self._number += 1
        name = f"test_{self._number}"
        self.sql("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def sql(self, database: str, statement: str) -> list[Sequence[Any]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _control(self, *arguments: object) -> None:
        self._run("pg_ctl", "-D", self.data, "-w", *arguments)

    def _run(self, program: str, *arguments: object) -> None:
        owner = _owner()
        if owner is not None:
            os.chown(self.home, owner.pw_uid, owner.pw_gid)
        done = subprocess.run(
            [str(self.bin / program), *map(str, arguments)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            user=None if owner is None else owner.pw_uid,
            group=None if owner is None else owner.pw_gid,
            extra_groups=None if owner is None else [],
        )
        if done.returncode:
            log = self.home / "log"
            told = log.read_text("utf-8") if log.exists() else ""
            raise RuntimeError(f"{program}: {done.stdout.decode()}{told}")

    def _remove(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)


def _owner() -> pwd.struct_passwd | None:
    """Whom the server runs as: us, unless we are root."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


class Databases:
    """Ledgers of a cluster, lent to one test each.

    Emptying one is much quicker than making it, so one is lent again unless its schema
    is no longer what it was.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._sessions: dict[str, psycopg.Connection[Any]] = {}
        self._template = cluster.create()
        with psycopg.connect(cluster.url(self._template), autocommit=True) as made:
            migrate(made, 0)
        self._shape = cluster.sql(self._template, SHAPE)
        self._free: list[str] = []

    def lend(self) -> str:
        return self._free.pop() if self._free else self.cluster.create(self._template)

    def give_back(self, name: str) -> None:
        try:
            empty = self._empty(name)
        except psycopg.OperationalError:
            # A test ended all sessions, or the server.
            self._sessions.pop(name).close()
            empty = self._empty(name)
        if empty:
            self._free.append(name)

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()

    def _empty(self, name: str) -> bool:
        """By a session that stays: opening one costs as much as all it does."""
        if name not in self._sessions:
            url = self.cluster.url(name)
            self._sessions[name] = psycopg.connect(url, autocommit=True)
        session = self._sessions[name]
        if session.execute(SHAPE).fetchall() != self._shape:
            self._sessions.pop(name).close()
            return False
        session.execute(EMPTY.encode())
        return True


SHAPE = """
    SELECT count(*), sum(ascii(tgenabled)), (SELECT count(*) FROM pg_constraint),
        (SELECT count(*) FROM pg_attribute), (SELECT count(*) FROM migration)
    FROM pg_trigger
"""
# As a replica no trigger of ours fires, nor one that watches references.
EMPTY = "; ".join(
    [
        "SET session_replication_role = replica",
        "SET synchronous_commit = off",
        "DELETE FROM alarm",
        *[
            f'DELETE FROM "{table._meta.table_name}"'
            for table in TABLES
            if table._meta.table_name != "migration"
        ],
        *import_module("storage.migrations.postgres.0001_initial").ROWS,
        "ALTER TABLE account ALTER COLUMN id RESTART WITH 5",
        'ALTER TABLE "key" ALTER COLUMN id RESTART',
    ]
)
