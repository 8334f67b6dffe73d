"""Thousands of random notices, told to the ledger and to orders on paper.

Duplicates, refunds before payments, wrong amounts, lost answers and transactions that
failed in the middle are all drawn from one seed; each batch is one transaction. After
each the balances are compared, and the audit must find nothing.
"""

import random
from collections import Counter

import pytest

from storage.orders import Callback, Paid, Unpaid, place, receive
from storage.order_states import OrderMove
from storage.reversals import Reversal
from tests.storage.ordering import RULES, new_order
from tests.storage.paper_orders import PaperOrder, PaperOrders

BATCHES = 60
ORDERS = 8
WORDS = (
    "credited exists wrong_amount wrong_currency unknown_order paid_twice wrong_object"
    " failed expired unchanged ignored waiting reversed restored"
).split()


class Crash(Exception):
    """Between the work and the commit."""


class Story:
    def __init__(self, seed, teller):
        self.draw = random.Random(seed)
        self.teller = teller
        self.paper = PaperOrders()
        self.accounts = [
            teller.caller(0, f"user{number}@example.com") for number in range(2)
        ]
        self.told = []
        self.number = 0

    def order(self):
        return f"order_{self.draw.randrange(ORDERS + 1)}"

    def place_all(self):
        many = RULES.__class__(ORDERS, RULES.waiting_ns, RULES.keep_ns, False)
        for number in range(ORDERS):
            caller = self.draw.choice(self.accounts)
            nano = self.draw.choice([10**10, 3 * 10**9 + 10**7])
            new = new_order(caller, f"order_{number}", nano)
            self.teller.do(place, new, many, None)
            self.paper.orders[new.id] = PaperOrder(
                caller.account_id, nano, new.minor, "usd"
            )
        self.rules = many

    def notice(self):
        """A callback and its notice; now and then one that was told before."""
        if self.told and self.draw.random() < 0.3:
            return self.draw.choice(self.told)
        self.number += 1
        made = self.draw.choice([self.paid, self.paid, self.unpaid, self.reversal])()
        callback = Callback("stripe", f"evt_{self.number}", "t", b"d")
        self.told.append((callback, made))
        return callback, made

    def paid(self):
        order_id = self.order()
        order = self.paper.orders.get(order_id)
        minor = order.minor if order else 1000
        number = order_id.rpartition("_")[2]
        if self.draw.random() < 0.1:
            number = self.draw.randrange(ORDERS)
        return Paid(
            order_id,
            f"cs_{number}",
            f"pi_{number}",
            "usd" if self.draw.random() < 0.95 else "eur",
            minor if self.draw.random() < 0.9 else minor + 1,
        )

    def unpaid(self):
        order_id = self.order()
        move = self.draw.choice([OrderMove.FAIL, OrderMove.EXPIRE])
        return Unpaid(order_id, f"cs_{order_id.rpartition('_')[2]}", move)

    def reversal(self):
        payment = f"pi_{self.draw.randrange(ORDERS + 1)}"
        kind = self.draw.choice(["refund", "refund", "dispute", "total"])
        number = self.draw.randrange(3) if kind == "refund" else 0
        standing = self.draw.choice(["live", "live", "noted", "ended"])
        if kind == "total":
            standing = "live"
        minor = self.draw.choice([50, 100, 301]) * (number + 1)
        name = f"{kind}_{payment}_{number}"
        return Reversal(payment, name, kind, "usd", minor, standing)

    def heed(self, notice):
        match notice:
            case Paid():
                return self.paper.pay(
                    notice.order_id,
                    notice.object_id,
                    notice.payment_id,
                    notice.currency,
                    notice.minor,
                )
            case Reversal():
                self.paper.reverse(
                    notice.payment_id,
                    notice.id,
                    notice.kind,
                    notice.minor,
                    notice.standing,
                )
        return None


def batch(db, calls, rules, crash):
    words = [
        (notice, receive(db, callback, notice, rules).word)
        for callback, notice in calls
    ]
    if crash:
        raise Crash
    return words


@pytest.mark.parametrize("seed", range(6))
def test_the_ledger_agrees_with_the_orders_on_paper(teller, seed, words_seen):
    story = Story(seed, teller)
    story.place_all()
    for _ in range(BATCHES):
        calls = [story.notice() for _ in range(story.draw.randrange(1, 12))]
        if story.draw.random() < 0.2:
            with pytest.raises(Crash):
                teller.do(batch, calls, story.rules, True)
        words = teller.do(batch, calls, story.rules, False)
        for notice, word in words:
            believed = story.heed(notice)
            if believed is not None:
                assert (word in ("credited", "exists")) is believed, (notice, word)
            words_seen[word] += 1
        for caller in story.accounts:
            expected = story.paper.available(caller.account_id)
            assert teller.available(caller) == expected
    assert teller.audit() == []
    credits = [one for one in story.paper.orders.values() if one.paid_by is not None]
    assert teller.house("cash") == -sum(one.nano for one in credits)


@pytest.fixture(scope="module")
def words_seen():
    """A story in which nothing happened would agree with everything."""
    seen = Counter()
    yield seen
    assert set(WORDS) <= set(seen)
