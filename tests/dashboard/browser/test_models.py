"""The catalogue: every model with its price, for everybody."""

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from config import Settings
from config.current import Current
from dashboard import create_app
from dashboard.passwords import Passwords
from storage import Storage
from tests.dashboard.browser.offers import offers
from tests.dashboard.browser.visits import IN_A_BROWSER, PHONE, copied
from tests.fakes.clock import FakeClock

pytestmark = IN_A_BROWSER

EVIL = "<img src=x onerror=document.title='owned'>"
RATES = {"input": "1.00", "output": "2.00", "cache_read": "0.10"}
CASES = [
    {"when": "thinking", "conditions": {"thinking": True}, "output": "4.00"},
    {
        "when": "input above 1000 tokens",
        "conditions": {"input_above": 1000},
        "input": "3.00",
        "output": "6.00",
    },
    {
        "when": "input above 1000 tokens, thinking",
        "conditions": {"input_above": 1000, "thinking": True},
        "output": "12.00",
    },
    {"when": "full moon", "conditions": {"moon": "full"}, "output": "9.00"},
]


@pytest.fixture
def app(
    storage: Storage, settings: Settings, passwords: Passwords, clock: FakeClock
) -> Flask:
    models = offers(settings, clock)
    current = Current.of(settings)
    return create_app(storage, current, demo=True, passwords=passwords, models=models)


def row(page: Page, name: str) -> Locator:
    code = page.get_by_text(name, exact=True)
    return page.locator("details.offer", has=code)


def answer_with(page: Page, *changes: dict[str, Any]) -> None:
    """The first models of the server's answer, changed."""

    def change(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        for model, fields in zip(body["data"]["models"], changes, strict=False):
            model.update(fields)
        route.fulfill(response=answer, json=body)

    page.route("**/api/user.php?action=models", change)


def test_every_model_is_listed_without_signing_in(
    page: Page, settings: Settings
) -> None:
    page.goto("/public/models.html")
    expect(page.locator("details.offer")).to_have_count(len(settings.models))
    expect(row(page, "gpt-4o")).to_contain_text("输入 $2.50 · 输出 $10.00")
    expect(row(page, "dall-e-3")).to_contain_text("$0.04 / 张")
    expect(row(page, "gen-2")).to_contain_text("$0.15 / 次")


def test_the_filter_is_in_the_address(page: Page) -> None:
    page.goto("/public/models.html")
    page.get_by_text("图片", exact=True).click()
    expect(page.locator("#found")).to_have_text("4 个模型")
    page.get_by_label("搜索模型").fill("阿里")
    expect(page.locator("details.offer:visible")).to_have_count(1)
    page.reload()
    expect(page.locator("details.offer:visible")).to_have_count(1)
    expect(row(page, "qwen-vl")).to_be_visible()
    expect(page.get_by_label("搜索模型")).to_have_value("阿里")


def test_a_filter_that_nothing_fits_says_so(page: Page) -> None:
    page.goto("/public/models.html?q=nothing-like-it#%E0%A4%A")
    expect(page.locator("#found")).to_have_text("没有符合的模型，请换个词或类型")


def test_a_model_opens_by_keyboard_into_prices_and_code(
    page: Page, address: str
) -> None:
    page.goto("/public/models.html")
    opened = row(page, "claude-3.5-sonnet")
    opened.locator("summary").press("Enter")
    expect(opened.locator("tbody tr")).to_contain_text(
        ["标准价格$3.00$15.00$0.30$3.75$6.00"]
    )
    expect(opened.locator("pre")).to_contain_text(address)
    expect(opened.locator("pre")).to_contain_text('"model": "claude-3.5-sonnet"')
    opened.get_by_role("button", name="复制模型 ID").click()
    assert copied(page) == "claude-3.5-sonnet"


def test_the_address_opens_a_model(page: Page) -> None:
    page.goto("/public/models.html#pika-1.0")
    opened = row(page, "pika-1.0")
    expect(opened.locator(".offer-detail")).to_be_visible()
    expect(opened.locator("summary")).to_be_focused()
    expect(opened.locator("pre")).to_contain_text("/api/v1/videos/generations")


def test_each_case_shows_the_prices_that_hold_in_it(page: Page) -> None:
    answer_with(page, {"pricing": {**RATES, "cases": CASES}})
    page.goto("/public/models.html#gpt-4o")
    lines = row(page, "gpt-4o").locator("tbody tr")
    expect(lines).to_have_text(
        [
            "标准价格$1.00$2.00$0.10",
            "思考模式$1.00$4.00$0.10",
            "输入超过 1,000 token$3.00$6.00$0.10",
            "输入超过 1,000 token · 思考模式$3.00$12.00$0.10",
            "full moon$1.00$9.00$0.10",
        ]
    )


def test_a_model_that_is_not_served_says_why(page: Page) -> None:
    answer_with(page, {"available": False}, {"pricing": None})
    page.goto("/public/models.html#gpt-4o")
    expect(row(page, "gpt-4o").locator(".notice")).to_contain_text("model_unavailable")
    expect(row(page, "gpt-4o-mini")).to_contain_text("未定价")


def test_text_of_the_configuration_is_never_markup(page: Page) -> None:
    answer_with(page, {"description": EVIL, "owned_by": EVIL, "sizes": [EVIL]})
    page.goto("/public/models.html#gpt-4o")
    expect(row(page, "gpt-4o").locator("summary")).to_contain_text(EVIL)
    assert page.locator("main img").count() == 0
    assert page.title() != "owned"


def test_what_is_open_stays_open_in_the_other_language(page: Page) -> None:
    page.goto("/public/models.html#qwen-vl")
    expect(row(page, "qwen-vl").locator(".offer-detail")).to_be_visible()
    page.get_by_role("button", name="English").click()
    opened = row(page, "qwen-vl")
    expect(opened.locator(".offer-detail")).to_contain_text("Sizes")
    expect(opened).to_contain_text("Alibaba Cloud")


def test_a_catalogue_that_cannot_be_loaded_can_be_asked_for_again(page: Page) -> None:
    page.route("**/api/user.php?action=models", lambda route: route.abort())
    page.goto("/public/models.html")
    expect(page.get_by_role("alert")).to_contain_text("无法连接服务器")
    page.unroute("**/api/user.php?action=models")
    page.get_by_role("button", name="重试").click()
    expect(row(page, "gpt-4o")).to_be_visible()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [320, 390, 1024])
def test_it_fits_the_screen(page: Page, width: int, language: str) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/public/models.html#claude-3.5-sonnet")
    if language == "en":
        page.get_by_role("button", name="English").click()
    expect(row(page, "claude-3.5-sonnet").locator("pre")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_what_is_pressed_is_large_enough(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.goto("/public/models.html#dall-e-3")
    expect(row(page, "dall-e-3").locator("pre")).to_be_visible()
    for target in page.locator("button:visible, summary, .choice span, a.button").all():
        box = target.bounding_box()
        assert box is not None and box["height"] >= 44, target.inner_text()
