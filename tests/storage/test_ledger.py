"""The verbs, as tables: what is asked, what is answered, where the money is then."""

import asyncio
import threading
from dataclasses import replace

import pytest

from config.money import charge_nano_rounded_up
from config.price_text import price_of_texts
from config.prices import (
    Case,
    Price,
    Situation,
    When,
    buy_pico,
    cost_nano,
    sell_pico,
)
from storage.accounts import set_account_status
from storage.errors import IllegalMove, UnknownHold
from storage.keys import Caps, revoke_key, set_caps
from storage.ledger import (
    Adjusted,
    Blocked,
    Closed,
    Created,
    Decision,
    Excessive,
    Exists,
    Extended,
    Granted,
    Insufficient,
    OverBudget,
    Oversized,
    RateLimited,
    RateState,
    Settled,
    Settlement,
    Voided,
    adjust,
    admit,
    promo,
    refund,
    settle,
    topup,
)
from storage.recovery import register_prices
from storage.trail import AttemptRecord
from tests.storage.teller import NANO, RATES, USED, ask, settlement, used

TEN = 10 * NANO
UNLIMITED = RateState(0, None, 0, None, 60)


def counters(teller, caller):
    return teller.sql(
        "SELECT open_holds, window_requests, window_tokens FROM key WHERE id = ?1",
        (caller.key_id,),
    )[0]


# admit


def test_admit_reserves_the_worst_case(teller, storage):
    caller = teller.caller(TEN)
    assert teller.admit(caller, "r1", 4 * NANO) == Granted("r1", 6 * NANO, UNLIMITED)
    balance = storage.reader.balance(caller.account_id)
    assert (balance.posted_nano, balance.pending_nano) == (TEN, 4 * NANO)
    assert counters(teller, caller) == (1, 1, 0)


@pytest.mark.parametrize("amount", [TEN + 1, TEN * 1000])
def test_admit_refuses_more_than_is_available(teller, amount):
    caller = teller.caller(TEN)
    assert teller.admit(caller, "r1", amount) == Insufficient(amount, TEN)
    assert (teller.count("hold"), counters(teller, caller)) == (0, (0, 0, 0))


def test_admit_takes_the_last_nano(teller):
    caller = teller.caller(TEN)
    assert teller.admit(caller, "r1", TEN).available_nano == 0
    assert teller.admit(caller, "r2", 1) == Insufficient(1, 0)


def test_admit_refuses_a_blocked_account(teller):
    caller = teller.caller()
    teller.do(set_account_status, caller.account_id, "blocked")
    assert teller.admit(caller, "r1", 1) == Blocked("account")
    teller.do(set_account_status, caller.account_id, "open")
    assert isinstance(teller.admit(caller, "r1", 1), Granted)


@pytest.mark.parametrize("status", ["disabled", "revoked"])
def test_a_key_out_of_use_gets_nothing_and_keeps_nothing(teller, status):
    caller = teller.caller(TEN)
    teller.sql("UPDATE key SET status = ?1", (status,))
    assert teller.admit(caller, "r1", 1) == Blocked("key")
    assert (teller.available(caller), teller.count("hold")) == (TEN, 0)


def test_admit_refuses_a_key_of_another_account(teller):
    ada, bob = teller.caller(), teller.caller(email="bob@example.com")
    with pytest.raises(IllegalMove, match="is not of account"):
        teller.admit(replace(ada, key_id=bob.key_id), "r1", 1)
    assert teller.available(ada) == TEN


@pytest.mark.parametrize("account_id", [1, 2, 3, 4, 999])
def test_admit_refuses_the_house_and_nobody(teller, account_id):
    caller = teller.caller()
    with pytest.raises(IllegalMove, match="no user"):
        teller.admit(replace(caller, account_id=account_id), "r1", 1)


