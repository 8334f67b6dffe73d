"""Stripe's events as notices; anything odd is refused before the ledger sees it."""

from typing import Any

import pytest

from dashboard.refusals import BadInput
from dashboard.stripe_events import MINOR_MAX, READERS, read_event
from storage.order_states import OrderMove
from storage.orders import Nothing, Paid, Unpaid
from storage.reversals import Reversal
from tests.fakes.stripe_server import charge, dispute, event, paid, refund

ORDER = "order_" + "0" * 26
SESSION: dict[str, Any] = {
    "id": "cs_1", "client_reference_id": ORDER, "currency": "usd",
    "amount_total": 1000, "payment_status": "unpaid", "payment_intent": None,
}
PAID = Paid(ORDER, "cs_1", "pi_1", "usd", 1000)
CHECKOUT = "checkout.session."


@pytest.mark.parametrize(
    ("kind", "subject", "notice"),
    [
        (CHECKOUT + "completed", paid(SESSION, "pi_1"), PAID),
        (CHECKOUT + "async_payment_succeeded", paid(SESSION, "pi_1"), PAID),
        (CHECKOUT + "completed", {**paid(SESSION, ""), "payment_intent": {
            "id": "pi_1", "object": "payment_intent"}}, PAID),
        (CHECKOUT + "completed", SESSION, Nothing("pending")),
        (
            CHECKOUT + "completed",
            {**paid(SESSION, "pi_1"), "client_reference_id": None},
            Nothing("foreign"),
        ),
        (
            CHECKOUT + "completed",
            {**paid(SESSION, "pi_1"), "client_reference_id": "their-own"},
            Nothing("foreign"),
        ),
        (
            CHECKOUT + "async_payment_failed", SESSION,
            Unpaid(ORDER, "cs_1", OrderMove.FAIL),
        ),
        (CHECKOUT + "expired", SESSION, Unpaid(ORDER, "cs_1", OrderMove.EXPIRE)),
        (
            "charge.refunded", charge("pi_1", 1000, 400),
            Reversal("pi_1", "ch_pi_1", "total", "usd", 400, "live"),
        ),
        (
            "refund.created", refund("pi_1", 400),
            Reversal("pi_1", "re_1", "refund", "usd", 400, "live"),
        ),
        (
            "refund.updated", refund("pi_1", 400, status="pending"),
            Reversal("pi_1", "re_1", "refund", "usd", 400, "live"),
        ),
        (
            "refund.failed", refund("pi_1", 400, status="failed"),
            Reversal("pi_1", "re_1", "refund", "usd", 400, "ended"),
        ),
        (
            "charge.refund.updated", refund("pi_1", 400, status="canceled"),
            Reversal("pi_1", "re_1", "refund", "usd", 400, "ended"),
        ),
        ("refund.created", {**refund("", 4), "payment_intent": None},
         Nothing("foreign")),
        ("customer.created", {"id": "cus_1"}, Nothing("ignored")),
    ],
)
def test_an_event_means_this(kind: str, subject: Any, notice: object) -> None:
    found = read_event(event(kind, subject, "evt_7"))
    assert (found.id, found.type, found.notice) == ("evt_7", kind, notice)


@pytest.mark.parametrize(
    ("kind", "status", "standing"),
    [
        ("created", "warning_needs_response", "noted"),
        ("created", "needs_response", "live"),
        ("updated", "under_review", "live"),
        ("closed", "lost", "live"),
        ("closed", "won", "ended"),
        ("closed", "warning_closed", "noted"),
        ("funds_withdrawn", "needs_response", "live"),
        ("funds_reinstated", "won", "ended"),
    ],
)
def test_a_dispute_moves_money_or_not(kind: str, status: str, standing: str) -> None:
    found = read_event(event(f"charge.dispute.{kind}", dispute("pi_1", 1000, status)))
    assert isinstance(found.notice, Reversal)
    assert (found.notice.kind, found.notice.standing) == ("dispute", standing)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b"{}", b'{"id": "evt_1"}',
        b'{"id": "evt_1", "type": "x"}', b'{"id": "evt_1", "type": "x", "data": []}',
        b'{"id": 1, "type": "x", "data": {"object": {}}}',
        b'{"id": "", "type": "x", "data": {"object": {}}}',
        b'{"id": "e\\n", "type": "x", "data": {"object": {}}}',
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        read_event(body)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "change",
    [
        {"amount_total": -1, "amount": -1, "amount_refunded": -1},
        {"amount_total": 1.5, "amount": 1.5, "amount_refunded": 1.5},
        {"amount_total": "1000", "amount": "1000", "amount_refunded": "1000"},
        {"amount_total": True, "amount": True, "amount_refunded": True},
        {
            "amount_total": MINOR_MAX + 1, "amount": MINOR_MAX + 1,
            "amount_refunded": MINOR_MAX + 1,
        },
        {"currency": None},
        {"currency": 7},
        {"id": "x" * 201},
    ],
    ids=str,
)
def test_an_odd_field_is_refused(kind: str, change: dict[str, Any]) -> None:
    subject = {
        **paid(SESSION, "pi_1"), "amount": 5, "amount_refunded": 5, "status": "x",
        **change,
    }
    unread = {CHECKOUT + "async_payment_failed", CHECKOUT + "expired"}
    if kind in unread and "id" not in change:
        assert isinstance(read_event(event(kind, subject)).notice, Unpaid)
        return
    with pytest.raises(BadInput):
        read_event(event(kind, subject))
