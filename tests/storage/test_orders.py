"""Orders: each payment is credited once, whatever is told of it, and how often."""

from dataclasses import replace

import pytest

from storage.errors import IllegalMove
from storage.order_states import OrderMove
from storage.orders import (
    Nothing,
    TooManyOrders,
    bind,
    give_up,
    resolve,
)
from storage.replays import KeyReused, ReplayKey
from tests.storage.ordering import DAY_NS, RULES, Till, back, failed, new_order, paid
from tests.storage.teller import NANO


@pytest.fixture
def caller(teller):
    return teller.caller(0)


@pytest.fixture
def till(teller, caller):
    till = Till(teller)
    till.place(new_order(caller))
    return till


def test_an_order_waits_until_it_is_paid(teller, caller, till):
    order = till.order(caller)
    assert (order.state, order.transfer_id, order.ended_ns) == ("open", None, None)
    assert till.hear(paid()).word == "credited"
    order = till.order(caller)
    assert (order.state, order.transfer_id) == ("paid", "topup:stripe:cs_1")
    assert teller.available(caller) == 10 * NANO
    assert teller.house("cash") == -10 * NANO


def test_it_is_credited_once_however_often_it_is_told(teller, caller, till):
    words = [till.hear(paid(), "evt_1").word for _ in range(5)]
    assert words == ["credited"] + ["exists"] * 4
    assert till.hear(paid(), "evt_2").word == "exists"
    assert teller.available(caller) == 10 * NANO
    newest, oldest = teller.storage.reader.payment_events()
    assert {(newest.id, newest.deliveries), (oldest.id, oldest.deliveries)} == {
        ("evt_1", 5), ("evt_2", 1),
    }
    assert {newest.outcome, oldest.outcome} == {"credited", "exists"}


@pytest.mark.parametrize("move", [OrderMove.FAIL, OrderMove.EXPIRE])
def test_money_that_comes_late_is_credited(teller, caller, till, move):
    state = {OrderMove.FAIL: "failed", OrderMove.EXPIRE: "expired"}[move]
    assert till.hear(failed(move=move)).word == state
    assert till.hear(failed(move=move)).word == "unchanged"
    assert till.order(caller).state == state
    assert till.hear(paid()).word == "credited"
    assert till.hear(failed(move=move)).word == "unchanged"
    assert teller.available(caller) == 10 * NANO


@pytest.mark.parametrize(
    ("notice", "word"),
    [
        (paid(minor=999), "wrong_amount"),
        (paid(minor=1001), "wrong_amount"),
        (paid(minor=0), "wrong_amount"),
        (paid(currency="eur"), "wrong_currency"),
        (paid("order_2"), "unknown_order"),
        (paid(object_id="cs_other"), "wrong_object"),
    ],
)
def test_what_was_not_ordered_is_refused_and_shown(
    teller, caller, till, notice, word
):
    teller.do(bind, "order_1", "cs_1")
    outcome = till.hear(notice, "evt_1")
    assert (outcome.word, outcome.problem) == (word, True)
    assert teller.available(caller) == 0
    (shown,) = teller.storage.reader.payment_events(problems=True)
    assert (shown.id, shown.outcome) == ("evt_1", word)
    assert till.hear(paid()).word == "credited"


def test_a_method_knows_its_own_orders_only(teller, caller, till):
    assert till.hear(paid(), method="epay").word == "unknown_order"
    assert till.hear(failed(), method="epay").word == "ignored"
    assert till.order(caller).state == "open"


def test_what_does_not_pay_an_order_does_not_end_it(teller, caller, till):
    teller.do(bind, "order_1", "cs_1")
    assert till.hear(failed(object_id="cs_2")).word == "ignored"
    assert till.hear(failed("order_9")).word == "ignored"
    assert till.order(caller).state == "open"


def test_a_second_payment_of_one_order_is_for_a_person(teller, caller, till):
    till.hear(paid(object_id="t1"))
    outcome = till.hear(paid(object_id="t2"))
    assert (outcome.word, outcome.problem) == ("paid_twice", True)
    assert teller.available(caller) == 10 * NANO


def test_one_payment_pays_one_order(teller, caller, till):
    till.place(new_order(caller, "order_2"))
    till.hear(paid())
    assert till.hear(paid("order_2")).word == "wrong_object"
    assert teller.available(caller) == 10 * NANO


def test_a_problem_is_shown_until_somebody_resolved_it(teller, till):
    till.hear(paid(minor=1), "evt_1")
    assert not teller.do(resolve, "stripe", "evt_2", "sent back", "grace")
    assert not teller.do(resolve, "epay", "evt_1", "sent back", "grace")
    assert teller.do(resolve, "stripe", "evt_1", "sent back", "grace")
    assert not teller.do(resolve, "stripe", "evt_1", "again", "grace")
    assert teller.storage.reader.payment_events(problems=True) == []
    (event,) = teller.storage.reader.payment_events()
    assert (event.resolution, event.resolved_by) == ("sent back", "grace")


