"""用量: what was used, by day, model and key."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from config.money import parse_nano
from storage import Storage
from tests.dashboard.browser.visits import IN_A_BROWSER, PHONE, open_view
from tests.fakes.clock import FakeClock

pytestmark = IN_A_BROWSER

ROWS = "#usage-table tbody tr"


def usage_of(page: Page, query: str) -> dict[str, Any]:
    answer = page.request.get(f"/api/user.php?action=usage&{query}").json()
    data: dict[str, Any] = answer["data"]
    return data


@pytest.mark.parametrize("by", ["day", "key", "model"])
def test_the_table_sums_up_by(lived: Page, by: str) -> None:
    lived.goto(f"/public/dashboard.html#usage?by={by}")
    expected = usage_of(lived, f"by={by}")
    expect(lived.locator(ROWS)).to_have_count(len(expected["usage"]))
    costs = [
        parse_nano(str(cell.get_attribute("title")).removeprefix("$"))
        for cell in lived.locator(f"{ROWS} td.amount").all()
    ]
    assert sum(costs) == parse_nano(expected["total"]["cost"])
    total = lived.locator("#usage-total dd").first
    expect(total).to_have_attribute("title", f"${expected['total']['cost']}")


def test_the_group_and_the_filters_stand_in_the_address(lived: Page) -> None:
    open_view(lived, "usage")
    lived.locator("#usage-by").select_option("model")
    expect(lived).to_have_url(re.compile(r"#usage\?by=model$"))
    lived.locator("#usage-model").select_option("gpt-4o")
    expect(lived.locator(ROWS)).to_have_count(1)
    lived.locator("#usage-measure").select_option("tokens")
    expect(lived).to_have_url(re.compile(r"by=model&model=gpt-4o&measure=tokens$"))
    lived.get_by_role("button", name="清除筛选").click()
    # How it is looked at is no filter.
    expect(lived).to_have_url(re.compile(r"by=model&measure=tokens$"))


def test_the_chart_shows_another_measure(lived: Page) -> None:
    lived.goto("/public/dashboard.html#usage?measure=requests")
    total = usage_of(lived, "by=day")["total"]["requests"]
    shown = lived.locator("#usage-chart [data-legend] .number")
    expect(shown.first).to_be_visible()
    assert sum(int(text.replace(",", "")) for text in shown.all_inner_texts()) == total


def test_a_period_is_chosen_at_once(lived: Page, clock: FakeClock) -> None:
    lived.clock.set_fixed_time(clock.wall_ns() // 10**9)
    open_view(lived, "usage")
    lived.locator("[data-period='7']").click()
    expect(lived.locator("[data-period='7']")).to_have_attribute("aria-pressed", "true")
    days = lived.locator("#usage-chart [data-twin] tbody tr")
    expect(days).to_have_count(7)


def test_a_row_leads_to_its_charges(lived: Page) -> None:
    lived.goto("/public/dashboard.html#usage?by=model")
    lived.locator(ROWS).get_by_role("link", name="gpt-4o", exact=True).click()
    expect(lived.locator("#transactions-model")).to_have_value("gpt-4o")
    expect(lived.locator("#transactions-type")).to_have_value("usage")
    expect(lived.locator("tr.entry-row").first).to_contain_text("gpt-4o")


def test_keys_have_their_names(lived: Page, storage: Storage) -> None:
    (user,) = storage.reader.users()
    lived.goto("/public/dashboard.html#usage?by=key")
    for key in storage.reader.keys(user.account_id):
        expect(lived.locator("#usage-table")).to_contain_text(key.mask)
    expect(lived.locator("#usage-table")).to_contain_text("nightly-batch")
    expect(lived.locator("#usage-table")).to_contain_text("默认")


def test_the_file_has_every_request(lived: Page) -> None:
    open_view(lived, "usage")
    expect(lived.locator(ROWS).first).to_be_visible()
    with lived.expect_download() as download:
        lived.get_by_role("link", name="下载明细 CSV").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    lines = list(csv.DictReader(text.splitlines()))
    assert len(lines) == usage_of(lived, "by=day")["total"]["requests"]


def test_a_period_without_usage_says_what_to_do(signed_in: Page) -> None:
    open_view(signed_in, "usage")
    blank = signed_in.locator("#usage-state [data-when='empty']")
    expect(blank).to_contain_text("这段时间没有用量")
    expect(blank.locator("[data-curl]")).to_contain_text("/api/v1/chat/completions")


def test_days_that_cannot_be_say_so_and_recover(signed_in: Page) -> None:
    signed_in.goto("/public/dashboard.html#usage?from=2020-01-01&to=2025-01-01")
    alert = signed_in.locator("#usage [data-error]")
    expect(alert).to_contain_text("366")
    signed_in.get_by_role("button", name="清除筛选").click()
    expect(alert).to_be_hidden()


def test_on_a_phone_the_filters_unfold(lived: Page) -> None:
    lived.set_viewport_size(PHONE)
    open_view(lived, "usage")
    model = lived.locator("#usage-model")
    expect(model).to_be_hidden()
    lived.locator("#usage [data-fold]").click()
    model.select_option("gpt-4o")
    expect(lived.locator("#usage [data-fold]")).to_have_text("筛选（1）")
