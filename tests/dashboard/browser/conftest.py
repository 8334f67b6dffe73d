"""A real browser before the application, which runs behind a WSGI server on a free
port as in production.

Nothing may appear on the console: a blocked script or a broken page shows up there
first.
"""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from config import Settings
from storage import Storage
from tests.dashboard.browser.visits import CHROMIUM, FLAGS, register, sign_in
from tests.dashboard.history import live
from tests.fakes.clock import FakeClock
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.harness import Gateway, environ_of

# A refusal is logged by the browser itself; it is part of some stories.
EXPECTED = "Failed to load resource"


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Tests say what went wrong themselves."""


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    # Whoever is still being answered is waited for: the storage closes next.
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(
    provider: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A whole gateway, for stories in which models are called. OpenAI's models are the
    fake's; the others are the demo's. What was charged adds up in the end."""
    data = tmp_path_factory.mktemp("data")
    with Gateway(data, environ_of(provider), demo=True) as gateway:
        yield gateway
        gateway.prove()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "CI needs chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(
        locale="zh-CN",
        base_url=address,
        permissions=["clipboard-read", "clipboard-write"],
    )
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text))
    yield opened
    # Who still answers for the server then would fail in the next test.
    opened.unroute_all(behavior="ignoreErrors")
    context.close()
    assert [one for one in complaints if EXPECTED not in one] == []


@pytest.fixture
def signed_in(page: Page) -> Page:
    register(page)
    return page


@pytest.fixture
def lived(
    signed_in: Page, storage: Storage, settings: Settings, clock: FakeClock
) -> Page:
    """Somebody with ten days of calls, who has signed in again since."""
    (user,) = storage.reader.users()
    signed_in.goto("about:blank")
    live(storage, settings, clock, user.id, days=10)
    sign_in(signed_in)
    expect(signed_in.locator("#overview-recent tr.linked")).to_have_count(10)
    return signed_in
