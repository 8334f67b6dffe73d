"""令牌管理: keys are shown, replaced, limited and revoked only on purpose."""

from playwright.sync_api import Locator, Page, Route, expect

from dashboard.shapes import iso_time
from storage import Storage
from tests.dashboard.browser.visits import (
    IN_A_BROWSER,
    PASSWORD,
    copied,
    open_view,
)
from tests.dashboard.spending import spend

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


def test_the_password_may_be_typed_as_soon_as_it_is_asked_for(
    signed_in: Page,
) -> None:
    open_view(signed_in, "keys")
    signed_in.locator("#key-reveal").press("Enter")
    expect(signed_in.locator("#reveal-password")).to_be_focused()
    signed_in.keyboard.type(PASSWORD)
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator("#key-copy")).to_be_focused()
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator("#key-copy")).to_have_text("已复制")
    assert copied(signed_in).startswith("tk_")


def test_changing_ones_mind_changes_nothing(signed_in: Page) -> None:
    open_view(signed_in, "keys")
    before = signed_in.locator("#key-text").inner_text()
    signed_in.get_by_role("button", name="重新生成").click()
    signed_in.get_by_role("button", name="取消").click()
    expect(signed_in.locator("#regenerate-dialog")).to_be_hidden()
    expect(signed_in.locator("#key-text")).to_have_text(before)


def create(page: Page, label: str) -> str:
    """A new key, by its dialog; the whole of it."""
    page.locator("[data-create]").click()
    page.get_by_label("名称", exact=True).fill(label)
    page.get_by_role("button", name="创建", exact=True).click()
    expect(page.locator("#key-made")).to_be_visible()
    return page.locator("#made-text").inner_text()


def row_of(page: Page, label: str) -> Locator:
    return page.locator("#keys-rows tr").filter(has_text=label)


def status_of(storage: Storage, plain: str) -> str:
    record = storage.reader.key_by_hash(storage.secrets.key_hash(plain))
    assert record is not None
    return record.status


def test_a_new_key_is_shown_once(signed_in: Page, storage: Storage) -> None:
    open_view(signed_in, "keys")
    expect(signed_in.locator("#keys-list")).to_contain_text("单独的 Key")
    plain = create(signed_in, "ci")
    assert status_of(storage, plain) == "active"
    signed_in.locator("#made-copy").click()
    assert copied(signed_in) == plain
    signed_in.get_by_role("button", name="完成").click()
    expect(signed_in.locator("#key-dialog")).to_be_hidden()
    expect(row_of(signed_in, "ci")).to_contain_text("有效")
    assert plain not in signed_in.content()


def test_a_key_is_held_to_what_its_form_says(
    signed_in: Page, storage: Storage
) -> None:
    open_view(signed_in, "keys")
    signed_in.locator("[data-create]").click()
    signed_in.get_by_label("名称", exact=True).fill("team")
    signed_in.get_by_label("每月限额").fill("20")
    signed_in.get_by_label("有效期至").fill("2090-12-31")
    signed_in.get_by_text("更多限制").click()
    signed_in.get_by_label("每分钟请求").fill("60")
    signed_in.get_by_label("只允许这些 IP").fill("10.0.0.0/8, 192.0.2.1")
    signed_in.get_by_role("button", name="创建", exact=True).click()
    expect(signed_in.locator("#key-made")).to_be_visible()
    plain = signed_in.locator("#made-text").inner_text()
    signed_in.get_by_role("button", name="完成").click()
    row = row_of(signed_in, "team")
    expect(row).to_contain_text("$0.00 / $20.00")
    for text in ("到 2090-12-31", "2 个网段", "60 次/分"):
        expect(row).to_contain_text(text)
    record = storage.reader.key_by_hash(storage.secrets.key_hash(plain))
    assert record is not None and record.rpm == 60
    row.get_by_role("button", name="编辑").click()
    expect(signed_in.get_by_label("每月限额")).to_have_value("20.00")
    expect(signed_in.get_by_label("有效期至")).to_have_value("2090-12-31")
    signed_in.get_by_label("每月限额").fill("-1")
    signed_in.get_by_role("button", name="保存").click()
    notice = signed_in.locator("#key-form [data-notice]")
    expect(notice).not_to_be_empty()
    signed_in.get_by_label("每月限额").fill("")
    signed_in.get_by_label("每分钟请求").fill("")
    signed_in.get_by_role("button", name="保存").click()
    expect(signed_in.locator("#key-dialog")).to_be_hidden()
    expect(row).not_to_contain_text("$20.00")
    expect(row).not_to_contain_text("次/分")
    expect(row).to_contain_text("2 个网段")


