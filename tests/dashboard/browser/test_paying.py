"""充值 by orders: chosen here, paid at a provider, credited by its signed callback."""

import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, Route, expect
from werkzeug.serving import BaseWSGIServer, make_server

import config
from config import Settings
from dashboard.app import HOME as DASHBOARD
from storage import Storage
from tests.dashboard.browser.conftest import Quiet
from tests.dashboard.browser.visits import IN_A_BROWSER, arrive, open_view
from tests.dashboard.conftest import CONFIG
from tests.dashboard.paying import EPAY_PATH, Provider, environ_of
from tests.fakes.clock import FakeClock
from tests.fakes.epay_shop import FakeEpay
from tests.fakes.stripe_server import FakeStripe, paid

pytestmark = IN_A_BROWSER


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    with FakeStripe() as fake:
        yield fake


@pytest.fixture
def server() -> Iterator[BaseWSGIServer]:
    """Has its port before the application, which must know where users come back to."""
    bound = make_server(
        "127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=Quiet
    )
    yield bound
    bound.server_close()


@pytest.fixture
def settings(  # type: ignore[override]
    stripe: FakeStripe, server: BaseWSGIServer
) -> Settings:
    environ = environ_of(stripe.address)
    environ["AUTOLIST_PUBLIC_URL"] = f"http://127.0.0.1:{server.port}"
    return config.load(CONFIG, environ)


@pytest.fixture
def address(server: BaseWSGIServer, app: Flask) -> Iterator[str]:
    server.app = app
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def pay(
    client: FlaskClient, clock: FakeClock, stripe: FakeStripe
) -> Callable[[], None]:
    """Somebody pays the last page that Stripe made, and Stripe tells the gateway."""

    def pay() -> None:
        session = list(stripe.sessions.values())[-1]
        told = Provider(client, clock).tell(
            "checkout.session.completed", paid(session, f"pi_{session['id']}")
        )
        assert told.status_code == 200

    return pay


@pytest.fixture
def leaving(signed_in: Page) -> Page:
    """Signed in, with pages at the providers' addresses to arrive at."""

    def arrive(route: Route) -> None:
        route.fulfill(body="<h1>Pay</h1>", content_type="text/html")

    signed_in.route("**/c/pay/**", arrive)
    signed_in.route("https://shop.example.com/**", arrive)
    open_view(signed_in, "topup")
    return signed_in


def go_to_stripe(page: Page) -> None:
    page.get_by_text("银行卡").click()
    page.get_by_role("button", name="$50.00").click()
    expect(page.locator("#topup-next")).to_contain_text("前往 Stripe 支付 $50.00")
    page.get_by_role("button", name="去支付").click()
    arrive(page, "/c/pay/*")


def balance(page: Page) -> str:
    return page.locator(".bar [data-balance]").inner_text()


def test_an_order_at_stripe_grows_the_balance_once_it_is_told(
    leaving: Page, stripe: FakeStripe, pay: Callable[[], None]
) -> None:
    go_to_stripe(leaving)
    ((_, session),) = stripe.sessions.items()
    assert (session["currency"], session["amount_total"]) == ("usd", 5000)
    leaving.goto(session["success_url"])
    notice = leaving.locator("#order-notice")
    expect(notice).to_contain_text("正在等待 $50.00 的付款确认")
    order_id = session["client_reference_id"]
    parts = urlsplit(leaving.url)
    assert (parts.path, parts.query) == (DASHBOARD, "")
    assert parts.fragment == f"topup?order={order_id}"
    expect(leaving.locator("#orders-rows")).to_contain_text("待付款")
    assert balance(leaving) == "$10.00"
    pay()
    expect(notice).to_contain_text("余额增加 $50.00")
    expect(leaving.locator(".bar [data-balance]")).to_have_text("$60.00")
    expect(leaving.locator("#orders-rows")).to_contain_text("已到账")
    pay()
    leaving.reload()
    expect(notice).to_contain_text("已收到付款")
    expect(leaving.locator(".bar [data-balance]")).to_have_text("$60.00")


