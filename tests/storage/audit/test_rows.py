"""Rows: the positions are those of the statement."""

import pytest

from storage.audit import rows
from storage.ledger import topup
from storage.models import Hold, Transfer, Usage
from tests.storage.teller import NANO

POSITIONS = [
    (Transfer, "usage:r1", {
        "seq": rows.SEQ,
        "id": rows.ID,
        "code": rows.CODE,
        "debit_id": rows.DEBIT,
        "credit_id": rows.CREDIT,
        "amount_nano": rows.AMOUNT,
        "buy_nano": rows.BUY,
        "account_id": rows.ACCOUNT,
        "balance_nano": rows.BALANCE,
        "hold_id": rows.HOLD,
        "ref": rows.REF,
        "at_ns": rows.AT,
        "request_hash": rows.REQUEST_HASH,
        "prev_hash": rows.PREVIOUS,
        "hash": rows.HASH,
    }),
    (Hold, "r1", {
        "id": rows.HOLD_ID,
        "account_id": rows.HOLD_ACCOUNT,
        "state": rows.STATE,
    }),
    (Usage, "r1", {
        "request_id": rows.USAGE_ID,
        "key_id": rows.KEY,
        "price_id": rows.PRICE,
        "input": rows.METERED,
        "output": rows.METERED + 3,
        "other": rows.OTHER,
        "cost_pico": rows.COST_PICO,
        "cost_nano": rows.COST_NANO,
        "paid_nano": rows.PAID,
        "shortfall_nano": rows.SHORT,
        "at_ns": rows.USED_AT,
        "buy_pico": rows.USED_BUY_PICO,
        "buy_nano": rows.USED_BUY,
    }),
]


@pytest.fixture
def told(teller, storage):
    """The rows of a welcome, a charge and its shortfall."""
    caller = teller.caller(NANO)
    teller.admit(caller, "r1", NANO)
    teller.settle("r1", 3 * NANO)
    with storage.engine.snapshot() as snapshot:
        return list(snapshot.rows(rows.ROWS, (0, 0, 10)))


@pytest.mark.parametrize("model, row_id, positions", POSITIONS)
def test_each_position_is_its_column(teller, told, model, row_id, positions):
    key = "request_id" if model is Usage else "id"
    table = model._meta.table_name
    (found,) = teller.sql(
        f"SELECT {', '.join(positions)} FROM {table} WHERE {key} = ?1", (row_id,)
    )
    assert tuple(told[1][position] for position in positions.values()) == found


def test_a_charge_has_its_shortfall_beside_it(told):
    assert [row[rows.SHORTFALL] for row in told] == [None, 2 * NANO, 2 * NANO]


def test_after_a_checkpoint_the_balance_there_is_beside_it(told, storage):
    with storage.engine.snapshot() as snapshot:
        (charge, _) = snapshot.rows(rows.ROWS, (1, 1, 10))
    assert (told[1][rows.BEFORE], charge[rows.BEFORE]) == (None, NANO)


def test_a_top_up_has_the_number_of_its_copies_beside_it(teller, storage):
    teller.do(topup, teller.caller().account_id, 5, "test", "1")
    with storage.engine.snapshot() as snapshot:
        found = [row[rows.COPIES] for row in snapshot.rows(rows.ROWS, (0, 0, 10))]
    assert found == [None, 1]
