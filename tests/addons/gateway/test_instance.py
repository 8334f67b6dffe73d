"""The instance: one listening socket, its limits, and its end."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from mitmproxy.http import HTTPFlow, Response

from addons import endpoints
from addons.exchange import Exchange
from addons.gateway.hooks import Hooks
from addons.gateway.instance import (
    LINGER_SECONDS,
    GatewayMode,
    Instance,
    hang_up,
    reserve,
)
from addons.gateway.master import ProxyOptions
from addons.gateway.phase import Phase
from addons.wire.errors import ApiError
from config.settings import Listen
from tests.addons.gateway.line import Reply, answers, gateway_options, render
from tests.fakes import exchanges
from tests.fakes.loop import leap
from tests.fakes.stream import RecordingWriter

LISTEN = Listen(host="127.0.0.1", port=0, connections_max=2)
LONG = 20_000_000
GET = b"GET /a HTTP/1.1\r\nHost: gateway\r\n\r\n"


class Greeter:
    def requestheaders(self, flow: HTTPFlow) -> None:
        exchanges.exchange(endpoints.WEB).travel_with(flow)

    def request(self, flow: HTTPFlow) -> None:
        flow.response = Response.make(200, b"hi")


async def release(exchange: Exchange) -> None:
    """Nothing is held here."""


def instance(
    listen: Listen = LISTEN,
    reuse_port: bool = False,
    given: socket.socket | None = None,
) -> Instance:
    turned_away: list[ApiError] = []
    hooks = Hooks(
        [Greeter()],
        release,
        lambda flow, exchange: None,
        render,
        turned_away.append,
    )
    return Instance(
        ProxyOptions(), gateway_options(), hooks, listen, render, reuse_port, given
    )


@pytest.fixture
async def serving() -> AsyncIterator[Instance]:
    made = instance()
    await made.start()
    yield made
    await made.stop_listening()
    made.hang_up()
    await gone(made)


async def gone(made: Instance) -> None:
    async with asyncio.timeout(10):
        while made.handlers:
            await asyncio.sleep(0)


class Peer:
    """A client on a real socket."""

    def __init__(self, made: Instance) -> None:
        self.port = made.ports[0]

    async def __aenter__(self) -> "Peer":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def ask(self) -> Reply:
        self.writer.write(GET)
        head = await self.reader.readuntil(b"\r\n\r\n")
        (reply,) = answers(head + await self.reader.readexactly(2))
        return reply

    async def rest(self) -> bytes:
        return await self.reader.read()


async def test_requests_are_served_where_it_listens(serving: Instance) -> None:
    assert serving.ports[0] > 0
    async with Peer(serving) as peer:
        assert (await peer.ask()).body == b"hi"
        assert (await peer.ask()).body == b"hi"
        assert len(serving.handlers) == 1
    await gone(serving)


async def test_one_connection_too_many_is_told_so(serving: Instance) -> None:
    async with Peer(serving) as one, Peer(serving) as two:
        await asyncio.gather(one.ask(), two.ask())
        async with Peer(serving) as three:
            (reply,) = answers(await three.rest())
        assert reply.status == 503
        assert json.loads(reply.body)["error"]["code"] == "overloaded"
        assert reply.headers["retry-after"] == "1"
        assert reply.headers["connection"] == "close"
        assert (await one.ask()).status == 200
        told = serving.hooks.turned_away.__self__
        assert [error.code for error in told] == ["overloaded"]


async def test_a_connection_that_ended_makes_room(serving: Instance) -> None:
    async with Peer(serving) as one, Peer(serving) as two:
        await asyncio.gather(one.ask(), two.ask())
    await gone(serving)
    async with Peer(serving) as three:
        assert (await three.ask()).status == 200


async def test_after_the_end_of_listening_the_ones_there_go_on(serving) -> None:
    async with Peer(serving) as peer:
        await peer.ask()
        port = serving.ports[0]
        await serving.stop_listening()
        assert not serving.is_running
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        assert (await peer.ask()).status == 200


async def test_listening_may_be_stopped_twice(serving: Instance) -> None:
    await serving.stop_listening()
    await serving.stop_listening()


async def test_hanging_up_closes_every_connection(serving: Instance) -> None:
    async with Peer(serving) as one, Peer(serving) as two:
        await asyncio.gather(one.ask(), two.ask())
        serving.hang_up()
        assert await asyncio.gather(one.rest(), two.rest()) == [b"", b""]
        await gone(serving)


async def test_the_end_waits_for_what_a_client_has_not_read(serving: Instance) -> None:
    async with Peer(serving) as peer:
        await peer.ask()
        (handler,) = serving.handlers
        # More than the kernel takes at once.
        handler.transports[handler.client].writer.write(b"x" * LONG)
        serving.hang_up()
        closed = asyncio.create_task(serving.closed())
        assert len(await peer.rest()) == LONG
        await closed
    assert serving.handlers == set()
    await serving.closed()


async def test_who_sends_nothing_more_is_not_waited_for(serving: Instance) -> None:
    async with Peer(serving) as idle, Peer(serving) as half:
        await idle.ask()
        half.writer.write(GET[:9])
        while not any(one.http.http1.phase is Phase.HEAD for one in serving.handlers):
            await asyncio.sleep(0)
        serving.hang_up_on_senders()
        assert await asyncio.gather(idle.rest(), half.rest()) == [b"", b""]
        await serving.closed()


async def test_a_port_in_use_is_an_error(serving: Instance) -> None:
    second = instance(replace(LISTEN, port=serving.ports[0]))
    with pytest.raises(OSError):
        await second.start()


async def test_workers_may_share_a_port() -> None:
    one = instance(reuse_port=True)
    await one.start()
    two = instance(replace(LISTEN, port=one.ports[0]), reuse_port=True)
    await two.start()
    assert one.ports == two.ports
    for made in (one, two):
        await made.stop_listening()
        made.hang_up()


async def test_a_slow_client_is_swept() -> None:
    made = instance(replace(LISTEN, header_seconds=0.02, idle_seconds=5))
    await made.start()
    async with Peer(made) as peer:
        peer.writer.write(b"GET / HT")
        (reply,) = answers(await peer.rest())
    assert reply.status == 408
    await made.stop_listening()
    made.hang_up()


@pytest.mark.parametrize(("reads", "seconds"), [(True, 0), (False, LINGER_SECONDS)])
def test_who_does_not_read_the_rest_is_cut_off(reads: bool, seconds: float) -> None:
    async def story() -> tuple[bool, bool, float]:
        writer = RecordingWriter()
        if not reads:
            writer.slow()
        await hang_up(writer)
        over = asyncio.get_running_loop().time()
        return writer.closed.is_set(), writer.aborted, over

    assert leap(story()) == (True, not reads, pytest.approx(seconds))


def test_the_mode_is_a_reverse_proxy_to_nowhere() -> None:
    made = instance()
    assert isinstance(made.mode, GatewayMode)
    assert made.mode.address == ("127.0.0.1", 9)


def test_nobody_else_makes_its_layers() -> None:
    with pytest.raises(AssertionError):
        instance().make_top_layer(None)


# A socket that somebody else holds.


async def test_who_comes_between_two_gateways_waits_for_the_next() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        first = instance(given=held.dup())
        await first.start()
        assert list(first.ports) == [held.getsockname()[1]]
        await first.stop_listening()
        first.hang_up()
        second = instance(given=held.dup())
        address = held.getsockname()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(GET)
        await second.start()
        assert b" 200 " in await reader.readuntil(b"\r\n")
        writer.close()
        await second.stop_listening()
        second.hang_up()


# One port for several workers.


async def test_a_reserved_port_is_shared_by_those_who_share_it() -> None:
    with reserve(LISTEN) as reserved:
        port = reserved.getsockname()[1]
        workers = [
            instance(replace(LISTEN, port=port), reuse_port=True) for _ in range(2)
        ]
        for worker in workers:
            await worker.start()
            assert list(worker.ports) == [port]
        for worker in workers:
            await worker.stop_listening()
            worker.hang_up()


async def test_a_port_that_somebody_listens_on_is_not_reserved() -> None:
    for shared in (True, False):
        taken = instance(reuse_port=shared)
        await taken.start()
        with pytest.raises(OSError, match="in use"):
            reserve(replace(LISTEN, port=taken.ports[0]))
        await taken.stop_listening()
        taken.hang_up()


async def test_a_port_that_workers_listen_on_is_not_reserved_again() -> None:
    with reserve(LISTEN) as reserved:
        port = replace(LISTEN, port=reserved.getsockname()[1])
        worker = instance(port, reuse_port=True)
        await worker.start()
        with pytest.raises(OSError, match="in use"):
            reserve(port)
        await worker.stop_listening()
        worker.hang_up()
