"""Orders: money that others collect for us, credited once for each payment.

An order is placed before anybody is asked to pay: it binds a user, a method, an amount
of balance and what that costs, to the smallest unit of a currency. What the provider
tells later is a notice. Each notice and what it led to are one transaction: credit,
state of the order, and the record of the callback that brought it, so a callback whose
answer got lost may come again, and does nothing more.

Notices come twice, in any order, and before their time. What was paid is judged by the
table of states; what came back of a payment is a fact that is kept until its payment is
there (see reversals).
"""

from dataclasses import dataclass

from storage import replays, reversals
from storage import statements as sql
from storage.database import Ledgerbase, Row
from storage.errors import IllegalMove
from storage.ledger import REFERENCE_LENGTH_MAX, topup
from storage.order_states import TRANSITIONS, OrderMove, OrderState, OrderStep
from storage.replays import KeyReused, Replayed, ReplayKey

PURGED_WITH_EACH = 10


@dataclass(frozen=True, slots=True)
class NewOrder:
    """`minor` is what it costs, in the currency's smallest unit."""

    id: str
    account_id: int
    method: str
    amount_nano: int
    currency: str
    minor: int


@dataclass(frozen=True, slots=True)
class Order:
    """`object_id` is what the provider calls the thing that is paid, `payment_id` what
    refunds refer to. Of what came back, `reversed_nano`, the user had `taken_nano`."""

    id: str
    account_id: int
    name: str | None
    method: str
    amount_nano: int
    currency: str
    minor: int
    state: str
    object_id: str | None
    payment_id: str | None
    transfer_id: str | None
    reversals: int
    reversed_nano: int
    taken_nano: int
    created_ns: int
    ended_ns: int | None


@dataclass(frozen=True, slots=True)
class TooManyOrders:
    """So many of the account's wait to be paid already."""

    waiting_max: int


@dataclass(frozen=True, slots=True)
class OrderRules:
    """How many orders of an account may wait, for how long they can be paid, how long
    what led to nothing is kept, and whether a dispute closes the account."""

    waiting_max: int
    waiting_ns: int
    keep_ns: int
    block_disputed: bool


@dataclass(frozen=True, slots=True)
class Callback:
    """What a provider sent, and proved to have sent; the digest is of its body."""

    method: str
    id: str
    type: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Paid:
    """An order was paid: by which object, and how much of which currency."""

    order_id: str
    object_id: str
    payment_id: str | None
    currency: str
    minor: int


@dataclass(frozen=True, slots=True)
class Unpaid:
    """An order will not be paid by its object: it failed, or its time is over."""

    order_id: str
    object_id: str
    move: OrderMove


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing has happened that concerns the books; the word says why."""

    outcome: str


Notice = Paid | Unpaid | reversals.Reversal | Nothing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a notice. A problem is for the operator to look at."""

    word: str
    detail: str = ""
    order_id: str | None = None
    problem: bool = False


def place(
    db: Ledgerbase, new: NewOrder, rules: OrderRules, replay: ReplayKey | None
) -> Order | TooManyOrders | Replayed | KeyReused:
    """A new order, or the one that was placed under the same name within a day."""
    if replay is not None:
        earlier = replays.find(db, new.account_id, replay)
        if isinstance(earlier, Replayed | KeyReused):
            return earlier
        named = _named(db, new, replay.name)
        if named is not None:
            return named
    waiting_ns = db.now_ns - rules.waiting_ns
    ((waiting,),) = db.sql(sql.COUNT_WAITING_ORDERS, (new.account_id, waiting_ns))
    if waiting >= rules.waiting_max:
        return TooManyOrders(rules.waiting_max)
    found = db.sql(sql.FIND_ORDER, (new.id,))
    if not found:
        name = None if replay is None else replay.name
        db.sql(
            sql.INSERT_ORDER,
            (
                new.id,
                new.account_id,
                name,
                new.method,
                new.amount_nano,
                new.currency,
                new.minor,
                db.now_ns,
            ),
        )
        db.sql(sql.PURGE_ORDERS, (db.now_ns - rules.keep_ns, PURGED_WITH_EACH))
        found = db.sql(sql.FIND_ORDER, (new.id,))
    return order_of(found[0])


def bind(db: Ledgerbase, order_id: str, object_id: str) -> Order:
    """What the provider calls the thing that pays this order; it is said once."""
    db.sql(sql.BIND_ORDER, (order_id, object_id))
    order = find(db, order_id)
    if order is None or order.object_id != object_id:
        raise IllegalMove(f"{object_id} does not pay {order_id}")
    return order


def give_up(db: Ledgerbase, order_id: str) -> None:
    """Nobody was asked to pay this order."""
    order = find(db, order_id)
    if order is not None and order.state == OrderState.OPEN.value:
        db.sql(sql.END_ORDER, (order_id, OrderState.FAILED.value, db.now_ns))


def receive(
    db: Ledgerbase, callback: Callback, notice: Notice, rules: OrderRules
) -> Outcome:
    """Do what a notice asks for, if it was not done before, and keep a record."""
    outcome = _heed(db, callback.method, notice, rules)
    db.sql(
        sql.KEEP_EVENT,
        (
            callback.method,
            callback.id,
            callback.type,
            outcome.order_id,
            callback.digest,
            outcome.word,
            outcome.detail,
            int(outcome.problem),
            db.now_ns,
        ),
    )
    before_ns = db.now_ns - rules.keep_ns
    db.sql(sql.PURGE_EVENTS, (before_ns, PURGED_WITH_EACH))
    db.sql(sql.PURGE_REVERSALS, (before_ns, PURGED_WITH_EACH))
    return outcome


