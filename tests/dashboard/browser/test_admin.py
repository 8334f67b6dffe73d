"""The operator's pages: who sees them, and that what is done there is done."""

from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from storage import Storage
from storage.accounts import NewUser, Registered, UserRecord, register, set_role
from storage.acts import Act, log_act
from storage.keys import mint
from tests.dashboard.browser.visits import (
    EMAIL,
    IN_A_BROWSER,
    PASSWORD,
    PHONE,
    arrive,
    copied,
    open_view,
    sign_out_while_asked,
)
from tests.dashboard.browser.visits import register as register_on
from tests.dashboard.spending import hold, spend
from tests.fakes.clock import START_NS, FakeClock
from tests.storage.ordering import Till, new_order, paid

pytestmark = IN_A_BROWSER

EVIL = "<img/src=x/onerror=document.title='owned'>@example.com"
NANO = 10**9
VIEWS = (
    "live",
    "users",
    "candidates",
    "jobs",
    "vouchers",
    "orders",
    "acts",
    "config",
)


@pytest.fixture
def operator(page: Page, storage: Storage) -> Page:
    """Somebody with the role, looking at the operator's pages."""
    page.clock.set_fixed_time(START_NS / 10**9)
    register_on(page)
    (user,) = storage.reader.users()
    storage.writer.wait(set_role, user.id, "operator")
    page.goto("/public/admin.html")
    expect(page.locator("#live")).to_be_visible()
    return page


@pytest.fixture
def customer(storage: Storage) -> UserRecord:
    return somebody(storage, "ada@example.com")


def somebody(storage: Storage, email: str) -> UserRecord:
    new = NewUser(storage.ids.uuid(), email, "no password")
    made = storage.writer.wait(register, new, mint(storage.secrets), 10 * NANO)
    assert isinstance(made, Registered)
    return made.user


def available_nano(storage: Storage, user: UserRecord) -> int:
    return storage.reader.balance(user.account_id).available_nano


def open_user(page: Page, email: str) -> Locator:
    open_view(page, "users")
    page.locator("#users").get_by_role("link", name=email).click()
    card = page.locator("#users [data-one]")
    expect(card.locator("h2")).to_have_text(email)
    return card


def answer(page: Page, button: str, **fields: str) -> None:
    dialog = page.get_by_role("dialog")
    for name, value in fields.items():
        dialog.locator(f"#question-{name}").fill(value)
    dialog.get_by_role("button", name=button).click()


def test_a_visitor_is_sent_to_sign_in_and_comes_back(
    operator: Page, storage: Storage
) -> None:
    operator.get_by_role("button", name="退出").click()
    arrive(operator, "/login.html")
    operator.goto("/public/admin.html#acts")
    arrive(operator, "/login.html?to=admin#acts")
    operator.get_by_label("邮箱").fill(EMAIL)
    operator.get_by_label("密码").fill(PASSWORD)
    operator.keyboard.press("Enter")
    arrive(operator, "/admin.html#acts")
    expect(operator.locator("#acts")).to_contain_text("退出登录")


def test_an_answer_that_comes_late_leads_nobody_on_who_signed_out(
    operator: Page,
) -> None:
    asked = "**/api/admin.php?action=users*"
    sign_out_while_asked(operator, "users", asked)


def test_who_is_no_operator_sees_nothing(signed_in: Page) -> None:
    asked: list[str] = []
    signed_in.on("request", lambda request: asked.append(request.url))
    signed_in.goto("/public/admin.html#users")
    expect(signed_in.get_by_role("heading", name="需要运营权限")).to_be_visible()
    expect(signed_in.locator("#rail")).to_be_hidden()
    for name in VIEWS:
        expect(signed_in.locator(f"#{name}")).to_be_hidden()
    assert not [url for url in asked if "admin.php" in url]
    said = signed_in.evaluate(
        "fetch('/api/admin.php?action=users').then(async one =>"
        " [one.status, await one.json()])"
    )
    assert (said[0], said[1]["data"]) == (403, None)


def test_a_role_that_is_taken_away_closes_the_pages(
    operator: Page, storage: Storage
) -> None:
    (user,) = storage.reader.users()
    storage.writer.wait(set_role, user.id, "user")
    operator.evaluate("location.hash = '#users'")
    expect(operator.get_by_role("heading", name="需要运营权限")).to_be_visible()
    expect(operator.locator("#users")).to_be_hidden()


def test_traffic_and_money_are_shown(
    operator: Page, storage: Storage, customer: UserRecord, price_id: str
) -> None:
    spend(storage, customer.id, price_id, 5 * NANO)
    running = hold(storage, customer.id, price_id, NANO)
    operator.reload()
    live = operator.locator("#live [data-traffic]")
    expect(live).to_contain_text("共 1 次")
    expect(live).to_contain_text(running)
    money = operator.locator("#live [data-spend]")
    expect(money.locator(".tile", has_text="用户支付")).to_contain_text("$5.00")
    expect(money.locator("tbody th").first).to_have_text("gpt-4o")
    open_view(operator, "candidates")
    tried = operator.locator("#candidates tr", has_text="100 %")
    expect(tried).to_contain_text("gpt-4o")


