"""Stripe's events: what each kind that we know means for an order.

An event is read only after its signature has proved whose it is. The table says what is
read of which type; an event of another type, or about somebody else's payments on the
same Stripe account, is nothing to us. What has the type but not the form is an error
of ours or theirs that must be seen, so it is refused, and comes again.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.fields import NumberText
from dashboard.refusals import BadInput
from storage.order_states import OrderMove
from storage.orders import Nothing, Notice, Paid, Unpaid
from storage.reversals import ENDED, LIVE, NOTED, Reversal

ORDER_ID = re.compile(r"order_[0-9a-z]{26}")
ID_CHARS_MAX = 200
MINOR_MAX = 10**12


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    type: str
    notice: Notice


Subject = Mapping[str, Any]


def read_event(body: bytes) -> Event:
    """BadInput for what Stripe would not send."""
    try:
        whole = json.loads(body, parse_float=NumberText)
    except (ValueError, RecursionError):
        raise BadInput("bad_json") from None
    event = mapping(whole)
    kind = text(event, "type")
    subject = mapping(mapping(event.get("data")).get("object"))
    read = READERS.get(kind)
    notice = Nothing("ignored") if read is None else read(kind, subject)
    return Event(text(event, "id"), kind, notice)


def read_paid(kind: str, session: Subject) -> Notice:
    """A session that is over: paid, or still to be paid by a slow method."""
    order_id = order_of(session)
    if order_id is None:
        return Nothing("foreign")
    if session.get("payment_status") == "unpaid":
        return Nothing("pending")
    payment = session.get("payment_intent")
    return Paid(
        order_id,
        text(session, "id"),
        None if payment is None else id_of(payment),
        text(session, "currency"),
        whole(session, "amount_total"),
    )


def read_unpaid(kind: str, session: Subject) -> Notice:
    order_id = order_of(session)
    if order_id is None:
        return Nothing("foreign")
    expired = kind.endswith(".expired")
    move = OrderMove.EXPIRE if expired else OrderMove.FAIL
    return Unpaid(order_id, text(session, "id"), move)


def read_refunded(kind: str, charge: Subject) -> Notice:
    """All refunds of a charge so far, in one number."""
    minor = whole(charge, "amount_refunded")
    return reversal(charge, "total", minor, LIVE if minor else NOTED)


def read_refund(kind: str, refund: Subject) -> Notice:
    """One refund. Until it fails the money is on its way."""
    over = refund.get("status") in ("failed", "canceled")
    standing = ENDED if over else LIVE
    return reversal(refund, "refund", whole(refund, "amount"), standing)


def read_dispute(kind: str, dispute: Subject) -> Notice:
    """An inquiry moves no money; a dispute does when it begins, and again when won."""
    standing = STANDINGS.get(kind.rpartition(".")[2])
    if standing is None:
        status = text(dispute, "status")
        standing = NOTED if status.startswith("warning_") else LIVE
        if status in ("won", "prevented"):
            standing = ENDED
    return reversal(dispute, "dispute", whole(dispute, "amount"), standing)


STANDINGS = {"funds_withdrawn": LIVE, "funds_reinstated": ENDED}


def reversal(subject: Subject, kind: str, minor: int, standing: str) -> Notice:
    payment = subject.get("payment_intent")
    if payment is None:
        # It was not paid by a session of ours.
        return Nothing("foreign")
    currency = text(subject, "currency")
    return Reversal(
        id_of(payment), text(subject, "id"), kind, currency, minor, standing
    )


READERS: Mapping[str, Callable[[str, Subject], Notice]] = {
    "checkout.session.completed": read_paid,
    "checkout.session.async_payment_succeeded": read_paid,
    "checkout.session.async_payment_failed": read_unpaid,
    "checkout.session.expired": read_unpaid,
    "charge.refunded": read_refunded,
    "charge.refund.updated": read_refund,
    "refund.created": read_refund,
    "refund.updated": read_refund,
    "refund.failed": read_refund,
    "charge.dispute.created": read_dispute,
    "charge.dispute.updated": read_dispute,
    "charge.dispute.closed": read_dispute,
    "charge.dispute.funds_withdrawn": read_dispute,
    "charge.dispute.funds_reinstated": read_dispute,
}


def order_of(session: Subject) -> str | None:
    """The order that a session is for, if it is one of ours."""
    found = session.get("client_reference_id")
    if isinstance(found, str) and ORDER_ID.fullmatch(found):
        return found
    return None


def id_of(value: object) -> str:
    """An object's id, or the object itself where it was expanded."""
    if isinstance(value, dict):
        value = value.get("id")
    return check_text(value)


def text(subject: Subject, name: str) -> str:
    return check_text(subject.get(name))


def check_text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise BadInput()
    if not 0 < len(value) <= ID_CHARS_MAX or not value.isascii():
        raise BadInput()
    return value


def whole(subject: Subject, name: str) -> int:
    value = subject.get(name)
    if type(value) is not int or not 0 <= value <= MINOR_MAX:
        raise BadInput()
    return value


def mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput()
    return value
