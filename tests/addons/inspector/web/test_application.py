"""With a valid login one can look, and do nothing else whatever."""

import asyncio
import json
import logging

import aiohttp
import pytest
from mitmproxy.io import FlowReader
from mitmproxy.tools.web import app

from addons.inspector.web.application import QUEUE_MAX, READ_ONLY, Watcher
from tests.addons.inspector.web.conftest import PASSWORD, Pages, log_in
from tests.addons.inspector.web.entries import frame

# Every route that mitmweb has, as it would be asked.
ROUTES = [pattern.replace(r"(?:\.json)?", "") for pattern, _ in app.handlers]
METHODS = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS")
READABLE = {
    "/",
    "/commands",
    "/events",
    "/filter-help",
    "/flows",
    "/flows/dump",
    "/flows/ID/request/content.data",
    "/flows/ID/request/content/auto",
    "/options",
    "/state",
}


def asked(pattern: str, flow_id: str) -> str:
    """A route's pattern as the path of a flow that is there."""
    for group, value in [
        (r"(?P<cmd>[a-z.]+)", "replay.client"),
        (r"(?P<flow_id>[0-9a-f\-]+)", flow_id),
        ("(?P<message>request|response|messages)", "request"),
        (r"(?P<content_view>[0-9a-zA-Z\-\_%]+)", "auto"),
    ]:
        pattern = pattern.replace(group, value)
    return pattern


def state_of(pages: Pages) -> str:
    """All that somebody could have changed."""
    flows = [flow.get_state() for flow in pages.master.view]
    options = {name: value.current() for name, value in pages.master.options.items()}
    return repr((flows, options))


@pytest.mark.parametrize("pattern", ROUTES)
async def test_nothing_can_be_changed(pages: Pages, pattern: str) -> None:
    before = state_of(pages)
    path = asked(pattern, pages.flow_id)
    cookies = {one.key: one.value for one in pages.browser.cookie_jar}
    xsrf = cookies["_autolist_inspector_xsrf"]
    body = {"scripts": ["/tmp/x.py"], "arguments": [], "comment": "mine"}
    for method in METHODS:
        if (method, path) == ("POST", "/"):
            continue
        headers = {"X-XSRFToken": xsrf}
        async with pages.browser.request(
            method, path, json=body, headers=headers
        ) as answer:
            assert (answer.status, await answer.text()) == (403, READ_ONLY), method
    assert state_of(pages) == before


@pytest.mark.parametrize("pattern", ROUTES)
async def test_only_what_is_listed_can_be_read(pages: Pages, pattern: str) -> None:
    path = asked(pattern, pages.flow_id)
    if path == "/updates":
        return
    async with pages.browser.get(path) as answer:
        readable = path.replace(pages.flow_id, "ID") in READABLE
        assert (answer.status == 200) is readable, (path, answer.status)


async def test_nothing_is_read_without_the_password(pages: Pages) -> None:
    paths = [path.replace("ID", pages.flow_id) for path in sorted(READABLE)]
    async with aiohttp.ClientSession(pages.url) as stranger:
        for path in [*paths, "/updates", "/inspector.css"]:
            async with stranger.get(path) as answer:
                assert answer.status == 403, path
        assert await log_in(stranger, "wrong") == 403


async def test_whoever_asks_sees_all_there_is_by_then(pages: Pages) -> None:
    """Nothing of it is drawn before, for there is no page open."""
    pages.master.shelf.take(frame(id="req_new"))
    assert len(pages.master.view) == 1
    async with pages.browser.get("/flows") as answer:
        assert len(await answer.json()) == 2
    assert len(pages.master.view) == 2


async def test_the_page_has_no_levers_and_its_style_is_there(pages: Pages) -> None:
    async with pages.browser.get("/") as answer:
        assert "inspector.css" in await answer.text()
    async with pages.browser.get("/inspector.css") as answer:
        assert answer.content_type == "text/css"


async def test_flows_are_saved_as_a_file(pages: Pages, tmp_path) -> None:
    async with pages.browser.get("/flows/dump") as answer:
        (tmp_path / "flows").write_bytes(await answer.read())
    with (tmp_path / "flows").open("rb") as file:
        (flow,) = FlowReader(file).stream()
    assert flow.id == pages.flow_id


async def test_no_password_is_among_the_options(pages: Pages) -> None:
    async with pages.browser.get("/options") as answer:
        text = await answer.text()
    assert "web_password" not in text and "argon2" not in text


async def test_a_browser_sees_what_is_new(pages: Pages) -> None:
    async with pages.browser.ws_connect("/updates") as socket:
        while not Watcher.connections:
            await asyncio.sleep(0)
        (flow,) = pages.master.view
        pages.master.view.update([flow])
        told = json.loads((await socket.receive()).data)
        assert told["type"] == "flows/update"
        wish = {"name": "search", "expr": "~comment charged"}
        await socket.send_json({"type": "flows/updateFilter", "payload": wish})
        told = json.loads((await socket.receive()).data)
        assert told["payload"]["matching_flow_ids"] == [flow.id]


async def test_a_browser_that_does_not_read_is_let_go(pages: Pages) -> None:
    async with pages.browser.ws_connect("/updates"):
        while not Watcher.connections:
            await asyncio.sleep(0)
        (watcher,) = Watcher.connections
        for _ in range(QUEUE_MAX + 1):
            watcher.send(b"{}")
        assert not Watcher.connections
        assert watcher._send_queue.qsize() <= QUEUE_MAX


@pytest.mark.parametrize("path", ["/", "/flows", "/nowhere"])
async def test_a_password_in_an_address_is_not_logged(
    pages: Pages, path: str, caplog
) -> None:
    caplog.set_level(logging.DEBUG)
    for method in ("GET", "PUT"):
        for token in (PASSWORD, "wrong"):
            await pages.browser.request(method, f"{path}?token={token}")
    assert "token" not in caplog.text and PASSWORD not in caplog.text
