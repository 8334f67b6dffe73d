"""Reading from many threads over few connections."""

import threading

import pytest

from storage.errors import LedgerUnavailable
from storage.models import User
from storage.postgres.reads import CONNECTIONS_MAX

SESSIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'autolist' AND datname = current_database()
"""


@pytest.fixture
def reads(storage):
    reads = storage.engine.reads()
    yield reads
    reads.close()


def test_threads_share_a_few_connections(reads, server):
    ((before,),) = server(SESSIONS)
    together = threading.Barrier(CONNECTIONS_MAX * 3)
    found = []

    def read():
        together.wait()
        found.append(reads.rows("SELECT pg_sleep(0.05)::text || ?1", ("x",)))

    threads = [threading.Thread(target=read) for _ in range(CONNECTIONS_MAX * 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[("x",)]] * len(threads)
    ((after,),) = server(SESSIONS)
    assert after - before <= CONNECTIONS_MAX


def test_a_connection_that_was_lost_is_replaced_at_once(reads, end_sessions):
    assert reads.rows("SELECT ?1", (1,)) == [(1,)]
    end_sessions()
    assert reads.rows("SELECT ?1", (2,)) == [(2,)]


def test_a_statement_that_fails_costs_no_connection(reads):
    for _ in range(CONNECTIONS_MAX * 2):
        with pytest.raises(LedgerUnavailable, match="cannot be read"):
            reads.rows("SELECT 1 / 0")
    assert reads.rows("SELECT 1") == [(1,)]


def test_nothing_can_be_written(reads):
    with pytest.raises(LedgerUnavailable, match="read-only"):
        reads.rows("DELETE FROM session")


def test_what_peewee_builds_is_read_too(reads, teller):
    teller.caller(email="a_b@example.com")
    teller.caller(email="axb@example.com")
    query = User.select(User.email).where(User.email.contains("a_b"))
    assert reads.query(query) == [("a_b@example.com",)]


def test_after_the_end_nobody_reads(reads):
    reads.rows("SELECT 1")
    reads.close()
    with pytest.raises(LedgerUnavailable, match="closed"):
        reads.rows("SELECT 1")