def test_admit_again_answers_the_same(teller):
    caller = teller.caller(TEN)
    first = teller.admit(caller, "r1", NANO, rpm=5)
    assert teller.admit(caller, "r1", NANO, rpm=5) == first
    assert counters(teller, caller) == (1, 1, 0)


def test_admit_again_after_an_extend_is_still_the_same_ask(teller):
    caller = teller.caller(TEN)
    teller.admit(caller, "r1", NANO)
    teller.extend("r1", NANO)
    assert teller.admit(caller, "r1", NANO).available_nano == 8 * NANO


@pytest.mark.parametrize(
    "field", [{"model": "o1"}, {"tokens": 7}, {"amount_nano": 2}, {"price_id": "x"}]
)
def test_one_id_for_two_asks_is_a_mistake(teller, field):
    caller = teller.caller()
    teller.admit(caller, "r1", 1)
    with pytest.raises(IllegalMove, match="something else"):
        teller.do(admit, replace(ask(caller, "r1", 1), **field))


# The key's limits


def test_requests_are_counted_in_a_window_that_the_first_one_starts(teller, clock):
    caller = teller.caller()

    def tried(number):
        return teller.admit(caller, f"r{number}", 1, rpm=2)

    assert tried(1).rate == RateState(2, 1, 0, None, 60)
    clock.advance(20)
    assert tried(2).rate == RateState(2, 0, 0, None, 40)
    assert tried(3) == RateLimited("rpm", 40)
    clock.advance(39.5)
    assert tried(4) == RateLimited("rpm", 1)
    clock.advance(0.5)
    assert tried(5).rate == RateState(2, 1, 0, None, 60)


def test_tokens_are_counted_before_they_are_used(teller, clock):
    caller = teller.caller()

    def tried(name, tokens):
        return teller.admit(caller, name, 1, tpm=100, tokens=tokens)

    assert tried("a", 60).rate == RateState(0, None, 100, 40, 60)
    clock.advance(15)
    assert tried("b", 41) == RateLimited("tpm", 45)
    assert tried("c", 40).rate.tokens_remaining == 0
    clock.advance(45)
    assert tried("d", 100).rate.tokens_remaining == 0


def test_an_ask_above_the_whole_token_limit_never_fits(teller, clock):
    """No wait would help, so none is told, however full or spent the rest is."""
    caller = teller.caller()

    def tried(name, tokens):
        return teller.admit(
            caller, name, 1, rpm=1, tpm=100, concurrency=1, tokens=tokens
        )

    assert tried("a", 101) == Oversized(101, 100)
    assert isinstance(tried("b", 100), Granted)
    assert tried("c", 101) == Oversized(101, 100)
    assert tried("d", 100) == RateLimited("rpm", 60)
    clock.advance(60)
    assert tried("e", 101) == Oversized(101, 100)
    assert teller.available(caller) == 10 * NANO - 1


def test_concurrency_is_freed_by_settle_and_void(teller):
    caller = teller.caller()

    def tried(name):
        return teller.admit(caller, name, 1, concurrency=2)

    assert isinstance(tried("a"), Granted)
    assert isinstance(tried("b"), Granted)
    assert tried("c") == RateLimited("concurrency", 1)
    teller.settle("a", 1)
    assert isinstance(tried("c"), Granted)
    teller.void("b")
    assert isinstance(tried("d"), Granted)
    assert tried("e") == RateLimited("concurrency", 1)


def test_a_limited_request_leaves_no_trace(teller):
    caller = teller.caller(TEN)
    teller.admit(caller, "a", 1, rpm=1)
    teller.admit(caller, "b", 1, rpm=1)
    assert teller.count("hold") == 1
    assert counters(teller, caller) == (1, 1, 0)
    assert teller.available(caller) == TEN - 1


@pytest.mark.parametrize("seconds", [-3600, -1, 60, 86400])
def test_a_clock_set_elsewhere_starts_a_new_window(teller, clock, seconds):
    caller = teller.caller()
    teller.admit(caller, "a", 1, rpm=1)
    assert isinstance(teller.admit(caller, "b", 1, rpm=1), RateLimited)
    clock.jump(seconds)
    assert isinstance(teller.admit(caller, "b", 1, rpm=1), Granted)


