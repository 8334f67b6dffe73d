"""A provider on a real socket, as good or bad as told: what all such fakes share.

It runs in a thread and event loop of its own, so that it answers while the test or
the gateway under test is busy, and it keeps what it received:

    with FakeOpenAI() as fake:
        fake.script(Status(500), Answer("Bonjour"))    # first this, then that
        ...                                            # then honest again
        (first, second) = fake.requests

A behaviour may also be a function of the received request. A fake of one provider
says which requests are let in (`route`) and how its own answers go (`answer`).
"""

import asyncio
import itertools
import json
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.fakes.script import End, Endless, Gate, Raw, Silence, Step

HOST = "127.0.0.1"
BACKLOG = 2048
BODY_BYTES = 64 * 2**20
# A write that takes this long is stopped by the reader, not by the machine.
BLOCKED_SECONDS = 0.3
WAIT_SECONDS = 20.0
# At the end nobody is waited for; aiohttp takes 0 for "as long as it takes".
PATIENCE_SECONDS = 0.01
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

type Script[B] = B | Callable[["Received"], B]


class Received:
    """One request as it arrived, and what became of its answer."""

    def __init__(self, number: int, request: web.Request, body: bytes) -> None:
        self.number = number
        self.method = request.method
        self.path = request.path
        self.headers: Mapping[str, str] = request.headers
        self.body = body
        transport = request.transport
        self.peer = transport.get_extra_info("peername") if transport else None
        # Body bytes handed to the socket; the last 64 KiB or so may still wait.
        self.sent_bytes = 0
        self.finished = threading.Event()
        self.disconnected = threading.Event()
        self.blocked = threading.Event()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FakeProvider[B](ABC):
    """Serves from a thread until the `with` block ends."""

    def __init__(self, otherwise: Script[B], api_key: str | None) -> None:
        self.api_key = api_key
        self.port = 0
        self.requests: list[Received] = []
        self._arrival = threading.Condition()
        self._numbers = itertools.count(1)
        self._script: deque[Script[B]] = deque()
        self._otherwise = otherwise
        self._started: Future[int] = Future()
        self._closing = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = self._started.result(WAIT_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(WAIT_SECONDS)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections the requests came over."""
        return len({one.peer for one in self.requests})

    def script(self, *behaviours: Script[B]) -> None:
        """One for each of the next requests, in this order."""
        self._script.extend(behaviours)

    def always(self, behaviour: Script[B]) -> None:
        """For every request that no script was left for."""
        self._otherwise = behaviour

    def wait_for(self, count: int) -> list[Received]:
        """The first requests, as soon as there are so many."""
        with self._arrival:
            if not self._arrival.wait_for(
                lambda: len(self.requests) >= count, WAIT_SECONDS
            ):
                raise TimeoutError(f"{len(self.requests)} of {count} requests came")
            return self.requests[:count]

    @abstractmethod
    def route(
        self, request: web.Request, received: Received
    ) -> web.StreamResponse | None:
        """The answer to what never gets to the script; None lets the request in."""

    @abstractmethod
    async def answer(
        self, request: web.Request, received: Received, behaviour: B
    ) -> web.StreamResponse:
        """An answer in the provider's own words."""

    @abstractmethod
    def standard(self, received: Received) -> dict[str, str]:
        """The headers that every answer of the provider carries."""

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(
            app,
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=PATIENCE_SECONDS,
        )
        await runner.setup()
        await web.TCPSite(runner, HOST, 0, backlog=BACKLOG).start()
        self._started.set_result(runner.addresses[0][1])
        await self._closing.wait()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        received = Received(next(self._numbers), request, await request.read())
        turned_away = self.route(request, received)
        if turned_away is not None:
            return turned_away
        self._record(received)
        try:
            response = await self._play(request, received, self._next(received))
        except (asyncio.CancelledError, ConnectionError):
            received.disconnected.set()
            raise
        received.finished.set()
        return response

    def _record(self, received: Received) -> None:
        with self._arrival:
            self.requests.append(received)
            self._arrival.notify_all()

    def _next(self, received: Received) -> B:
        script = self._script.popleft() if self._script else self._otherwise
        return script(received) if callable(script) else script

    async def _play(
        self, request: web.Request, received: Received, behaviour: B
    ) -> web.StreamResponse:
        match behaviour:
            case Silence(end):
                await finish(request, end)
                return web.Response()
            case Endless(frame):
                response = event_stream(self.standard(received))
                steps = itertools.repeat(frame)
                return await write(request, received, response, steps)
            case Raw(body, status, content_type, headers):
                response = web.StreamResponse(status=status, headers=headers)
                response.content_type = content_type
                response.content_length = len(body)
                return await write(request, received, response, behaviour.steps())
            case _:
                return await self.answer(request, received, behaviour)


async def write(
    request: web.Request,
    received: Received,
    response: web.StreamResponse,
    steps: Iterator[Step],
) -> web.StreamResponse:
    await response.prepare(request)
    for step in steps:
        match step:
            case End():
                await finish(request, step)
                return response
            case Gate():
                await step.pass_through()
            case bytes():
                await write_bytes(received, response, step)
    await response.write_eof()
    return response


async def write_bytes(
    received: Received, response: web.StreamResponse, data: bytes
) -> None:
    loop = asyncio.get_running_loop()
    alarm = loop.call_later(BLOCKED_SECONDS, received.blocked.set)
    try:
        await response.write(data)
    finally:
        alarm.cancel()
    received.sent_bytes += len(data)
    # A writer that is never made to wait would starve everybody else here.
    await asyncio.sleep(0)


async def finish(request: web.Request, end: End) -> None:
    transport = request.transport
    if transport is None:
        return
    if end is End.SILENCE:
        await asyncio.get_running_loop().create_future()
    if end is End.RST:
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()
    transport.close()


def event_stream(headers: Mapping[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    response.headers["content-type"] = "text/event-stream; charset=utf-8"
    return response


def whole_answer(headers: Mapping[str, str], body: bytes) -> web.StreamResponse:
    """The head of an answer in JSON that is written in one or two pieces."""
    response = web.StreamResponse(headers=headers)
    response.content_type = "application/json"
    response.content_length = len(body)
    return response


def json_answer(status: int, headers: Mapping[str, str], body: bytes) -> web.Response:
    return web.Response(
        body=body, status=status, headers=headers, content_type="application/json"
    )
