"""The story of somebody who registers, calls, pays and leaves, on a whole gateway.

Each key is used as a program uses it: the commands are copied from the page and run.
"""

import json

import pytest
from playwright.sync_api import Page, expect

from config.money import dollars, parse_nano
from storage.vouchers import create_vouchers, new_code
from tests.dashboard.browser.visits import (
    IN_A_BROWSER,
    PASSWORD,
    PHONE,
    arrive,
    copied,
    open_view,
    register,
    run,
    use_english,
)
from tests.fakes.openai_script import Answer
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.harness import Gateway

pytestmark = [*IN_A_BROWSER, pytest.mark.slow]

REFUSED = "invalid_api_key"


@pytest.fixture
def address(gateway: Gateway, provider: FakeOpenAI) -> str:
    provider.always(Answer(text="Good day."))
    return gateway.url


@pytest.fixture
def email(gateway: Gateway) -> str:
    return f"{gateway.storage.ids.make('u')}@example.com"


def reveal(page: Page) -> str:
    """The default key, copied from the page after the password."""
    open_view(page, "keys")
    page.get_by_role("button", name="显示", exact=True).click()
    page.locator("#reveal-password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#reveal-dialog")).to_be_hidden()
    page.locator("#key-copy").click()
    expect(page.locator("#key-copy")).to_have_text("已复制")
    return copied(page)


def example(page: Page) -> str:
    """The call that the page of keys shows, with the key that it shows."""
    page.locator("#keys [data-copy-curl]").click()
    expect(page.locator("#keys [data-copy-curl]")).to_have_text("已复制")
    return copied(page)


def said(command: str) -> str:
    """What a model says to it, or why it is refused."""
    answer = json.loads(run(command + " -s"))
    if "error" in answer:
        return str(answer["error"]["code"])
    return str(answer["choices"][0]["message"]["content"])


def test_from_register_to_logout(page: Page, email: str, gateway: Gateway) -> None:
    register(page, email)
    expect(page.locator(".bar [data-balance]")).to_have_text("$10.00")
    first = reveal(page)
    call = example(page)
    assert first in call
    assert said(call) == "Good day."

    open_view(page, "transactions")
    expect(page.locator(".bar [data-balance]")).to_have_text("$9.99")
    row = page.locator("tr.entry-row").first
    expect(row).to_contain_text("gpt-4o")
    expect(row).to_contain_text("\u2212$0.0")
    row.get_by_role("button", name="调用 gpt-4o").click()
    receipt = page.locator("tr.detail .receipt")
    charge = gateway.storage.reader.transactions(account_of(gateway, email))[0]
    amount = "$" + dollars(-charge.amount_nano)
    for text in (str(charge.request_id), "输入", "输出", amount):
        expect(receipt).to_contain_text(text)

    code = new_code()
    gateway.storage.writer.wait(create_vouchers, [code], parse_nano("25.00"), email)
    open_view(page, "topup")
    page.locator("#code").fill(code)
    page.get_by_role("button", name="充值", exact=True).click()
    expect(page.locator("#topup-notice")).to_contain_text("已到账 $25.00")
    expect(page.locator(".bar [data-balance]")).to_have_text("$34.99")

    open_view(page, "keys")
    page.get_by_role("button", name="重新生成").click()
    expect(page.locator("#regenerate-dialog")).to_contain_text("1 次请求使用它")
    page.locator("#regenerate-dialog").get_by_role("button", name="重新生成").click()
    expect(page.locator("#key-notice")).to_contain_text("旧的已失效")
    assert said(call) == REFUSED
    fresh = example(page)
    assert first not in fresh
    assert said(fresh) == "Good day."

    page.locator("[data-create]").click()
    page.get_by_label("名称", exact=True).fill("worker")
    page.get_by_role("button", name="创建", exact=True).click()
    expect(page.locator("#key-made")).to_be_visible()
    page.locator("#made-copy-curl").click()
    expect(page.locator("#made-copy-curl")).to_have_text("已复制")
    other = copied(page)
    assert said(other) == "Good day."
    page.get_by_role("button", name="完成").click()
    row = page.locator("#keys-rows tr").filter(has_text="worker")
    row.get_by_role("button", name="吊销").click()
    dialog = page.locator("#revoke-dialog")
    dialog.get_by_role("button", name="吊销", exact=True).click()
    expect(page.locator("#keys-notice")).to_contain_text("已吊销")
    assert said(other) == REFUSED
    assert said(fresh) == "Good day."

    page.get_by_role("button", name="退出", exact=True).click()
    arrive(page, "/public/login.html")
    assert page.request.get("/api/auth.php?action=me").status == 401


def account_of(gateway: Gateway, email: str) -> int:
    (user,) = (one for one in gateway.storage.reader.users() if one.email == email)
    return user.account_id


def focused(page: Page, selector: str) -> None:
    """Goes on with the tabulator until it is there; a trap never gets there."""
    for _ in range(60):
        if page.evaluate("one => document.activeElement.matches(one)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached")


def test_with_the_keyboard_alone(page: Page, email: str, gateway: Gateway) -> None:
    page.goto("/public/register.html")
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#overview .balance")).to_have_text("$10.00")
    focused(page, ".rail a[href='#keys']")
    page.keyboard.press("Enter")
    expect(page.locator("#keys h1")).to_be_focused()
    expect(page.locator("#keys-list")).to_have_attribute("data-state", "empty")
    focused(page, "#keys [data-create]")
    page.keyboard.press("Enter")
    expect(page.locator("#key-label")).to_be_focused()
    page.keyboard.type("keyboard")
    page.keyboard.press("Enter")
    expect(page.locator("#made-copy")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#made-copy")).to_have_text("已复制")
    key = copied(page)
    focused(page, "#made-done")
    page.keyboard.press("Enter")
    expect(page.locator("#key-dialog")).to_be_hidden()
    expect(page.locator("#keys [data-create]")).to_be_focused()
    record = gateway.storage.reader.key_by_hash(gateway.storage.secrets.key_hash(key))
    assert record is not None and record.label == "keyboard"
    focused(page, "#logout")
    page.keyboard.press("Enter")
    arrive(page, "/public/login.html")


def test_on_a_phone_in_english(page: Page, email: str, gateway: Gateway) -> None:
    page.set_viewport_size(PHONE)
    register(page, email)
    use_english(page)
    for name in ("keys", "topup", "playground", "settings"):
        open_view(page, name)
        expect(page.locator(f"#{name} [data-state='loading']")).to_have_count(0)
        wide = page.locator("html").evaluate("page => page.scrollWidth")
        assert wide <= PHONE["width"], name
    open_view(page, "keys")
    page.locator("[data-create]").click()
    page.get_by_text("More limits").click()
    expect(page.get_by_label("gpt-4o-mini")).to_be_visible()
    box = page.locator("#key-dialog").bounding_box()
    assert box is not None and box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("#key-made")).to_be_visible()
    page.get_by_role("button", name="Done").click()
    row = page.locator("#keys-rows tr")
    expect(row).to_contain_text("Active")
    for button in row.get_by_role("button").all():
        target = button.bounding_box()
        assert target is not None and target["height"] >= 44
