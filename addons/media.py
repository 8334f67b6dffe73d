"""Media: sends the files that were made for callers.

The address is the right to the file: it is signed and expires. Whether there is such a
file is looked up for a right signature only, so an address that was guessed or changed
gets the same answer as any other (403), and 404 is said only to one who had the right.

A file goes the way that a provider's stream goes: a coroutine feeds it into its flow,
piece by piece, and the next piece is read when the client has taken the last. So a
request holds a few pieces however large the file is and however slow the client; one
that takes nothing for a while is cut off. A file that breaks off has less than its
length, and its connection is closed: it never looks whole.

Files are read and swept in a few threads of our own, never on the event loop. Closing
one is their work too, because a read that nobody waits for any more may still run.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import BinaryIO
from urllib.parse import parse_qsl

from mitmproxy.http import HTTPFlow
from mitmproxy.utils import asyncio_utils

from addons.endpoints import Kind
from addons.exchange import Exchange
from addons.files import FileAnswer
from addons.rendering import allow_any_origin
from addons.upstream.call import Call
from addons.wire.errors import (
    AddressNotValid,
    ApiError,
    Draining,
    InternalError,
    NotFound,
)
from storage.clock import Clock
from storage.media import NANOSECONDS, Found, MediaStore

logger = logging.getLogger(__name__)

THREADS = 4
PIECE_BYTES = 128 * 1024
SWEEP_SECONDS = 300.0
QUERY_FIELDS_MAX = 16
GONE = "This file is no longer kept."


class Stalled(Exception):
    """The client takes nothing more."""


class Media:
    """Answers requests for kept files, and sweeps away the old ones."""

    def __init__(
        self, store: MediaStore, clock: Clock, sweep_seconds: float = SWEEP_SECONDS
    ) -> None:
        self.store = store
        self.clock = clock
        self.sweep_seconds = sweep_seconds
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="media")
        self.calls: set[Call] = set()
        self.cutting = False
        self.sweeping: asyncio.Task[None] | None = None

    def running(self) -> None:
        self.sweeping = asyncio_utils.create_task(
            self.watch(), name="media", keep_ref=True
        )

    def done(self) -> None:
        if self.sweeping is not None:
            self.sweeping.cancel()
        self.store.stop()
        self.pool.shutdown(wait=False)

    async def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or flow.response is not None:
            return
        if exchange.endpoint.kind is not Kind.MEDIA:
            return
        try:
            exchange.file = await self.find(flow, exchange.endpoint.name)
        except ApiError as error:
            exchange.refuse(error)
            return
        if not exchange.file.has_body(flow.request.method):
            flow.response = exchange.file.head(exchange.id)

    async def find(self, flow: HTTPFlow, name: str) -> FileAnswer:
        """The answer at an address; ApiError if there is none."""
        expires, signature = signed(flow.request.path)
        if not self.store.allows(name, expires, signature):
            raise AddressNotValid()
        found = await self.run(self.store.locate, name)
        if found is None:
            raise NotFound(GONE)
        left = int(expires) - self.clock.wall_ns() // NANOSECONDS
        return FileAnswer.to(flow.request, found, max(0, left))

    def cut_all(self) -> None:
        """Break off every file that is being sent."""
        self.cutting = True
        for call in self.calls:
            if call.task is not None:
                call.task.cancel("draining")

    async def upstream_exchange(self, call: Call) -> None:
        """Send the file that a call is for; other calls are not ours."""
        exchange = Exchange.of(call.flow)
        if exchange.file is None or exchange.refusal is not None:
            return
        # With it the flow's `error` ends this when the client leaves.
        exchange.call = call
        call.task = asyncio.current_task()
        self.calls.add(call)
        try:
            await self.serve(call, exchange, exchange.file)
        finally:
            self.calls.discard(call)

    async def serve(self, call: Call, exchange: Exchange, answer: FileAnswer) -> None:
        try:
            async with self.opened(answer.found) as file:
                await self.send(call, exchange, answer, file)
        except asyncio.CancelledError:
            if not self.cutting:
                raise
            uncancel()
            await fail(call, exchange, Draining())
        except Stalled:
            await call.cut()
        except FileNotFoundError:
            await fail(call, exchange, NotFound(GONE))
        except Exception:
            logger.exception("a file could not be sent: %s", exchange.id)
            await fail(call, exchange, InternalError())

    async def send(
        self, call: Call, exchange: Exchange, answer: FileAnswer, file: BinaryIO
    ) -> None:
        head = answer.head(exchange.id)
        allow_any_origin(head.headers)
        head.stream = True
        await self.taken(call.begin(b"", head))
        position = answer.selection.first
        end = position + answer.selection.length
        # If a hook of ours failed, nobody may have this answer.
        while position < end and exchange.refusal is None:
            count = min(PIECE_BYTES, end - position)
            piece = await self.run(read_at, file, position, count)
            await self.taken(call.send(piece))
            position += len(piece)
        await call.end()

    async def taken(self, sending: Awaitable[None]) -> None:
        """Wait until the client has taken what is sent, but not for ever."""
        try:
            async with asyncio.timeout(self.store.settings.stall_seconds):
                await sending
        except TimeoutError:
            raise Stalled from None

    @asynccontextmanager
    async def opened(self, found: Found) -> AsyncIterator[BinaryIO]:
        opening = self.pool.submit(found.open)
        try:
            file = await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            # The thread may open it all the same.
            opening.add_done_callback(close_opened)
            raise
        try:
            yield file
        finally:
            self.pool.submit(file.close)

    async def watch(self) -> None:
        """The first look counts what is there."""
        while True:
            await self.look()
            await asyncio.sleep(self.sweep_seconds)

    async def look(self) -> None:
        try:
            while await self.run(self.store.sweep) >= self.store.remove_max:
                continue
        except OSError as error:
            logger.warning("the media could not be swept: %s", error)

    async def run[T](self, work: Callable[..., T], *arguments: object) -> T:
        """Work that blocks, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, work, *arguments)


def signed(target: str) -> tuple[str, str]:
    """Expiry and signature in a query, as they are written; empty if they are not
    there once each."""
    query = target.partition("?")[2]
    try:
        fields = parse_qsl(query, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        return "", ""
    expires = [value for name, value in fields if name == "expires"]
    signature = [value for name, value in fields if name == "signature"]
    if len(expires) != 1 or len(signature) != 1:
        return "", ""
    return expires[0], signature[0]


def read_at(file: BinaryIO, position: int, count: int) -> bytes:
    """So many bytes from there, never fewer."""
    file.seek(position)
    piece = file.read(count)
    if len(piece) != count:
        raise OSError("the file is shorter than it was")
    return piece


def close_opened(opening: Future[BinaryIO]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def fail(call: Call, exchange: Exchange, error: ApiError) -> None:
    """Refuse, or break off what the client has of the file."""
    if call.began:
        await call.cut()
        return
    exchange.refuse(error)
    await call.whole(error.status)


def uncancel() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