@pytest.mark.parametrize("used, left", [(46, 54), (0, 100), (100, 0), (500, 0)])
def test_settle_corrects_the_tokens_of_its_window(teller, used, left):
    caller = teller.caller()
    teller.admit(caller, "a", 1, tpm=100, tokens=100)
    teller.settle("a", 1, replace(USED, tokens=used))
    again = teller.admit(caller, "b", 1, tpm=100, tokens=0)
    # What was used above the limit is not forgotten, and nothing more fits then.
    if used > 100:
        assert isinstance(again, RateLimited)
    else:
        assert again.rate.tokens_remaining == left


def test_a_later_window_is_not_corrected(teller, clock):
    caller = teller.caller()
    teller.admit(caller, "a", 1, tpm=100, tokens=90)
    clock.advance(60)
    teller.admit(caller, "b", 1, tpm=100, tokens=50)
    teller.settle("a", 1, replace(USED, tokens=10))
    teller.void("b")
    assert counters(teller, caller) == (0, 1, 0)


# extend


def test_extend_reserves_more(teller):
    caller = teller.caller(TEN)
    teller.admit(caller, "r1", 4 * NANO)
    assert teller.extend("r1", 5 * NANO) == Extended(9 * NANO, NANO)
    assert teller.extend("r1", NANO + 1) == Insufficient(NANO + 1, NANO)
    assert teller.settle("r1", 9 * NANO) == Settled(9 * NANO, 0, NANO)


def test_a_blocked_account_extends_nothing(teller):
    caller = teller.caller(TEN)
    teller.admit(caller, "r1", NANO)
    teller.do(set_account_status, caller.account_id, "blocked")
    assert teller.extend("r1", NANO) == Insufficient(NANO, 9 * NANO)


@pytest.mark.parametrize("extra", [0, -1])
def test_extend_is_by_something(teller, extra):
    teller.admit(teller.caller(), "r1", NANO)
    with pytest.raises(IllegalMove):
        teller.extend("r1", extra)


# settle and void

SETTLES = [
    # held, cost -> paid, shortfall, available after, from 10
    (4 * NANO, 3 * NANO, 3 * NANO, 0, 7 * NANO),
    (4 * NANO, 4 * NANO, 4 * NANO, 0, 6 * NANO),
    (4 * NANO, 0, 0, 0, TEN),
    (4 * NANO, 1, 1, 0, TEN - 1),
    (4 * NANO, 5 * NANO, 5 * NANO, 0, 5 * NANO),
    (4 * NANO, TEN, TEN, 0, 0),
    (4 * NANO, TEN + 1, TEN, 1, 0),
    (TEN, 3 * TEN, TEN, 2 * TEN, 0),
]


@pytest.mark.parametrize("held, cost, paid, shortfall, available", SETTLES)
def test_settle_charges_what_there_is(
    teller, storage, held, cost, paid, shortfall, available
):
    caller = teller.caller(TEN)
    teller.admit(caller, "r1", held)
    assert teller.settle("r1", cost) == Settled(paid, shortfall, available)
    assert teller.house("revenue") == cost
    assert teller.house("shortfall") == -shortfall
    usage = storage.reader.usage("r1")
    assert (usage.cost_nano, usage.paid_nano) == (cost, paid)
    assert (usage.shortfall_nano, usage.cost_pico) == (shortfall, cost * 1000)
    assert usage.record == used(cost)


def test_other_holds_are_not_touched_by_a_shortfall(teller):
    caller = teller.caller(TEN)
    teller.admit(caller, "a", 4 * NANO)
    teller.admit(caller, "b", 4 * NANO)
    assert teller.settle("a", TEN) == Settled(6 * NANO, 4 * NANO, 0)
    assert teller.settle("b", 4 * NANO) == Settled(4 * NANO, 0, 0)