def resolve(
    db: Ledgerbase, method: str, event_id: str, resolution: str, author: str
) -> bool:
    """A person has looked at a problem; whether there was such a one."""
    for text in (resolution, author):
        if not 0 < len(text.strip()) <= REFERENCE_LENGTH_MAX:
            raise IllegalMove("say what was done, and who you are")
    return bool(db.sql(sql.RESOLVE_EVENT, (method, event_id, resolution, author)))


def find(db: Ledgerbase, order_id: str) -> Order | None:
    found = db.sql(sql.FIND_ORDER, (order_id,))
    return order_of(found[0]) if found else None


def order_of(row: Row) -> Order:
    return Order(*row)


def _named(db: Ledgerbase, new: NewOrder, name: str) -> Order | KeyReused | None:
    since_ns = db.now_ns - replays.KEPT_NS
    found = db.sql(sql.FIND_ORDER_BY_NAME, (new.account_id, name, since_ns))
    if not found:
        return None
    order = order_of(found[0])
    asked = (new.method, new.amount_nano)
    if (order.method, order.amount_nano) != asked:
        return KeyReused(order.id)
    return order


def _heed(
    db: Ledgerbase, method: str, notice: Notice, rules: OrderRules
) -> Outcome:
    match notice:
        case Paid():
            return _pay(db, method, notice, rules)
        case Unpaid():
            return _end(db, method, notice)
        case reversals.Reversal():
            return _reverse(db, method, notice, rules)
        case Nothing(word):
            return Outcome(word)


def _pay(db: Ledgerbase, method: str, paid: Paid, rules: OrderRules) -> Outcome:
    order = find(db, paid.order_id)
    if order is None or order.method != method:
        return _trouble("unknown_order", paid.order_id, None)
    trouble = _judge(db, order, paid)
    if trouble is not None:
        return trouble
    step = TRANSITIONS[OrderState(order.state)][OrderMove.PAY]
    if step is OrderStep.REPEAT:
        return Outcome("exists", order.transfer_id or "", order.id)
    made = topup(db, order.account_id, order.amount_nano, method, paid.object_id)
    db.sql(
        sql.PAY_ORDER,
        (order.id, paid.object_id, paid.payment_id, made.transfer_id, db.now_ns),
    )
    credited = find(db, order.id)
    assert credited is not None
    reversals.reconcile(db, credited)
    if rules.block_disputed and reversals.disputed(db, credited):
        reversals.block(db, credited.account_id)
    return Outcome("credited", made.transfer_id, order.id)


def _judge(db: Ledgerbase, order: Order, paid: Paid) -> Outcome | None:
    """Whether this object may pay this order, and pays what it costs."""
    if paid.currency != order.currency:
        text = f"{paid.currency} instead of {order.currency}"
        return _trouble("wrong_currency", text, order.id)
    if paid.minor != order.minor:
        return _trouble("wrong_amount", f"{paid.minor}, not {order.minor}", order.id)
    if order.object_id not in (None, paid.object_id):
        twice = order.state == OrderState.PAID.value
        word = "paid_twice" if twice else "wrong_object"
        return _trouble(word, f"{paid.object_id}, not {order.object_id}", order.id)
    other = db.sql(sql.FIND_ORDER_BY_OBJECT, (order.method, paid.object_id))
    if other and other[0][0] != order.id:
        text = f"{paid.object_id} pays {other[0][0]}"
        return _trouble("wrong_object", text, order.id)
    return None


def _end(db: Ledgerbase, method: str, unpaid: Unpaid) -> Outcome:
    order = find(db, unpaid.order_id)
    if order is None or order.method != method:
        # Nothing was paid, so there is nothing for a person to look at.
        return Outcome("ignored", "no such order")
    if order.object_id not in (None, unpaid.object_id):
        return Outcome("ignored", f"{unpaid.object_id} does not pay it", order.id)
    if TRANSITIONS[OrderState(order.state)][unpaid.move] is not OrderStep.DO:
        return Outcome("unchanged", order.state, order.id)
    state = _ENDS[unpaid.move]
    db.sql(sql.END_ORDER, (order.id, state.value, db.now_ns))
    return Outcome(state.value, "", order.id)


_ENDS = {
    OrderMove.FAIL: OrderState.FAILED,
    OrderMove.EXPIRE: OrderState.EXPIRED,
}


def _reverse(
    db: Ledgerbase, method: str, notice: reversals.Reversal, rules: OrderRules
) -> Outcome:
    begun = reversals.keep(db, method, notice)
    found = db.sql(sql.FIND_ORDER_BY_PAYMENT, (method, notice.payment_id))
    if not found:
        return Outcome("waiting", notice.payment_id)
    order = order_of(found[0])
    if notice.currency != order.currency:
        text = f"{notice.id}: {notice.currency} instead of {order.currency}"
        return _trouble("wrong_currency", text, order.id)
    change_nano = reversals.reconcile(db, order)
    if begun and notice.kind == "dispute" and rules.block_disputed:
        reversals.block(db, order.account_id)
    if change_nano == 0:
        return Outcome("unchanged", notice.id, order.id)
    return Outcome("reversed" if change_nano > 0 else "restored", notice.id, order.id)


def _trouble(word: str, detail: str, order_id: str | None) -> Outcome:
    return Outcome(word, detail, order_id, problem=True)
