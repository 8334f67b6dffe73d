"""What every engine promises, each asked in the same words."""

import pytest

from storage.engine import Upkeep
from storage.errors import LedgerUnavailable

INSERT = "INSERT INTO boot (id, pid, host, started_ns) VALUES (?1, 1, ?1, 1)"
NAMES = "SELECT id FROM boot WHERE host = id ORDER BY id"


@pytest.fixture
def engine(storage):
    return storage.engine


@pytest.fixture
def connection(engine):
    connection = engine.connect(checked=True)
    yield connection
    connection.abandon()


def names(engine):
    with engine.snapshot() as snapshot:
        return [name for (name,) in snapshot.rows(NAMES)]


def test_what_is_committed_is_there(connection, engine):
    connection.begin()
    connection.sql(INSERT, ("a",))
    assert names(engine) == []
    connection.commit()
    assert names(engine) == ["a"]


def test_what_is_rolled_back_is_not(connection, engine):
    connection.begin()
    connection.sql(INSERT, ("a",))
    connection.roll_back()
    connection.roll_back()
    connection.begin()
    connection.commit()
    assert names(engine) == []


def test_what_is_undone_is_not_and_what_is_released_is(connection, engine):
    connection.begin()
    for name, end in [("a", connection.release), ("b", connection.undo)]:
        connection.savepoint()
        connection.sql(INSERT, (name,))
        end()
    connection.commit()
    assert names(engine) == ["a"]


def test_a_statement_that_fails_can_be_undone_alone(connection, engine):
    connection.begin()
    connection.sql(INSERT, ("a",))
    connection.savepoint()
    with pytest.raises(engine.faults) as caught:
        connection.sql("UPDATE account SET debits_posted = -1 WHERE id = 1")
        connection.release()
    assert not isinstance(caught.value, engine.unavailable)
    connection.undo()
    connection.commit()
    assert names(engine) == ["a"]


def test_the_tip_is_the_newest_transfer(connection, teller):
    connection.begin()
    assert connection.tip() is None
    connection.roll_back()
    teller.caller()
    connection.begin()
    (rows,) = connection.sql("SELECT seq, at_ns, hash FROM transfer")
    assert connection.tip() == rows
    connection.roll_back()


def test_numbers_text_bytes_and_null_come_back_as_they_went(connection):
    connection.begin()
    values = (2**63 - 1, "ünï", b"\x00\xff", None, -1)
    statement = """
        UPDATE voucher SET amount_nano = ?1, batch = ?2, code_hash = ?3, spent_by = ?4,
            created_ns = ?5
        RETURNING amount_nano, batch, code_hash, spent_by, created_ns
    """
    insert = """
        INSERT INTO voucher (code_hash, amount_nano, batch, created_ns)
        VALUES (?1, 1, '', 1)
    """
    connection.sql(insert, (b"",))
    assert connection.sql(statement, values) == [values]
    connection.roll_back()


def test_a_sum_is_a_whole_number(connection):
    connection.begin()
    ((total,),) = connection.sql("SELECT sum(id) FROM account")
    assert (type(total), total) == (int, 1 + 2 + 3 + 4 - 1 - 2 - 3)
    connection.roll_back()


def test_a_snapshot_stays_as_it_was(connection, engine):
    with engine.snapshot() as snapshot:
        assert list(snapshot.rows(NAMES)) == []
        connection.begin()
        connection.sql(INSERT, ("a",))
        connection.commit()
        assert list(snapshot.rows(NAMES)) == []
    assert names(engine) == ["a"]


def test_streams_of_one_snapshot_can_be_read_in_turn(engine):
    with engine.snapshot() as snapshot:
        statement = "SELECT id FROM account WHERE id > ?1 ORDER BY id"
        first, second = (snapshot.rows(statement, (least,)) for least in (0, 1))
        assert [next(first), next(second), next(first)] == [(1,), (2,), (2,)]


def test_who_is_interrupted_is_told_that_it_cannot_be_read(engine):
    endless = """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
        SELECT i FROM n
    """
    with pytest.raises(LedgerUnavailable):
        with engine.snapshot() as snapshot:
            for (number,) in snapshot.rows(endless):
                if number == 2:
                    snapshot.interrupt()


def test_a_new_connection_has_done_nothing_yet(engine):
    assert engine.upkeep() == Upkeep(0, engine.upkeep().wal_pages)
