"""PostgreSQL: one ledger for any number of gateways, on any number of machines.

Every gateway's writer takes the same advisory lock for its batch (see connection.py),
so all verbs of all gateways run one after the other, exactly as they do in one file:
whoever asked for the lock first has it next. Taking rows only as they are needed would
let batches of different users overlap, but each of them ends in the one chain of
transfers, so they would meet there all the same, and could lock each other out before.

Limits on the server keep a gateway that stops in the middle from stopping the others:
its session ends a second later, and with it its transaction and its lock. One that is
not heard of while nothing is written keeps its session as long as its lease: if it was
the one that leads, another one leads then.

A commit whose answer is lost may have happened. The writer runs the same batch again on
a new connection: its lock comes when the old session has ended one way or the other,
and verbs know their ids, so what happened is found and not done twice.

Sessions carry locks and prepared statements, so a pool that hands them out by
transaction (pgbouncer) must not stand in between.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import adapt, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import Int8BinaryDumper

from storage.engine import Snapshot, Upkeep, View
from storage.errors import (
    DatabaseDamaged,
    LedgerUnavailable,
    StorageError,
    UnsupportedPostgres,
)
from storage.migrations.postgres import migrate
from storage.postgres.alarm import TableAlarm
from storage.postgres.connection import PostgresConnection
from storage.postgres.leases import LEASE_SECONDS, RENEW_SECONDS, Leases
from storage.postgres.reads import PostgresReads
from storage.postgres.snapshot import PostgresSnapshot

OLDEST_SERVER = 15
STATEMENT_SECONDS = 10.0
MIGRATE_SECONDS = 60.0
# Whoever is stopped in the middle of it is given up long before those who wait for the
# schema give up.
MIGRATING = {
    "lock_timeout": MIGRATE_SECONDS,
    "statement_timeout": MIGRATE_SECONDS,
    "idle_in_transaction_session_timeout": MIGRATE_SECONDS / 6,
}
CONNECT_SECONDS = 5
STOPPED_SECONDS = 1.0
"""How long a batch may ask nothing. It is less than others usually wait for the lock,
so that none of them fails because one was stopped while it held it."""
SNAPSHOT_SECONDS = 600.0
"""How long an audit may ask nothing: the server keeps what it might still read."""
SILENT_SECONDS = 5.0
"""How long after its own limit the server may be silent before it is given up."""

# After these the session goes on, and its transaction is undone.
HARMLESS = (
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.DiskFull,
    errors.OutOfMemory,
)
_AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)
# The session is over, or the line to it; a server that starts or stops says so too.
_LOST = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.IdleInTransactionSessionTimeout,
    errors.IdleSessionTimeout,
    errors.ReadOnlySqlTransaction,
)
_MS = 1000

log = logging.getLogger(__name__)


class _Whole(adapt.Loader):
    """A sum of bigints, which PostgreSQL calls numeric."""

    def load(self, data: adapt.Buffer) -> int:
        return int(bytes(data))


class PostgresEngine:
    """One database. A gateway has a boot, whose lease its writer renews."""

    faults = psycopg.Error
    unavailable = (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.InternalError,
        LedgerUnavailable,
        DatabaseDamaged,
    )
    harmless = HARMLESS

    def __init__(
        self, url: str, busy_seconds: float, boot_id: str | None = None
    ) -> None:
        self.boot_id = boot_id
        self.leading = False
        self.busy_seconds = busy_seconds
        self.answer_seconds = STATEMENT_SECONDS + SILENT_SECONDS
        self.renew_seconds = RENEW_SECONDS
        # Whoever has no boot leads nothing, and may be silent.
        self.lease_seconds = 0 if boot_id is None else LEASE_SECONDS
        self.idle_seconds = None if boot_id is None else RENEW_SECONDS
        self._conninfo = _conninfo(url)
        self._asking: PostgresReads | None = None

    def prepare(self, now_ns: int, *, checked: bool) -> None:
        """PostgreSQL looks after its own pages; `checked` asks for nothing more."""
        try:
            with self._open(**MIGRATING) as connection:
                _require_server(connection.info)
                migrate(connection, now_ns)
        except StorageError:
            raise
        except self.unavailable as error:
            raise LedgerUnavailable(
                f"the database cannot be used now: {_one_line(error)}"
            ) from error
        except psycopg.Error as error:
            raise DatabaseDamaged(
                f"the database cannot hold the ledger: {_one_line(error)}"
            ) from error

    def connect(self, *, checked: bool = False) -> PostgresConnection:
        """The server was asked for its session: that is the check."""
        connection = self._open(
            lock_timeout=self.busy_seconds,
            statement_timeout=STATEMENT_SECONDS,
            idle_in_transaction_session_timeout=STOPPED_SECONDS,
            # A stopped process or a host without power closes no session.
            idle_session_timeout=self.lease_seconds,
            synchronous_commit="on",
            # A plan is made once, maybe while its tables are nearly empty: then
            # reading them whole looks cheap, and stays so for ever.
            enable_seqscan="off",
            plan_cache_mode="force_generic_plan",
            jit="off",
        )
        return PostgresConnection(connection, self)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Raises LedgerUnavailable for what the database does while it is read, too."""
        with self.snapshots() as view, view() as snapshot:
            yield snapshot

    @contextmanager
    def snapshots(self) -> Iterator[View]:
        """One after the other, all in one session: a proof takes several, and opening a
        session costs the server more than most of them do."""
        try:
            with self._open(
                default_transaction_read_only="on",
                # All rows are wanted, so the plan for the first few is no good one.
                cursor_tuple_fraction="1",
                jit="off",
                idle_in_transaction_session_timeout=SNAPSHOT_SECONDS,
            ) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.autocommit = False

                @contextmanager
                def view() -> Iterator[PostgresSnapshot]:
                    yield PostgresSnapshot(connection)
                    connection.rollback()

                yield view
        except psycopg.Error as error:
            raise LedgerUnavailable(
                f"the ledger cannot be read: {_one_line(error)}"
            ) from error

    def reads(self) -> PostgresReads:
        return PostgresReads(
            lambda: self._open(
                default_transaction_read_only="on",
                statement_timeout=STATEMENT_SECONDS,
            )
        )

    def lives(self) -> Leases:
        self._asking = self.reads()
        return Leases(self._asking)

    def alarm(self) -> TableAlarm:
        return TableAlarm(
            lambda: self._open(
                lock_timeout=self.busy_seconds, statement_timeout=STATEMENT_SECONDS
            )
        )

    def repeats(self, error: BaseException) -> bool:
        """Whether the same batch may come through on another try."""
        if isinstance(error, _AGAIN + _LOST):
            return True
        # Without a code of the server's the line is what failed.
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return lost and getattr(error, "sqlstate", None) is None

    def leads(self) -> bool:
        """Cheap: the writer asks for the lock, on the session that it lives in."""
        return self.leading

    def resign(self) -> None:
        """The lock goes with the writer's session."""
        if self._asking is not None:
            self._asking.close()

    def upkeep(self) -> Upkeep:
        return Upkeep()

    def _open(self, **settings: float | str) -> "psycopg.Connection[Any]":
        """A session with limits of its own, given as seconds; in no transaction."""
        options = " ".join(
            f"-c {name}={value if isinstance(value, str) else int(value * _MS)}"
            for name, value in settings.items()
        )
        given = conninfo_to_dict(self._conninfo).get("options") or ""
        connection = psycopg.connect(
            make_conninfo(self._conninfo, options=f"{given} {options}"), autocommit=True
        )
        connection.adapters.register_dumper(int, Int8BinaryDumper)
        connection.adapters.register_loader("numeric", _Whole)
        return connection


def _conninfo(url: str) -> str:
    """What the operator wrote, and what he need not write. A password may stand in it,
    so nothing of it is ever told."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        raise LedgerUnavailable(
            "the address of the database is none; expected postgresql://user@host/name"
        ) from None
    defaults: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "autolist",
        "target_session_attrs": "primary",
        "client_encoding": "UTF8",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15 * _MS,
    }
    return make_conninfo("", **{**defaults, **given})


def _require_server(info: psycopg.ConnectionInfo) -> None:
    if info.server_version < OLDEST_SERVER * 10_000:
        version = info.parameter_status("server_version")
        raise UnsupportedPostgres(
            f"PostgreSQL {version} is too old; {OLDEST_SERVER} is needed"
        )
    encoding = info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise UnsupportedPostgres(
            f"the database has the encoding {encoding}; UTF8 is needed"
        )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
