"""Ordering: paying in through others, and how an order stands.

An order is written down before anybody is asked to pay it; then the provider gives an
address where the user pays. The money is credited when the provider tells us so, never
because a browser came back.
"""

from dataclasses import dataclass
from urllib.parse import quote

from config.money import dollars, minor_text, parse_nano, rate_text
from config.payments import CENT_NANO, CURRENCIES, Terms
from dashboard import epay
from dashboard.fields import amount_field, text_field
from dashboard.listing import read_id_cursor, read_limit
from dashboard.messages import say
from dashboard.refusals import BadInput, Conflict, KeyReused, Refusal, UnknownPlace
from dashboard.services import Services
from dashboard.shapes import iso_time, number
from dashboard.visit import Answer, Visit
from storage.database import Ledgerbase
from storage.order_states import OrderState
from storage.orders import (
    NewOrder,
    Order,
    OrderRules,
    TooManyOrders,
    bind,
    give_up,
    place,
)
from storage.replays import KeyReused as Reused
from storage.replays import Replayed

NS = 10**9
BACK = "/public/dashboard.html"


@dataclass(frozen=True, slots=True)
class Opened:
    """An order that can be paid, at its address."""

    order: Order
    url: str
    object_id: str | None = None

    def __call__(self, db: Ledgerbase) -> Answer | Refusal:
        """Said in the transaction that knows what the provider calls it."""
        order = self.order
        if self.object_id is not None:
            order = bind(db, order.id, self.object_id)
        return Answer("order_opened", {**order_shape(order), "pay_url": self.url})


@dataclass(frozen=True, slots=True)
class AnsweredBefore:
    """The name has its answer already; only if that goes right now is there none."""

    def __call__(self, db: Ledgerbase) -> Answer | Refusal:
        return Conflict()


Ordering = Opened | AnsweredBefore


def read_stripe(services: Services, visit: Visit) -> Ordering:
    stripe = services.settings.payments.stripe
    order = place_order(services, visit, "stripe", stripe.terms)
    if isinstance(order, AnsweredBefore):
        return order
    expires_ns = order.created_ns + rules_of(services).waiting_ns
    try:
        session = services.stripe.open_session(
            order, product(visit, order), back(services, order), expires_ns
        )
    except Refusal:
        if visit.replay is None:
            # Under a name it can be asked for again.
            services.storage.writer.wait(give_up, order.id)
        raise
    return Opened(order, session.url, session.id)


def read_epay(services: Services, visit: Visit) -> Ordering:
    settings = services.settings.payments.epay
    way = text_field(visit.fields, "type") or settings.types[0]
    if way not in settings.types:
        raise BadInput("bad_way_to_pay", types=", ".join(settings.types))
    order = place_order(services, visit, "epay", settings.terms)
    if isinstance(order, AnsweredBefore):
        return order
    home = services.settings.listen.public_url or ""
    url = epay.pay_address(
        settings, order, way, product(visit, order), home, back(services, order)
    )
    return Opened(order, url)


def place_order(
    services: Services, visit: Visit, method: str, terms: Terms
) -> Order | AnsweredBefore:
    amount_nano = read_amount(visit, terms)
    new = NewOrder(
        services.storage.ids.make("order"),
        visit.user.account_id,
        method,
        amount_nano,
        terms.currency,
        terms.minor_rounded_up(amount_nano),
    )
    rules = rules_of(services)
    placed = services.storage.writer.wait(place, new, rules, visit.replay)
    match placed:
        case TooManyOrders(waiting_max):
            raise Conflict("too_many_orders", maximum=waiting_max)
        case Reused():
            raise KeyReused()
        case Replayed():
            return AnsweredBefore()
    return placed


def read_amount(visit: Visit, terms: Terms) -> int:
    """Whole cents of balance, within what an order may be worth."""
    try:
        amount_nano = parse_nano(amount_field(visit.fields, "amount"))
    except ValueError:
        amount_nano = 0
    within = terms.minimum_nano <= amount_nano <= terms.maximum_nano
    if not within or amount_nano % CENT_NANO:
        raise BadInput(
            "bad_amount",
            minimum=dollars(terms.minimum_nano),
            maximum=dollars(terms.maximum_nano),
        )
    return amount_nano


def rules_of(services: Services) -> OrderRules:
    payments = services.settings.payments
    return OrderRules(
        payments.orders_waiting_max,
        int(payments.order_seconds) * NS,
        int(payments.record_seconds) * NS,
        payments.disputed_account == "block",
    )


def product(visit: Visit, order: Order) -> str:
    """What the user reads where it is paid."""
    return say("product", visit.language, {"amount": dollars(order.amount_nano)})


def back(services: Services, order: Order) -> str:
    home = services.settings.listen.public_url or ""
    return f"{home}{BACK}?order={quote(order.id)}"


def terms_shape(terms: Terms, types: tuple[str, ...] = ()) -> dict[str, object]:
    rate = terms.rate_millionths
    shape: dict[str, object] = {
        "currency": terms.currency,
        "minimum": dollars(terms.minimum_nano),
        "maximum": dollars(terms.maximum_nano),
        "rate": None if rate is None else rate_text(rate),
    }
    return {**shape, "types": list(types)} if types else shape


def show_order(services: Services, visit: Visit) -> Answer:
    """One of the user's own orders; anybody else's is not there."""
    order_id = visit.query.get("id", "")
    order = services.storage.reader.order(order_id, visit.user.account_id)
    if order is None:
        raise UnknownPlace("unknown_order")
    return Answer(data=order_shape(order))


def orders(services: Services, visit: Visit) -> Answer:
    """The user's own orders, the newest first, from a cursor on."""
    limit = read_limit(visit.query.get("limit"))
    before = read_id_cursor(visit.query.get("before"))
    account_id = visit.user.account_id
    found = services.storage.reader.own_orders(account_id, before or "", limit + 1)
    shown = found[:limit]
    more = len(found) > limit
    return Answer(
        data={
            "orders": [order_shape(order) for order in shown],
            "next": shown[-1].id if more else None,
        }
    )


def order_shape(order: Order) -> dict[str, object]:
    charged = minor_text(order.minor, CURRENCIES[order.currency])
    paid = order.state == OrderState.PAID.value
    return {
        "order_id": order.id,
        "method": order.method,
        "status": order.state,
        "amount": number(dollars(order.amount_nano)),
        "amount_exact": dollars(order.amount_nano),
        "currency": order.currency,
        "charged_exact": charged,
        "reversed_exact": dollars(order.reversed_nano),
        "transaction_id": order.transfer_id,
        "created_at": iso_time(order.created_ns),
        "paid_at": iso_time(order.ended_ns) if paid and order.ended_ns else None,
    }
