"""SQLite: the ledger in one file.

SQLite comes from apsw because several processes commit to one file: libraries before
3.51.3 can corrupt it when a checkpoint and another connection's commit meet in the
wrong moment. WAL lets readers go on while a writer commits; synchronous=FULL means an
acknowledged commit survives a power cut. Both belong to the connection, not the file,
so there is one function for writers and one class for readers, and no third way in.

Whoever writes waits for its turn first, in order (storage/turns.py), so that no process
starves. Checkpoints happen in the writer of the one process that leads, in its turn and
between batches, never by accident inside somebody's commit: automatic ones are off
everywhere.
"""

import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
from peewee import InterfaceError, PeeweeException
from playhouse.apsw_ext import APSWDatabase

from storage.alarm import FileAlarm
from storage.engine import Params, Row, Tip, Upkeep, View
from storage.errors import (
    DatabaseDamaged,
    LedgerUnavailable,
    StorageError,
    UnsupportedSqlite,
)
from storage.locks import Boots, FileLock, locked
from storage.migrations import migrate
from storage.ownership import open_owned
from storage.statements import LAST_TRANSFER
from storage.turns import Turns

OLDEST_SQLITE = (3, 51, 3)
READ_BUSY_SECONDS = 5.0
STOP_BUSY_SECONDS = 1.0
CHECKPOINT_PAGES = 1000
CACHE_KIB = 32 * 1024
"""Of the writer. With ten million transfers in the file what a hundred busy accounts
touch is more than SQLite's own two megabytes, and each request read pages again."""
STATEMENTS_KEPT = 512
"""apsw forgets the one that was least often used in as many executions; a batch has
several hundred, and what it needs once is prepared each time if that is forgotten."""

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
# After these SQLite has undone the transaction and knows where it stands.
HARMLESS = (apsw.BusyError, apsw.LockedError, apsw.FullError)

log = logging.getLogger(__name__)


class SqliteEngine:
    """One file. With `checkpoints`, as leader, its writer keeps the WAL short."""

    faults = apsw.Error
    unavailable = UNAVAILABLE
    harmless = HARMLESS
    idle_seconds = None

    def __init__(
        self,
        path: Path,
        busy_seconds: float = READ_BUSY_SECONDS,
        *,
        checkpoints: bool = False,
        vfs: str = "",
    ) -> None:
        require_sqlite()
        self.path = path
        self.busy_seconds = busy_seconds
        self.checkpoints = checkpoints
        self.wal_pages = 0
        self.checkpoints_done = 0
        self._vfs = vfs
        self._leader: FileLock | None = None
        self._electing = threading.Lock()

    def prepare(self, now_ns: int, *, checked: bool) -> None:
        """Under a lock of its own: two processes that create a file at once would meet
        while it turns to WAL, which waits for nobody.
        """
        path = self.path
        with locked(path.parent / "schema.lock"), _faults_named(path):
            os.close(open_owned(path))
            connection = open_writer(path, self.busy_seconds)
            try:
                if checked:
                    check(connection)
                migrate(connection, now_ns)
            finally:
                connection.close()

    def connect(self, *, checked: bool = False) -> "SqliteConnection":
        connection = open_writer(self.path, self.busy_seconds, self._vfs)
        try:
            if checked:
                check(connection)
        except BaseException:
            connection.close()
            raise
        return SqliteConnection(connection, self)

    @contextmanager
    def snapshot(self) -> Iterator["SqliteSnapshot"]:
        """Raises LedgerUnavailable for what the file does, also while it is read."""
        try:
            connection = open_reader(self.path)
            try:
                connection.execute("BEGIN")
                yield SqliteSnapshot(connection)
            finally:
                connection.close()
        except apsw.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    @contextmanager
    def snapshots(self) -> Iterator[View]:
        """A connection is cheap here: each has its own."""
        yield self.snapshot

    def repeats(self, error: BaseException) -> bool:
        """Never: who waited for a lock has waited long enough."""
        return False

    def lives(self) -> Boots:
        return Boots(self.path.parent)

    def alarm(self) -> FileAlarm:
        return FileAlarm(self.path.parent)

    def reads(self) -> "SqliteReads":
        return SqliteReads(self.path)

    def leads(self) -> bool:
        with self._electing:
            if self._leader is None:
                self._leader = FileLock.try_take(self.path.parent / "leader.lock")
                self.checkpoints = self._leader is not None
            return self.checkpoints

    def resign(self) -> None:
        with self._electing:
            if self._leader is not None:
                self._leader.release()
            self._leader = None
            self.checkpoints = False

    def upkeep(self) -> Upkeep:
        return Upkeep(self.checkpoints_done, self.wal_pages)


