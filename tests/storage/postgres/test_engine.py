"""What a server must be, how sessions are limited, and what a fault means."""

import psycopg
import pytest
from psycopg import errors

from storage.errors import LedgerUnavailable, UnsupportedPostgres
from storage.migrations.postgres import LOCK
from storage.postgres.engine import MIGRATING, PostgresEngine, _require_server

STOPPED = "idle_in_transaction_session_timeout"


class Info:
    """What psycopg knows of a server."""

    def __init__(self, version=150000, encoding="UTF8"):
        self.server_version = version
        self.said = {"server_version": "14.1", "server_encoding": encoding}

    def parameter_status(self, name):
        return self.said[name]


def test_a_server_that_is_new_enough_is_good():
    _require_server(Info())
    _require_server(Info(version=180001))


@pytest.mark.parametrize(
    "info, said",
    [
        (Info(version=140001), "14.1 is too old; 15 is needed"),
        (Info(encoding="SQL_ASCII"), "encoding SQL_ASCII; UTF8 is needed"),
    ],
)
def test_another_server_is_refused(info, said):
    with pytest.raises(UnsupportedPostgres, match=said):
        _require_server(info)


@pytest.mark.parametrize(
    "setting, value",
    [
        ("synchronous_commit", "on"),
        ("lock_timeout", "5s"),
        ("statement_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "1s"),
        ("idle_session_timeout", "15s"),
        ("client_encoding", "UTF8"),
        ("transaction_isolation", "read committed"),
    ],
)
def test_a_writer_is_durable_and_limited(teller, setting, value):
    assert teller.sql(f"SHOW {setting}") == [(value,)]


def test_who_is_stopped_while_it_makes_the_schema_holds_nobody_up_for_long(url):
    engine = PostgresEngine(url, 1.0)
    with engine._open(**{**MIGRATING, STOPPED: 0.1}) as stopped:
        stopped.execute("BEGIN")
        stopped.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        # It waits for the lock, which ends with the session that has it.
        engine.prepare(0, checked=True)
        with pytest.raises(errors.IdleInTransactionSessionTimeout):
            stopped.execute("SELECT 1")
    with engine._open(**MIGRATING) as session:
        assert session.execute(f"SHOW {STOPPED}").fetchone() == ("10s",)


def test_what_an_operator_says_in_the_address_counts(url, settings):
    options = "options=-c%20work_mem%3D5MB"
    engine = PostgresEngine(f"{url}&application_name=mine&{options}", 1.0)
    connection = engine.connect()
    assert connection.sql("SHOW application_name") == [("mine",)]
    assert connection.sql("SHOW work_mem") == [("5MB",)]
    assert connection.sql("SHOW lock_timeout") == [("1s",)]
    # It has no boot: nobody waits for it to renew a lease.
    assert connection.sql("SHOW idle_session_timeout") == [("0",)]
    connection.abandon()


@pytest.mark.parametrize(
    "error, again",
    [
        (errors.SerializationFailure(), True),
        (errors.DeadlockDetected(), True),
        (errors.AdminShutdown(), True),
        (errors.CannotConnectNow(), True),
        (errors.IdleInTransactionSessionTimeout(), True),
        (errors.IdleSessionTimeout(), True),
        (errors.ReadOnlySqlTransaction(), True),
        (psycopg.OperationalError("the connection is lost"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (errors.LockNotAvailable(), False),
        (errors.QueryCanceled(), False),
        (errors.DiskFull(), False),
        (errors.InvalidPassword(), False),
        (LedgerUnavailable(), False),
        (ValueError(), False),
    ],
)
def test_what_may_come_through_on_another_try(url, error, again):
    assert PostgresEngine(url, 1.0).repeats(error) is again


@pytest.mark.parametrize(
    "error",
    [
        errors.DiskFull(),
        errors.LockNotAvailable(),
        errors.AdminShutdown(),
        errors.DataCorrupted(),
        errors.ReadOnlySqlTransaction(),
        psycopg.OperationalError(),
    ],
)
def test_these_say_not_now(error):
    assert isinstance(error, PostgresEngine.unavailable)


@pytest.mark.parametrize(
    "error", [errors.CheckViolation(), errors.UniqueViolation(), errors.SyntaxError()]
)
def test_these_say_not_this(error):
    assert not isinstance(error, PostgresEngine.unavailable)
