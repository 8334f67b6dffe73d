"""epay: the published signature, an address that a shop accepts, notices that fit."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest

from config.payments import EpaySettings
from config.providers import Credential
from dashboard.epay import (
    FIELDS_MAX,
    is_signed,
    pay_address,
    read_fields,
    read_notice,
    sign,
)
from dashboard.refusals import BadInput
from storage.orders import Nothing, Order, Paid
from tests.fakes.epay_shop import FakeEpay, md5_sign

SETTINGS = EpaySettings(
    key=Credential("EPAY_KEY", "epay-key"), url="https://shop.example.com", pid="1001"
)
ORDER = Order(
    "order_1", 5, None, "epay", 10**10, "cny", 7200, "open", None, None, None, 0, 0, 0,
    1, None,
)
HOME = "https://ai.example.com"


def sent() -> tuple[FakeEpay, dict[str, str]]:
    shop = FakeEpay()
    url = pay_address(SETTINGS, ORDER, "alipay", "充值 $10.00", HOME, HOME + "/back")
    return shop, shop.visit(url)


def test_the_published_example() -> None:
    """`printf 'a=b&c=d&e=fKEY' | md5sum`"""
    fields = {"e": "f", "c": "d", "a": "b", "empty": "", "sign": "x"}
    assert sign({**fields, "sign_type": "MD5"}, "KEY") == EXPECTED


EXPECTED = "e15217c1eee4811150eefc00653d4a95"


def test_a_shop_accepts_the_address() -> None:
    _, trade = sent()
    assert (trade["money"], trade["out_trade_no"]) == ("72.00", "order_1")
    assert trade["notify_url"] == HOME + "/api/payments/epay"
    assert trade["return_url"] == HOME + "/back"
    assert trade["name"] == "充值 $10.00"


def test_its_notice_pays_the_order() -> None:
    shop, trade = sent()
    fields = read_fields(shop.notice(trade).encode())
    assert is_signed(fields, "epay-key")
    notice = Paid("order_1", trade["trade_no"], None, "cny", 7200)
    assert read_notice(SETTINGS, fields) == notice


@pytest.mark.parametrize(
    ("money", "minor"), [("72.00", 7200), ("72", 7200), ("72.0", 7200), ("0.01", 1)]
)
def test_money_is_read_exactly(money: str, minor: int) -> None:
    shop, trade = sent()
    found = read_notice(SETTINGS, dict(parse_qsl(shop.notice(trade, money=money))))
    assert isinstance(found, Paid) and found.minor == minor


@pytest.mark.parametrize("money", ["", "72.001", "7e1", "NaN", "72,00", " 72"])
def test_odd_money_is_refused(money: str) -> None:
    shop, trade = sent()
    with pytest.raises(BadInput):
        read_notice(SETTINGS, dict(parse_qsl(shop.notice(trade, money=money))))


def test_another_status_pays_nothing() -> None:
    shop, trade = sent()
    notice = shop.notice(trade, trade_status="WAIT_BUYER_PAY")
    assert read_notice(SETTINGS, dict(parse_qsl(notice))) == Nothing("ignored")


@pytest.mark.parametrize(
    "change",
    [{"pid": "1002"}, {"trade_no": ""}, {"trade_no": "a b"}, {"trade_status": ""},
     {"trade_status": "x" * 65}],
)
def test_what_does_not_fit_is_refused(change: dict[str, str]) -> None:
    shop, trade = sent()
    notice = {**dict(parse_qsl(shop.notice(trade))), **change}
    with pytest.raises(BadInput):
        read_notice(SETTINGS, notice)


@pytest.mark.parametrize(
    "change",
    [{"money": "0.01"}, {"out_trade_no": "order_2"}, {"sign": ""}, {"sign": "0" * 32},
     {"sign_type": "RSA"}, {"extra": "x"}, {"sign": "密"}],
)
def test_a_change_breaks_the_signature(change: dict[str, str]) -> None:
    shop, trade = sent()
    fields = {**dict(parse_qsl(shop.notice(trade))), **change}
    assert not is_signed(fields, "epay-key")


def test_empty_fields_and_the_type_are_not_signed() -> None:
    fields = {"a": "b"}
    signed = {**fields, "sign": md5_sign(fields, "k"), "sign_type": "MD5", "param": ""}
    assert is_signed(signed, "k")
    assert is_signed({**signed, "sign": signed["sign"].upper()}, "k")
    assert not is_signed(signed, "K")


def test_another_shop_has_another_signature() -> None:
    shop, trade = sent()
    fields = dict(parse_qsl(FakeEpay(key="other").notice(trade)))
    assert not is_signed(fields, shop.key)


@pytest.mark.parametrize(
    "encoded", [b"a=1&a=2", b"\xff=1", b"a=%ff", urlencode(
        {f"n{n}": "1" for n in range(FIELDS_MAX + 1)}).encode()]
)
def test_odd_fields_are_refused(encoded: bytes) -> None:
    with pytest.raises(BadInput):
        read_fields(encoded)


def test_so_many_fields_are_read() -> None:
    many = {f"n{n}": "1" for n in range(FIELDS_MAX)}
    assert read_fields(urlencode(many).encode()) == many


def test_an_amount_has_the_currencys_decimals() -> None:
    yen = replace(SETTINGS, currency="jpy")
    order = replace(ORDER, currency="jpy", minor=1500)
    url = pay_address(yen, order, "alipay", "x", HOME, HOME)
    assert FakeEpay().visit(url)["money"] == "1500"