def test_settle_again_answers_the_same_and_charges_nothing(teller):
    caller = teller.caller(TEN)
    teller.admit(caller, "r1", NANO)
    first = teller.settle("r1", 3 * TEN)
    assert teller.settle("r1", 3 * TEN) == first
    assert teller.settle("r1", 1) == first
    assert teller.house("revenue") == 3 * TEN


def test_meters_without_a_column_are_kept(teller, storage):
    teller.admit(teller.caller(), "r1", NANO)
    quantities = {"input": 1, "cache_read": 2, "cache_write": 3, "image": 4}
    teller.void("r1", "refused", replace(USED, quantities=quantities))
    assert storage.reader.usage("r1").record.quantities == quantities


def test_usage_keeps_the_conditions_of_its_rates_apart_from_meters(teller, storage):
    conditions = {"moment_ns": 2**62, "thinking": True, "size": "1024x1024"}
    quantities = {"input": 1, "cache_write_1h": 2, "reasoning": 3}
    caller = teller.caller(NANO)
    teller.admit(caller, "r1", 1)
    record = replace(USED, quantities=quantities, conditions=conditions)
    teller.void("r1", "refused", record)

    assert storage.reader.usage("r1").record == record


TRAIL = (
    AttemptRecord("a", "m1", "upstream_timeout", 0, 0, 5),
    AttemptRecord("b", "m2", "complete", 200, 5, 7),
)


def test_usage_keeps_the_attempts_and_the_providers_words(teller, storage):
    told = {"upstream_id": "req_9", "finish": "stop", "trail": TRAIL}
    caller = teller.caller()
    teller.admit(caller, "a", NANO)
    teller.settle("a", 1, replace(USED, **told))
    teller.admit(caller, "b", NANO)
    teller.void("b", "recovered")
    assert storage.reader.usage("b").record.trail == ()
    teller.settle("b", 1, replace(USED, **told))
    for name in ("a", "b"):
        kept = storage.reader.usage(name).record
        assert (kept.upstream_id, kept.finish, kept.trail) == ("req_9", "stop", TRAIL)


def test_a_providers_words_have_a_limit_in_the_ledger_too(teller, storage):
    teller.admit(teller.caller(), "a", NANO)
    long = "x" * 10_000 + "\n"
    teller.settle("a", 1, replace(USED, upstream_id=long, finish='st"op\n'))
    kept = storage.reader.usage("a").record
    assert (len(kept.upstream_id), kept.finish) == (128, "stop")


def test_a_bill_is_rated_again_from_its_rows_alone(teller, storage):
    tier = Case(When(input_above=10), {"input": 5_001, "output": 90_003}, {})
    think = Case(When(thinking=True), {"output": 200_007}, {})
    price = Price.of("gpt-4o", 7, RATES, RATES, [tier, think])
    teller.do(register_prices, [price])
    situation = Situation(moment_ns=5, thinking=True)
    used = {"input": 9, "cache_read": 2, "cache_write_1h": 3, "output": 7}
    nano = cost_nano(price, used, situation)
    record = replace(USED, quantities=used, conditions=price.facts(situation))
    caller = teller.caller(NANO)
    teller.admit(caller, "r1", nano, price_id=price.id)
    pico = sell_pico(price, used, situation)
    bought = buy_pico(price, used, situation)
    memo = charge_nano_rounded_up(bought), bought
    teller.do(settle, Settlement("r1", nano, pico, record, *memo))
    (paid, *_) = storage.reader.transactions(caller.account_id, None, 5)
    assert paid.quantities == used

    usage = storage.reader.usage("r1")
    query = "SELECT model, effective_from_ns, sell, buy FROM price WHERE id = ?1"
    (row,) = teller.sql(query, (usage.price_id,))
    again = price_of_texts(*row)
    assert again.id == usage.price_id
    facts = Situation.of_facts(usage.record.conditions)
    assert cost_nano(again, usage.record.quantities, facts) == usage.cost_nano == nano


