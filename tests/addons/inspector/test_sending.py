"""Frames are sent if that is possible, and nobody ever waits for it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from addons.inspector.sending import Sending

FRAME = b"x" * 1000


class Ends:
    """The inspector's ends of the connections, in the order they were made."""

    def __init__(self, count: int) -> None:
        self.pairs = [socket.socketpair() for _ in range(count)]
        self.made = 0

    def connect(self) -> socket.socket | None:
        if self.made == len(self.pairs):
            return None
        ours, _ = self.pairs[self.made]
        ours.setblocking(False)
        self.made += 1
        return ours

    def end(self, number: int) -> socket.socket:
        _, theirs = self.pairs[number]
        theirs.setblocking(False)
        return theirs

    def close(self) -> None:
        for pair in self.pairs:
            for end in pair:
                end.close()


@asynccontextmanager
async def sending(ends: Ends, buffer_bytes: int = 10_000) -> AsyncIterator[Sending]:
    made = Sending(ends.connect, buffer_bytes, 0.001, 0.001)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        await asyncio.sleep(0)
        ends.close()


async def until_connected(made: Sending, number: int = 1) -> None:
    while made.connection != number:
        await asyncio.sleep(0)


async def read(end: socket.socket, size: int) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < size:
        data += await loop.sock_recv(end, size - len(data))
    return data


async def test_frames_arrive_in_their_order() -> None:
    async with sending(Ends(1)) as made:
        await until_connected(made)
        assert made.offer(b"one") and made.offer(b"two")
        ends = made.connect.__self__
        assert await read(ends.end(0), 6) == b"onetwo"
        assert made.statistics.dropped == 0


async def test_without_an_inspector_frames_are_dropped_and_counted() -> None:
    async with sending(Ends(0)) as made:
        await asyncio.sleep(0)
        assert not made.connected and not made.offer(FRAME)
        assert (made.statistics.dropped, made.statistics.bytes) == (1, 0)


async def test_one_that_reads_nothing_costs_the_buffer_and_no_more() -> None:
    async with sending(Ends(1)) as made:
        await until_connected(made)
        taken = 0
        while made.offer(FRAME):
            taken += 1
        assert taken == 10
        assert made.statistics.bytes == 10_000
        # However long that goes on: what the kernel has taken is bounded too.
        for _ in range(2000):
            made.offer(FRAME)
            await asyncio.sleep(0)
        assert made.statistics.bytes <= 10_000
        assert made.statistics.dropped > 0


async def test_after_one_that_is_gone_the_next_is_found() -> None:
    ends = Ends(2)
    async with sending(ends) as made:
        await until_connected(made)
        ends.end(0).close()
        await until_connected(made, 2)
        assert made.offer(b"hello")
        assert await read(ends.end(1), 5) == b"hello"


async def test_what_was_for_one_that_is_gone_is_for_no_other() -> None:
    ends = Ends(2)
    async with sending(ends, 10**9) as made:
        await until_connected(made)
        for _ in range(5000):
            made.offer(FRAME)
        ends.end(0).close()
        await until_connected(made, 2)
        assert made.statistics.bytes == 0
        made.offer(b"new")
        assert await read(ends.end(1), 3) == b"new"
        statistics = made.statistics
        assert statistics.sent + statistics.dropped == 5001
