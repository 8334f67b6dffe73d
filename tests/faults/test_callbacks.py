"""20–21: callbacks of payment providers, over real sockets, to gateways as they run.

The orders are placed by users, Stripe's page and the shop are fakes at the edge, and
each callback is delivered byte for byte as it was signed.
"""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from storage import engine_at
from tests.dashboard.paying import EPAY_PATH, OLD_SECRET, STRIPE_PATH, environ_of
from tests.fakes.epay_shop import FakeEpay
from tests.fakes.stripe_server import (
    SECRET,
    FakeStripe,
    charge,
    event,
    paid,
    refund,
    signed,
)
from tests.faults.conftest import Lab, Start
from tests.faults.marked import PAY_ORDER
from tests.faults.marks import AFTER, BEFORE, TORN
from tests.faults.test_payments import CHARGE, sign_up
from tests.scenarios.harness import Gateway
from tests.storage.teller import NANO

AT_ONCE = 5
COMPLETED = "checkout.session.completed"
CREDITED = ["credited"] + ["exists"] * (AT_ONCE - 1)


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    with FakeStripe() as fake:
        yield fake


@dataclass
class Payer:
    """A user with an order over ten dollars, and who announces that it is paid."""

    url: str
    visitor: httpx.Client
    session: dict[str, Any]
    trade: dict[str, str]
    shop: FakeEpay
    now_s: Callable[[], int]

    def send(self, body: bytes, signature: str) -> httpx.Response:
        """On a connection of its own, as each delivery comes."""
        return httpx.post(
            self.url + STRIPE_PATH,
            content=body,
            headers={"Stripe-Signature": signature},
            trust_env=False,
            timeout=30,
        )

    def tell(self, kind: str, subject: dict[str, Any], event_id: str) -> str:
        body = event(kind, subject, event_id)
        answer = self.send(body, signed(body, self.now_s()))
        assert answer.status_code == 200, answer.text
        outcome: str = answer.json()["outcome"]
        return outcome

    def notify(self, notice: str) -> httpx.Response:
        return httpx.get(f"{self.url}{EPAY_PATH}?{notice}", trust_env=False)

    def balance(self) -> str:
        me = self.visitor.get("/api/auth.php?action=me").json()
        exact: str = me["data"]["user"]["balance_exact"]
        return exact


@contextmanager
def paying(url: str, stripe: FakeStripe) -> Iterator[Payer]:
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as visitor:
        sign_up(visitor, "payer@example.com")
        urls = []
        for method in ("stripe", "epay"):
            asked = {"method": method, "amount": "10"}
            answer = visitor.post(CHARGE, json=asked)
            assert answer.status_code == 200, answer.text
            urls.append(answer.json()["data"]["pay_url"])
        (session,) = stripe.sessions.values()
        shop = FakeEpay()
        # The gateway's clock is the machine's; a day's dawn is not in between.
        yield Payer(url, visitor, session, shop.visit(urls[1]), shop, now_of(stripe))


def now_of(stripe: FakeStripe) -> Callable[[], int]:
    """What the gateway's clock showed when it asked for the page."""
    (session,) = stripe.sessions.values()
    return lambda: int(session["expires_at"]) - 7200


@pytest.fixture
def gateway(start: Start, stripe: FakeStripe) -> Gateway:
    return start(environ=environ_of(stripe.address))


@pytest.fixture
def payer(gateway: Gateway, stripe: FakeStripe) -> Iterator[Payer]:
    with paying(gateway.url, stripe) as payer:
        yield payer