def test_a_cost_beyond_64_bits_of_pico_is_kept(teller, storage):
    teller.admit(teller.caller(), "r1", NANO)
    teller.settle("r1", 10**17)
    assert storage.reader.usage("r1").cost_pico == 10**20


@pytest.mark.parametrize("cost", [-1, -TEN])
def test_a_negative_cost_never_becomes_a_credit(teller, cost):
    caller = teller.caller(TEN)
    teller.admit(caller, "r1", NANO)
    with pytest.raises(IllegalMove, match="negative"):
        teller.settle("r1", cost)
    assert teller.available(caller) == 9 * NANO


def test_void_gives_all_back(teller, storage):
    caller = teller.caller(TEN)
    teller.admit(caller, "r1", NANO)
    teller.extend("r1", NANO)
    assert teller.void("r1", "upstream_failed") == Voided(TEN)
    assert teller.void("r1", "upstream_failed") == Voided(TEN)
    usage = storage.reader.usage("r1")
    assert (usage.record.outcome, usage.record.evidence) == ("upstream_failed", "none")
    assert (usage.cost_nano, usage.record.model) == (0, "gpt-4o")


def test_void_keeps_the_record_it_is_given(teller, storage):
    teller.admit(teller.caller(), "r1", NANO)
    record = replace(USED, outcome="upstream_died", status=502)
    teller.void("r1", "upstream_died", record)
    assert storage.reader.usage("r1").record == record


# late


def test_usage_that_arrives_after_a_void_is_charged_once(teller, storage):
    caller = teller.caller(TEN)
    teller.admit(caller, "r1", NANO)
    teller.void("r1", "recovered")
    late = teller.settle("r1", 3 * NANO)
    assert late == Settled(3 * NANO, 0, 7 * NANO)
    assert teller.settle("r1", 3 * NANO) == late
    assert teller.void("r1") == Voided(7 * NANO)
    usage = storage.reader.usage("r1")
    assert (usage.paid_nano, usage.record) == (3 * NANO, used(3 * NANO))
    (newest, _) = storage.reader.transactions(caller.account_id)
    assert (newest.kind, newest.request_id) == ("late", "r1")


def test_late_usage_beyond_the_balance_is_the_house_loss(teller):
    caller = teller.caller(TEN)
    teller.admit(caller, "r1", NANO)
    teller.void("r1", "recovered")
    teller.admit(caller, "r2", 9 * NANO)
    assert teller.settle("r1", 3 * NANO) == Settled(NANO, 2 * NANO, 0)
    assert teller.settle("r1", 3 * NANO) == Settled(NANO, 2 * NANO, 0)


def test_late_usage_of_nothing_is_remembered_too(teller):
    teller.admit(teller.caller(), "r1", NANO)
    teller.void("r1")
    assert teller.settle("r1", 0) == Settled(0, 0, TEN)
    assert teller.settle("r1", 5) == Settled(0, 0, TEN)


# Every cell of the transition table

