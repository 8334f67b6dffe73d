"""What holds of all views: language, theme, width, keyboard, and what goes wrong."""

import pytest
from playwright.sync_api import Page, expect

from storage import Storage
from storage.accounts import set_role
from tests.dashboard.browser.visits import (
    EMAIL,
    IN_A_BROWSER,
    PASSWORD,
    PHONE,
    VIEWS,
    arrive,
    open_view,
    register,
    sign_in,
)

pytestmark = IN_A_BROWSER


def test_every_word_follows_the_language(signed_in: Page) -> None:
    # What is read from the gateway is there, too.
    signed_in.wait_for_load_state("networkidle")
    body = signed_in.locator("body")
    chinese = body.inner_text()
    signed_in.get_by_role("button", name="English").click()
    expect(signed_in.locator("html")).to_have_attribute("lang", "en")
    for name in VIEWS:
        open_view(signed_in, name)
    open_view(signed_in, "transactions")
    expect(signed_in.locator("tr.entry-row")).to_contain_text("Welcome credit")
    signed_in.reload()
    expect(signed_in.locator("#transactions h1")).to_have_text("Transactions")
    signed_in.get_by_role("button", name="中文").click()
    open_view(signed_in, "overview")
    expect(body).to_have_text(chinese, use_inner_text=True)


def test_the_theme_follows_the_switch(signed_in: Page) -> None:
    html = signed_in.locator("html")
    expect(signed_in.locator("body")).to_have_css("color", "rgb(29, 31, 33)")
    signed_in.get_by_role("button", name="切换深浅色").click()
    expect(signed_in.locator("body")).to_have_css("color", "rgb(232, 234, 236)")
    signed_in.reload()
    expect(html).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [320, 390, 1024])
def test_nothing_is_wider_than_the_screen(
    signed_in: Page, language: str, width: int
) -> None:
    signed_in.set_viewport_size({"width": width, "height": 844})
    if language == "en":
        signed_in.get_by_role("button", name="English").click()
    for name in VIEWS:
        open_view(signed_in, name)
        main = signed_in.locator("html")
        assert main.evaluate("page => page.scrollWidth") <= width, name


def test_on_a_phone_what_is_pressed_is_large_enough(signed_in: Page) -> None:
    signed_in.set_viewport_size(PHONE)
    for name in VIEWS:
        open_view(signed_in, name)
        # A row of the list is one target as a whole, not only its button.
        pressed = (
            "button:visible:not(.open-entry), .rail a:visible, tr.entry-row:visible"
        )
        for target in signed_in.locator(pressed).all():
            box = target.bounding_box()
            assert box is not None and box["height"] >= 44, target.inner_text()


def test_on_a_phone_the_sheet_has_the_other_views(signed_in: Page) -> None:
    signed_in.set_viewport_size(PHONE)
    more, sheet = signed_in.locator("#more"), signed_in.locator("#rail-rest")
    expect(sheet).to_be_hidden()
    more.click()
    expect(sheet.get_by_role("link")).to_have_count(5)
    signed_in.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(more).to_be_focused()
    more.click()
    signed_in.locator("h1:visible").click()
    expect(sheet).to_be_hidden()
    open_view(signed_in, "usage")
    expect(sheet).to_be_hidden()
    expect(signed_in.locator("#usage h1")).to_be_focused()


def test_the_balance_is_always_in_sight(signed_in: Page) -> None:
    for size in ({"width": 320, "height": 640}, {"width": 1440, "height": 500}):
        signed_in.set_viewport_size(size)
        for name in VIEWS:
            open_view(signed_in, name)
            signed_in.evaluate("scrollTo(0, document.body.scrollHeight)")
            expect(signed_in.locator(".bar [data-balance]")).to_be_in_viewport()


