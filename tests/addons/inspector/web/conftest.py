"""An inspector's pages, served to this test alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from argon2 import PasswordHasher

from addons.inspector.keeping import listen
from addons.inspector.web.door import Door
from addons.inspector.web.shelf import Shelf
from addons.inspector.web.web_master import InspectorMaster
from tests.addons.inspector.web.entries import frame

PASSWORD = "correct horse"
# The cheapest that argon2 knows: tests are not attacked.
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass
class Pages:
    """The master, an address, and a browser that has logged in."""

    master: InspectorMaster
    url: str
    browser: aiohttp.ClientSession
    flow_id: str


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    with listen(0) as listening:
        door = Door(HASH, asyncio.get_running_loop().time)
        ready = asyncio.Event()
        shelf_of = partial(Shelf, flows_max=10, bytes_max=10**9)
        master = InspectorMaster(tmp_path, listening, door, shelf_of, ready.set)
        master.shelf.show(frame())
        task = asyncio.create_task(master.run())
        await ready.wait()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(url, cookie_jar=jar) as browser:
            await log_in(browser)
            (flow,) = master.view
            yield Pages(master, url, browser, flow.id)
        master.pages.stop()
        master.shutdown()
        await task


async def log_in(browser: aiohttp.ClientSession, password: str = PASSWORD) -> int:
    """As somebody fills in the form."""
    async with browser.get("/") as form:
        assert form.status == 403
        text = await form.text()
    token = text.partition('name="_xsrf" value="')[2].partition('"')[0]
    data = {"_xsrf": token, "token": password}
    async with browser.post("/", data=data) as answer:
        return answer.status
