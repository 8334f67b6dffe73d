"""What a write transaction offers to a verb."""

import pytest

from storage.chain import FIRST
from storage.database import Ledgerbase
from storage.ids import Ids


@pytest.fixture
def db(storage, clock):
    connection = storage.engine.connect(checked=False)
    connection.begin()
    yield Ledgerbase(connection, clock, Ids(clock), "boot")
    connection.abandon()


def test_the_time_is_read_anew_for_each_operation(db, clock):
    clock.jump(-3600)
    db.begin_operation()
    assert db.now_ns == clock.wall_ns()


def test_the_newest_transfer_is_the_tip(db):
    assert db.tip() == (0, 0, FIRST)
    db.grow(1, 7, b"hash")
    assert db.tip() == (1, 7, b"hash")


def test_a_statement_answers_with_its_rows(db):
    assert db.sql("SELECT ?1, ?2, ?1", (1, "a")) == [(1, "a", 1)]
    assert db.sql("SELECT 1 WHERE 1 = 0") == []
    assert (db.boot_id, db.changed) == ("boot", False)
