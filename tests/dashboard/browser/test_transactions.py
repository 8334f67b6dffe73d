"""交易记录: what came and went, and why so much."""

import csv
import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from config import Settings
from storage import Storage
from tests.dashboard.browser.visits import IN_A_BROWSER, open_view
from tests.dashboard.history import Call, call
from tests.dashboard.spending import spend

pytestmark = IN_A_BROWSER

ROWS = "tr.entry-row"
FAILED = Call("gpt-4o", "openai", "gpt-4o", {}, "upstream_timeout", 504)


def charge(page: Page, storage: Storage, settings: Settings) -> str:
    (user,) = storage.reader.users()
    return call(storage, settings, user.account_id, Call.small())


def test_a_charge_opens_into_why_it_is_so_much(
    signed_in: Page, storage: Storage, settings: Settings
) -> None:
    request_id = charge(signed_in, storage, settings)
    open_view(signed_in, "transactions")
    expect(signed_in.locator(".bar [data-balance]")).to_have_text("$9.99")
    row = signed_in.locator(ROWS).first
    expect(row).to_contain_text("\u2212$0.0030")
    row.get_by_role("button", name="调用 gpt-4o").press("Enter")
    receipt = signed_in.locator("tr.detail .receipt")
    bill = receipt.locator(".bill tr")
    for place, texts in enumerate(
        (
            ("缓存命中", "4", "$1.25 / 百万 Token", "$0.000005"),
            ("输入", "1,200", "$2.50 / 百万 Token", "$0.003"),
            ("输出", "5", "$10.00 / 百万 Token", "$0.00005"),
            ("收取", "$0.003055"),
        )
    ):
        for text in texts:
            expect(bill.nth(place + 1)).to_contain_text(text)
    for text in (request_id, "供应商返回的用量", "$9.996945", "HTTP 200", "Ed25519"):
        expect(receipt).to_contain_text(text)


def test_a_receipt_has_an_address_of_its_own(
    signed_in: Page, storage: Storage, settings: Settings
) -> None:
    request_id = charge(signed_in, storage, settings)
    signed_in.goto(f"/public/dashboard.html#transactions?receipt={request_id}")
    expect(signed_in.locator("#receipt .receipt")).to_contain_text("$0.003055")
    expect(signed_in.locator("#transactions-all")).to_be_hidden()
    signed_in.get_by_role("button", name="English").click()
    expect(signed_in.locator("#receipt .receipt")).to_contain_text("Why this amount")
    signed_in.locator("#receipt-back").click()
    expect(signed_in.locator(ROWS)).to_have_count(2)


def test_a_receipt_is_saved_as_it_was_signed(
    signed_in: Page, storage: Storage, settings: Settings, tmp_path: Path
) -> None:
    request_id = charge(signed_in, storage, settings)
    signed_in.goto(f"/public/dashboard.html#transactions?receipt={request_id}")
    signed_in.locator("#receipt summary").click()
    with signed_in.expect_download() as download:
        signed_in.get_by_role("button", name="下载收据").click()
    assert download.value.suggested_filename == f"{request_id}.json"
    saved = json.loads(Path(download.value.path()).read_bytes())
    path = f"/api/user.php?action=receipt&id={request_id}"
    assert saved == signed_in.request.get(path).json()["data"]["receipt"]


def test_what_cost_nothing_says_why(
    signed_in: Page, storage: Storage, settings: Settings
) -> None:
    (user,) = storage.reader.users()
    request_id = call(storage, settings, user.account_id, FAILED)
    signed_in.goto(f"/public/dashboard.html#transactions?receipt={request_id}")
    receipt = signed_in.locator("#receipt .receipt")
    for text in ("$0.00", "没有收费", "供应商超时", "HTTP 504", "已全部退回"):
        expect(receipt).to_contain_text(text)


def test_an_unknown_receipt_says_so(signed_in: Page) -> None:
    signed_in.goto("/public/dashboard.html#transactions?receipt=req_nothing")
    alert = signed_in.locator("#receipt [data-error]")
    expect(alert).not_to_be_empty()
    signed_in.locator("#receipt-back").click()
    expect(signed_in.locator(ROWS)).to_have_count(1)


def test_money_that_came_in_opens_into_its_exact_figures(signed_in: Page) -> None:
    open_view(signed_in, "transactions")
    signed_in.get_by_role("button", name="注册赠送").click()
    detail = signed_in.locator("tr.detail")
    expect(detail).to_contain_text("+$10.00")
    expect(detail).to_contain_text("promo:welcome")


