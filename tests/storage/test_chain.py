"""The chain by hand: what is hashed, and that each verb continues it."""

import hashlib

from storage.chain import COLUMNS, FIRST, Chain, link
from tests.storage.teller import NANO

ROW = (1, "promo:x", "promo", 4, 5, 7, 0, 5, 7, None, None, "x", None, None, 9)


def test_a_hash_is_of_the_one_before_and_of_the_row_as_json():
    text = b'[1,"promo:x","promo",4,5,7,0,5,7,null,null,"x",null,null,9]'
    assert link(FIRST, ROW) == hashlib.sha256(bytes(32) + text).digest()


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
        f"SELECT {', '.join(COLUMNS)}, prev_hash, hash FROM transfer ORDER BY seq"
    )
    head = FIRST
    for number, (*row, previous, hashed) in enumerate(rows, 1):
        assert (row[0], previous, hashed) == (number, head, link(head, row))
        head = hashed


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
