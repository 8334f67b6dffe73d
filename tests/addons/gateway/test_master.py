"""The master: it starts the chain before the port, and drains before it ends."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.log import LegacyLogEvents

from addons.admission import Admission
from addons.endpoints import Kind
from addons.exchange import Exchange
from addons.gateway.master import PROXY_OPTIONS, Master, eager_task, one_of
from addons.upstream.upstream import Upstream
from addons.wire.errors import ApiError, error_frame
from config.settings import Listen
from storage.ids import Ids
from tests.addons.gateway.line import Reply, answers, render
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock
from tests.fakes.transport import STUCK, ScriptedReply, ScriptedTransport, chunk

LISTEN = Listen(host="127.0.0.1", port=0, grace_seconds=10)


class Everybody:
    """In place of the other addons: admits every chat, and tells how it ended."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def running(self) -> None:
        self.heard.append("running")

    def done(self) -> None:
        self.heard.append("done")

    def request(self, flow: HTTPFlow) -> None:
        record = Exchange.of(flow)
        if record.endpoint.kind is not Kind.CHAT:
            flow.response = flow.response or Response.make(200, b"hi")
            return
        for name in ("caller", "limits", "model", "quote", "held"):
            setattr(record, name, getattr(exchanges.held(), name))
        record.ask = exchanges.ask(stream=True)
        record.route = (exchanges.leg(),)

    def responseheaders(self, flow: HTTPFlow) -> None:
        if Exchange.of(flow).committed:
            flow.response.headers["transfer-encoding"] = "chunked"
            flow.response.stream = Exchange.of(flow).began = True

    def response(self, flow: HTTPFlow) -> None:
        record = Exchange.of(flow)
        self.heard.append("response")
        if record.broken is not None:
            record.tail = error_frame(record.broken)

    def error(self, flow: HTTPFlow) -> None:
        self.heard.append("error")


async def release(exchange: Exchange) -> None:
    """Nothing is held here."""


