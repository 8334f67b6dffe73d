"""令牌管理: the default key is shown and replaced only on purpose."""

from playwright.sync_api import Page, expect

from tests.dashboard.browser.visits import IN_A_BROWSER, open_view

pytestmark = IN_A_BROWSER


def test_a_wrong_password_does_not_show_the_key(signed_in: Page) -> None:
    open_view(signed_in, "keys")
    signed_in.get_by_role("button", name="显示", exact=True).click()
    signed_in.locator("#reveal-password").fill("wrong")
    signed_in.keyboard.press("Enter")
    dialog = signed_in.locator("#reveal-dialog")
    expect(dialog.get_by_role("alert")).to_have_text("密码不正确")
    signed_in.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(signed_in.locator("#key-text")).to_contain_text("…")


def test_changing_ones_mind_changes_nothing(signed_in: Page) -> None:
    open_view(signed_in, "keys")
    before = signed_in.locator("#key-text").inner_text()
    signed_in.get_by_role("button", name="重新生成").click()
    signed_in.get_by_role("button", name="取消").click()
    expect(signed_in.locator("#regenerate-dialog")).to_be_hidden()
    expect(signed_in.locator("#key-text")).to_have_text(before)
