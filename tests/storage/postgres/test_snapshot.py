"""One moment of the ledger, however long it is read."""

import threading

import pytest

from storage.errors import LedgerUnavailable
from storage.postgres.snapshot import ROWS_A_TRIP

MANY = "SELECT generate_series(1, ?1)"


def test_more_rows_than_one_trip_brings(storage):
    with storage.engine.snapshot() as snapshot:
        rows = list(snapshot.rows(MANY, (ROWS_A_TRIP * 2 + 1,)))
    assert rows == [(i,) for i in range(1, ROWS_A_TRIP * 2 + 2)]


def test_rows_that_nobody_reads_are_not_brought(storage):
    with storage.engine.snapshot() as snapshot:
        assert next(snapshot.rows(MANY, (10**12,))) == (1,)


def test_nothing_can_be_written(storage):
    with pytest.raises(LedgerUnavailable):
        with storage.engine.snapshot() as snapshot:
            list(snapshot.rows("UPDATE account SET status = 'open' RETURNING id"))


def test_a_statement_that_runs_long_can_be_stopped(storage, server):
    def stop(snapshot):
        running = """
            SELECT count(*) FROM pg_stat_activity
            WHERE query LIKE 'FETCH%' AND state = 'active'
        """
        while server(running) == [(0,)]:
            pass
        snapshot.interrupt()

    with pytest.raises(LedgerUnavailable, match="cancel"):
        with storage.engine.snapshot() as snapshot:
            thread = threading.Thread(target=stop, args=(snapshot,))
            thread.start()
            list(snapshot.rows("SELECT pg_sleep(30)::text"))
    thread.join()


def test_a_session_that_ends_is_said_to_be_unreadable(storage, end_sessions):
    with pytest.raises(LedgerUnavailable):
        with storage.engine.snapshot() as snapshot:
            end_sessions()
            list(snapshot.rows("SELECT 1"))
