"""`refund`: what a transfer moved comes back, and never more of it."""

import pytest

from tests.storage.teller import NANO, Teller

WHY = ("--reason", "answer cut off", "--author", "grace")


@pytest.fixture
def paid(open_ledger):
    """A user of 10 dollars who paid two of them, and was given all of it."""
    storage = open_ledger()
    teller = Teller(storage)
    caller = teller.caller()
    teller.admit(caller, "r1", 2 * NANO)
    teller.settle("r1", 2 * NANO)
    yield teller, caller
    assert teller.audit() == []


def test_a_charge_comes_back_to_the_user(paid, run_json):
    teller, caller = paid
    shown = run_json("refund", "usage:r1", "0.50", *WHY, "--ref", "ticket-17")
    assert shown == {
        "id": "refund:ticket-17",
        "refunds": "usage:r1",
        "amount": "0.50",
        "again": False,
    }
    assert teller.available(caller) == 8 * NANO + NANO // 2
    rows = teller.sql("SELECT reason, author FROM transfer WHERE code = 'refund'")
    assert rows == [("answer cut off", "grace")]


def test_the_same_reference_refunds_once(paid, run, run_json):
    teller, caller = paid
    for again in (False, True):
        shown = run_json("refund", "usage:r1", "1", *WHY, "--ref", "t")
        assert shown["again"] is again
    assert teller.available(caller) == 9 * NANO
    text = run("refund", "usage:r1", "1", *WHY, "--ref", "t").stdout
    assert text == "refund:t: it was refunded before\n"


def test_without_a_reference_each_refund_is_its_own(paid, run):
    teller, caller = paid
    for _ in range(2):
        answer = run("refund", "usage:r1", "1", *WHY)
        assert "1.00 of usage:r1 refunded" in answer.stdout
    assert teller.available(caller) == 10 * NANO


def test_a_gift_goes_back_as_far_as_it_is_still_there(paid, run, refused):
    teller, caller = paid
    gift = f"promo:welcome:{caller.user_id}"
    refused("the user has 8.00 of it left", "refund", gift, "9", *WHY)
    assert run("refund", gift, "8", *WHY).exit_code == 0
    assert teller.available(caller) == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["usage:r1", "2.01", *WHY], "2.00 of it can be refunded"),
        (["usage:r9", "1", *WHY], "cannot refund usage:r9"),
        (["topup:stripe:cs_1", "1", *WHY], "refund it at Stripe"),
        (["usage:r1", "0", *WHY], "nothing"),
        (["usage:r1", "x", *WHY], "decimal dollars"),
        (["usage:r1", "1", "--reason", "why"], "--author"),
        (["usage:r1", "1", "--author", "who"], "--reason"),
        (["usage:r1", "1", "--reason", " ", "--author", "who"], "--reason"),
        (["usage:r1", "1", *WHY, "--ref", "x" * 256], "--ref"),
        (["usage:r1", "1", *WHY, "--ref", ""], "--ref"),
    ],
)
def test_bad_input_is_exit_code_2_and_says_what(paid, refused, args, said):
    refused(said, "refund", *args)


def test_a_reference_that_was_for_something_else_is_refused(paid, run, refused):
    run("refund", "usage:r1", "1", *WHY, "--ref", "t")
    refused("something else", "refund", "usage:r1", "0.5", *WHY, "--ref", "t")