class Running:
    """A master and what stands around it."""

    def __init__(self, data: Path, listen: Listen, reply: ScriptedReply) -> None:
        clock = FakeClock()
        self.reply = reply
        self.everybody = Everybody()
        self.transport = ScriptedTransport(*[reply] * 9)
        self.chain = (
            Admission(listen, clock, Ids(clock)),
            Upstream(clock, lambda provider: self.transport),
            self.everybody,
        )
        self.master = Master(listen, data, self.chain, release, render)
        self.ready = asyncio.Event()
        self.serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.serving = asyncio.create_task(self.master.run(self.greet))
        done, _ = await asyncio.wait(
            [self.serving, asyncio.create_task(self.ready.wait())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self.serving in done:
            await self.serving

    def greet(self, master: Master) -> None:
        assert "running" in self.everybody.heard, "the chain runs before the port opens"
        self.ready.set()

    async def ask(self, target: str = "/", close: bool = True) -> "Peer":
        port = self.master.instance.ports[0]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        peer = Peer(reader, writer)
        method = "POST" if target == exchanges.CHAT else "GET"
        header = "Connection: close\r\n" if close else ""
        writer.write(f"{method} {target} HTTP/1.1\r\n{header}\r\n".encode())
        return peer


class Peer:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> Reply:
        """All there is, to the end of the connection."""
        raw = await self.reader.read()
        self.writer.close()
        await self.writer.wait_closed()
        (reply,) = answers(raw)
        return reply


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., object]:
    @asynccontextmanager
    async def starting(
        reply: ScriptedReply | None = None, listen: Listen = LISTEN
    ) -> AsyncIterator[Running]:
        made = Running(tmp_path, listen, reply or ScriptedReply())
        await made.start()
        yield made
        made.master.stop()
        async with asyncio.timeout(15):
            await made.serving

    return starting


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_it_serves_until_it_is_stopped(run) -> None:
    async with run() as running:
        peer = await running.ask()
        assert (await peer.answer()).body == b"hi"
        assert not running.serving.done()
    assert running.everybody.heard == ["running", "response", "done"]


async def test_nobody_is_told_of_lines_that_are_logged(run) -> None:
    async with run():
        listening = [type(one) for one in logging.getLogger().handlers]
        assert LegacyLogEvents not in listening


async def test_a_drain_refuses_what_is_new_and_finishes_what_runs(run) -> None:
    gate = asyncio.Event()
    body = [chunk("one"), gate, chunk("two", finish="stop")]
    async with run(ScriptedReply(body)) as running:
        kept = await running.ask("/", close=False)
        await until(lambda: "response" in running.everybody.heard)
        chat = await running.ask(exchanges.CHAT)
        await until(lambda: running.reply.taken > 0)
        running.master.stop()
        kept.writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        raw = await kept.reader.read()
        kept.writer.close()
        assert not running.serving.done()
        gate.set()
        assert b"one" in (await chat.answer()).body
        await running.serving
    assert [reply.status for reply in answers(raw)] == [200, 503]


async def test_after_the_grace_time_running_answers_are_cut_and_told(run) -> None:
    listen = replace(LISTEN, grace_seconds=0.05)
    async with run(ScriptedReply([chunk("one"), STUCK]), listen) as running:
        chat = await running.ask(exchanges.CHAT)
        await until(lambda: running.reply.taken == 2)
        running.master.stop()
        reply = await chat.answer()
        await running.serving
    assert b'"draining"' in reply.body
    assert running.everybody.heard == ["running", "response", "done"]


async def test_a_second_stop_cuts_at_once(run) -> None:
    async with run(ScriptedReply([STUCK])) as running:
        chat = await running.ask(exchanges.CHAT)
        await until(lambda: running.reply.taken == 1)
        running.master.stop()
        running.master.stop()
        assert (await chat.answer()).status == 503
        await running.serving


async def test_a_second_stop_does_not_wait_for_half_a_request(run) -> None:
    async with run() as running:
        port = running.master.instance.ports[0]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")
        await until(lambda: bool(running.master.admission.live))
        running.master.stop()
        await until(lambda: not running.master.instance.is_running)
        assert not running.serving.done()
        running.master.stop()
        async with asyncio.timeout(5):
            await running.serving
        assert await reader.read() == b""
        writer.close()
    assert "error" in running.everybody.heard


async def test_idle_connections_are_hung_up_at_the_end(run) -> None:
    async with run() as running:
        kept = await running.ask("/", close=False)
        await until(lambda: "response" in running.everybody.heard)
        running.master.stop()
        await running.serving
        assert len(answers(await kept.reader.read())) == 1
        kept.writer.close()


async def test_a_port_that_is_taken_is_an_error_and_the_chain_is_done(
    run, tmp_path: Path
) -> None:
    async with run() as running:
        taken = replace(LISTEN, port=running.master.instance.ports[0])
        second = Running(tmp_path, taken, ScriptedReply())
        with pytest.raises(OSError):
            await second.start()
        assert second.everybody.heard == ["running", "done"]
        assert not second.ready.is_set()


async def test_the_proxy_core_is_told_what_it_must_not_do(run) -> None:
    async with run() as running:
        options = running.master.options
        assert {name: getattr(options, name) for name in PROXY_OPTIONS} == PROXY_OPTIONS


async def test_nothing_is_looked_for_in_a_home_directory(run, tmp_path: Path) -> None:
    async with run() as running:
        assert running.master.options.confdir == str(tmp_path / "mitmproxy")


def test_the_chain_has_one_of_each_kind() -> None:
    assert one_of(["a", 1], int) == 1
    for chain in ([], [1, 2]):
        with pytest.raises(ValueError):
            one_of(chain, int)


async def test_a_task_starts_at_once() -> None:
    started: list[bool] = []

    async def work() -> None:
        started.append(True)
        await asyncio.sleep(0)

    task = eager_task(asyncio.get_running_loop(), work(), name="work")
    assert (started, task.get_name()) == ([True], "work")
    await task


class Looker:
    """Looks at each request that is over, and fails at it."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []

    def left(self, flow: HTTPFlow, exchange: Exchange) -> None:
        assert flow.response is not None
        self.seen.append((flow.response.status_code, exchange.id))
        raise ZeroDivisionError


async def test_who_looks_at_what_is_over_harms_nothing(run, caplog) -> None:
    first, second = Looker(), Looker()
    async with run() as running:
        running.master.watchers = [first, second]
        peer = await running.ask()
        assert (await peer.answer()).status == 200
    assert first.seen == second.seen
    ((status, id),) = first.seen
    assert status == 200
    assert caplog.text.count(f"{id} was not looked at") == 2


class Doorkeeper:
    """Hears of what was no request, and fails at it."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def turned_away(self, error: ApiError) -> None:
        self.told.append(error.status)
        raise ZeroDivisionError


async def test_who_keeps_the_door_is_told_of_what_is_no_request(run, caplog) -> None:
    first, second = Doorkeeper(), Doorkeeper()
    async with run() as running:
        running.master.doorkeepers = [first, second]
        peer = await running.ask("no target")
        assert (await peer.answer()).status == 400
    assert first.told == second.told == [400]
    assert caplog.text.count("a refusal was not looked at") == 2
