"""The chain by hand: what is hashed, and that each verb continues it."""

import hashlib

import pytest

from storage.chain import (
    COLUMNS,
    FIRST,
    HOLD_COLUMNS,
    USAGE_COLUMNS,
    Chain,
    digest,
    link,
)
from storage.models import Hold, Usage
from tests.storage.teller import NANO

ROW = (1, "promo:x", "promo", 4, 5, 7, 0, 5, 7, None, None, "x", None, None, 9)


def test_a_hash_is_of_the_one_before_and_of_the_row_as_json():
    text = b'[1,"promo:x","promo",4,5,7,0,5,7,null,null,"x",null,null,9]'
    assert link(FIRST, ROW) == hashlib.sha256(bytes(32) + text).digest()


def test_a_request_is_the_last_value_of_the_row_that_charges_it():
    text = b'[1,"promo:x","promo",4,5,7,0,5,7,null,null,"x",null,null,9,"0aff"]'
    hashed = hashlib.sha256(bytes(32) + text).digest()
    assert link(FIRST, ROW, b"\x0a\xff") == hashed


def test_a_digest_is_of_the_values_as_json():
    assert digest((1, "é", None)) == hashlib.sha256('[1,"é",null]'.encode()).digest()


@pytest.mark.parametrize(
    "model, columns", [(Hold, HOLD_COLUMNS), (Usage, USAGE_COLUMNS)]
)
def test_a_digest_is_of_all_columns(model, columns):
    """A new column that the digest does not know could be changed unseen."""
    assert set(model._meta.columns) == set(columns)


def test_a_chain_grows_from_its_head():
    chain = Chain()
    first = chain.link(ROW)
    second = chain.link((2, *ROW[1:]))
    assert (chain.head, second) == (second, link(first, (2, *ROW[1:])))


def test_every_transfer_continues_the_chain(teller):
    caller = teller.caller()
    for number in range(3):
        teller.admit(caller, f"r{number}", NANO)
        teller.settle(f"r{number}", number)
    rows = teller.sql(
        f"SELECT {', '.join(COLUMNS)}, request_hash, prev_hash, hash FROM transfer"
        " ORDER BY seq"
    )
    head = FIRST
    for number, (*row, request, previous, hashed) in enumerate(rows, 1):
        assert (row[0], previous, hashed) == (number, head, link(head, row, request))
        head = hashed


def test_a_charge_has_the_digest_of_its_request(teller):
    """And nothing else has one: not the welcome money, not the house's shortfall."""
    caller = teller.caller(NANO)
    teller.admit(caller, "r1", NANO)
    teller.settle("r1", 2 * NANO)
    (hold,) = teller.sql(f"SELECT {', '.join(HOLD_COLUMNS)} FROM hold")
    (used,) = teller.sql(f"SELECT {', '.join(USAGE_COLUMNS)} FROM usage")
    found = teller.sql("SELECT code, request_hash FROM transfer ORDER BY seq")
    expected = digest(hold + used)
    assert found == [("promo", None), ("usage", expected), ("shortfall", None)]


def test_a_verb_that_fails_leaves_no_gap(teller):
    def fail(db, caller):
        db.sql("UPDATE account SET credits_posted = -1 WHERE id = ?1", (caller,))

    caller = teller.caller()
    teller.admit(caller, "r1", NANO)
    try:
        teller.do(fail, caller.account_id)
    except Exception as error:
        assert "CHECK" in str(error).upper()
    teller.settle("r1", 1)
    assert teller.sql("SELECT seq FROM transfer ORDER BY seq") == [(1,), (2,)]
