"""The API document: the customer's text, with this site's own facts in it."""

import re
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from config import Settings
from config.current import Current
from dashboard import create_app
from dashboard.passwords import Passwords
from storage import Storage
from tests.dashboard.browser.offers import offers
from tests.dashboard.browser.visits import (
    EMAIL,
    IN_A_BROWSER,
    PASSWORD,
    PHONE,
    arrive,
    copied,
    register,
)
from tests.fakes.clock import FakeClock

pytestmark = IN_A_BROWSER

# The document's headings, each where it stands there.
HEADINGS = """
1 认证说明
1.1 获取 API Key
1.2 获取 API Key
1.3 登录状态
2 用户 API
2.1 用户注册
2.2 用户登录
2.3 获取用户资料
2.4 充值
2.5 获取交易记录
3 文本生成 API
3.1 接口地址
3.2 请求参数
3.3 请求示例
3.4 支持的模型
4 图片生成 API
4.1 接口地址
4.2 请求参数
4.3 请求示例
4.4 支持的模型
5 视频生成 API
5.1 接口地址
5.2 请求参数
5.3 请求示例
5.4 支持的模型
6 错误码说明
6.1 HTTP 状态码
7 SDK 代码示例
7.1 Python SDK
7.2 JavaScript SDK
"""
CHINESE_LETTER = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def app(
    storage: Storage, settings: Settings, passwords: Passwords, clock: FakeClock
) -> Flask:
    models = offers(settings, clock)
    current = Current.of(settings)
    return create_app(storage, current, demo=True, passwords=passwords, models=models)


@pytest.fixture
def docs(page: Page) -> Page:
    page.goto("/public/docs.html")
    expect(page.locator("[data-models=video]")).to_have_attribute(
        "data-state", "filled"
    )
    return page


def sample(page: Page, name: str) -> Any:
    return page.locator(f"[data-sample={name}]")


def test_it_has_the_documents_headings_in_their_order(docs: Page) -> None:
    found = docs.locator(".chapter h2, .chapter h3").all_inner_texts()
    assert found == HEADINGS.strip().splitlines()


def test_a_stranger_reads_all_of_it_in_english(docs: Page) -> None:
    docs.get_by_role("button", name="English").click()
    expect(docs.locator("h1")).to_have_text("API documentation")
    code = "document.querySelectorAll('pre, #language').forEach(one => one.remove())"
    docs.evaluate(code)
    assert not CHINESE_LETTER.search(docs.locator("body").inner_text())


def test_the_examples_call_this_site(docs: Page, address: str) -> None:
    for name in ("chat", "image", "video"):
        expect(sample(docs, name).locator("pre")).to_contain_text(address)
    for block in docs.locator("[data-sdk]").all():
        expect(block).to_contain_text(address)
    assert "localhost:8000" not in docs.locator("body").inner_text()


def test_the_language_of_the_code_is_chosen_once_for_all(docs: Page) -> None:
    sample(docs, "chat").get_by_role("tab", name="Python").click()
    expect(sample(docs, "video").locator("pre")).to_contain_text("timeout=300")
    docs.reload()
    expect(sample(docs, "image").locator("pre")).to_contain_text("import requests")


def test_the_tabs_are_walked_with_the_arrow_keys(docs: Page) -> None:
    tabs = sample(docs, "chat")
    tabs.get_by_role("tab", name="cURL").focus()
    docs.keyboard.press("ArrowRight")
    expect(tabs.get_by_role("tab", name="Python")).to_be_focused()
    docs.keyboard.press("End")
    expect(tabs.get_by_role("tab", name="JavaScript")).to_be_focused()
    expect(tabs.locator("pre")).to_contain_text("fetch(")
    docs.keyboard.press("Tab")
    expect(tabs.locator("pre")).to_be_focused()


def test_code_is_copied_as_it_is_shown(docs: Page) -> None:
    sample(docs, "chat").get_by_role("button", name="复制").click()
    assert copied(docs) == sample(docs, "chat").locator("pre").inner_text()
    assert '"content": "你好"' in copied(docs)


