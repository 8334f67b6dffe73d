"""Holds and usage in slices: what is wrong with each, wherever a slice ends."""

import pytest

from storage.audit.findings import Findings
from storage.audit.holds import HOLDS, USAGE, wrong_open_holds, wrong_rows
from tests.storage.teller import NANO, Teller


@pytest.fixture
def storage(open_ledger):
    """Not proved afterwards: these tests break it."""
    storage = open_ledger()
    teller = Teller(storage)
    caller = teller.caller()
    for number in range(7):
        teller.admit(caller, f"r{number}", NANO)
    for number in (0, 1, 2):
        teller.settle(f"r{number}", 5)
    for number in (3, 4):
        teller.void(f"r{number}")
    teller.settle("r4", 7)
    return storage


def found_in(storage, table, slice_rows):
    findings, steps = Findings(), []
    wrong_rows(storage.engine.snapshot, table, findings, steps.append, slice_rows)
    return [str(one) for one in findings], steps


@pytest.mark.parametrize("slice_rows", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("table, rows", [(HOLDS, 7), (USAGE, 5)])
def test_a_sound_table_is_read_to_its_end(storage, table, rows, slice_rows):
    findings, steps = found_in(storage, table, slice_rows)
    assert findings == []
    assert rows <= sum(steps) < rows + slice_rows


WRONGS = [
    (
        HOLDS,
        "DELETE FROM usage WHERE request_id = 'r1'",
        "I10 hold r1: it is closed without a usage row",
    ),
    (
        HOLDS,
        "UPDATE hold SET state = 'open' WHERE id = 'r2'",
        "I10 hold r2: it is open and has a usage row",
    ),
    *[
        (
            HOLDS,
            f"UPDATE usage SET {column} WHERE request_id = 'r3'",
            "I10 hold r3: its usage row is not its own",
        )
        for column in ("account_id = 1", "key_id = 9", "price_id = 'x'", "model = 'x'")
    ],
    (
        HOLDS,
        "UPDATE hold SET account_id = 1 WHERE id = 'r6'",
        "I10 hold r6: its key is not of its account",
    ),
    (
        HOLDS,
        "UPDATE hold SET key_id = 9 WHERE id = 'r5'",
        "I10 hold r5: its key is not of its account",
    ),
    (
        HOLDS,
        "UPDATE hold SET state = 'settled' WHERE id = 'r3'",
        "I5 hold r3: it is settled and no usage transfer charged it",
    ),
    *[
        (
            HOLDS,
            f"UPDATE usage SET {column} = 1 WHERE request_id = 'r3'",
            "I5 hold r3: it is voided, its usage row has a cost, and no late"
            " transfer charged it",
        )
        for column in ("cost_nano", "paid_nano", "shortfall_nano", "buy_nano")
    ],
    (
        USAGE,
        "UPDATE usage SET request_id = 'r9' WHERE request_id = 'r3'",
        "I10 usage r9: there is no such hold",
    ),
]


@pytest.mark.parametrize("slice_rows", [1, 3, 100])
@pytest.mark.parametrize("table, statement, said", WRONGS)
def test_a_wrong_row_is_named(storage, corrupt, table, statement, said, slice_rows):
    corrupt(statement)
    assert found_in(storage, table, slice_rows)[0] == [said]


def test_open_holds_are_looked_at_alone(storage, corrupt):
    corrupt("UPDATE hold SET key_id = 9 WHERE id IN ('r1', 'r6')")
    with storage.engine.snapshot() as snapshot:
        (found,) = wrong_open_holds(snapshot)
    assert found.row == "hold r6"
