"""Orders on paper: what a user should have, said from all that was ever told.

It knows no order of events: it keeps a set of what was told and computes from scratch.
Only what was taken from whom cannot be had that way, because it depends on what there
was at the moment; nobody spends here, so all of it can be taken.
"""

from dataclasses import dataclass, field


@dataclass
class PaperOrder:
    account: int
    nano: int
    minor: int
    currency: str
    paid_by: str | None = None
    payment: str | None = None


@dataclass
class PaperOrders:
    orders: dict[str, PaperOrder] = field(default_factory=dict)
    # What came back: by id, how much and whether it stands.
    facts: dict[str, tuple[str, str, int, bool]] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)

    def pay(self, order_id, object_id, payment, currency, minor):
        """Whether it is believed."""
        order = self.orders.get(order_id)
        if order is None or (currency, minor) != (order.currency, order.minor):
            return False
        used = {one.paid_by for name, one in self.orders.items() if name != order_id}
        if object_id in used or order.paid_by not in (None, object_id):
            return False
        if order.paid_by is None:
            order.paid_by, order.payment = object_id, payment
        return True

    def reverse(self, payment, fact_id, kind, minor, standing):
        if standing == "ended":
            self.over.add(fact_id)
        _, _, before, live = self.facts.get(fact_id, (payment, kind, 0, False))
        live = live or standing == "live"
        self.facts[fact_id] = (payment, kind, max(before, minor), live)

    def reversed_nano(self, order):
        mine = {
            name: fact
            for name, fact in self.facts.items()
            if fact[0] == order.payment and order.payment is not None
        }

        def total(kind):
            return sum(
                minor
                for name, (_, what, minor, live) in mine.items()
                if what == kind and live and name not in self.over
            )

        failed = sum(
            minor
            for name, (_, what, minor, _) in mine.items()
            if what == "refund" and name in self.over
        )
        refunded = max(total("refund"), total("total") - failed)
        units = min(order.minor, refunded + total("dispute"))
        return order.nano * units // order.minor

    def available(self, account):
        return sum(
            order.nano - self.reversed_nano(order)
            for order in self.orders.values()
            if order.account == account and order.paid_by is not None
        )
