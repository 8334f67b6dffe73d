"""Connections: how a ledger file is opened, and what a write transaction offers.

SQLite comes from apsw because several processes commit to one file: libraries before
3.51.3 can corrupt it when a checkpoint and another connection's commit meet in the
wrong moment. WAL lets readers go on while a writer commits; synchronous=FULL means an
acknowledged commit survives a power cut. Both belong to the connection, not the file,
so there is one function for writers and one class for readers, and no third way in.

Checkpoints happen in the gateway's writer between batches, never by accident inside
somebody's commit: automatic ones are off everywhere.
"""

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
from peewee import InterfaceError, PeeweeException
from playhouse.apsw_ext import APSWDatabase

from storage.chain import FIRST
from storage.clock import Clock
from storage.errors import DatabaseDamaged, LedgerUnavailable, UnsupportedSqlite
from storage.ids import Ids
from storage.statements import LAST_TRANSFER

OLDEST_SQLITE = (3, 51, 3)
READ_BUSY_SECONDS = 5.0

Row = tuple[Any, ...]
Params = Sequence[int | str | bytes | None]
Tip = tuple[int, int, bytes]

# What says "not now" rather than "not this": the disk, the locks, the file.
UNAVAILABLE = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.ProtocolError,
    apsw.NoMemError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.ConnectionClosedError,
    LedgerUnavailable,
    DatabaseDamaged,
)


def require_sqlite(version: str = apsw.sqlite_lib_version()) -> None:
    if tuple(int(part) for part in version.split(".")) < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise UnsupportedSqlite(f"SQLite {version} is too old; {oldest} is needed")


def open_writer(path: Path, busy_seconds: float, vfs: str = "") -> apsw.Connection:
    """A connection that may write. It is used by one thread and closed by it."""
    require_sqlite()
    database = APSWDatabase(
        uri(path, mode="rwc", vfs=vfs),
        timeout=busy_seconds,
        flags=apsw.SQLITE_OPEN_READWRITE
        | apsw.SQLITE_OPEN_CREATE
        | apsw.SQLITE_OPEN_URI,
        pragmas=(
            ("journal_mode", "wal"),
            ("synchronous", "full"),
            ("fullfsync", 1),
            ("foreign_keys", 1),
            ("wal_autocheckpoint", 0),
            ("trusted_schema", 0),
        ),
    )
    try:
        database.connect()
    except PeeweeException as error:
        # The writer tells faults apart by apsw's finer classes.
        raise error.__context__ or error
    connection: apsw.Connection = database.connection()
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """A read-only connection for one long job, such as an audit or a backup."""
    require_sqlite()
    connection = apsw.Connection(
        uri(path, mode="ro"), flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    )
    connection.set_busy_timeout(int(READ_BUSY_SECONDS * 1000))
    return connection


def check(connection: apsw.Connection) -> None:
    """Refuse a file that SQLite itself finds broken."""
    try:
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchall()
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise DatabaseDamaged(f"the database is damaged: {error}") from error
    if answer[0] != "ok":
        raise DatabaseDamaged(f"the database is damaged: {answer[0]}")


def uri(path: Path, mode: str, vfs: str = "") -> str:
    chosen = f"&vfs={vfs}" if vfs else ""
    return f"{path.absolute().as_uri()}?mode={mode}{chosen}"


class ReadDatabase(APSWDatabase):  # type: ignore[misc]
    """Peewee over read-only connections, one for each thread that asks.

    A read-only connection cannot write, cannot checkpoint and leaves the WAL alone
    when it closes. Peewee keeps them by thread; the set here finds them again at the
    end, and forgets those whose thread is gone.
    """

    def __init__(self, path: Path) -> None:
        self._opened: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._ended = False
        super().__init__(
            uri(path, mode="ro"),
            timeout=READ_BUSY_SECONDS,
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
            pragmas=(("query_only", 1), ("trusted_schema", 0)),
        )

    def _connect(self) -> apsw.Connection:
        if self._ended:
            raise InterfaceError("the ledger is closed")
        connection: apsw.Connection = super()._connect()
        self._opened.add(connection)
        return connection

    def close_all(self) -> None:
        """Ends reading in all threads, whose own connections fail from now on."""
        self._ended = True
        for connection in list(self._opened):
            connection.close()


class Ledgerbase:
    """The open write transaction, as a verb sees it.

    `now_ns` is the wall clock at the start of the operation and may jump. Transfers
    are numbered, dated and chained by `tip()`: what the newest one in the file has,
    read inside the transaction because other processes write too.
    """

    __slots__ = ("boot_id", "ids", "now_ns", "changed", "_execute", "_clock", "_tip")

    def __init__(
        self, connection: apsw.Connection, clock: Clock, ids: Ids, boot_id: str
    ) -> None:
        self.boot_id = boot_id
        self.ids = ids
        self.now_ns = clock.wall_ns()
        self.changed = False
        self._execute = connection.execute
        self._clock = clock
        self._tip: Tip | None = None

    def sql(self, statement: str, params: Params = ()) -> list[Row]:
        return self._execute(statement, params).fetchall()

    def begin_operation(self) -> None:
        """Called by the writer before each verb of a batch."""
        self.now_ns = self._clock.wall_ns()

    def tip(self) -> Tip:
        """The newest transfer's seq, date and hash."""
        if self._tip is None:
            newest = self.sql(LAST_TRANSFER)
            self._tip = newest[0] if newest else (0, 0, FIRST)
        return self._tip

    def grow(self, seq: int, at_ns: int, head: bytes) -> None:
        """A transfer was written: it is the newest now."""
        self._tip = seq, at_ns, head

    def keys_changed(self) -> None:
        """Tells this process's cache of keys to forget, once this is committed."""
        self.changed = True