def test_models_and_prices_are_those_of_the_configuration(
    docs: Page, settings: Settings
) -> None:
    for kind in ("chat", "image", "video"):
        rows = docs.locator(f"[data-models={kind}] tbody th").all_inner_texts()
        sold = [one.id for one in settings.models.values() if one.kind == kind]
        assert [row.split()[0] for row in rows] == sold
    drawn = docs.locator("[data-models=image] tr", has_text="dall-e-3")
    assert drawn.locator("td").all_inner_texts() == ["OpenAI", "$0.04", "最强图片生成"]


def test_models_that_cannot_be_loaded_can_be_asked_for_again(page: Page) -> None:
    page.route("**/api/user.php?action=models", lambda route: route.abort())
    page.goto("/public/docs.html")
    card = page.locator("[data-models=chat]")
    expect(card.get_by_role("alert")).to_contain_text("无法连接服务器")
    page.unroute("**/api/user.php?action=models")
    card.get_by_role("button", name="重试").click()
    expect(card).to_contain_text("gpt-4o-mini")


def test_the_key_is_filled_in_after_the_password_and_never_kept(page: Page) -> None:
    register(page)
    page.goto("/public/docs.html")
    expect(page.locator("#fill-text")).to_contain_text(EMAIL)
    page.get_by_role("button", name="填入我的 API Key").click()
    page.locator("#fill-secret").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#fill-dialog").get_by_role("alert")).to_have_text("密码不正确")
    page.locator("#fill-secret").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(sample(page, "chat").locator("pre")).not_to_contain_text("YOUR_API_KEY")
    shown = page.locator(".article").inner_text()
    (key,) = set(re.findall(r"tk_[A-Za-z0-9_-]{32,}", shown))
    assert "YOUR_API_KEY" not in shown.replace("YOUR_API_KEY（", "")
    kept = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    assert key not in kept
    hide = page.get_by_role("button", name="隐藏 API Key")
    expect(hide).to_be_focused()
    hide.click()
    assert key not in page.locator("body").inner_text()


def test_a_visitor_is_sent_to_sign_in_and_comes_back(page: Page) -> None:
    register(page)
    page.get_by_role("button", name="退出").click()
    arrive(page, "/login.html")
    page.goto("/public/docs.html")
    page.locator("#fill-login").click()
    page.get_by_label("邮箱").fill(EMAIL)
    page.get_by_label("密码").fill(PASSWORD)
    page.keyboard.press("Enter")
    arrive(page, "/public/docs.html")
    expect(page.locator("#fill-text")).to_contain_text(EMAIL)


def test_nobody_is_asked_about_who_has_signed_out(page: Page) -> None:
    register(page)
    page.get_by_role("button", name="退出").click()
    arrive(page, "/login.html")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/public/docs.html")
    expect(page.locator("[data-models=video]")).to_have_attribute(
        "data-state", "filled"
    )
    expect(page.locator("#fill-login")).to_be_visible()
    assert not [url for url in asked if "auth.php" in url]


@pytest.mark.parametrize(
    "where", ["https://evil.example", "//evil.example", "toString"]
)
def test_signing_in_leads_nowhere_else(page: Page, where: str) -> None:
    register(page)
    page.get_by_role("button", name="退出").click()
    arrive(page, "/login.html")
    page.goto(f"/public/login.html?to={where}")
    page.get_by_label("邮箱").fill(EMAIL)
    page.get_by_label("密码").fill(PASSWORD)
    page.keyboard.press("Enter")
    arrive(page, "/public/dashboard.html")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [320, 390, 1024])
def test_it_fits_the_screen(docs: Page, width: int, language: str) -> None:
    docs.set_viewport_size({"width": width, "height": 844})
    if language == "en":
        docs.get_by_role("button", name="English").click()
    assert docs.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_what_is_pressed_is_large_enough(docs: Page) -> None:
    docs.set_viewport_size(PHONE)
    for target in docs.locator("button:visible, .site-nav a, .contents a").all():
        box = target.bounding_box()
        assert box is not None and box["height"] >= 44, target.inner_text()
