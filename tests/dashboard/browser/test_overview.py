"""概览: where the account stands, and the way to a first call."""

import re

from playwright.sync_api import Page, Route, expect

from config import Settings
from config.money import parse_nano
from storage import Storage
from storage.ledger import Decision, adjust
from tests.dashboard.browser.visits import IN_A_BROWSER, PASSWORD, open_view
from tests.dashboard.history import Call, call

pytestmark = IN_A_BROWSER


def test_a_new_account_is_led_to_its_first_charge(
    signed_in: Page, storage: Storage, settings: Settings
) -> None:
    (user,) = storage.reader.users()
    steps = signed_in.locator("#overview-steps .ticked")
    expect(signed_in.locator("#overview-steps")).to_be_visible()
    expect(signed_in.locator("#overview-chart")).to_be_hidden()
    expect(steps).to_have_count(0)

    open_view(signed_in, "keys")
    signed_in.get_by_role("button", name="显示", exact=True).click()
    signed_in.locator("#reveal-password").fill(PASSWORD)
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator("#reveal-dialog")).to_be_hidden()
    open_view(signed_in, "overview")
    expect(steps).to_have_count(1)

    # The page looks by itself: nothing is pressed.
    request_id = call(storage, settings, user.account_id, Call.small())
    expect(steps).to_have_count(3, timeout=15_000)
    expect(signed_in.locator("#step-charge")).to_contain_text("$0.0030")
    signed_in.locator("#step-link").click()
    expect(signed_in.locator("#receipt")).to_contain_text(request_id)
    open_view(signed_in, "overview")
    expect(signed_in.locator("#overview-steps")).to_be_hidden()


def test_the_figures_are_those_of_the_ledger(lived: Page) -> None:
    answer = lived.request.get("/api/user.php?action=overview").json()["data"]
    spend = lived.locator("#overview-figures tr").first.locator("a")
    for place, span in enumerate(("today", "week", "month")):
        expect(spend.nth(place)).to_have_attribute("title", f"${answer['spend'][span]}")
    requests = lived.locator("#overview-figures tr").nth(1)
    expect(requests).to_contain_text(str(answer["requests"]["week"]))
    expect(lived.locator("#overview-lasting")).to_contain_text("近 7 天")
    expect(lived.locator("#overview .balance")).to_have_text(
        lived.locator(".bar [data-balance]").inner_text()
    )


def test_the_chart_has_its_figures_as_a_table(lived: Page) -> None:
    expect(lived.locator("#overview-chart canvas")).to_be_visible()
    answer = lived.request.get("/api/user.php?action=overview").json()["data"]
    lived.locator("#overview-chart summary").click()
    table = lived.locator("#overview-chart [data-twin]")
    expect(table.locator("tbody tr")).to_have_count(30)
    last = [one for one in answer["chart"] if one["day"] == answer["to"]]
    total = sum(parse_nano(one["cost"]) for one in last)
    cell = table.locator("tbody tr").first.locator("td").last
    shown = str(cell.get_attribute("title"))
    assert parse_nano(shown.removeprefix("$")) == total
    models = {one["model"] for one in answer["chart"] if one["cost"] != "0.00"}
    legend = lived.locator("#overview-chart [data-legend] li")
    expect(legend).to_have_count(len(models))


def test_the_days_of_the_chart_stand_in_the_address(lived: Page) -> None:
    lived.get_by_role("link", name="7 天").click()
    expect(lived).to_have_url(re.compile(r"#overview\?days=7$"))
    rows = lived.locator("#overview-chart [data-twin] tbody tr")
    expect(rows).to_have_count(7)
    lived.reload()
    expect(rows).to_have_count(7)
    expect(lived.locator("[data-days='7']")).to_have_attribute("aria-current", "true")


def test_a_bar_leads_to_its_charges(lived: Page) -> None:
    lived.goto("/public/dashboard.html#overview?days=7")
    days = lived.locator("#overview-chart [data-twin] tbody tr")
    expect(days).to_have_count(7)
    bars = lived.locator("#overview-chart .u-over")
    box = bars.bounding_box()
    assert box is not None
    bars.hover(position={"x": box["width"] * 0.5, "y": box["height"] - 4})
    tip = lived.locator("#overview-chart .chart-tip-head")
    expect(tip).to_be_visible()
    day = tip.locator("span").first.inner_text()
    bars.click(position={"x": box["width"] * 0.5, "y": box["height"] - 4})
    expect(lived.locator("#transactions-from")).to_have_value(day)
    expect(lived.locator("tr.entry-row time").first).to_be_visible()


def test_the_chart_follows_the_theme(lived: Page) -> None:
    expect(lived.locator("#overview-chart canvas")).to_be_visible()
    light = lived.locator("#overview-chart canvas").evaluate("it => it.toDataURL()")
    lived.locator("#theme").click()
    canvas = lived.locator("#overview-chart canvas")
    expect(canvas).to_be_visible()
    assert canvas.evaluate("it => it.toDataURL()") != light


def test_a_request_opens_its_receipt(lived: Page) -> None:
    row = lived.locator("#overview-recent tr.linked").first
    row.locator("td").first.click()
    expect(lived.locator("#receipt .receipt")).to_be_visible()
    expect(lived.locator("#transactions h1")).to_have_text("收据")
    lived.go_back()
    expect(row).to_be_visible()


def test_without_its_library_the_chart_is_a_table(lived: Page) -> None:
    lived.route("**/vendor/uplot/*.js", lambda route: route.abort())
    lived.reload()
    expect(lived.locator("#overview-chart [data-notice]")).to_be_visible()
    expect(lived.locator("#overview-chart [data-twin] tbody tr").first).to_be_visible()


def test_a_low_balance_says_so(signed_in: Page, storage: Storage) -> None:
    (user,) = storage.reader.users()
    expect(signed_in.locator("#overview-low")).to_be_hidden()
    taken = Decision("test", "test", "operator")
    storage.writer.wait(adjust, user.account_id, -parse_nano("9.50"), taken)
    signed_in.reload()
    low = signed_in.locator("#overview-low")
    expect(low).to_be_visible()
    low.get_by_role("link", name="充值").click()
    expect(signed_in.locator("#topup")).to_be_visible()


def test_an_overview_that_cannot_be_read_says_so_and_recovers(signed_in: Page) -> None:
    def refuse(route: Route) -> None:
        body = {"success": False, "message": "出错", "data": None}
        headers = {"x-request-id": "req_seen"}
        route.fulfill(status=500, json=body, headers=headers)

    signed_in.route("**/api/user.php?action=overview*", refuse)
    signed_in.reload()
    alert = signed_in.locator("#overview [data-error]")
    expect(alert).to_have_text("出错 (请求编号 req_seen)")
    expect(signed_in.locator("#overview .balance")).to_have_text("$10.00")
    signed_in.unroute("**/api/user.php?action=overview*")
    signed_in.locator("#overview [data-retry]").click()
    expect(signed_in.locator("#overview-steps")).to_be_visible()
    expect(alert).to_be_hidden()
