"""Vouchers: each code pays once, however it is typed."""

import asyncio
import re

import pytest

from storage.errors import IllegalMove
from storage.vouchers import (
    BATCH_MAX,
    Redeemed,
    VoucherSpent,
    VoucherUnknown,
    code_hash,
    create_vouchers,
    new_code,
    redeem,
)
from tests.storage.teller import NANO, REFUSED

CODE = "7H2KM-0ABCD-1EFGH-VWXYZ"


@pytest.fixture
def voucher(teller):
    assert teller.do(create_vouchers, [CODE], 5 * NANO, "spring") == 1


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        CODE.lower(),
        CODE.replace("-", ""),
        f"  {CODE.replace('-', ' ')} ",
        "7h2km_oabcd.iefgh/uwxyz",
        "7H2KM-OABCD-LEFGH-VWXYZ",
    ],
)
def test_spelling_does_not_matter(teller, storage, voucher, typed):
    caller = teller.caller(NANO)
    answer = teller.do(redeem, caller.account_id, typed)
    assert answer == Redeemed(5 * NANO, answer.transfer_id, 6 * NANO)
    newest = storage.reader.transactions(caller.account_id)[0]
    assert (newest.kind, newest.id) == ("topup", answer.transfer_id)
    assert teller.house("cash") == -5 * NANO


@pytest.mark.parametrize("typed", ["", "x", CODE[:-1], CODE + "0", "钱" * 1000])
def test_another_code_is_unknown(teller, voucher, typed):
    caller = teller.caller(NANO)
    assert teller.do(redeem, caller.account_id, typed) == VoucherUnknown()
    assert teller.available(caller) == NANO


def test_a_code_pays_once(teller, voucher):
    ada, bob = teller.caller(0), teller.caller(0, "bob@example.com")
    teller.do(redeem, ada.account_id, CODE)
    assert teller.do(redeem, ada.account_id, CODE) == VoucherSpent(own=True)
    assert teller.do(redeem, bob.account_id, CODE) == VoucherSpent(own=False)
    assert (teller.available(ada), teller.available(bob)) == (5 * NANO, 0)


async def test_a_code_typed_by_many_at_once_pays_one(teller, storage, voucher):
    callers = [teller.caller(0, f"u{number}@example.com") for number in range(20)]
    answers = await asyncio.gather(
        *[storage.writer.run(redeem, caller.account_id, CODE) for caller in callers]
    )
    assert sum(isinstance(answer, Redeemed) for answer in answers) == 1
    assert sum(map(teller.available, callers)) == 5 * NANO


def test_a_voucher_that_was_reset_by_hand_still_pays_once(teller, voucher):
    caller = teller.caller(0)
    teller.do(redeem, caller.account_id, CODE)
    teller.sql("UPDATE voucher SET spent_by = NULL, transfer_id = NULL")
    assert teller.do(redeem, caller.account_id, CODE) == VoucherSpent(own=True)
    assert teller.available(caller) == 5 * NANO


def test_new_codes_are_unlike_each_other_and_readable():
    codes = {new_code() for _ in range(1000)}
    assert len(codes) == 1000
    shape = re.compile(r"([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}")
    assert all(shape.fullmatch(code) for code in codes)


def test_only_hashes_are_stored(teller, voucher):
    ((stored,),) = teller.sql("SELECT code_hash FROM voucher")
    assert stored == code_hash(CODE) and len(stored) == 32


def test_a_batch_is_made_whole_or_not_at_all(teller, voucher):
    with pytest.raises(REFUSED):
        teller.do(create_vouchers, [new_code(), CODE], NANO, "x")
    with pytest.raises(REFUSED):
        teller.do(create_vouchers, [new_code()], 0, "x")
    for codes in ([], [new_code()] * (BATCH_MAX + 1)):
        with pytest.raises(IllegalMove, match="a batch has"):
            teller.do(create_vouchers, codes, NANO, "x")
    assert teller.count("voucher") == 1
