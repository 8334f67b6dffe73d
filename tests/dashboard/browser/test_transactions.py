"""交易记录: what came and went, and why so much."""

from typing import Any

from playwright.sync_api import Page, expect

from storage import Storage
from tests.dashboard.browser.visits import IN_A_BROWSER, open_view
from tests.dashboard.spending import spend

pytestmark = IN_A_BROWSER


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