def test_more_transactions_are_fetched_page_by_page(
    signed_in: Page, storage: Storage, price_id: str
) -> None:
    (user,) = storage.reader.users()
    for _ in range(30):
        spend(storage, user.id, price_id, 1)
    open_view(signed_in, "transactions")
    expect(signed_in.locator(ROWS)).to_have_count(25)
    signed_in.locator(ROWS).first.get_by_role("button").click()
    signed_in.get_by_role("button", name="加载更多").click()
    expect(signed_in.locator(ROWS)).to_have_count(31)
    # What was opened stays open.
    expect(signed_in.locator("tr.detail:visible")).to_have_count(1)
    expect(signed_in.locator("#transactions-more")).to_be_hidden()


def test_filters_stand_in_the_address(lived: Page) -> None:
    open_view(lived, "transactions")
    expect(lived.locator(ROWS)).to_have_count(25)
    lived.locator("#transactions-type").select_option("topup")
    expect(lived).to_have_url(re.compile(r"#transactions\?type=topup$"))
    expect(lived.locator(ROWS)).to_have_count(1)
    lived.locator("#transactions-type").select_option("usage")
    lived.locator("#transactions-model").select_option("gpt-4o-mini")
    expect(lived).to_have_url(re.compile(r"type=usage&model=gpt-4o-mini$"))
    first = lived.locator(ROWS).first
    expect(first).to_contain_text("gpt-4o-mini")
    shown = lived.locator(ROWS).count()
    lived.reload()
    expect(lived.locator(ROWS)).to_have_count(shown)
    expect(lived.locator("#transactions-model")).to_have_value("gpt-4o-mini")
    descriptions = lived.locator(".open-entry").all_inner_texts()
    assert set(descriptions) == {"调用 gpt-4o-mini"}
    lived.go_back()
    lived.go_back()
    expect(lived.locator("#transactions-type")).to_have_value("topup")


def test_a_key_selects_its_charges(lived: Page, storage: Storage) -> None:
    (user,) = storage.reader.users()
    other, default = storage.reader.keys(user.account_id)
    counted = 0
    for key in (other, default):
        lived.goto(f"/public/dashboard.html#transactions?key_id={key.id}&type=usage")
        expect(lived.locator("#transactions-key_id")).to_have_value(str(key.id))
        expect(lived.locator("#transactions-list")).to_have_attribute(
            "data-state", "filled"
        )
        while lived.locator("#transactions-more").is_visible():
            before = lived.locator(ROWS).count()
            lived.locator("#transactions-more").click()
            expect(lived.locator(ROWS).nth(before)).to_be_visible()
        counted += lived.locator(ROWS).count()
    path = "/api/user.php?action=transactions&type=usage&limit=200"
    assert counted == len(lived.request.get(path).json()["data"]["transactions"])


def test_filters_that_fit_nothing_can_be_cleared(signed_in: Page) -> None:
    signed_in.goto("/public/dashboard.html#transactions?type=refund")
    blank = signed_in.locator("#transactions-list [data-when='unmatched']")
    expect(blank).to_be_visible()
    blank.get_by_role("button", name="清除筛选").click()
    expect(signed_in.locator(ROWS)).to_have_count(1)


def test_pages_that_find_nothing_are_passed_over(signed_in: Page) -> None:
    """A page of a filtered list may be empty and still go on."""
    asked: list[str] = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        done = len(asked) > 12
        data = {"transactions": [], "next": None if done else str(99 - len(asked))}
        route.fulfill(json={"success": True, "message": "", "data": data})

    signed_in.route("**/api/user.php?action=transactions*", answer)
    signed_in.goto("/public/dashboard.html#transactions?model=rare")
    more = signed_in.get_by_role("button", name="继续查找更早的")
    expect(more).to_be_visible()
    assert len(asked) == 8
    more.click()
    blank = signed_in.locator("#transactions-list [data-when='unmatched']")
    expect(blank).to_be_visible()
    assert "before=91" in asked[8]


def test_the_file_has_what_the_filters_leave(lived: Page) -> None:
    lived.goto("/public/dashboard.html#transactions?type=usage&model=gpt-4o")
    expect(lived.locator(ROWS).first).to_be_visible()
    with lived.expect_download() as download:
        lived.get_by_role("link", name="下载 CSV").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    lines = list(csv.DictReader(text.splitlines()))
    assert {line["model"] for line in lines} == {"gpt-4o"}
    assert len(lines) >= lived.locator(ROWS).count()


def test_text_from_the_server_is_never_markup(signed_in: Page) -> None:
    evil = "<img src=x onerror=document.title='owned'>"

    def poison(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        for entry in body["data"]["transactions"]:
            entry["description"] = entry["model"] = entry["id"] = evil
        route.fulfill(response=answer, json=body)

    signed_in.route("**/api/user.php?action=transactions*", poison)
    open_view(signed_in, "transactions")
    expect(signed_in.locator(ROWS)).to_contain_text(evil)
    signed_in.locator(ROWS).click()
    expect(signed_in.locator("tr.detail")).to_contain_text(evil)
    assert signed_in.locator("tbody img").count() == 0
    assert signed_in.title() != "owned"
