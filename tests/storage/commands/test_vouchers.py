"""`voucher`: codes that are worth money."""

import pytest

from storage.vouchers import Redeemed, redeem
from tests.storage.teller import NANO


@pytest.mark.parametrize(
    "args, said",
    [
        (["voucher", "create", "--amount", "0"], "nothing"),
        (["voucher", "create", "--amount", "1", "--count", "0"], "--count"),
        (["voucher", "create", "--amount", "1", "--count", "10001"], "--count"),
        (["voucher", "create"], "--amount"),
    ],
)
def test_bad_input_is_exit_code_2_and_says_what(ada, refused, args, said):
    refused(said, *args)


def test_vouchers_are_worth_their_amount(ada, run, run_json, open_ledger):
    lines = run("voucher", "create", "--amount", "5", "--count", "3").stdout.split()
    assert len(set(lines)) == 3
    made = run_json("voucher", "create", "--amount", "2.50", "--batch", "spring")
    assert (made["batch"], made["amount"], len(made["codes"])) == ("spring", "2.50", 1)
    storage = open_ledger()
    account_id = storage.reader.user(ada["id"]).account_id
    for code, nano in ((lines[0], 5 * NANO), (made["codes"][0], 5 * NANO // 2)):
        answer = storage.writer.wait(redeem, account_id, code)
        assert isinstance(answer, Redeemed) and answer.amount_nano == nano
