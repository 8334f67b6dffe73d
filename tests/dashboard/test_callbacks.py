"""Callbacks: believed for their signature, heeded once, and written down."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import apsw
import pytest
from flask import Flask

import config
from config import Settings
from config.current import Current
from dashboard import create_app
from dashboard.passwords import Passwords
from storage import Storage
from storage.audit import audit
from tests.dashboard.conftest import CONFIG
from tests.dashboard.paying import (
    EPAY_PATH,
    OLD_SECRET,
    STRIPE_PATH,
    Provider,
    environ_of,
)
from tests.dashboard.visitor import Visitor
from tests.fakes.clock import FakeClock
from tests.fakes.epay_shop import FakeEpay
from tests.fakes.stripe_server import (
    SECRET,
    FakeStripe,
    charge,
    dispute,
    event,
    paid,
    refund,
    signed,
)

COMPLETED = "checkout.session.completed"


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    with FakeStripe() as fake:
        yield fake


@pytest.fixture
def settings(stripe: FakeStripe) -> Settings:  # type: ignore[override]
    return config.load(CONFIG, environ_of(stripe.address))


@pytest.fixture
def provider(app: Flask, clock: FakeClock, storage: Storage) -> Iterator[Provider]:
    yield Provider(app.test_client(), clock)
    with storage.engine.snapshot() as snapshot:
        assert audit(snapshot) == []


@pytest.fixture
def session(user: Visitor, stripe: FakeStripe) -> dict[str, Any]:
    """Of an order over 10 dollars that waits to be paid."""
    user.post("user", "charge", {"method": "stripe", "amount": "10"})
    ((_, found),) = stripe.sessions.items()
    return found


def words(storage: Storage) -> list[str]:
    return [one.outcome for one in storage.reader.payment_events()]


def test_a_paid_session_is_credited(
    user: Visitor, provider: Provider, session: dict[str, Any]
) -> None:
    answer = provider.tell(COMPLETED, paid(session, "pi_1"))
    assert answer.status_code == 200
    assert answer.get_json() == {"received": True, "outcome": "credited"}
    assert user.balance() == "20.00"
    order_id = session["client_reference_id"]
    shown = user.get("user", "order", id=order_id).get_json()["data"]
    assert shown["status"] == "paid"
    assert shown["transaction_id"] == f"topup:stripe:{session['id']}"
    assert shown["paid_at"]
    newest = user.get("user", "transactions").get_json()["data"]["transactions"][0]
    assert newest["description"] == "银行卡充值"


def test_two_events_about_one_payment_are_one_credit(
    user: Visitor, provider: Provider, session: dict[str, Any]
) -> None:
    slow = {**session, "payment_intent": "pi_1"}
    assert provider.tell(COMPLETED, slow).get_json()["outcome"] == "pending"
    assert user.balance() == "10.00"
    whole = paid(session, "pi_1")
    for kind in ("checkout.session.async_payment_succeeded", COMPLETED):
        assert provider.tell(kind, whole).status_code == 200
    assert user.balance() == "20.00"


def test_five_at_once_are_one_credit(
    user: Visitor, app: Flask, provider: Provider, session: dict[str, Any]
) -> None:
    body = event(COMPLETED, paid(session, "pi_1"))
    header = signed(body, provider.clock.wall_ns() // 10**9)

    def deliver(_: int) -> str:
        one = Provider(app.test_client(), provider.clock)
        outcome: str = one.send(body, header).get_json()["outcome"]
        return outcome

    with ThreadPoolExecutor(5) as pool:
        outcomes = sorted(pool.map(deliver, range(5)))
    assert outcomes == ["credited"] + ["exists"] * 4
    assert user.balance() == "20.00"


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"amount_total": 999}, "wrong_amount"),
        ({"currency": "eur"}, "wrong_currency"),
        ({"id": "cs_other"}, "wrong_object"),
        ({"client_reference_id": "order_" + "0" * 26}, "unknown_order"),
    ],
)
def test_what_was_not_ordered_is_refused_and_shown_to_the_operator(
    user: Visitor, storage: Storage, provider: Provider, session: dict[str, Any],
    change: dict[str, Any], outcome: str,
) -> None:
    answer = provider.tell(COMPLETED, paid(session, "pi_1", **change), "evt_7")
    assert (answer.status_code, answer.get_json()["outcome"]) == (200, outcome)
    assert user.balance() == "10.00"
    (problem,) = storage.reader.payment_events(problems=True)
    assert (problem.id, problem.outcome) == ("evt_7", outcome)


def test_a_refund_is_taken_back_once_in_any_order(
    user: Visitor, provider: Provider, session: dict[str, Any]
) -> None:
    assert provider.tell("refund.created", refund("pi_1", 400)).status_code == 200
    provider.tell(COMPLETED, paid(session, "pi_1"))
    assert user.balance() == "16.00"
    provider.tell("charge.refunded", charge("pi_1", 1000, 400))
    assert user.balance() == "16.00"
    provider.tell("refund.failed", refund("pi_1", 400, status="failed"))
    assert user.balance() == "20.00"


def test_a_dispute_takes_the_money_and_closes_the_account(
    user: Visitor, provider: Provider, session: dict[str, Any]
) -> None:
    provider.tell(COMPLETED, paid(session, "pi_1"))
    subject = dispute("pi_1", 1000, "needs_response")
    answer = provider.tell("charge.dispute.created", subject)
    assert answer.get_json()["outcome"] == "reversed"
    assert user.me().status_code == 403


@pytest.mark.parametrize("kind", ["async_payment_failed", "expired"])
def test_an_order_ends_unpaid(
    user: Visitor, provider: Provider, session: dict[str, Any], kind: str
) -> None:
    assert provider.tell(f"checkout.session.{kind}", session).status_code == 200
    order_id = session["client_reference_id"]
    shown = user.get("user", "order", id=order_id).get_json()["data"]
    assert shown["status"] == {"expired": "expired"}.get(kind, "failed")


# Whose they are.


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_each_live_secret_is_accepted(
    user: Visitor, provider: Provider, session: dict[str, Any], secret: str
) -> None:
    provider.tell(COMPLETED, paid(session, "pi_1"), secrets=("whsec_new", secret))
    assert user.balance() == "20.00"


@pytest.mark.parametrize("late_s", [301, -301, 86_400, -86_400])
def test_old_and_future_ones_leave_no_row(
    user: Visitor, storage: Storage, provider: Provider, session: dict[str, Any],
    late_s: int,
) -> None:
    answer = provider.tell(COMPLETED, paid(session, "pi_1"), late_s=late_s)
    assert answer.status_code == 400
    assert (user.balance(), words(storage)) == ("10.00", [])


def test_forged_ones_leave_no_row(
    user: Visitor, storage: Storage, provider: Provider, session: dict[str, Any]
) -> None:
    body = event(COMPLETED, paid(session, "pi_1"))
    now = provider.clock.wall_ns() // 10**9
    good = signed(body, now)
    again = body.replace(b": ", b":")
    forged: list[tuple[bytes, str | None]] = [
        (body, None), (body, ""), (body, f"t={now},v1="), (body, good[:-1] + "g"),
        (body, signed(body, now, "whsec_foreign")), (again, good), (body + b" ", good),
        (body.replace(b"1000", b"9000"), good), (b"", good), (body, "x" * 5000),
    ]
    for sent, signature in forged:
        assert provider.send(sent, signature).status_code == 400
    assert (user.balance(), words(storage)) == ("10.00", [])
    assert provider.send(body, good).status_code == 200


def test_signed_nonsense_is_refused(provider: Provider, storage: Storage) -> None:
    now = provider.clock.wall_ns() // 10**9
    for body in (b"{}", b"[]", b"\xff", b""):
        assert provider.send(body, signed(body, now)).status_code == 400
    assert words(storage) == []


def test_neither_cookie_nor_origin_is_asked_for(
    app: Flask, clock: FakeClock, session: dict[str, Any]
) -> None:
    body = event(COMPLETED, paid(session, "pi_1"))
    header = signed(body, clock.wall_ns() // 10**9)
    answer = app.test_client().post(
        STRIPE_PATH, data=body,
        headers={"Stripe-Signature": header, "Origin": "https://stripe.com"},
    )
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        (STRIPE_PATH, "GET", "POST"), (STRIPE_PATH, "HEAD", "POST"),
        (STRIPE_PATH, "PUT", "POST"), (EPAY_PATH, "HEAD", "GET, POST"),
        (EPAY_PATH, "DELETE", "GET, POST"),
    ],
)
def test_other_methods_are_refused(
    app: Flask, path: str, method: str, allowed: str
) -> None:
    answer = app.test_client().open(path, method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


def test_a_body_has_a_size(app: Flask, settings: Settings) -> None:
    client = app.test_client()
    size = settings.listen.form_bytes
    assert client.post(STRIPE_PATH, data=b"x" * size).status_code == 400
    assert client.post(STRIPE_PATH, data=b"x" * (size + 1)).status_code == 413


def test_methods_that_are_off_hear_nothing(
    storage: Storage, passwords: Passwords
) -> None:
    app = create_app(
        storage, Current.of(config.load(CONFIG, {})), demo=False, passwords=passwords
    )
    for path in (STRIPE_PATH, EPAY_PATH):
        answer = app.test_client().post(path, data=b"{}")
        assert answer.status_code == 404
        assert answer.get_json()["message"] == "该充值方式未启用"


def test_what_cannot_be_credited_comes_again(
    user: Visitor, storage: Storage, provider: Provider, session: dict[str, Any]
) -> None:
    """The file is locked by somebody else, for longer than is waited."""
    lock = apsw.Connection(str(storage.engine.path))  # type: ignore[attr-defined]
    lock.execute("BEGIN EXCLUSIVE")
    answer = provider.tell(COMPLETED, paid(session, "pi_1"), "evt_1")
    lock.execute("ROLLBACK")
    lock.close()
    assert answer.status_code == 503
    assert provider.tell(COMPLETED, paid(session, "pi_1"), "evt_1").status_code == 200
    assert user.balance() == "20.00"
    (kept,) = storage.reader.payment_events()
    assert kept.deliveries == 1


# epay.


@pytest.fixture
def trade(user: Visitor) -> tuple[FakeEpay, dict[str, str]]:
    answer = user.post("user", "charge", {"method": "epay", "amount": "10"})
    shop = FakeEpay()
    return shop, shop.visit(answer.get_json()["data"]["pay_url"])


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_epay_is_credited_once(
    user: Visitor, provider: Provider, trade: tuple[FakeEpay, dict[str, str]],
    method: str,
) -> None:
    notice = trade[0].notice(trade[1])
    for _ in range(3):
        if method == "GET":
            answer = provider.client.get(f"{EPAY_PATH}?{notice}")
        else:
            answer = provider.client.post(
                EPAY_PATH, data=notice,
                content_type="application/x-www-form-urlencoded",
            )
        assert (answer.status_code, answer.data) == (200, b"success")
    assert user.balance() == "20.00"


def test_a_wrong_amount_is_not_credited(
    user: Visitor, storage: Storage, provider: Provider,
    trade: tuple[FakeEpay, dict[str, str]],
) -> None:
    notice = trade[0].notice(trade[1], money="71.99")
    answer = provider.client.get(f"{EPAY_PATH}?{notice}")
    assert (answer.status_code, answer.data) == (409, b"fail")
    assert user.balance() == "10.00"
    (problem,) = storage.reader.payment_events(problems=True)
    assert problem.outcome == "wrong_amount"
    right = trade[0].notice(trade[1])
    assert provider.client.get(f"{EPAY_PATH}?{right}").data == b"success"
    assert user.balance() == "20.00"


def test_another_status_is_heard_and_moves_nothing(
    user: Visitor, storage: Storage, provider: Provider,
    trade: tuple[FakeEpay, dict[str, str]],
) -> None:
    notice = trade[0].notice(trade[1], trade_status="TRADE_CLOSED")
    assert provider.client.get(f"{EPAY_PATH}?{notice}").data == b"success"
    assert (user.balance(), words(storage)) == ("10.00", ["ignored"])


def test_a_forged_notice_leaves_no_row(
    user: Visitor, storage: Storage, provider: Provider,
    trade: tuple[FakeEpay, dict[str, str]],
) -> None:
    foreign = FakeEpay(key="other").notice(trade[1])
    cheap = trade[0].notice(trade[1], money="0.01").replace("0.01", "72.00")
    twice = trade[0].notice(trade[1]) + "&money=72.00"
    other = FakeEpay(pid="1002").notice({**trade[1], "pid": "1002"})
    for notice in (foreign, cheap, twice, other, "", "a=1"):
        answer = provider.client.get(f"{EPAY_PATH}?{notice}")
        assert answer.status_code == 400
        assert answer.data != b"success"
    assert (user.balance(), words(storage)) == ("10.00", [])
