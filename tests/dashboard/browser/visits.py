"""What people do on the pages, again and again."""

import os
import re
import shutil
import subprocess

import pytest
from playwright.sync_api import Page, Route, expect

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
EMAIL = "browser@example.com"
PASSWORD = "correct horse"
PHONE = {"width": 390, "height": 844}
VIEWS = (
    "overview", "keys", "topup", "transactions", "usage", "playground", "settings"
)

IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and "CI" not in os.environ,
        reason="no chromium on the path: apt-get install chromium",
    ),
]
"""The marks of a module that drives a real one."""


def arrive(page: Page, address: str) -> None:
    """Returns when the address ends so, a star being anything, and its page is there.

    Scripts lead on while a page still loads; to wait for one navigation would be to
    wait for one that never ends.
    """
    pattern = ".*".join(map(re.escape, address.split("*")))
    expect(page).to_have_url(re.compile(f"{pattern}$"))
    page.wait_for_load_state()


def sign_out_while_asked(page: Page, view: str, asked: str) -> None:
    """Signs out while a view loads: what it asks for is answered when the page is left
    already, with a 401, as nobody is signed in any more."""
    held: list[Route] = []

    def left(route: Route) -> None:
        while held:
            nobody = {"success": False, "message": "", "data": None}
            held.pop().fulfill(status=401, json=nobody)
        route.continue_()

    page.route(asked, lambda route: held.append(route))
    page.route("**/public/login.html*", left)
    with page.expect_request(asked):
        page.evaluate(f"location.hash = '#{view}'")
    page.get_by_role("button", name="退出").click()
    arrive(page, "/login.html")
    assert held == []


def register(page: Page, email: str = EMAIL) -> None:
    page.goto("/public/register.html")
    page.get_by_label("邮箱").fill(email)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="注册").click()
    expect(page.locator("#overview .balance")).to_have_text("$10.00")


def sign_in(page: Page) -> None:
    page.goto("/public/login.html")
    page.get_by_label("邮箱").fill(EMAIL)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.locator("#overview .balance")).to_contain_text("$")


def open_view(page: Page, name: str) -> None:
    link = page.locator(f".rail a[href='#{name}']")
    if not link.is_visible():
        page.locator("#more").click()
    link.click()
    expect(page.locator(f"#{name}")).to_be_visible()


def use_english(page: Page) -> None:
    page.get_by_role("button", name="English", exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def run(command: str) -> str:
    """What a command that was copied from a page prints."""
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, timeout=30, check=True
    )
    return done.stdout.decode()


def copied(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))
