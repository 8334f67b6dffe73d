"""Reversals: what came back of a payment, by refund or by dispute.

A reversal is a fact about a payment: how much, and whether it stands. Facts are kept
under the provider's own ids, whatever is known of the payment yet, and the account is
brought to what all of them together say. So it does not matter in which order they
come, how often, or whether a refund is told before its payment.

What comes back is taken from the user as far as there is money; the rest is shortfall.
If a reversal ends otherwise (a refund fails, a dispute is won), the user gets back what
was taken, and no more than that: the house's part is the house's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage import statements as sql
from storage.accounts import set_account_status
from storage.database import Ledgerbase, Row
from storage.errors import IllegalMove
from storage.ledger import Adjusted, Decision, adjust

if TYPE_CHECKING:
    from storage.orders import Order

NOTED, LIVE, ENDED = "noted", "live", "ended"


@dataclass(frozen=True, slots=True)
class Reversal:
    """`kind` is a refund, a dispute, or the total of a payment's refunds so far.

    `noted` is one that moves no money yet, `live` one that does, `ended` one that
    does no more.
    """

    payment_id: str
    id: str
    kind: str
    currency: str
    minor: int
    standing: str


def keep(db: Ledgerbase, method: str, fact: Reversal) -> bool:
    """Remember a fact; whether it moves money from now on and did not before."""
    found = db.sql(sql.FIND_REVERSAL, (method, fact.id))
    before = found[0][0] if found else NOTED
    db.sql(
        sql.KEEP_REVERSAL,
        (
            method,
            fact.id,
            fact.payment_id,
            fact.kind,
            fact.currency,
            fact.minor,
            fact.standing,
            db.now_ns,
        ),
    )
    return before == NOTED and fact.standing == LIVE


def reconcile(db: Ledgerbase, order: "Order") -> int:
    """Take from the order's user, or give back, what the facts say; by how much more
    of the order is reversed now."""
    if order.payment_id is None:
        return 0
    facts = db.sql(sql.REVERSALS, (order.method, order.payment_id, order.currency))
    reversed_nano = reversed_of(order.amount_nano, order.minor, facts)
    change_nano = reversed_nano - order.reversed_nano
    if change_nano == 0:
        return 0
    number = order.reversals + 1
    decision = Decision(
        f"{order.id}:{number}",
        f"{order.payment_id}: a refund or a dispute"
        + (" ended" if change_nano < 0 else ""),
        order.method,
    )
    if change_nano > 0:
        taken_nano = order.taken_nano - _moved(db, order, -change_nano, decision)
    else:
        taken_nano = min(order.taken_nano, reversed_nano)
        back_nano = order.taken_nano - taken_nano
        if back_nano:
            _moved(db, order, back_nano, decision)
    db.sql(sql.REVERSE_ORDER, (order.id, number, reversed_nano, taken_nano))
    return change_nano


def disputed(db: Ledgerbase, order: "Order") -> bool:
    """Whether a dispute of the order's payment stands."""
    if order.payment_id is None:
        return False
    facts = db.sql(sql.REVERSALS, (order.method, order.payment_id, order.currency))
    return any(row[:2] == ("dispute", LIVE) for row in facts)


def block(db: Ledgerbase, account_id: int) -> None:
    """New requests of the account are refused until the operator opens it again."""
    set_account_status(db, account_id, "blocked")


def reversed_of(amount_nano: int, minor: int, facts: Iterable[Row]) -> int:
    """How much of an amount is reversed, rounded down unless all of it is.

    A refund is told by itself, as part of its payment's total, or both: what counts is
    the larger. A total goes on naming refunds that have failed since.
    """
    sums = {"refund": 0, "dispute": 0, "total": 0, "failed": 0}
    for kind, standing, units in facts:
        if standing == LIVE:
            sums[kind] += units
        elif standing == ENDED and kind == "refund":
            sums["failed"] += units
    refunded = max(sums["refund"], sums["total"] - sums["failed"])
    units = min(minor, refunded + sums["dispute"])
    return amount_nano * units // minor


def _moved(
    db: Ledgerbase, order: "Order", amount_nano: int, decision: Decision
) -> int:
    """What an adjustment changed of the user's balance."""
    adjusted = adjust(db, order.account_id, amount_nano, decision)
    if not isinstance(adjusted, Adjusted):
        raise IllegalMove(f"{order.id} was adjusted by somebody else")
    return adjusted.amount_nano
