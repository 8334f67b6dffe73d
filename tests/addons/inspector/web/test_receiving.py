"""What workers send is on the shelf a moment later, whatever else they send."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from mitmproxy.addons.view import View

from addons.inspector.framing import PUT, packed
from addons.inspector.socket_file import NAME
from addons.inspector.web.receiving import Receiving
from addons.inspector.web.shelf import Shelf
from tests.addons.inspector.web.entries import head


@asynccontextmanager
async def listening(
    data: Path, watched: Callable[[], bool]
) -> AsyncIterator[Receiving]:
    made = Receiving(data, Shelf(View(), 100, 10**9), watched)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def receiving(tmp_path: Path) -> AsyncIterator[Receiving]:
    async with listening(tmp_path, lambda: True) as made:
        yield made


def frame(number: int) -> bytes:
    return packed(PUT, orjson.dumps(head(id=f"req_{number}")), b"{}", b"data")


async def send(made: Receiving, raw: bytes) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_unix_connection(str(made.data / NAME))
    writer.write(raw)
    await writer.drain()
    return writer


async def until_shown(made: Receiving, count: int) -> None:
    while len(made.shelf.view) < count:
        await asyncio.sleep(0)


async def test_several_workers_are_heard(receiving: Receiving) -> None:
    writers = [await send(receiving, frame(n) + frame(n + 10)) for n in range(3)]
    await until_shown(receiving, 6)
    for writer in writers:
        writer.close()


async def test_nothing_is_drawn_as_long_as_nobody_looks(tmp_path: Path) -> None:
    waiting: list[int] = []

    def watched() -> bool:
        waiting.append(len(made.shelf.waiting))
        return False

    async with listening(tmp_path, watched) as made:
        writer = await send(made, frame(1) + frame(2))
        while waiting.count(2) < 2:
            await asyncio.sleep(0)
        assert len(made.shelf.view) == 0
        made.shelf.draw()
        assert len(made.shelf.view) == 2
        writer.close()


async def test_a_worker_that_dies_in_a_frame_is_no_trouble(
    receiving: Receiving,
) -> None:
    writer = await send(receiving, frame(1) + frame(2)[:20])
    writer.close()
    other = await send(receiving, frame(3))
    await until_shown(receiving, 2)
    other.close()


async def test_what_is_no_frame_ends_the_connection(
    receiving: Receiving, caplog
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(receiving.data / NAME))
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await reader.read() == b""
    assert "none of ours" in caplog.text
    writer.close()
