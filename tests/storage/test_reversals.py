"""Reversals: what came back of a payment is taken once, in any order of telling."""

from dataclasses import replace
from itertools import permutations

import pytest

from storage.accounts import set_account_status
from storage.reversals import ENDED, LIVE, NOTED, reversed_of
from tests.storage.ordering import RULES, Till, back, new_order, paid
from tests.storage.teller import NANO


@pytest.fixture
def caller(teller):
    return teller.caller(0)


@pytest.fixture
def till(teller, caller):
    till = Till(teller)
    till.place(new_order(caller))
    return till


def status(teller, caller):
    statement = "SELECT status FROM account WHERE id = ?1"
    ((found,),) = teller.sql(statement, (caller.account_id,))
    return found


REFUND = back(400)
TOTAL = back(400, "ch_1", "total")


@pytest.mark.parametrize("notices", list(permutations([paid(), REFUND, TOTAL])))
def test_a_refund_is_taken_once_in_any_order(teller, caller, till, notices):
    for notice in (*notices, *notices):
        till.hear(notice)
    assert teller.available(caller) == 6 * NANO
    order = till.order(caller)
    assert (order.reversed_nano, order.taken_nano) == (4 * NANO, 4 * NANO)


def test_a_refund_before_its_payment_waits_for_it(teller, caller, till):
    assert till.hear(REFUND).word == "waiting"
    assert teller.available(caller) == 0
    assert till.hear(paid()).word == "credited"
    assert teller.available(caller) == 6 * NANO
    assert till.hear(REFUND).word == "unchanged"
    newest, _ = teller.storage.reader.transactions(caller.account_id)
    assert (newest.kind, newest.amount_nano) == ("adjustment", -4 * NANO)


def test_what_is_spent_is_shortfall_and_nobody_owes(teller, caller, till):
    till.hear(paid())
    teller.admit(caller, "r1", 7 * NANO)
    teller.settle("r1", 7 * NANO)
    assert till.hear(back(1000)).word == "reversed"
    assert teller.available(caller) == 0
    assert teller.house("shortfall") == -7 * NANO
    order = till.order(caller)
    assert (order.reversed_nano, order.taken_nano) == (10 * NANO, 3 * NANO)


def test_a_refund_that_failed_gives_back_what_was_taken_and_no_more(
    teller, caller, till
):
    till.hear(paid())
    teller.admit(caller, "r1", 7 * NANO)
    teller.settle("r1", 7 * NANO)
    till.hear(back(1000))
    assert till.hear(back(1000, standing=ENDED)).word == "restored"
    assert teller.available(caller) == 3 * NANO
    assert till.hear(back(1000)).word == "unchanged"
    assert teller.available(caller) == 3 * NANO


def test_two_refunds_add_up_and_are_bounded_by_the_payment(teller, caller, till):
    till.hear(paid())
    for number, left in [(1, 6), (2, 2), (3, 0)]:
        till.hear(back(400, f"re_{number}"))
        assert teller.available(caller) == left * NANO
    assert teller.house("shortfall") == 0


def test_a_dispute_takes_the_money_and_closes_the_account(teller, caller, till):
    till.hear(paid())
    inquiry = back(1000, "du_1", "dispute", NOTED)
    assert till.hear(inquiry).word == "unchanged"
    assert status(teller, caller) == "open"
    assert till.hear(replace(inquiry, standing=LIVE)).word == "reversed"
    assert (teller.available(caller), status(teller, caller)) == (0, "blocked")
    assert till.hear(replace(inquiry, standing=ENDED)).word == "restored"
    assert teller.available(caller) == 10 * NANO
    assert status(teller, caller) == "blocked"


def test_an_account_that_was_opened_again_stays_open(teller, caller, till):
    till.hear(paid())
    dispute = back(1000, "du_1", "dispute")
    till.hear(dispute)
    teller.do(set_account_status, caller.account_id, "open")
    till.hear(dispute)
    assert status(teller, caller) == "open"


def test_a_dispute_before_the_payment_closes_the_account_then(teller, caller, till):
    till.hear(back(1000, "du_1", "dispute"))
    assert status(teller, caller) == "open"
    till.hear(paid())
    assert (teller.available(caller), status(teller, caller)) == (0, "blocked")


def test_an_account_may_be_kept_open(teller, caller):
    till = Till(teller, replace(RULES, block_disputed=False))
    till.place(new_order(caller))
    till.hear(paid())
    till.hear(back(1000, "du_1", "dispute"))
    assert status(teller, caller) == "open"


def test_another_currency_is_for_a_person(teller, caller, till):
    till.hear(paid())
    outcome = till.hear(replace(REFUND, currency="eur"))
    assert (outcome.word, outcome.problem) == ("wrong_currency", True)
    assert teller.available(caller) == 10 * NANO


def test_a_payment_of_somebody_else_is_left_alone(teller, caller, till):
    till.hear(paid())
    assert till.hear(back(1000, payment="pi_other")).word == "waiting"
    assert teller.available(caller) == 10 * NANO


@pytest.mark.parametrize(
    ("facts", "reversed_units"),
    [
        ([], 0),
        ([("refund", NOTED, 5)], 0),
        ([("refund", LIVE, 3)], 3),
        ([("refund", LIVE, 3), ("refund", LIVE, 4)], 7),
        ([("refund", LIVE, 3), ("total", LIVE, 3)], 3),
        ([("refund", LIVE, 3), ("total", LIVE, 5)], 5),
        ([("refund", LIVE, 3), ("total", LIVE, 2)], 3),
        ([("refund", ENDED, 3), ("total", LIVE, 3)], 0),
        ([("refund", ENDED, 3), ("refund", LIVE, 2), ("total", LIVE, 5)], 2),
        ([("refund", ENDED, 3), ("total", LIVE, 2)], 0),
        ([("dispute", LIVE, 10)], 10),
        ([("dispute", LIVE, 10), ("refund", LIVE, 3)], 10),
        ([("dispute", ENDED, 10), ("refund", LIVE, 3)], 3),
    ],
)
def test_what_facts_add_up_to(facts, reversed_units):
    assert reversed_of(1000, 10, facts) == 100 * reversed_units


def test_a_part_is_rounded_down_and_the_whole_is_exact():
    assert reversed_of(100, 3, [("refund", LIVE, 1)]) == 33
    assert reversed_of(100, 3, [("refund", LIVE, 3)]) == 100
