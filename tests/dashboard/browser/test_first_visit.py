"""One person's whole first visit."""

from playwright.sync_api import Page, expect

from storage import Storage
from tests.dashboard.browser.visits import (
    EMAIL,
    IN_A_BROWSER,
    PASSWORD,
    arrive,
    copied,
    open_view,
    register,
    sign_out_while_asked,
)

pytestmark = IN_A_BROWSER


def test_a_first_visit_from_register_to_logout(page: Page, storage: Storage) -> None:
    page.goto("/")
    arrive(page, "/public/login.html")
    page.get_by_role("link", name="注册").click()
    arrive(page, "/public/register.html")
    register(page)
    expect(page.locator(".bar [data-balance]")).to_have_text("$10.00")

    open_view(page, "keys")
    masked = page.locator("#key-text").inner_text()
    assert masked.startswith("tk_") and "…" in masked
    page.get_by_role("button", name="显示", exact=True).click()
    page.locator("#reveal-password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#reveal-dialog")).to_be_hidden()
    first = page.locator("#key-text").inner_text()
    assert works(storage, first)
    page.locator("#key-copy").click()
    expect(page.locator("#key-copy")).to_have_text("已复制")
    assert copied(page) == first

    page.get_by_role("button", name="重新生成").click()
    page.locator("#regenerate-dialog").get_by_role("button", name="重新生成").click()
    expect(page.locator("#key-notice")).to_contain_text("旧的已失效")
    second = page.locator("#key-text").inner_text()
    assert second != first
    assert works(storage, second) and not works(storage, first)

    open_view(page, "transactions")
    row = page.locator("tr.entry-row")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("注册赠送")
    expect(row).to_contain_text("+$10.00")

    open_view(page, "keys")
    expect(page.locator("#key-text")).not_to_have_text(second)
    page.get_by_role("button", name="退出").click()
    arrive(page, "/public/login.html")
    page.goto("/public/dashboard.html#keys")
    arrive(page, "/public/login.html#keys")


def works(storage: Storage, plain: str) -> bool:
    record = storage.reader.key_by_hash(storage.secrets.key_hash(plain))
    return record is not None and record.status == "active"


def test_an_answer_that_comes_late_leads_nobody_on_who_signed_out(
    signed_in: Page,
) -> None:
    asked = "**/api/user.php?action=transactions*"
    sign_out_while_asked(signed_in, "transactions", asked)


def test_signing_in_leads_back_to_the_view_that_was_asked_for(signed_in: Page) -> None:
    signed_in.get_by_role("button", name="退出").click()
    arrive(signed_in, "/login.html")
    signed_in.goto("/public/dashboard.html#topup")
    arrive(signed_in, "/login.html#topup")
    signed_in.get_by_label("邮箱").fill(EMAIL)
    signed_in.get_by_label("密码").fill("wrong")
    signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("alert")).to_have_text("邮箱或密码错误")
    signed_in.get_by_label("密码").fill(PASSWORD)
    signed_in.keyboard.press("Enter")
    arrive(signed_in, "/dashboard.html#topup")
    expect(signed_in.locator("#topup")).to_be_visible()