def test_what_was_paid_before_one_is_back_is_there(
    leaving: Page, stripe: FakeStripe, pay: Callable[[], None]
) -> None:
    go_to_stripe(leaving)
    pay()
    ((_, session),) = stripe.sessions.items()
    leaving.goto(session["success_url"])
    expect(leaving.locator("#order-notice")).to_contain_text("已收到付款")
    expect(leaving.locator("#order-check")).to_be_hidden()
    expect(leaving.locator(".bar [data-balance]")).to_have_text("$60.00")


def test_an_order_at_a_shop_is_paid_in_its_currency(
    leaving: Page, client: FlaskClient
) -> None:
    leaving.get_by_text("支付宝 / 微信").click()
    leaving.get_by_text("微信支付").click()
    leaving.locator("#amount").fill("12.34")
    expect(leaving.locator("#topup-next")).to_contain_text("支付 ¥88.85")
    leaving.get_by_role("button", name="去支付").click()
    arrive(leaving, "https://shop.example.com/*")
    shop = FakeEpay()
    trade = shop.visit(leaving.url)
    assert (trade["type"], trade["money"]) == ("wxpay", "88.85")
    leaving.goto(trade["return_url"])
    expect(leaving.locator("#order-notice")).to_contain_text("¥88.85")
    forged = client.get(f"{EPAY_PATH}?{shop.notice(trade)}x")
    assert forged.status_code == 400
    told = client.get(f"{EPAY_PATH}?{shop.notice(trade)}")
    assert (told.status_code, told.text) == (200, "success")
    expect(leaving.locator("#order-notice")).to_contain_text("余额增加 $12.34")
    expect(leaving.locator(".bar [data-balance]")).to_have_text("$22.34")


def test_an_order_is_looked_at_ever_less_often(
    leaving: Page, stripe: FakeStripe
) -> None:
    go_to_stripe(leaving)
    ((_, session),) = stripe.sessions.items()
    looks: list[str] = []
    leaving.on(
        "request",
        lambda sent: looks.append(sent.url) if "action=order&" in sent.url else None,
    )
    leaving.clock.install()
    leaving.goto(session["success_url"])
    notice = leaving.locator("#order-notice")
    expect(notice).to_contain_text("正在等待")
    within = []
    for _ in range(4):
        before = len(looks)
        for _ in range(20):
            leaving.clock.run_for(1000)
            leaving.wait_for_load_state("networkidle")
        within.append(len(looks) - before)
    assert within == sorted(within, reverse=True)
    assert within[0] > 3 and within[-1] <= 1


def test_an_order_of_somebody_else_is_not_there(leaving: Page) -> None:
    leaving.goto(f"{DASHBOARD}?order=order_01kdvdna00z23h8ahm9a74nwbj")
    expect(leaving.locator("#order-notice")).to_have_text("订单不存在")
    expect(leaving.locator("#order-check")).to_be_hidden()


def test_signing_in_again_leads_back_to_the_order(
    leaving: Page, stripe: FakeStripe
) -> None:
    go_to_stripe(leaving)
    ((_, session),) = stripe.sessions.items()
    leaving.context.clear_cookies()
    leaving.goto(session["success_url"])
    arrive(leaving, f"/login.html#topup?order={session['client_reference_id']}")


def test_a_shop_that_fails_is_said_and_the_next_try_is_a_new_order(
    leaving: Page, stripe: FakeStripe, storage: Storage
) -> None:
    leaving.get_by_text("银行卡").click()
    leaving.locator("#amount").fill("0.1")
    leaving.get_by_role("button", name="去支付").click()
    expect(leaving.locator("#topup-notice")).to_contain_text("1.00 到 1000.00")
    expect(leaving.locator("#amount")).to_have_attribute("aria-invalid", "true")
    assert storage.reader.orders() == []
    leaving.get_by_role("button", name="$10.00").click()
    expect(leaving.locator("#amount")).to_have_attribute("aria-invalid", "false")
    leaving.get_by_role("button", name="去支付").click()
    arrive(leaving, "/c/pay/*")
    assert len(storage.reader.orders()) == 1
