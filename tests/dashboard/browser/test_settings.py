"""设置: the password, languages and looks, who is signed in, and everything as files."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from storage import Storage
from tests.dashboard.browser.visits import (
    EMAIL,
    IN_A_BROWSER,
    PASSWORD,
    arrive,
    open_view,
    use_english,
)

pytestmark = IN_A_BROWSER

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Firefox/140.0"
NEW = "battery staple"


@pytest.fixture
def elsewhere(browser: Browser, address: str, signed_in: Page) -> Iterator[Page]:
    """The same user in another browser, which asks for English."""
    context = browser.new_context(
        locale="en-US", base_url=address, user_agent=FIREFOX
    )
    other = context.new_page()
    sign_in(other, PASSWORD)
    yield other
    context.close()


def sign_in(page: Page, password: str) -> None:
    page.goto("/public/login.html")
    page.locator("#email").fill(EMAIL)
    page.locator("#password").fill(password)
    page.keyboard.press("Enter")
    arrive(page, "/dashboard.html*")
    expect(page.locator("#overview .balance")).to_have_text("$10.00")


def is_out(page: Page) -> bool:
    return page.request.get("/api/auth.php?action=me").status == 401


def change_password(page: Page, now: str, new: str) -> None:
    page.get_by_label("当前密码").fill(now)
    page.get_by_label("新密码").fill(new)
    page.get_by_label("新密码").press("Enter")


def test_a_new_password_signs_others_out_and_this_one_goes_on(
    signed_in: Page, elsewhere: Page
) -> None:
    open_view(signed_in, "settings")
    notice = signed_in.locator("#password-notice")
    change_password(signed_in, "wrong", NEW)
    expect(notice).to_have_text("密码不正确")
    change_password(signed_in, PASSWORD, "short")
    expect(notice).to_contain_text("6")
    assert not is_out(elsewhere)
    change_password(signed_in, PASSWORD, NEW)
    expect(notice).to_contain_text("密码已修改")
    expect(signed_in.get_by_label("当前密码")).to_have_value("")
    assert is_out(elsewhere)
    # Changes take the token of the new session.
    signed_in.get_by_text("English", exact=True).last.click()
    expect(signed_in.locator("html")).to_have_attribute("lang", "en")
    sign_in(elsewhere, NEW)


def test_devices_are_listed_and_signed_out(signed_in: Page, elsewhere: Page) -> None:
    open_view(signed_in, "settings")
    rows = signed_in.locator("#sessions-rows tr")
    expect(rows).to_have_count(2)
    other = rows.filter(has_text="Firefox · Windows")
    expect(other).to_contain_text("127.0.0.1")
    own = rows.filter(has_text="本机")
    expect(own.get_by_role("button")).to_have_count(0)
    other.get_by_role("button", name="退出").click()
    expect(rows).to_have_count(1)
    assert is_out(elsewhere) and not is_out(signed_in)
    expect(signed_in.locator("#sessions-others")).to_be_hidden()
    sign_in(elsewhere, PASSWORD)
    open_view(signed_in, "overview")
    open_view(signed_in, "settings")
    signed_in.get_by_role("button", name="退出其他所有设备").click()
    expect(signed_in.locator("#sessions-notice")).to_contain_text("1")
    assert is_out(elsewhere) and not is_out(signed_in)


def test_a_language_is_kept_for_other_browsers(
    signed_in: Page, elsewhere: Page
) -> None:
    expect(elsewhere.locator("html")).to_have_attribute("lang", "en")
    open_view(signed_in, "settings")
    signed_in.locator("#settings").get_by_text("中文").click()
    expect(signed_in.locator("#looks-notice")).to_be_empty()
    elsewhere.reload()
    expect(elsewhere.locator("html")).to_have_attribute("lang", "zh-CN")
    with signed_in.expect_response("**/api/user.php?action=set_language"):
        signed_in.locator("#settings").get_by_text("跟随浏览器").click()
    expect(signed_in.locator("#language-auto")).to_be_checked()
    elsewhere.reload()
    expect(elsewhere.locator("html")).to_have_attribute("lang", "en")
    expect(signed_in.locator("html")).to_have_attribute("lang", "zh-CN")


def test_the_switch_in_the_bar_is_the_one_in_the_settings(signed_in: Page) -> None:
    open_view(signed_in, "settings")
    expect(signed_in.locator("#language-auto")).to_be_checked()
    with signed_in.expect_response("**/api/user.php?action=set_language"):
        use_english(signed_in)
    expect(signed_in.locator("#language-en")).to_be_checked()
    signed_in.evaluate("localStorage.clear()")
    signed_in.reload()
    expect(signed_in.locator("#settings h1")).to_have_text("Settings")


def test_a_theme_is_chosen_and_given_back_to_the_system(signed_in: Page) -> None:
    open_view(signed_in, "settings")
    signed_in.get_by_text("深色").click()
    expect(signed_in.locator("body")).to_have_css("color", "rgb(232, 234, 236)")
    signed_in.reload()
    expect(signed_in.locator("#theme-dark")).to_be_checked()
    signed_in.get_by_text("跟随系统").click()
    expect(signed_in.locator("body")).to_have_css("color", "rgb(29, 31, 33)")
    signed_in.reload()
    expect(signed_in.locator("#theme-auto")).to_be_checked()


def test_what_was_done_is_told(signed_in: Page, elsewhere: Page) -> None:
    elsewhere.request.post(
        "/api/auth.php?action=login", data={"email": EMAIL, "password": "guess"}
    )
    open_view(signed_in, "settings")
    acts = signed_in.locator("#activity-rows")
    for text in ("注册", "登录", "登录失败", "127.0.0.1"):
        expect(acts).to_contain_text(text)


def test_the_account_is_exported_without_secrets(
    signed_in: Page, storage: Storage, tmp_path: Path
) -> None:
    open_view(signed_in, "settings")
    with signed_in.expect_download() as started:
        signed_in.get_by_role("button", name="账户资料").click()
    text = Path(started.value.path()).read_text()
    data = json.loads(text)
    assert data["account"]["email"] == EMAIL
    assert [act["act"] for act in data["activity"]] == ["registered"]
    (user,) = storage.reader.users()
    found = storage.reader.default_key(user.account_id)
    assert found is not None and storage.secrets.open(found[1]) not in text
    with signed_in.expect_download() as started:
        signed_in.locator("#settings").get_by_role("link", name="交易记录").click()
    assert "promo" in Path(started.value.path()).read_text()


def test_sessions_that_cannot_be_listed_say_so_and_recover(signed_in: Page) -> None:
    signed_in.route("**/api/user.php?action=sessions", lambda route: route.abort())
    open_view(signed_in, "settings")
    expect(signed_in.locator("#sessions [data-error]")).to_contain_text("无法连接")
    signed_in.unroute("**/api/user.php?action=sessions")
    signed_in.locator("#sessions [data-retry]").click()
    expect(signed_in.locator("#sessions-rows tr")).to_have_count(1)