def test_users_are_searched(
    operator: Page, storage: Storage, customer: UserRecord
) -> None:
    open_view(operator, "users")
    rows = operator.locator("#users [data-list] tbody tr")
    expect(rows).to_have_count(2)
    operator.get_by_label("搜索邮箱").fill("ada")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(customer.email)
    operator.get_by_label("搜索邮箱").fill("nobody")
    expect(operator.locator("#users [data-list]")).to_contain_text("没有符合条件的用户")


def test_a_user_is_disabled_and_enabled_with_a_reason(
    operator: Page, storage: Storage, customer: UserRecord
) -> None:
    card = open_user(operator, customer.email)
    card.get_by_role("button", name="停用").click()
    answer(operator, "停用")
    dialog = operator.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("请填写原因")
    answer(operator, "停用", reason="stolen card")
    expect(dialog).to_be_hidden()
    expect(card).to_contain_text("已停用")
    found = storage.reader.user(customer.id)
    assert found is not None and found.status == "disabled"
    card.get_by_role("button", name="启用").click()
    answer(operator, "启用", reason="cleared")
    expect(card.get_by_role("button", name="停用")).to_be_visible()
    open_view(operator, "acts")
    expect(operator.locator("#acts tbody")).to_contain_text("stolen card")


def test_money_moves_once_and_the_balance_follows(
    operator: Page, storage: Storage, customer: UserRecord
) -> None:
    card = open_user(operator, customer.email)
    card.get_by_role("button", name="赠送").click()
    answer(operator, "赠送", amount="2.50", reason="sorry")
    notice = operator.locator("#users [data-done]")
    expect(notice).to_contain_text("+$2.50")
    expect(card.locator(".tile", has_text="可用余额")).to_contain_text("$12.50")
    card.get_by_role("button", name="调整余额").click()
    answer(operator, "调整余额", amount="-20", reason="mistake")
    expect(notice).to_contain_text("$7.50 由平台承担")
    assert available_nano(storage, customer) == 0


def test_a_key_is_revoked(
    operator: Page, storage: Storage, customer: UserRecord
) -> None:
    card = open_user(operator, customer.email)
    card.get_by_role("button", name="撤销").click()
    answer(operator, "撤销", reason="leaked")
    expect(operator.locator("#users [data-done]")).to_contain_text("已撤销")
    expect(card).to_contain_text("已撤销")
    assert storage.reader.default_key(customer.account_id) is None


def test_changing_ones_mind_changes_nothing(
    operator: Page, storage: Storage, customer: UserRecord
) -> None:
    card = open_user(operator, customer.email)
    card.get_by_role("button", name="赠送").click()
    operator.get_by_role("dialog").locator("#question-amount").fill("5")
    operator.keyboard.press("Escape")
    expect(operator.get_by_role("dialog")).to_have_count(0)
    expect(card.get_by_role("button", name="赠送")).to_be_focused()
    assert available_nano(storage, customer) == 10 * NANO


def test_nobody_disables_oneself(operator: Page) -> None:
    card = open_user(operator, EMAIL)
    expect(card.get_by_role("button", name="赠送")).to_be_visible()
    expect(card.get_by_role("button", name="停用")).to_have_count(0)


def test_codes_are_shown_once(operator: Page) -> None:
    open_view(operator, "vouchers")
    operator.get_by_label("面额（美元）").fill("5.00")
    operator.get_by_label("数量").fill("3")
    operator.get_by_label("批次名称（可选）").fill(EVIL)
    operator.get_by_role("button", name="生成").click()
    codes = operator.locator("#vouchers .codes")
    expect(codes).to_contain_text("-")
    shown = codes.inner_text().split()
    assert len(shown) == 3
    operator.get_by_role("button", name="复制").click()
    assert copied(operator).split() == shown
    with operator.expect_download() as saved:
        operator.get_by_role("button", name="下载 CSV").click()
    assert saved.value.suggested_filename.endswith(".csv")
    assert saved.value.path().read_text().split() == ["code", *shown]
    open_view(operator, "users")
    open_view(operator, "vouchers")
    expect(operator.locator("#vouchers tbody")).to_contain_text("$5.00")
    assert shown[0] not in operator.content()


