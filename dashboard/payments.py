"""What an operator sees of payments, and looks after.

Orders are what users meant to pay, events what payment providers told of that.
Callbacks that could not be credited wait for a person. Resolving one moves no money:
that is done by an adjustment or at the provider, and said here.
"""

from typing import Any

from config.money import dollars, minor_text
from config.payments import CURRENCIES
from dashboard.fields import Fields, text_field
from dashboard.listing import (
    DIGITS_MAX,
    SEQ_MAX,
    read_id_cursor,
    read_limit,
    read_name,
    whole_number,
)
from dashboard.operation import person
from dashboard.operator import find_user, read_reason
from dashboard.refusals import BadInput, UnknownPlace
from dashboard.services import Services
from dashboard.shapes import iso_time
from dashboard.visit import Answer, Visit
from storage.acts import acted
from storage.order_states import OrderState
from storage.orders import resolve
from storage.oversight import EventEntry, EventPlace, OrderEntry

# Those that were placed; what never was is in no list.
STATES = tuple(state.value for state in OrderState if state is not OrderState.ABSENT)
PROBLEM = "problem"
# A provider's name, the id it gave, and what stands between them.
EVENT_CHARS_MAX = 300


def orders(services: Services, visit: Visit) -> Answer:
    state = visit.query.get("status") or None
    if state is not None and state not in STATES:
        raise BadInput("bad_status", statuses=", ".join(STATES))
    user_id = read_name(visit.query, "user_id")
    account_id = None
    if user_id is not None:
        account_id = find_user(services, user_id).account_id
    page = services.storage.reader.oversight.orders(
        state,
        account_id,
        read_id_cursor(visit.query.get("before")),
        read_limit(visit.query.get("limit")),
    )
    shapes = [order_entry(one) for one in page.entries]
    return Answer(data={"orders": shapes, "next": page.next})


def order_events(services: Services, visit: Visit) -> Answer:
    status = visit.query.get("status") or None
    if status not in (None, PROBLEM):
        raise BadInput("bad_status", statuses=PROBLEM)
    page, next_ = services.storage.reader.oversight.events(
        status == PROBLEM,
        read_event_cursor(visit.query.get("before", "")),
        read_limit(visit.query.get("limit")),
    )
    cursor = None
    if next_ is not None:
        cursor = f"{next_.received_ns}:{event_name(next_.method, next_.id)}"
    shapes = [event_entry(one) for one in page]
    return Answer(data={"events": shapes, "next": cursor})


def resolve_order_event(services: Services, visit: Visit) -> Answer:
    method, event_id = read_event(visit.fields)
    reason = read_reason(visit.fields)
    name = event_name(method, event_id)
    done = services.storage.writer.wait(
        acted,
        lambda done: visit.act("problem_resolved", name, {"reason": reason})
        if done
        else None,
        resolve,
        method,
        event_id,
        reason,
        visit.user.email,
    )
    if not done:
        raise UnknownPlace("unknown_problem")
    return Answer("saved", {"event": name})


# What is sent.


def read_event(fields: Fields) -> tuple[str, str]:
    """A provider and what it calls a callback."""
    name = text_field(fields, "event")
    if len(name) > EVENT_CHARS_MAX or not name.isprintable():
        raise BadInput("bad_text", name="event")
    method, _, event_id = name.partition(":")
    return method, event_id


def read_event_cursor(text: str) -> EventPlace | None:
    if not text:
        return None
    digits, _, name = text.partition(":")
    received_ns = whole_number(digits)
    if received_ns is None or received_ns > SEQ_MAX:
        raise BadInput("bad_cursor")
    if len(text) > DIGITS_MAX + EVENT_CHARS_MAX or not text.isprintable():
        raise BadInput("bad_cursor")
    method, _, event_id = name.partition(":")
    return EventPlace(received_ns, method, event_id)


# What is shown.


def event_name(method: str, event_id: str) -> str:
    return f"{method}:{event_id}"


def order_entry(entry: OrderEntry) -> dict[str, Any]:
    order = entry.order
    return {
        "order_id": order.id,
        "user": person(entry.user_id, entry.user_email),
        "method": order.method,
        "status": order.state,
        "amount": dollars(order.amount_nano),
        "charged": minor_text(order.minor, CURRENCIES[order.currency]),
        "currency": order.currency,
        "reversed": dollars(order.reversed_nano),
        "object_id": order.object_id,
        "payment_id": order.payment_id,
        "transaction_id": order.transfer_id,
        "problems": entry.problems,
        "created_at": iso_time(order.created_ns),
        "ended_at": None if order.ended_ns is None else iso_time(order.ended_ns),
    }


def event_entry(entry: EventEntry) -> dict[str, Any]:
    return {
        "event": event_name(entry.method, entry.id),
        "type": entry.type,
        "order_id": entry.order_id,
        "user": person(entry.user_id, entry.user_email),
        "outcome": entry.outcome,
        "detail": entry.detail,
        "problem": entry.problem,
        "deliveries": entry.deliveries,
        "received_at": iso_time(entry.received_ns),
        "resolution": entry.resolution,
        "resolved_by": entry.resolved_by,
    }