@pytest.fixture
def paid_lab(lab: Lab, stripe: FakeStripe) -> Lab:
    """Its gateways take orders, at a port that they know beforehand."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    home = f"http://127.0.0.1:{port}"
    lab.environ = {**environ_of(stripe.address), "AUTOLIST_PUBLIC_URL": home}
    lab.flags = ("--port", str(port))
    return lab


def rows(gateway: Gateway, table: str) -> int:
    with gateway.storage.engine.snapshot() as snapshot:
        ((number,),) = snapshot.rows(f"SELECT count(*) FROM {table}")
        return int(number)


def test_20_one_callback_five_times_at_once_is_one_top_up(
    gateway: Gateway, payer: Payer
) -> None:
    whole = paid(payer.session, "pi_1")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [
            pool.submit(payer.tell, COMPLETED, whole, "evt_1") for _ in range(AT_ONCE)
        ]
        assert sorted(job.result() for job in jobs) == CREDITED
        notice = payer.shop.notice(payer.trade)
        answers = list(pool.map(payer.notify, [notice] * AT_ONCE))
    assert {one.content for one in answers} == {b"success"}
    assert payer.balance() == "30.00"
    assert rows(gateway, "payment_event") == 2


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_20_one_callback_at_three_processes_at_once_is_one_top_up(
    paid_lab: Lab, stripe: FakeStripe
) -> None:
    lab = paid_lab
    with lab.serve("--workers", "3") as child:
        with paying(child.url, stripe) as payer, ThreadPoolExecutor(AT_ONCE) as pool:
            whole = paid(payer.session, "pi_1")
            jobs = [
                pool.submit(payer.tell, COMPLETED, whole, "evt_1")
                for _ in range(AT_ONCE)
            ]
            assert sorted(job.result() for job in jobs) == CREDITED
            assert payer.balance() == "20.00"
        assert child.stop() == 0
    ((_, nano),) = lab.read().topups.values()
    assert nano == 10 * NANO
    lab.prove()


def test_20_two_events_about_one_payment_are_one_top_up(payer: Payer) -> None:
    whole = paid(payer.session, "pi_1")
    assert payer.tell(COMPLETED, payer.session, "evt_1") == "pending"
    slow = "checkout.session.async_payment_succeeded"
    assert payer.tell(slow, whole, "evt_2") == "credited"
    assert payer.tell(COMPLETED, whole, "evt_3") == "exists"
    assert payer.balance() == "20.00"


def test_20_a_refund_before_its_payment_waits_and_is_taken_once(payer: Payer) -> None:
    told = refund("pi_1", 400)
    assert payer.tell("refund.created", told, "evt_1") == "waiting"
    assert payer.balance() == "10.00"
    assert payer.tell(COMPLETED, paid(payer.session, "pi_1"), "evt_2") == "credited"
    assert payer.balance() == "16.00"
    total = charge("pi_1", 1000, 400)
    assert payer.tell("charge.refunded", total, "evt_3") == "unchanged"
    assert payer.tell("refund.created", told, "evt_1") == "unchanged"
    assert payer.balance() == "16.00"


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("moment", "again"), [(BEFORE, "credited"), (TORN, "credited"), (AFTER, "exists")]
)
def test_20_a_crash_between_the_commit_and_the_answer_is_one_top_up(
    paid_lab: Lab, stripe: FakeStripe, moment: str, again: str
) -> None:
    lab = paid_lab
    with lab.marked(moment, PAY_ORDER) as child:
        with paying(child.url, stripe) as payer:
            whole = paid(payer.session, "pi_1")
            with pytest.raises(httpx.TransportError):
                payer.tell(COMPLETED, whole, "evt_1")
            child.died()
    assert len(lab.read().topups) == (again == "exists")
    with lab.serve() as child:
        payer.url = child.url
        assert payer.tell(COMPLETED, whole, "evt_1") == again
        assert payer.tell(COMPLETED, whole, "evt_1") == "exists"
        assert child.stop() == 0
    ((_, nano),) = lab.read().topups.values()
    assert nano == 10 * NANO
    with engine_at(lab.data, lab.url).snapshot() as snapshot:
        ((events,),) = snapshot.rows("SELECT count(*) FROM payment_event")
    assert events == 1
    lab.prove()


def test_21_what_stripe_did_not_sign_just_now_leaves_no_row(
    gateway: Gateway, payer: Payer
) -> None:
    body = event(COMPLETED, paid(payer.session, "pi_1", note="充值 \u2028"), "evt_1")
    now = payer.now_s()
    good = signed(body, now)
    wrong = {
        "forged": (body, f"t={now},v1={'0' * 64}"),
        "by somebody else": (body, signed(body, now, "whsec_foreign")),
        "no signature": (body, ""),
        "old": (body, signed(body, now - 1000)),
        "future": (body, signed(body, now + 1000)),
        "another time": (body, good.replace(f"t={now}", f"t={now + 1}")),
        "spaced anew": (body.replace(b": ", b":"), good),
        "escaped anew": (body.replace("充".encode(), b"\\u5145"), good),
        "other ends of lines": (body.replace(b"\n", b"\r\n"), good),
        "in UTF-16": (body.decode().encode("utf-16"), good),
        "more to pay": (body.replace(b"1000", b"9000"), good),
        "cut": (body[:-1], good),
    }
    for name, (sent, signature) in wrong.items():
        assert payer.send(sent, signature).status_code == 400, name
    shop = payer.shop
    for notice in (
        FakeEpay(key="other").notice(payer.trade),
        shop.notice(payer.trade, money="0.01").replace("money=0.01", "money=72.00"),
        shop.notice(payer.trade) + "&trade_status=TRADE_SUCCESS",
    ):
        assert payer.notify(notice).status_code == 400
    assert payer.balance() == "10.00"
    assert rows(gateway, "payment_event") == rows(gateway, "payment_reversal") == 0
    assert payer.send(body, good).status_code == 200
    assert payer.balance() == "20.00"


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_21_either_live_secret_is_accepted(payer: Payer, secret: str) -> None:
    body = event(COMPLETED, paid(payer.session, "pi_1"))
    header = signed(body, payer.now_s(), "whsec_of_tomorrow", secret)
    assert payer.send(body, header).json()["outcome"] == "credited"
    assert payer.balance() == "20.00"


def test_21_a_body_arrives_as_it_was_signed_however_it_is_sent(payer: Payer) -> None:
    """In pieces, under the type of a form, with bytes that others would mend."""
    odd = '{"n": "\\u00e9 é \u2028 %20+&=", '
    body = event("customer.created", {"id": "cus_1"}, "evt_odd")
    body = odd.encode() + b"\r\n\t" + body[1:] + b" \r\n"
    header = signed(body, payer.now_s())
    pieces = iter([body[n : n + 7] for n in range(0, len(body), 7)])
    for content in (body, pieces):
        answer = httpx.post(
            payer.url + STRIPE_PATH,
            content=content,
            headers={
                "Stripe-Signature": header,
                "Content-Type": "application/x-www-form-urlencoded",
            },
            trust_env=False,
        )
        assert answer.json() == {"received": True, "outcome": "ignored"}


def test_21_what_does_not_fit_its_order_is_for_the_operator(
    gateway: Gateway, payer: Payer
) -> None:
    cheap = paid(payer.session, "pi_1", amount_total=1)
    assert payer.tell(COMPLETED, cheap, "evt_1") == "wrong_amount"
    foreign = paid(payer.session, "pi_1", currency="krw")
    assert payer.tell(COMPLETED, foreign, "evt_2") == "wrong_currency"
    notice = payer.shop.notice(payer.trade, money="0.01")
    assert payer.notify(notice).content == b"fail"
    found = gateway.storage.reader.payment_events(problems=True)
    outcomes = sorted(one.outcome for one in found)
    assert outcomes == ["wrong_amount", "wrong_amount", "wrong_currency"]
    assert payer.balance() == "10.00"
