"""充值: money arrives, and the balance says so."""

from playwright.sync_api import Page, Route, expect

from config.money import parse_nano
from storage import Storage
from storage.vouchers import create_vouchers, new_code
from tests.dashboard.browser.visits import IN_A_BROWSER, open_view

pytestmark = IN_A_BROWSER


def test_a_voucher_and_test_money_reach_the_balance(
    signed_in: Page, storage: Storage
) -> None:
    code = new_code()
    storage.writer.wait(create_vouchers, [code], parse_nano("25.00"), "test")
    open_view(signed_in, "topup")
    signed_in.get_by_label("兑换码").and_(signed_in.locator("#code")).fill("nothing")
    signed_in.get_by_role("button", name="充值", exact=True).click()
    expect(signed_in.locator("#topup-notice")).to_contain_text("兑换码无效")
    signed_in.locator("#code").fill(f" {code.lower()} ")
    signed_in.get_by_role("button", name="充值", exact=True).click()
    expect(signed_in.locator("#topup-notice")).to_contain_text("$25.00")
    expect(signed_in.locator(".bar [data-balance]")).to_have_text("$35.00")
    signed_in.get_by_text("测试充值").click()
    signed_in.get_by_role("button", name="$50.00").click()
    signed_in.get_by_role("button", name="充值", exact=True).click()
    expect(signed_in.locator(".bar [data-balance]")).to_have_text("$85.00")


def test_what_is_sent_twice_is_credited_once(signed_in: Page, storage: Storage) -> None:
    open_view(signed_in, "topup")
    signed_in.get_by_text("测试充值").click()

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    signed_in.route("**/api/user.php?action=charge", lose)
    signed_in.get_by_role("button", name="充值", exact=True).click()
    expect(signed_in.locator("#topup-notice")).to_contain_text("无法连接服务器")
    signed_in.unroute("**/api/user.php?action=charge")
    signed_in.get_by_role("button", name="充值", exact=True).click()
    expect(signed_in.locator("#topup-notice")).to_contain_text("已到账")
    (user,) = storage.reader.users()
    assert storage.reader.balance(user.account_id).available_nano == parse_nano("20.00")
    signed_in.get_by_role("button", name="充值", exact=True).click()
    expect(signed_in.locator(".bar [data-balance]")).to_have_text("$30.00")


def test_methods_that_cannot_be_read_say_so_and_recover(signed_in: Page) -> None:
    signed_in.route("**/api/user.php?action=payment_methods", lambda one: one.abort())
    open_view(signed_in, "topup")
    expect(signed_in.locator("#topup-card [data-error]")).to_contain_text("无法连接")
    expect(signed_in.locator("#topup-form")).to_be_hidden()
    signed_in.unroute("**/api/user.php?action=payment_methods")
    signed_in.locator("#topup-card [data-retry]").click()
    expect(signed_in.locator("#code")).to_be_visible()