@pytest.mark.parametrize(("amount", "count"), [("0", "1"), ("1", "0"), ("1", "10001")])
def test_a_batch_that_cannot_be_is_refused(
    operator: Page, amount: str, count: str
) -> None:
    open_view(operator, "vouchers")
    operator.get_by_label("面额（美元）").fill(amount)
    operator.get_by_label("数量").fill(count)
    operator.get_by_role("button", name="生成").click()
    expect(operator.locator("#vouchers [data-notice]")).not_to_be_empty()
    expect(operator.locator("#vouchers [data-fresh]")).to_be_hidden()


def test_a_payment_that_does_not_fit_is_resolved(
    operator: Page, storage: Storage, customer: UserRecord
) -> None:
    till = Till(SimpleNamespace(do=storage.writer.wait, storage=storage))
    order_id = storage.ids.make("order")
    till.place(new_order(customer, order_id))
    till.hear(paid(order_id, minor=1))
    open_view(operator, "orders")
    problems = operator.locator("#orders [data-problems]")
    expect(problems).to_contain_text(order_id)
    expect(problems).to_contain_text("金额不符")
    expect(operator.locator("#orders [data-list]")).to_contain_text("1 个问题")
    problems.get_by_role("button", name="标记为已处理").click()
    answer(operator, "标记为已处理", reason="sent back")
    expect(problems).to_contain_text("没有待处理的支付问题")
    expect(operator.locator("#orders [data-list]")).not_to_contain_text("1 个问题")
    open_view(operator, "acts")
    expect(operator.locator("#acts tbody")).to_contain_text("sent back")


def test_what_became_of_attempts_is_said_in_words_and_counted_once(
    operator: Page, storage: Storage, price_id: str
) -> None:
    user = somebody(storage, "bob@example.com")
    for outcome in ("complete", "client_left_before_headers", "client_left_midstream"):
        spend(storage, user.id, price_id, 10, outcome=outcome)
    open_view(operator, "candidates")
    row = operator.locator("#candidates tr").filter(has_text="100 %")
    expect(row).to_contain_text("gpt-4o")
    expect(row).to_contain_text("调用方离开 2 · 成功 1")


def test_the_audit_log_is_filtered_and_paged(
    operator: Page, storage: Storage, clock: FakeClock
) -> None:
    for number in range(60):
        clock.advance(1)
        somebody(storage, f"user{number:02}@example.com")
    open_view(operator, "users")
    rows = operator.locator("#users [data-list] tbody tr")
    expect(rows).to_have_count(50)
    operator.get_by_role("button", name="加载更多").click()
    expect(rows).to_have_count(61)
    expect(operator.get_by_role("button", name="加载更多")).to_have_count(0)
    open_view(operator, "acts")
    operator.locator("#act-kind").select_option("registered")
    expect(operator.locator("#acts tbody tr")).to_have_count(1)


def test_who_was_not_signed_in_is_no_command(operator: Page, storage: Storage) -> None:
    for address in ("203.0.113.7", ""):
        act = Act("sign_in_failed", None, None, "ada@example.com", address)
        storage.writer.wait(log_act, act)
    open_view(operator, "acts")
    operator.locator("#act-kind").select_option("sign_in_failed")
    rows = operator.locator("#acts tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="203.0.113.7")).to_contain_text("访客")
    expect(rows.filter(has_not_text="203.0.113.7")).to_contain_text("命令行")


def test_the_configuration_is_searched(operator: Page) -> None:
    open_view(operator, "config")
    operator.get_by_label("搜索配置").fill("OPENAI_API_KEY")
    rows = operator.locator("#config tbody tr:visible")
    expect(rows.first).to_contain_text("providers.openai")
    operator.get_by_label("搜索配置").fill("listen.port")
    expect(rows).to_have_text(["listen.port8000"])


def test_words_of_users_are_never_markup(
    operator: Page, storage: Storage, customer: UserRecord
) -> None:
    till = Till(SimpleNamespace(do=storage.writer.wait, storage=storage))
    order_id = storage.ids.make("order")
    till.place(new_order(customer, order_id))
    till.hear(paid(order_id, minor=1, currency=EVIL[:8]))
    # No such address can be registered; what is in the database is text all the same.
    operator.route("**/api/admin.php?*", lambda route: call_everybody(route, EVIL))
    card = open_user(operator, EVIL)
    card.get_by_role("button", name="赠送").click()
    expect(operator.get_by_role("dialog")).to_contain_text(EVIL)
    answer(operator, "赠送", amount="1", reason=EVIL)
    expect(operator.locator("#users [data-done]")).to_contain_text("$1.00")
    for name in ("orders", "acts", "vouchers"):
        open_view(operator, name)
        operator.wait_for_load_state("networkidle")
    expect(operator.locator("#orders [data-problems]")).to_contain_text(EVIL)
    expect(operator.locator("#acts tbody")).to_contain_text(EVIL)
    assert operator.locator("main img").count() == 0
    assert operator.title() != "owned"


def call_everybody(route: Any, name: str) -> None:
    """The server's answer, with every customer of this name."""
    told = route.fetch()
    text = told.text().replace("ada@example.com", name)
    route.fulfill(response=told, body=text)


def test_a_list_that_cannot_be_loaded_can_be_asked_for_again(operator: Page) -> None:
    operator.route("**/api/admin.php?action=users*", lambda route: route.abort())
    open_view(operator, "users")
    card = operator.locator("#users [data-list]")
    expect(card.get_by_role("alert")).to_contain_text("无法连接服务器")
    operator.unroute("**/api/admin.php?action=users*")
    card.get_by_role("button", name="重试").click()
    expect(card).to_contain_text(EMAIL)


def test_an_old_answer_does_not_replace_a_newer_one(
    operator: Page, customer: UserRecord
) -> None:
    held: list[Any] = []

    def slow(route: Any) -> None:
        if "search=a&" in route.request.url:
            held.append(route)
        else:
            route.continue_()

    operator.route("**/api/admin.php?action=users*", slow)
    open_view(operator, "users")
    search = operator.get_by_label("搜索邮箱")
    with operator.expect_request("**/api/admin.php?action=users&search=a&*"):
        search.fill("a")
    search.fill("ada")
    rows = operator.locator("#users [data-list] tbody tr")
    expect(rows).to_have_count(1)
    with operator.expect_response("**/api/admin.php?action=users&search=a&*"):
        held[0].continue_()
    expect(rows).to_have_count(1)


def test_every_word_follows_the_language(operator: Page, customer: UserRecord) -> None:
    operator.get_by_role("button", name="English").click()
    for name in VIEWS:
        open_view(operator, name)
        expect(operator.locator(f"#{name} h1")).not_to_be_empty()
        shown = operator.locator(f"#{name} > :not([data-list])").all_inner_texts()
        assert not [text for text in shown if any("\u4e00" <= c for c in text)]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [320, 390, 1024])