@pytest.mark.parametrize(("role", "seen"), [("user", False), ("operator", True)])
def test_only_operators_are_led_to_their_pages(
    signed_in: Page, storage: Storage, role: str, seen: bool
) -> None:
    (user,) = storage.reader.users()
    storage.writer.wait(set_role, user.id, role)
    signed_in.reload()
    expect(signed_in.locator("#email")).not_to_be_empty()
    expect(signed_in.locator("#operator")).to_be_visible(visible=seen)


def test_when_the_server_is_gone_the_page_says_so_and_recovers(signed_in: Page) -> None:
    open_view(signed_in, "transactions")
    open_view(signed_in, "overview")
    signed_in.context.set_offline(True)
    open_view(signed_in, "transactions")
    alert = signed_in.locator("#transactions-list [data-error]")
    expect(alert).to_contain_text("无法连接服务器")
    signed_in.context.set_offline(False)
    signed_in.locator("#transactions-list [data-retry]").click()
    expect(signed_in.locator("tr.entry-row")).to_have_count(1)


def test_a_view_that_cannot_be_fetched_says_so_and_recovers(signed_in: Page) -> None:
    signed_in.context.set_offline(True)
    signed_in.locator(".rail a[href='#transactions']").click()
    expect(signed_in.locator("#account [data-error]")).to_contain_text("没有加载成功")
    expect(signed_in.locator("#transactions")).to_be_hidden()
    signed_in.context.set_offline(False)
    signed_in.locator("#account [data-retry]").click()
    expect(signed_in.locator("tr.entry-row")).to_have_count(1)


def test_an_account_that_cannot_be_loaded_says_so_and_recovers(signed_in: Page) -> None:
    signed_in.route("**/api/user.php?action=profile", lambda route: route.abort())
    signed_in.reload()
    alert = signed_in.locator("#account [data-error]")
    expect(alert).to_contain_text("无法连接服务器")
    expect(signed_in.locator("#overview")).to_be_hidden()
    signed_in.unroute("**/api/user.php?action=profile")
    signed_in.locator("#account [data-retry]").click()
    expect(signed_in.locator("#overview .balance")).to_have_text("$10.00")


def test_an_unknown_page_leads_back(page: Page) -> None:
    page.goto("/nowhere")
    expect(page.get_by_role("heading", name="页面不存在")).to_be_visible()
    page.get_by_role("link", name="返回用户面板").click()
    arrive(page, "/public/login.html")


def test_everything_can_be_reached_from_the_keyboard(page: Page) -> None:
    page.goto("/public/register.html")
    expect(page.get_by_label("邮箱")).to_be_focused()
    page.keyboard.type(EMAIL)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#overview .balance")).to_have_text("$10.00")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim()"))
    for name in ("令牌管理", "充值", "交易记录", "English", "退出", "复制"):
        assert name in reached


def test_signing_in_again_elsewhere_breaks_nothing_here(signed_in: Page) -> None:
    open_view(signed_in, "keys")
    other = signed_in.context.new_page()
    other.goto("/public/dashboard.html")
    other.get_by_role("button", name="退出").click()
    arrive(other, "/login.html")
    sign_in(other)
    signed_in.locator("[data-create]").click()
    signed_in.get_by_label("名称", exact=True).fill("ci")
    signed_in.get_by_role("button", name="创建", exact=True).click()
    expect(signed_in.locator("#key-made")).to_be_visible()


def test_what_was_meant_for_one_account_is_not_done_to_another(
    signed_in: Page, storage: Storage
) -> None:
    open_view(signed_in, "keys")
    other = signed_in.context.new_page()
    other.goto("/public/dashboard.html")
    other.get_by_role("button", name="退出").click()
    arrive(other, "/login.html")
    register(other, "other@example.com")
    signed_in.locator("[data-create]").click()
    signed_in.get_by_label("名称", exact=True).fill("ci")
    signed_in.get_by_role("button", name="创建", exact=True).click()
    expect(signed_in.locator("#email")).to_have_text("other@example.com")
    for user in storage.reader.users():
        assert len(storage.reader.keys(user.account_id)) == 1
