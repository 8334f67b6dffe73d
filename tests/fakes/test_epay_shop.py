"""FakeEpay signs as the published example says."""

from urllib.parse import parse_qsl, urlencode

import pytest

from tests.fakes.epay_shop import FakeEpay, md5_sign

# a=b&c=d&e=f and the key, as the documents of 易支付 describe it; the hash is
# `printf 'a=b&c=d&e=fKEY' | md5sum`.
EXAMPLE = {"e": "f", "a": "b", "c": "d", "empty": "", "sign": "x", "sign_type": "MD5"}
ADDRESS = {
    "pid": "1001", "type": "alipay", "out_trade_no": "order_1", "notify_url": "u",
    "return_url": "u", "name": "VIP", "money": "1.00",
}


def test_the_example_is_signed() -> None:
    assert md5_sign(EXAMPLE, "KEY") == EXPECTED


EXPECTED = "e15217c1eee4811150eefc00653d4a95"


def address(shop: FakeEpay, **changes: str) -> str:
    fields = {**ADDRESS, **changes}
    signed = {"sign": md5_sign(fields, shop.key), "sign_type": "MD5"}
    return "https://shop.example.com/submit.php?" + urlencode({**fields, **signed})


def test_a_signed_address_makes_a_trade_and_its_notice() -> None:
    shop = FakeEpay()
    trade = shop.visit(address(shop))
    notice = dict(parse_qsl(shop.notice(trade)))
    assert (notice["out_trade_no"], notice["money"]) == ("order_1", "1.00")
    assert notice["trade_status"] == "TRADE_SUCCESS"
    assert notice["sign"] == md5_sign(notice, shop.key)


@pytest.mark.parametrize(
    "edit", [("money=1.00", "money=0.01"), ("sign_type=MD5", ""), ("1001", "1002")]
)
def test_another_address_is_refused(edit: tuple[str, str]) -> None:
    shop = FakeEpay()
    with pytest.raises(ValueError):
        shop.visit(address(shop).replace(*edit))
