"""Ordering: an order is written down, paid elsewhere, and shown to its owner only."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from flask import Flask

import config
from config import Settings
from config.current import Current
from dashboard import create_app
from dashboard.passwords import Passwords
from storage import Storage
from tests.dashboard.conftest import CONFIG
from tests.dashboard.paying import HOME, environ_of
from tests.dashboard.visitor import Visitor
from tests.fakes.clock import FakeClock
from tests.fakes.epay_shop import FakeEpay
from tests.fakes.script import Raw
from tests.fakes.stripe_server import HONEST, FakeStripe, Failure


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    with FakeStripe() as fake:
        yield fake


@pytest.fixture
def settings(stripe: FakeStripe) -> Settings:  # type: ignore[override]
    return config.load(CONFIG, environ_of(stripe.address))


def order(user: Visitor, method: str = "stripe", **fields: Any) -> dict[str, Any]:
    answer = user.post("user", "charge", {"method": method, "amount": "10", **fields})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.get_json()["data"]
    return data


def test_stripe_gives_a_page_to_pay_at(
    user: Visitor, stripe: FakeStripe, clock: FakeClock
) -> None:
    made = order(user)
    ((session_id, session),) = stripe.sessions.items()
    assert made["pay_url"] == session["url"]
    assert (session["currency"], session["amount_total"]) == ("usd", 1000)
    assert session["client_reference_id"] == made["order_id"]
    back = f"{HOME}/public/dashboard.html?order={made['order_id']}"
    assert session["success_url"] == session["cancel_url"] == back
    assert session["expires_at"] == clock.wall_ns() // 10**9 + 7200
    assert stripe.requests[0].headers["Idempotency-Key"] == made["order_id"]
    assert (made["status"], made["amount_exact"]) == ("open", "10.00")
    assert (made["charged_exact"], made["transaction_id"]) == ("10.00", None)
    assert user.balance() == "10.00"


def test_epay_gives_an_address_that_its_shop_accepts(user: Visitor) -> None:
    made = order(user, "epay", type="wxpay")
    trade = FakeEpay().visit(made["pay_url"])
    assert (trade["type"], trade["money"]) == ("wxpay", "72.00")
    assert trade["out_trade_no"] == made["order_id"]
    assert (made["currency"], made["charged_exact"]) == ("cny", "72.00")


def test_epay_has_its_ways_to_pay(user: Visitor) -> None:
    fields = {"method": "epay", "amount": "10", "type": "qqpay"}
    answer = user.post("user", "charge", fields)
    assert answer.status_code == 400
    assert answer.get_json()["message"] == "不支持该支付类型，可用：alipay, wxpay"


@pytest.mark.parametrize("method", ["stripe", "epay"])
@pytest.mark.parametrize(
    "amount", ["0.99", "1000.01", "1.001", "-1", "", None, "NaN", [5], "1" * 400]
)
def test_odd_amounts_are_refused(
    user: Visitor, stripe: FakeStripe, method: str, amount: object
) -> None:
    answer = user.post("user", "charge", {"method": method, "amount": amount})
    assert answer.status_code == 400
    assert answer.get_json()["message"] == "充值金额应在 1.00 到 1000.00 美元之间"
    assert stripe.requests == []


def test_what_stripe_refuses_is_said_and_waits_for_nobody(
    user: Visitor, stripe: FakeStripe, storage: Storage
) -> None:
    stripe.script(Failure(400, "currency_not_supported"))
    answer = user.post("user", "charge", {"method": "stripe", "amount": "10"})
    assert answer.status_code == 502
    (made,) = storage.reader.orders()
    assert made.state == "failed"


@pytest.mark.parametrize("trouble", [Failure(503), Failure(429), Raw(b"<html>")])
def test_stripe_may_stumble_once(
    user: Visitor, stripe: FakeStripe, trouble: Any
) -> None:
    stripe.script(trouble)
    made = order(user)
    first, second = stripe.requests
    assert first.body == second.body
    assert made["status"] == "open"


def test_where_stripe_is_down_it_is_tried_later(
    user: Visitor, stripe: FakeStripe
) -> None:
    stripe.always(Failure(503))
    answer = user.post("user", "charge", {"method": "stripe", "amount": "10"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


def test_a_name_places_one_order(
    user: Visitor, stripe: FakeStripe, storage: Storage
) -> None:
    name = {"Idempotency-Key": "n"}
    fields = {"method": "stripe", "amount": "10"}
    stripe.always(Failure(503))
    assert user.post("user", "charge", fields, name).status_code == 503
    stripe.always(HONEST)
    first = user.post("user", "charge", fields, name)
    again = user.post("user", "charge", fields, name)
    assert first.status_code == again.status_code == 200
    assert first.data == again.data
    assert len(storage.reader.orders()) == len(stripe.sessions) == 1
    other = user.post("user", "charge", {**fields, "amount": "11"}, name)
    assert other.status_code == 422
    assert len(storage.reader.orders()) == 1


def test_only_so_many_orders_wait(user: Visitor) -> None:
    for _ in range(20):
        order(user, "epay")
    answer = user.post("user", "charge", {"method": "epay", "amount": "10"})
    assert answer.status_code == 409
    assert "20" in answer.get_json()["message"]


def test_an_order_is_shown_to_its_owner_only(
    user: Visitor, visitor: Callable[[], Visitor]
) -> None:
    made = order(user)
    shown = user.get("user", "order", id=made["order_id"])
    assert shown.get_json()["data"] == {
        name: value for name, value in made.items() if name != "pay_url"
    }
    other = visitor()
    other.register("other@example.com")
    for order_id in (made["order_id"], "order_none", "", "' OR 1=1 --"):
        answer = other.get("user", "order", id=order_id)
        assert answer.status_code == 404
        assert answer.get_json()["message"] == "订单不存在"
    assert visitor().get("user", "order", id=made["order_id"]).status_code == 401


def test_ones_own_orders_are_listed_page_by_page(
    user: Visitor, visitor: Callable[[], Visitor], clock: FakeClock
) -> None:
    other = visitor()
    other.register("other@example.com")
    made = []
    for _ in range(3):
        clock.advance(seconds=1)
        made.append(order(user, "epay")["order_id"])
    order(other, "epay")
    first = user.get("user", "orders", limit="2").get_json()["data"]
    assert [one["order_id"] for one in first["orders"]] == [made[2], made[1]]
    assert first["orders"][0]["status"] == "open"
    rest = user.get("user", "orders", limit="2", before=first["next"])
    assert [one["order_id"] for one in rest.get_json()["data"]["orders"]] == made[:1]
    assert rest.get_json()["data"]["next"] is None
    for query in ({"before": "x"}, {"limit": "0"}):
        assert user.get("user", "orders", **query).status_code == 400
    assert visitor().get("user", "orders").status_code == 401


def test_the_methods_say_what_can_be_paid(user: Visitor) -> None:
    answer = user.get("user", "payment_methods").get_json()
    found = {one.pop("method"): one for one in answer["data"]["methods"]}
    usd = {"currency": "usd", "minimum": "1.00", "maximum": "1000.00", "rate": None}
    assert list(found) == ["voucher", "stripe", "epay", "test"]
    assert found["stripe"] == usd
    assert found["epay"] == {
        **usd, "currency": "cny", "rate": "7.20", "types": ["alipay", "wxpay"],
    }
    assert found["test"] == {**usd, "minimum": "0.01"}


def test_without_secrets_there_are_no_such_methods(
    storage: Storage, passwords: Passwords
) -> None:
    plain = config.load(CONFIG, {})
    app: Flask = create_app(storage, Current.of(plain), demo=False, passwords=passwords)
    user = Visitor(app.test_client())
    user.register()
    methods = user.get("user", "payment_methods").get_json()["data"]["methods"]
    assert [one["method"] for one in methods] == ["voucher"]
    for method in ("stripe", "epay"):
        answer = user.post("user", "charge", {"method": method, "amount": "10"})
        assert answer.get_json()["message"] == "不支持该充值方式，可用：voucher"


def test_a_currency_has_its_rate(
    storage: Storage, settings: Settings, passwords: Passwords, stripe: FakeStripe
) -> None:
    payments = settings.payments
    yen = replace(payments.stripe, currency="jpy", rate_millionths=151_234_567)
    changed = replace(settings, payments=replace(payments, stripe=yen))
    app = create_app(storage, Current.of(changed), demo=False, passwords=passwords)
    user = Visitor(app.test_client())
    user.register()
    assert order(user)["charged_exact"] == "1513"
    form = dict(parse_qsl(stripe.requests[0].body.decode()))
    assert form["line_items[0][price_data][unit_amount]"] == "1513"


def test_no_secret_is_shown(settings: Settings) -> None:
    shown = repr(settings)
    for secret in ("sk_test_fake", "whsec_current", "whsec_before", "epay-key"):
        assert secret not in shown
