"""Standing: what a key spent by day, week and month, and what its account has."""

import pytest

from storage.keys import Caps, Terms, create_key, mint, revoke_key, set_caps
from storage.ledger import Decision, promo, refund, topup
from tests.storage.teller import NANO, Caller

WHY = Decision("why", "reason", "author")
DAY = 86_400


def standing(teller, clock, caller):
    return teller.storage.reader.standing(caller.key_id, clock.wall_ns())


def pay(teller, caller, name: str, nano: int) -> None:
    teller.admit(caller, name, nano)
    teller.settle(name, nano)


def other_key(teller, caller, **terms) -> Caller:
    key = mint(teller.storage.secrets)
    made = teller.do(create_key, caller.account_id, key, "other", Terms(**terms))
    return Caller(caller.account_id, made.id, key, caller.user_id, caller.email)


def test_what_is_spent_counts_for_its_day_its_week_and_its_month(teller, clock):
    """The clock begins on Thursday, the first of January."""
    caller = teller.caller()
    pay(teller, caller, "a", 1)
    spent = []
    for number, days in enumerate((3, 1, 29), start=2):
        clock.jump(days * DAY)
        pay(teller, caller, f"r{number}", 10**number)
        found = standing(teller, clock, caller).spending
        spent.append(
            (
                found.day.spent_nano,
                found.week_nano,
                found.month.spent_nano,
                found.total.spent_nano,
            )
        )
    assert spent == [
        (100, 101, 101, 101),
        (1000, 1000, 1101, 1101),
        (10_000, 10_000, 10_000, 11_101),
    ]


def test_what_is_held_leaves_less_of_every_cap(teller, clock):
    caller = teller.caller()
    teller.do(set_caps, caller.key_id, Caps(1000, 100, 500))
    pay(teller, caller, "a", 30)
    teller.admit(caller, "b", 50)
    found = standing(teller, clock, caller)
    left = [cap.left_nano for cap in found.spending.caps]
    assert ([cap.name for cap in found.spending.caps], left) == (
        ["total", "month", "day"],
        [920, 420, 20],
    )
    assert (found.posted_nano, found.held_nano) == (10 * NANO - 30, 50)
    assert found.available_nano == teller.available(caller)


def test_credits_less_usage_is_the_balance_whatever_went_in_or_out(teller, clock):
    caller = teller.caller(NANO)
    second = other_key(teller, caller)
    pay(teller, caller, "a", 7)
    pay(teller, second, "b", 5)
    teller.do(revoke_key, second.key_id)
    teller.do(topup, caller.account_id, 100, "test", "t1")
    teller.do(refund, "topup:test:t1", 40, WHY)
    found = standing(teller, clock, caller)
    assert (found.used_nano, found.credits_nano) == (12, NANO + 60)
    assert found.credits_nano - found.used_nano == found.posted_nano
    assert found.spending.total.spent_nano == 7


@pytest.mark.parametrize("welcome", [0, NANO])
def test_only_the_welcome_money_is_no_money_of_ones_own(teller, clock, welcome):
    caller = teller.caller(welcome)
    assert standing(teller, clock, caller).only_welcome
    teller.do(promo, caller.account_id, 1, "gift")
    assert not standing(teller, clock, caller).only_welcome


def test_an_account_does_not_see_anothers_money(teller, clock):
    ada, bob = teller.caller(), teller.caller(5, "bob@example.com")
    pay(teller, ada, "a", 3)
    found = standing(teller, clock, bob)
    assert (found.used_nano, found.posted_nano, found.spending.week_nano) == (0, 5, 0)


def test_the_keys_of_an_account_are_listed_with_what_they_spent(teller, clock):
    caller = teller.caller()
    second = other_key(teller, caller, day_nano=100)
    pay(teller, second, "a", 40)
    newest, first = teller.storage.reader.spending(caller.account_id, clock.wall_ns())
    assert [newest.key_id, first.key_id] == [second.key_id, caller.key_id]
    assert (newest.day.left_nano, newest.total.left_nano) == (60, None)
    assert (newest.week_nano, first.week_nano) == (40, 0)
    keys = teller.storage.reader.keys(caller.account_id)
    assert [key.id for key in keys] == [newest.key_id, first.key_id]


def test_a_key_that_is_not_there_stands_nowhere(teller, clock):
    assert teller.storage.reader.standing(99, clock.wall_ns()) is None