REACH = {
    "absent": lambda teller, caller: None,
    "open": lambda teller, caller: teller.admit(caller, "r1", NANO),
    "settled": lambda teller, caller: (
        teller.admit(caller, "r1", NANO),
        teller.settle("r1", 1),
    ),
    "voided": lambda teller, caller: (
        teller.admit(caller, "r1", NANO),
        teller.void("r1"),
    ),
}
MOVES = {
    "admit": lambda teller, caller: teller.admit(caller, "r1", NANO),
    "extend": lambda teller, caller: teller.extend("r1", 1),
    "settle": lambda teller, caller: teller.settle("r1", 1),
    "void": lambda teller, caller: teller.void("r1"),
}
CELLS = [
    ("absent", "admit", Granted("r1", 9 * NANO, UNLIMITED)),
    ("absent", "extend", UnknownHold),
    ("absent", "settle", UnknownHold),
    ("absent", "void", UnknownHold),
    ("open", "admit", Granted("r1", 9 * NANO, UNLIMITED)),
    ("open", "extend", Extended(NANO + 1, 9 * NANO - 1)),
    ("open", "settle", Settled(1, 0, TEN - 1)),
    ("open", "void", Voided(TEN)),
    ("settled", "admit", IllegalMove),
    ("settled", "extend", Closed("r1")),
    ("settled", "settle", Settled(1, 0, TEN - 1)),
    ("settled", "void", IllegalMove),
    ("voided", "admit", IllegalMove),
    ("voided", "extend", Closed("r1")),
    ("voided", "settle", Settled(1, 0, TEN - 1)),
    ("voided", "void", Voided(TEN)),
]


@pytest.mark.parametrize("state, move, answer", CELLS)
def test_each_move_from_each_state(teller, state, move, answer):
    caller = teller.caller(TEN)
    REACH[state](teller, caller)
    if not isinstance(answer, type):
        assert MOVES[move](teller, caller) == answer
        return
    before = teller.available(caller)
    with pytest.raises(answer, match=f"cannot {move} r1"):
        MOVES[move](teller, caller)
    assert teller.available(caller) == before


# topup and promo


@pytest.mark.parametrize(
    "verb, args, transfer_id, house",
    [
        (topup, ("card", "pi_1"), "topup:card:pi_1", "cash"),
        (promo, ("spring",), "promo:spring", "promo"),
    ],
)
def test_money_in_is_booked_once(teller, verb, args, transfer_id, house):
    caller = teller.caller(0)
    first = teller.do(verb, caller.account_id, NANO, *args)
    assert first == Created(transfer_id, NANO)
    assert teller.do(verb, caller.account_id, NANO, *args) == Exists(transfer_id)
    assert (teller.available(caller), teller.house(house)) == (NANO, -NANO)
    with pytest.raises(IllegalMove, match="something else"):
        teller.do(verb, caller.account_id, NANO + 1, *args)
    bob = teller.caller(0, "bob@example.com")
    with pytest.raises(IllegalMove, match="something else"):
        teller.do(verb, bob.account_id, NANO, *args)


@pytest.mark.parametrize(
    "account_id, amount, provider, object_id",
    [
        (None, 0, "card", "x"),
        (None, -1, "card", "x"),
        (None, 1, "card", ""),
        (None, 1, "card", "x" * 256),
        (None, 1, "a:b", "x"),
        (None, 1, "", "x"),
        (1, 1, "card", "x"),
        (999, 1, "card", "x"),
    ],
)
def test_money_in_is_an_amount_for_a_user_from_a_name(
    teller, account_id, amount, provider, object_id
):
    caller = teller.caller(0)
    with pytest.raises(IllegalMove):
        teller.do(topup, account_id or caller.account_id, amount, provider, object_id)
    assert teller.count("transfer") == 0


# Dates


@pytest.mark.parametrize("seconds", [-3600, 0, 86400])
def test_transfers_are_dated_later_than_those_before(teller, clock, seconds):
    caller = teller.caller(1)
    teller.do(topup, caller.account_id, 1, "a", "1")
    clock.jump(seconds)
    teller.do(topup, caller.account_id, 1, "a", "2")
    dates = [at for (at,) in teller.sql("SELECT at_ns FROM transfer ORDER BY seq")]
    assert dates == sorted(set(dates))
    assert dates[-1] == max(dates[-2] + 1, clock.wall_ns())


# Many at once


async def test_500_asks_for_money_for_ten_get_exactly_ten(teller, storage):
    caller = teller.caller(TEN)
    asks = [ask(caller, f"r{number}", NANO) for number in range(500)]
    run = storage.writer.run
    answers = await asyncio.gather(*[run(admit, one) for one in asks])
    assert sum(isinstance(answer, Granted) for answer in answers) == 10
    assert sum(isinstance(answer, Insufficient) for answer in answers) == 490
    assert teller.available(caller) == 0


