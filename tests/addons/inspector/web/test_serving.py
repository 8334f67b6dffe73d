"""The process shows what workers send until nobody is there to tell it."""

import asyncio
import os
from pathlib import Path

import aiohttp
import orjson

from addons.inspector.framing import PUT, packed
from addons.inspector.keeping import listen
from addons.inspector.socket_file import NAME
from addons.inspector.web.serving import serve
from addons.inspector.web_brief import WebBrief
from tests.addons.inspector.web.conftest import HASH, PASSWORD
from tests.addons.inspector.web.entries import head

AUTHORISED = {"Authorization": f"Bearer {PASSWORD}"}


async def test_from_its_brief_to_the_end_of_who_wrote_it(tmp_path: Path) -> None:
    listening = listen(0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    brief = WebBrief(str(tmp_path), listening.detach(), HASH, 10, 10**9)
    reading, writing = os.pipe()
    ready = asyncio.Event()
    task = asyncio.create_task(serve(brief, reading, ready.set))
    await ready.wait()
    _, worker = await asyncio.open_unix_connection(str(tmp_path / NAME))
    worker.write(packed(PUT, orjson.dumps(head()), b"{}", b"data"))
    async with aiohttp.ClientSession(url, headers=AUTHORISED) as browser:
        found = []
        while not found:
            async with browser.get("/flows") as answer:
                found = await answer.json()
    assert found[0]["comment"].endswith("charged")
    worker.close()
    os.close(writing)
    await task
    os.close(reading)