@pytest.mark.parametrize("said", [("", "me"), ("why", " "), ("x" * 256, "me")])
def test_a_resolution_says_what_and_who(teller, said):
    with pytest.raises(IllegalMove, match="say what"):
        teller.do(resolve, "stripe", "evt_1", *said)


def test_what_is_nothing_is_written_down(teller, till):
    assert till.hear(Nothing("foreign"), "evt_1").word == "foreign"
    (event,) = teller.storage.reader.payment_events()
    assert (event.id, event.outcome, event.order_id) == ("evt_1", "foreign", None)


# Placing.


def test_only_so_many_wait_at_once(teller, caller, till, clock):
    for number in (2, 3):
        till.place(new_order(caller, f"order_{number}"))
    assert till.place(new_order(caller, "order_4")) == TooManyOrders(3)
    bob = teller.caller(0, "bob@example.com")
    assert till.place(new_order(bob, "order_5")).state == "open"
    till.hear(paid())
    assert till.place(new_order(caller, "order_4")).state == "open"
    clock.advance(86_400)
    assert till.place(new_order(caller, "order_6")).state == "open"


def test_an_order_that_nobody_asked_to_be_paid_does_not_wait(teller, caller, till):
    teller.do(give_up, "order_1")
    assert till.order(caller).state == "failed"
    till.hear(paid())
    teller.do(give_up, "order_1")
    assert till.order(caller).state == "paid"


def test_a_name_places_one_order_for_a_day(teller, caller, till, clock):
    key = ReplayKey("n", b"f")
    first = till.place(new_order(caller, "order_2"), key)
    assert till.place(new_order(caller, "order_3"), key) == first
    other = new_order(caller, "order_3", NANO)
    assert till.place(other, key) == KeyReused("order_2")
    clock.advance(86_400)
    assert till.place(new_order(caller, "order_4"), key).id == "order_4"


def test_what_is_bound_stays_bound(teller, till):
    teller.do(bind, "order_1", "cs_1")
    assert teller.do(bind, "order_1", "cs_1").object_id == "cs_1"
    for order_id, object_id in [("order_1", "cs_2"), ("order_9", "cs_1")]:
        with pytest.raises(IllegalMove, match="does not pay"):
            teller.do(bind, order_id, object_id)


def test_what_led_to_nothing_is_forgotten(teller, caller, till, clock):
    till.hear(paid("order_9"), "evt_problem")
    till.hear(back(payment="pi_none"), "evt_old")
    clock.advance(30 * 86_400)
    till.place(new_order(caller, "order_2"))
    till.hear(Nothing("ignored"), "evt_new")
    assert till.order(caller) is None
    kept = {one.id for one in teller.storage.reader.payment_events()}
    assert kept == {"evt_problem", "evt_new"}
    assert teller.count("payment_reversal") == 0


def test_what_was_paid_and_what_came_back_is_kept(teller, caller, till, clock):
    till.hear(paid())
    till.hear(back())
    clock.advance(365 * 86_400)
    till.place(new_order(caller, "order_2"))
    till.hear(Nothing("ignored"))
    assert till.order(caller).state == "paid"
    assert teller.count("payment_reversal") == 1


# Reading.


def test_orders_are_read_by_their_owner_only(teller, caller, till):
    bob = teller.caller(0, "bob@example.com")
    assert till.order(caller) is not None
    assert till.order(bob) is None


def test_orders_are_listed_the_newest_first(teller, caller, till):
    bob = teller.caller(0, "bob@example.com")
    till.place(new_order(caller, "order_2"))
    till.place(new_order(bob, "order_3"))
    reader = teller.storage.reader
    assert [one.id for one in reader.orders()] == ["order_3", "order_2", "order_1"]
    mine = reader.orders(caller.account_id, before="order_2", limit=1)
    assert [one.id for one in mine] == ["order_1"]


def test_events_are_listed_by_order_and_time(teller, caller, till, clock):
    till.hear(paid(), "evt_1")
    clock.advance(1)
    till.hear(Nothing("ignored"), "evt_2")
    reader = teller.storage.reader
    newest, oldest = reader.payment_events()
    assert (newest.id, oldest.id) == ("evt_2", "evt_1")
    assert oldest.account_id == caller.account_id
    assert reader.payment_events(before_ns=newest.received_ns) == [oldest]
    assert reader.payment_events(order_id="order_1") == [oldest]


def test_the_rules_are_for_all_methods(teller, caller):
    strict = Till(teller, replace(RULES, waiting_max=1, waiting_ns=DAY_NS))
    strict.place(new_order(caller, "order_1", method="epay"))
    assert strict.place(new_order(caller, "order_2")) == TooManyOrders(1)