def test_500_threads_for_money_for_ten_get_exactly_ten(teller):
    caller = teller.caller(TEN)
    answers = []
    together = threading.Barrier(100)

    def ask_five(thread):
        together.wait()
        for number in range(5):
            answers.append(teller.admit(caller, f"r{thread}-{number}", NANO))

    threads = [threading.Thread(target=ask_five, args=(n,)) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(answer, Granted) for answer in answers) == 10
    assert len(answers) == 500
    assert teller.available(caller) == 0


def test_a_revoked_key_is_refused_by_the_ledger_itself(teller):
    caller = teller.caller()
    assert teller.do(revoke_key, caller.key_id)
    assert teller.admit(caller, "r1", 1) == Blocked("key")


# The number of statements is what a request costs.


# refund, adjust


WHY = Decision("1", "double charge", "grace")


def paid_call(teller, cost=3 * NANO):
    caller = teller.caller(TEN)
    teller.admit(caller, "r1", 4 * NANO)
    teller.settle("r1", cost)
    return caller


def test_a_refund_is_bounded_by_what_was_paid(teller):
    paid_call(teller)
    assert teller.do(refund, "usage:r1", 2 * NANO, WHY) == Created(
        "refund:1", 9 * NANO
    )
    assert teller.do(refund, "usage:r1", 2 * NANO, WHY) == Exists("refund:1")
    second = replace(WHY, ref="2")
    assert teller.do(refund, "usage:r1", 2 * NANO, second) == Excessive(NANO)
    assert teller.do(refund, "usage:r1", NANO, second) == Created("refund:2", TEN)
    assert teller.house("revenue") == 0
    rows = teller.sql(
        "SELECT reverses, reason, author FROM transfer WHERE reason IS NOT NULL"
    )
    assert rows == [("usage:r1", "double charge", "grace")] * 2


def test_a_top_up_goes_back_as_far_as_it_is_there(teller):
    caller = paid_call(teller)
    teller.do(topup, caller.account_id, NANO, "card", "pi_1")
    teller.admit(caller, "r2", 8 * NANO)
    original = "topup:card:pi_1"
    assert teller.do(refund, original, NANO, WHY) == Insufficient(NANO, 0)
    teller.void("r2")
    assert teller.do(refund, original, NANO, WHY) == Created("refund:1", 7 * NANO)
    assert teller.house("cash") == 0


@pytest.mark.parametrize("original", ["usage:nothing", "shortfall:r1", "refund:0"])
def test_only_what_moved_money_is_refunded(teller, original):
    paid_call(teller, 20 * NANO)
    teller.do(refund, "usage:r1", 1, replace(WHY, ref="0"))
    with pytest.raises(IllegalMove):
        teller.do(refund, original, 1, WHY)


def test_a_ref_is_for_one_decision(teller):
    caller = paid_call(teller)
    teller.do(refund, "usage:r1", NANO, WHY)
    teller.do(adjust, caller.account_id, -20 * NANO, WHY)
    with pytest.raises(IllegalMove):
        teller.do(refund, "usage:r1", 1, WHY)
    with pytest.raises(IllegalMove):
        teller.do(adjust, caller.account_id, -TEN, WHY)
    again = teller.do(adjust, caller.account_id, -20 * NANO, WHY)
    assert again == Exists("adjustment:1")


def test_a_negative_adjustment_stops_at_nothing(teller):
    caller = paid_call(teller)
    teller.admit(caller, "r2", 2 * NANO)
    answer = teller.do(adjust, caller.account_id, -TEN, WHY)
    assert answer == Adjusted("adjustment:1", -5 * NANO, 5 * NANO, 0)
    assert (teller.house("adjustment"), teller.house("shortfall")) == (TEN, -5 * NANO)


