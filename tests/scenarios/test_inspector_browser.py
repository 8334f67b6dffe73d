"""What an operator sees in a browser: a stream that grows, its attempts, its cost."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.dashboard.browser.visits import CHROMIUM, FLAGS
from tests.fakes.openai_script import Answer, Gate, Status, after
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.child import Child, prove
from tests.scenarios.dial import Dial, chat
from tests.scenarios.harness import environ_of
from tests.scenarios.looking import Looking

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        CHROMIUM is None and "CI" not in os.environ,
        reason="no chromium on the path: apt-get install chromium",
    ),
]

WAIT_MS = 60_000
SIZE = {"width": 1900, "height": 980}
# Where a picture for the documentation goes, if one is wanted.
PICTURE = os.environ.get("INSPECTOR_PICTURE")
TOLD = " ".join(["The sea is wide and the wind is from the west."] * 4)
STORY = [{"role": "user", "content": "Tell me of the sea."}]


@pytest.fixture
def gate(fake: FakeOpenAI) -> Iterator[Gate]:
    """The second stream stops here after some events; the first fails."""
    gate = Gate()
    fake.script(Answer(), Status(503), Answer(text=TOLD, edits=[after(12, gate)]))
    yield gate
    gate.open()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        yield page
        browser.close()


def test_a_stream_is_seen_while_it_runs_and_what_it_cost(
    fake: FakeOpenAI, gate: Gate, tmp_path: Path, page: Page
) -> None:
    data = tmp_path / "data"
    environ = {**environ_of(fake), "AUTOLIST_WEB_LEVEL": "full"}
    with Child(data, environ, "--web", "--web-port", "0") as child:
        key = child.register("ada@example.com")
        with Looking(child) as looking, Dial(child.port) as dial:
            dial.socket.settimeout(WAIT_MS // 1000)
            log_in(page, looking)
            assert dial.ask(chat(key)).status == 200
            assert dial.ask(chat(key, model="nobody")).status == 404
            dial.send(chat(key, stream=True, messages=STORY))
            look_on(page, gate)
            dial.head()
            while dial.piece():
                continue
            expect(page.locator("tr", has_text="attempt 2 · charged")).to_be_visible()
            expect(page.locator("pre")).to_contain_text(TOLD)
            if PICTURE is not None:
                page.screenshot(path=PICTURE)
    prove(data)


def log_in(page: Page, looking: Looking) -> None:
    page.goto(looking.url)
    page.fill("input[name=token]", looking.password)
    page.keyboard.press("Enter")
    expect(page.locator("th.col-comment")).to_be_visible()


def look_on(page: Page, gate: Gate) -> None:
    """The stream stands at the gate: its attempts are there, and what came of it."""
    row = page.locator("tr", has_text="/api/v1/").filter(has_text="running")
    expect(row).to_be_visible()
    expect(page.locator("tr", has_text="attempt 1 · 503")).to_be_visible()
    expect(page.locator("tr", has_text="attempt 2 · 200")).to_be_visible()
    row.click()
    page.get_by_text("Response", exact=True).click()
    told = page.locator("pre")
    expect(told).to_contain_text("The sea is wide")
    assert TOLD not in told.inner_text()
    expect(told).to_contain_text("no end yet")
    gate.open()
