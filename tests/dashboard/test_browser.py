"""The pages in a real browser: one person's whole first visit, and how it looks.

The application runs as in production, behind a WSGI server on a free port. Nothing
may appear on the console: a blocked script or a broken page shows up there first.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from config.money import parse_nano
from storage import Storage
from storage.vouchers import create_vouchers, new_code
from tests.dashboard.spending import spend

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
EMAIL = "browser@example.com"
PASSWORD = "correct horse"
PHONE = {"width": 390, "height": 844}
VIEWS = ("overview", "keys", "topup", "transactions")
# A refusal is logged by the browser itself; it is part of some stories.
EXPECTED = "Failed to load resource"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and "CI" not in os.environ,
        reason="no chromium on the path: apt-get install chromium",
    ),
]


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Tests say what went wrong themselves."""


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "CI needs chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(
        locale="zh-CN",
        base_url=address,
        permissions=["clipboard-read", "clipboard-write"],
    )
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text))
    yield opened
    context.close()
    assert [one for one in complaints if EXPECTED not in one] == []


@pytest.fixture
def signed_in(page: Page) -> Page:
    register(page)
    return page


def register(page: Page) -> None:
    page.goto("/public/register.html")
    page.get_by_label("邮箱").fill(EMAIL)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="注册").click()
    expect(page.locator("#overview .balance")).to_have_text("$10.00")


def open_view(page: Page, name: str) -> None:
    link = page.locator(f".rail a[href='#{name}']")
    if not link.is_visible():
        page.locator("#more").click()
    link.click()
    expect(page.locator(f"#{name}")).to_be_visible()


def copied(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_first_visit_from_register_to_logout(page: Page, storage: Storage) -> None:
    page.goto("/")
    page.wait_for_url("**/public/login.html")
    page.get_by_role("link", name="注册").click()
    page.wait_for_url("**/public/register.html")
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
    page.wait_for_url("**/public/login.html")
    page.goto("/public/dashboard.html#keys")
    page.wait_for_url("**/public/login.html#keys")


def works(storage: Storage, plain: str) -> bool:
    record = storage.reader.key_by_hash(storage.secrets.key_hash(plain))
    return record is not None and record.status == "active"


def test_signing_in_leads_back_to_the_view_that_was_asked_for(signed_in: Page) -> None:
    signed_in.get_by_role("button", name="退出").click()
    signed_in.wait_for_url("**/login.html")
    signed_in.goto("/public/dashboard.html#topup")
    signed_in.wait_for_url("**/login.html#topup")
    signed_in.get_by_label("邮箱").fill(EMAIL)
    signed_in.get_by_label("密码").fill("wrong")
    signed_in.keyboard.press("Enter")
    expect(signed_in.get_by_role("alert")).to_have_text("邮箱或密码错误")
    signed_in.get_by_label("密码").fill(PASSWORD)
    signed_in.keyboard.press("Enter")
    signed_in.wait_for_url("**/dashboard.html#topup")
    expect(signed_in.locator("#topup")).to_be_visible()


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


def test_a_charge_opens_into_its_exact_figures(
    signed_in: Page, storage: Storage, price_id: str
) -> None:
    (user,) = storage.reader.users()
    request_id = spend(storage, user.id, price_id, 421_300, {"input": 1200})
    open_view(signed_in, "transactions")
    expect(signed_in.locator(".bar [data-balance]")).to_have_text("$9.99")
    row = signed_in.locator("tr.entry-row").first
    expect(row).to_contain_text("\u2212$0.00042")
    row.get_by_role("button", name="调用 gpt-4o").press("Enter")
    detail = signed_in.locator("tr.detail").first
    for text in ("\u2212$0.0004213", "$9.9995787", "输入 1,200", request_id):
        expect(detail).to_contain_text(text)


def test_more_transactions_are_fetched_page_by_page(
    signed_in: Page, storage: Storage, price_id: str
) -> None:
    (user,) = storage.reader.users()
    for _ in range(30):
        spend(storage, user.id, price_id, 1)
    open_view(signed_in, "transactions")
    expect(signed_in.locator("tr.entry-row")).to_have_count(25)
    signed_in.get_by_role("button", name="加载更多").click()
    expect(signed_in.locator("tr.entry-row")).to_have_count(31)
    expect(signed_in.locator("#transactions-more")).to_be_hidden()


def test_every_word_follows_the_language(signed_in: Page) -> None:
    chinese = signed_in.locator("body").inner_text()
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
    assert signed_in.locator("body").inner_text() == chinese


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


def test_text_from_the_server_is_never_markup(signed_in: Page) -> None:
    evil = "<img src=x onerror=document.title='owned'>"

    def poison(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        for entry in body["data"]["transactions"]:
            entry["description"] = entry["model"] = entry["request_id"] = evil
        route.fulfill(response=answer, json=body)

    signed_in.route("**/api/user.php?action=transactions*", poison)
    open_view(signed_in, "transactions")
    expect(signed_in.locator("tr.entry-row")).to_contain_text(evil)
    assert signed_in.locator("tbody img").count() == 0
    assert signed_in.title() != "owned"


def test_an_unknown_page_leads_back(page: Page) -> None:
    page.goto("/nowhere")
    expect(page.get_by_role("heading", name="页面不存在")).to_be_visible()
    page.get_by_role("link", name="返回用户面板").click()
    page.wait_for_url("**/public/login.html")


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