def test_revoking_says_what_it_breaks_and_is_for_good(
    signed_in: Page, storage: Storage
) -> None:
    open_view(signed_in, "keys")
    plain = create(signed_in, "worker")
    signed_in.get_by_role("button", name="完成").click()
    row_of(signed_in, "worker").get_by_role("button", name="吊销").click()
    dialog = signed_in.locator("#revoke-dialog")
    expect(dialog).to_contain_text("吊销「worker」")
    expect(dialog).to_contain_text("没有请求使用它")
    dialog.get_by_role("button", name="取消").click()
    assert status_of(storage, plain) == "active"
    row_of(signed_in, "worker").get_by_role("button", name="吊销").click()
    dialog.get_by_role("button", name="吊销", exact=True).click()
    expect(signed_in.locator("#keys-notice")).to_contain_text("「worker」已吊销")
    assert status_of(storage, plain) == "revoked"
    expect(row_of(signed_in, "worker")).to_have_count(0)
    signed_in.get_by_role("button", name="显示已吊销的 1 个").click()
    expect(row_of(signed_in, "worker")).to_contain_text("已吊销")
    expect(row_of(signed_in, "worker").get_by_role("button")).to_have_count(0)


def test_regenerating_tells_of_the_traffic_that_stops(
    signed_in: Page, storage: Storage, price_id: str
) -> None:
    (user,) = storage.reader.users()
    spend(storage, user.id, price_id, 421_300)
    open_view(signed_in, "keys")
    expect(signed_in.locator("#key-facts")).to_contain_text("$0.00042")
    signed_in.get_by_role("button", name="重新生成").click()
    expect(signed_in.locator("#regenerate-dialog")).to_contain_text("1 次请求使用它")


def test_keys_that_cannot_be_listed_say_so_and_recover(signed_in: Page) -> None:
    signed_in.route("**/api/user.php?action=keys", lambda route: route.abort())
    open_view(signed_in, "keys")
    expect(signed_in.locator("#keys-list [data-error]")).to_contain_text("无法连接")
    signed_in.unroute("**/api/user.php?action=keys")
    signed_in.locator("#keys-list [data-retry]").click()
    expect(signed_in.locator("#keys-list")).to_contain_text("单独的 Key")


def test_a_label_is_text(signed_in: Page) -> None:
    evil = "<img src=x onerror=alert(1)>"
    open_view(signed_in, "keys")
    create(signed_in, evil)
    signed_in.get_by_role("button", name="完成").click()
    row = row_of(signed_in, evil)
    expect(row).to_contain_text(evil)
    row.get_by_role("button", name="吊销").click()
    expect(signed_in.locator("#revoke-dialog h2")).to_contain_text(evil)
    assert signed_in.locator("main img, dialog img").count() == 0


SOON = "2030-01-02T03:04:05.000Z"
MAKE = """async ([label, expires_at]) => {
    const me = await (await fetch("/api/auth.php?action=me")).json();
    await fetch("/api/user.php?action=create_key", {
        method: "POST", body: JSON.stringify({ label, expires_at }),
        headers: {
            "Content-Type": "application/json", "X-CSRF-Token": me.data.csrf_token,
        },
    });
}"""


def test_an_end_that_was_not_touched_stays_exact(
    signed_in: Page, storage: Storage
) -> None:
    signed_in.evaluate(MAKE, ["ci", SOON])
    open_view(signed_in, "keys")
    row_of(signed_in, "ci").get_by_role("button", name="编辑").click()
    expect(signed_in.get_by_label("有效期至")).to_have_value("2030-01-02")
    signed_in.get_by_label("名称", exact=True).fill("nightly")
    signed_in.get_by_role("button", name="保存").click()
    expect(row_of(signed_in, "nightly")).to_be_visible()
    (user,) = storage.reader.users()
    newest = storage.reader.keys(user.account_id)[0]
    assert iso_time(newest.expires_ns or 0) == SOON


def test_a_key_whose_dialog_was_closed_too_early_is_shown_all_the_same(
    signed_in: Page, storage: Storage
) -> None:
    open_view(signed_in, "keys")
    held: list[Route] = []
    signed_in.route(
        "**/api/user.php?action=create_key", lambda route: held.append(route)
    )
    signed_in.locator("[data-create]").click()
    signed_in.get_by_label("名称", exact=True).fill("ci")
    with signed_in.expect_request("**/api/user.php?action=create_key"):
        signed_in.get_by_role("button", name="创建", exact=True).click()
    signed_in.keyboard.press("Escape")
    expect(signed_in.locator("#key-dialog")).to_be_hidden()
    held[0].continue_()
    expect(signed_in.locator("#key-made")).to_be_visible()
    plain = signed_in.locator("#made-text").inner_text()
    assert status_of(storage, plain) == "active"
