"""The handler: bytes of one client, its hooks, and what happens when all breaks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from mitmproxy.connection import Server
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.mode_specs import ProxyMode

from addons import endpoints
from addons.exchange import Exchange
from addons.gateway.handler import Handler
from addons.gateway.hooks import Hooks
from addons.gateway.master import eager_task
from tests.addons.gateway.line import SMALL, answers, gateway_options, render
from tests.fakes import exchanges
from tests.fakes.stream import RecordingWriter

GET = b"GET /a HTTP/1.1\r\nHost: gateway\r\n\r\n"


class Chain:
    """One addon that answers, and remembers how flows ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.make: Callable[[], object] = lambda: Response.make(200, b"hi")

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchanges.exchange(endpoints.WEB).travel_with(flow)

    def request(self, flow: HTTPFlow) -> None:
        flow.response = self.make()

    def response(self, flow: HTTPFlow) -> None:
        self.ends.append("response")

    def error(self, flow: HTTPFlow) -> None:
        self.ends.append("error")


class Client:
    """The other side of a handler, without a socket."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.left: list[Exchange] = []
        self.reader = asyncio.StreamReader()
        self.writer = RecordingWriter()
        hooks = Hooks([self.chain], self.release, self.leave, render)
        mode = ProxyMode.parse("reverse:http://127.0.0.1:9")
        self.handler = Handler(
            self.reader, self.writer, gateway_options(), mode, hooks, SMALL, render
        )

    def leave(self, flow: HTTPFlow, exchange: Exchange) -> None:
        self.left.append(exchange)

    async def release(self, exchange: Exchange) -> None:
        """Nothing is held here."""


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    # As the master does: the proxy core relies on it.
    asyncio.get_running_loop().set_task_factory(eager_task)
    made = Client()
    serving = asyncio.create_task(made.handler.handle_client())
    yield made
    if not made.reader.at_eof():
        made.reader.feed_eof()
    await serving
    assert made.writer.closed.is_set()


async def test_a_client_is_served_through_the_hooks(client: Client) -> None:
    client.reader.feed_data(GET)
    await client.writer.said.wait()
    assert [reply.body for reply in answers(client.writer.written)] == [b"hi"]
    assert client.chain.ends == ["response"]
    assert len(client.left) == 1


async def test_a_client_that_leaves_is_let_go(client: Client) -> None:
    client.reader.feed_eof()
    await client.writer.closed.wait()
    assert client.writer.written == b""


async def test_a_client_that_leaves_early_ends_its_flow(client: Client) -> None:
    client.reader.feed_data(b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhi")
    client.reader.feed_eof()
    await client.writer.closed.wait()
    assert client.chain.ends == ["error"]


async def test_a_client_that_reads_nothing_is_served_nothing_more(
    client: Client,
) -> None:
    client.writer.slow()
    client.reader.feed_data(GET + GET)
    for _ in range(10):
        await asyncio.sleep(0)
    assert client.chain.ends == []
    client.writer.read()
    await client.writer.said.wait()
    async with asyncio.timeout(10):
        while len(client.chain.ends) < 2:
            await asyncio.sleep(0)


async def test_a_crash_of_the_core_hangs_up_and_ends_the_flow(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.chain.make = lambda: "this is no response"
    client.reader.feed_data(GET)
    await client.writer.closed.wait()
    assert "crashed" in caplog.text
    assert client.writer.written == b""
    assert client.chain.ends == ["error"]
    assert len(client.left) == 1


async def test_hanging_up_closes_at_once(client: Client) -> None:
    client.reader.feed_data(GET)
    await client.writer.said.wait()
    client.handler.hang_up()
    await client.writer.closed.wait()


async def test_hanging_up_twice_or_too_early_is_nothing() -> None:
    handler = Client().handler
    handler.hang_up()
    handler.transports.clear()
    handler.hang_up()


@pytest.mark.parametrize(
    ("exc_info", "closed"), [(None, False), ((ValueError, ValueError(), None), True)]
)
async def test_only_a_report_of_a_crash_hangs_up(
    client: Client, exc_info, closed: bool
) -> None:
    client.reader.feed_data(GET)
    await client.writer.said.wait()
    client.handler.log("something", logging.ERROR, exc_info)
    for _ in range(10):
        await asyncio.sleep(0)
    assert client.writer.closed.is_set() is closed


class Told:
    """A layer that keeps the events it gets."""

    def __init__(self) -> None:
        self.events: list[events.Event] = []

    def handle_event(self, event: events.Event):
        self.events.append(event)
        return iter(())


async def test_no_connection_is_ever_opened_from_here() -> None:
    handler = Client().handler
    handler.layer = layer = Told()
    command = commands.OpenConnection(Server(address=("127.0.0.1", 9)))
    await handler.open_connection(command)
    (answer,) = layer.events
    assert (answer.command, answer.reply) == (command, "no connection is opened here")
