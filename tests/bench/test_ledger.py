"""The ledger's benchmark, small: it runs, its tables are tables, and the past that it
writes in bulk is one that the ledger itself could have written."""

import pytest

from storage import DATABASE
from storage.audit import audit
from storage.sqlite import SqliteEngine
from tests.bench.ledger import (
    ACCOUNTS,
    IN_FLIGHT,
    make,
    measure,
    pairs_table,
    proofs_table,
    prove,
)


@pytest.fixture
def past(tmp_path):
    make(tmp_path / "past", 250)
    return tmp_path / "past"


def test_it_measures_each_number_in_flight_beside_an_empty_ledger(past, tmp_path):
    make(tmp_path / "empty", 0)
    figures = measure([tmp_path / "empty", past], pairs=30, rounds=2)
    lines = pairs_table([0, 250], figures)
    assert len(lines) == 2 + 2 * len(IN_FLIGHT)
    assert {line.count("|") for line in lines} == {9}
    for data in (tmp_path / "empty", past):
        with SqliteEngine(data / DATABASE).snapshot() as snapshot:
            assert audit(snapshot) == []


def test_a_past_is_proved_by_the_command(past):
    proof = prove(past)
    assert proof.transfers == 250 + ACCOUNTS
    assert len(proofs_table([proof])) == 3


def test_a_past_is_made_once(past):
    before = (past / DATABASE).stat().st_mtime_ns
    make(past, 250)
    assert (past / DATABASE).stat().st_mtime_ns == before
