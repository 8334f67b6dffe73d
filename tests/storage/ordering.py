"""Orders with the fields that a test does not care about."""

from storage.order_states import OrderMove
from storage.orders import (
    Callback,
    NewOrder,
    OrderRules,
    Paid,
    Unpaid,
    place,
    receive,
)
from storage.reversals import LIVE, Reversal
from tests.storage.teller import NANO

DAY_NS = 86_400 * 10**9
RULES = OrderRules(
    waiting_max=3, waiting_ns=DAY_NS, keep_ns=30 * DAY_NS, block_disputed=True
)


def new_order(caller, order_id="order_1", nano=10 * NANO, **fields):
    whole = {
        "id": order_id,
        "account_id": caller.account_id,
        "method": "stripe",
        "amount_nano": nano,
        "currency": "usd",
        "minor": nano // 10**7,
        **fields,
    }
    return NewOrder(**whole)


def paid(order_id="order_1", object_id="cs_1", payment="pi_1", minor=1000, **fields):
    whole = {"currency": "usd", **fields}
    return Paid(order_id, object_id, payment, whole["currency"], minor)


def failed(order_id="order_1", object_id="cs_1", move=OrderMove.FAIL):
    return Unpaid(order_id, object_id, move)


def back(minor=1000, fact_id="re_1", kind="refund", standing=LIVE, payment="pi_1"):
    return Reversal(payment, fact_id, kind, "usd", minor, standing)


class Till:
    """Places orders and hears of them, by callbacks with ids of their own."""

    def __init__(self, teller, rules=RULES):
        self.teller, self.rules = teller, rules
        self.number = 0

    def place(self, new, replay=None):
        return self.teller.do(place, new, self.rules, replay)

    def hear(self, notice, event_id=None, method="stripe"):
        self.number += 1
        callback = Callback(
            method, event_id or f"evt_{self.number}", "type", b"d" * 32
        )
        return self.teller.do(receive, callback, notice, self.rules)

    def order(self, caller, order_id="order_1"):
        return self.teller.storage.reader.order(order_id, caller.account_id)