def test_it_fits_the_screen(
    operator: Page,
    storage: Storage,
    customer: UserRecord,
    price_id: str,
    width: int,
    language: str,
) -> None:
    spend(storage, customer.id, price_id, NANO)
    operator.set_viewport_size({"width": width, "height": 844})
    if language == "en":
        operator.get_by_role("button", name="English").click()
    for name in VIEWS:
        open_view(operator, name)
        loading = operator.locator(f"#{name} [data-state=loading]:visible")
        expect(loading).to_have_count(0)
        page = operator.locator("html")
        assert page.evaluate("page => page.scrollWidth") <= width, name
    open_user(operator, customer.email)
    assert operator.evaluate("document.documentElement.scrollWidth") <= width


LONG = "a" * 64 + "@" + "sub." * 40 + "example.com"
# How much wider than its frame a table is.
OVER = """(view) => {
    const frame = document.querySelector(`#${view} .frame`);
    return frame.scrollWidth - frame.clientWidth;
}"""

LINES = """(cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getClientRects().length;
}"""


def test_a_long_address_leaves_room_for_the_rest(
    operator: Page, storage: Storage
) -> None:
    somebody(storage, LONG)
    operator.set_viewport_size({"width": 1440, "height": 900})
    open_view(operator, "users")
    expect(operator.locator("#users .frame")).to_contain_text(LONG)
    assert operator.evaluate(OVER, "users") == 0


def test_what_was_done_is_said_in_one_line_whatever_stands_beside_it(
    operator: Page, storage: Storage
) -> None:
    user = somebody(storage, LONG)
    act = Act("key_created", user.id, user.id, "tk_ab…9f3c", "::1", {"label": "W" * 64})
    storage.writer.wait(log_act, act)
    operator.set_viewport_size({"width": 1440, "height": 900})
    open_view(operator, "acts")
    row = operator.locator("#acts tbody tr").filter(has_text="WWW")
    deed = row.get_by_text("创建 Key", exact=True)
    assert deed.evaluate(LINES) == 1
    assert operator.evaluate(OVER, "acts") == 0


def test_on_a_phone_what_is_pressed_is_large_enough(
    operator: Page, customer: UserRecord
) -> None:
    operator.set_viewport_size(PHONE)
    open_user(operator, customer.email)
    for name in VIEWS:
        open_view(operator, name)
        pressed = "button:visible, .rail a:visible, select:visible, summary:visible"
        for target in operator.locator(pressed).all():
            box = target.bounding_box()
            assert box is not None and box["height"] >= 44, target.inner_text()


def test_everything_can_be_reached_from_the_keyboard(
    operator: Page, customer: UserRecord
) -> None:
    open_user(operator, customer.email)
    reached = set()
    for _ in range(40):
        operator.keyboard.press("Tab")
        reached.add(operator.evaluate("document.activeElement.textContent.trim()"))
    for name in ("← 全部用户", "赠送", "调整余额", "停用", "撤销", "查看审计日志"):
        assert name in reached