class SqliteConnection:
    """The one that writes. It is used by one thread and closed by it."""

    __slots__ = ("_connection", "_execute", "_engine", "_turns", "_checkpoint_above")

    def __init__(self, connection: apsw.Connection, engine: SqliteEngine) -> None:
        connection.set_wal_hook(self._note_wal)
        self._connection = connection
        # One cursor for all: a new one for each statement takes longer than a small
        # statement. Each is read to its end before the next begins.
        self._execute = connection.cursor().execute
        self._engine = engine
        self._turns = Turns(engine.path.parent)
        self._checkpoint_above = CHECKPOINT_PAGES

    def sql(self, statement: str, params: Params = ()) -> list[Row]:
        return self._execute(statement, params).fetchall()

    def begin(self) -> None:
        """Waits for the turn and for SQLite's lock, in all no longer than allowed."""
        started = time.monotonic()
        if not self._turns.take(self._engine.busy_seconds):
            raise apsw.BusyError("other processes write, or one was stopped as it did")
        try:
            left = started + self._engine.busy_seconds - time.monotonic()
            # A stranger that knows no turns may have it.
            self._connection.set_busy_timeout(max(0, int(left * 1000)))
            self._execute("BEGIN IMMEDIATE")
        except BaseException:
            self._turns.give()
            raise

    def tip(self) -> Tip | None:
        newest = self.sql(LAST_TRANSFER)
        return newest[0] if newest else None

    def commit(self) -> None:
        self._execute("COMMIT")
        self._turns.give()

    def roll_back(self) -> None:
        try:
            # SQLite itself undoes a transaction after some faults.
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
        finally:
            self._turns.give()

    def savepoint(self) -> None:
        self._execute("SAVEPOINT operation")

    def release(self) -> None:
        self._execute("RELEASE operation")

    def undo(self) -> None:
        self._execute("ROLLBACK TO operation")
        self._execute("RELEASE operation")

    def idle(self) -> bool:
        """Move the WAL's pages into the file, if there are many.

        A reader with an old snapshot may keep the WAL from starting over; then the
        next try waits for another thousand pages instead of each commit.
        """
        engine = self._engine
        pages = engine.wal_pages
        if pages < self._checkpoint_above:
            if pages < CHECKPOINT_PAGES:
                self._checkpoint_above = CHECKPOINT_PAGES
            return False
        if not engine.checkpoints:
            return False
        if not self._turns.take(engine.busy_seconds):
            return False
        self._checkpoint_above = pages + CHECKPOINT_PAGES
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        finally:
            self._turns.give()
        engine.checkpoints_done += 1
        return True

    def close(self) -> None:
        """Leaves an empty WAL, if nobody reads it."""
        if self._engine.checkpoints and self._turns.take(STOP_BUSY_SECONDS):
            try:
                self._connection.set_busy_timeout(int(STOP_BUSY_SECONDS * 1000))
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.Error as error:
                log.warning("the last checkpoint failed: %s", error)
        self.abandon()

    def abandon(self) -> None:
        try:
            self._connection.close(True)
        except apsw.Error as error:
            log.warning("closing the ledger failed: %s", error)
        self._turns.close()

    def _note_wal(self, _: apsw.Connection, __: str, pages: int) -> int:
        self._engine.wal_pages = pages
        return apsw.SQLITE_OK


class SqliteSnapshot:
    """A read transaction; SQLite takes its snapshot with the first row that is read."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.interrupt = connection.interrupt

    def rows(self, statement: str, params: Params = ()) -> Iterator[Row]:
        return self._connection.execute(statement, params)


class SqliteReads:
    """Read-only connections, one for each thread that asks."""

    def __init__(self, path: Path) -> None:
        self._database = _ReadDatabase(path)

    def rows(self, statement: str, params: Params = ()) -> list[Row]:
        try:
            return list(self._database.execute_sql(statement, params))
        except PeeweeException as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def query(self, query: Any) -> list[Row]:
        try:
            return list(query.tuples().execute(self._database))
        except PeeweeException as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    def close(self) -> None:
        self._database.close_all()


class _ReadDatabase(APSWDatabase):  # type: ignore[misc]
    """What Peewee reads with.

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


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    """What SQLite raises, as the StorageError that says what to do."""
    try:
        yield
    except StorageError:
        raise
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise DatabaseDamaged(
            f"{path} is damaged or no database: {error}; restore a backup"
        ) from error
    except UNAVAILABLE as error:
        raise LedgerUnavailable(f"{path} cannot be used now: {error}") from error


def require_sqlite(version: str = apsw.sqlite_lib_version()) -> None:
    if tuple(int(part) for part in version.split(".")) < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise UnsupportedSqlite(f"SQLite {version} is too old; {oldest} is needed")


def open_writer(path: Path, busy_seconds: float, vfs: str = "") -> apsw.Connection:
    """A connection that may write. It is for one thread: it has no mutex of its own,
    which SQLite would take for each value that goes in or comes out."""
    database = APSWDatabase(
        uri(path, mode="rwc", vfs=vfs),
        timeout=busy_seconds,
        statementcachesize=STATEMENTS_KEPT,
        flags=apsw.SQLITE_OPEN_READWRITE
        | apsw.SQLITE_OPEN_CREATE
        | apsw.SQLITE_OPEN_URI
        | apsw.SQLITE_OPEN_NOMUTEX,
        pragmas=(
            ("journal_mode", "wal"),
            ("synchronous", "full"),
            ("fullfsync", 1),
            ("foreign_keys", 1),
            ("wal_autocheckpoint", 0),
            ("cache_size", -CACHE_KIB),
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
        raise _damaged(error) from error
    if answer[0] != "ok":
        raise _damaged(answer[0])


def _damaged(what: object) -> DatabaseDamaged:
    return DatabaseDamaged(f"the database is damaged: {what}; restore a backup")


def uri(path: Path, mode: str, vfs: str = "") -> str:
    chosen = f"&vfs={vfs}" if vfs else ""
    return f"{path.absolute().as_uri()}?mode={mode}{chosen}"