@pytest.mark.parametrize("field", ["ref", "reason", "author"])
def test_a_decision_says_who_and_why(teller, field):
    caller = teller.caller()
    with pytest.raises(IllegalMove):
        teller.do(adjust, caller.account_id, 1, replace(WHY, **{field: " "}))


# The margin


def test_what_a_call_costs_us_is_a_memo_beside_its_charge(teller, storage):
    teller.admit(teller.caller(), "r1", NANO)
    whole = replace(settlement("r1", 0), buy_nano=0, buy_pico=0)
    teller.do(settle, replace(whole, record=used(7), cost_nano=7, cost_pico=7000,
                              buy_nano=7, buy_pico=7000))
    assert (teller.house("cost"), teller.house("payable")) == (-7, 7)
    usage = storage.reader.usage("r1")
    assert (usage.buy_nano, usage.buy_pico) == (7, 7000)


# Caps of a key


@pytest.mark.parametrize("name", ["total", "month", "day"])
def test_a_cap_counts_what_is_spent_and_what_is_held(teller, name):
    caller = teller.caller()
    none = Caps(None, None, None)
    teller.do(set_caps, caller.key_id, replace(none, **{f"{name}_nano": 100}))
    teller.admit(caller, "a", 60)
    assert teller.admit(caller, "b", 41) == OverBudget(name, 41, 40)
    teller.settle("a", 10)
    assert teller.admit(caller, "b", 91) == OverBudget(name, 91, 90)
    teller.admit(caller, "b", 90)
    assert teller.extend("b", 1) == OverBudget(name, 1, 0)
    teller.void("b")
    assert isinstance(teller.admit(caller, "c", 90), Granted)


@pytest.mark.parametrize(
    "name, days, free", [("total", 400, 0), ("month", 1, 0), ("month", 31, 100),
                         ("day", 1, 100)]
)
def test_a_cap_is_for_its_time(teller, clock, name, days, free):
    """The clock begins on the first of a January."""
    caller = teller.caller()
    none = Caps(None, None, None)
    teller.do(set_caps, caller.key_id, replace(none, **{f"{name}_nano": 100}))
    teller.admit(caller, "a", 100)
    teller.settle("a", 100)
    clock.jump(days * 86_400)
    assert teller.admit(caller, "b", 101) == OverBudget(name, 101, free)


def test_a_clock_that_jumps_and_comes_back_finds_the_day_as_it_was(teller, clock):
    caller = teller.caller()
    teller.do(set_caps, caller.key_id, Caps(None, 100, None))
    teller.admit(caller, "a", 100)
    teller.settle("a", 100)
    clock.jump(86_400)
    teller.admit(caller, "b", 60)
    teller.settle("b", 60)
    clock.jump(-86_400)
    assert teller.admit(caller, "c", 1) == OverBudget("day", 1, 0)


def test_twenty_callers_of_one_key_stay_below_its_cap(teller):
    caller = teller.caller()
    teller.do(set_caps, caller.key_id, Caps(total_nano=10))
    answers = teller.do(
        lambda db: [admit(db, ask(caller, f"r{n}", 1)) for n in range(20)]
    )
    assert [isinstance(one, Granted) for one in answers] == [True] * 10 + [False] * 10


def test_admit_is_three_statements_and_settle_six_and_two_a_batch(teller):
    caller = teller.caller()
    counted = []

    def count(db):
        run = db.sql
        db.tip()  # The newest transfer is read once for a whole batch.

        def sql(statement, params=()):
            counted.append(statement)
            return run(statement, params)

        db.sql = sql
        admit(db, ask(caller, "r1", NANO))
        assert len(counted) == 3
        settle(db, settlement("r1", 1))
        assert len(counted) == 3 + 6
        db.finish()
        # The house's sales, and the day's usage of this key and model.
        assert len(counted) == 3 + 6 + 2
        db.sql = run

    teller.do(count)
