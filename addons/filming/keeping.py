"""Keeping: the file that a provider made becomes a file of ours.

It is never in memory as a whole: what comes is written to the disk a part at a time, in
a thread, and becomes a file with a name only when all of it is there. What it is says
its own beginning, not the provider. A file takes no longer than `total_seconds`,
however slowly somebody sends it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import Any, Protocol

from addons.upstream.fetch import Fetch
from addons.upstream.lines import Lines
from addons.wire.errors import UpstreamFailed, UpstreamMisled, UpstreamTimeout
from addons.wire.video_files import video_type_of
from config.settings import Provider
from storage.errors import MediaTooLarge

TOTAL_SECONDS = 600.0
# One write to the disk; what a provider sends at once is much less.
PART_BYTES = 1024 * 1024
# What no second try can change.
HOPELESS = (UpstreamMisled, MediaTooLarge)

type Run = Callable[..., Awaitable[Any]]


class Part(Protocol):
    """A file that is being written. Both block."""

    def write(self, data: bytes) -> None: ...

    def keep(self) -> str: ...


class Shelf(Protocol):
    """Where files are kept; it raises a StorageError, or the OSError of the disk."""

    def writing(self, media_type: str) -> AbstractContextManager[Part]: ...

    def address(self, name: str) -> str: ...


class Keeping:
    """Fetches videos and keeps them."""

    def __init__(
        self,
        shelf: Shelf,
        open_fetch: Callable[[Provider], Fetch] = Fetch,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.shelf = shelf
        self.total_seconds = total_seconds
        self.fetches = Lines(open_fetch)

    async def fetched(self, provider: Provider, url: str) -> str:
        """The name of a new file with what is at the address. UpstreamFailed if it
        cannot be had, UpstreamMisled if it may not; else what the shelf raises."""
        try:
            async with asyncio.timeout(self.total_seconds):
                with self.fetches.to(provider) as fetch:
                    async with fetch.pieces(url) as pieces:
                        return await self.kept(pieces)
        except TimeoutError:
            raise UpstreamTimeout(detail="the file did not come to its end") from None

    async def kept(self, pieces: AsyncIterator[bytes]) -> str:
        """The name of a new file with these pieces."""
        parts = in_parts(pieces)
        head = await anext(parts, b"")
        media_type = video_type_of(head)
        if media_type is None:
            raise UpstreamFailed(detail="what was fetched is no video")
        async with written(self.shelf.writing(media_type)) as (part, run):
            await run(part.write, head)
            async for piece in parts:
                await run(part.write, piece)
            name: str = await run(part.keep)
            return name

    async def close(self) -> None:
        await self.fetches.close()


@asynccontextmanager
async def written(
    writing: AbstractContextManager[Part],
) -> AsyncIterator[tuple[Part, Run]]:
    """A file in a thread of its own, so that what is left of it goes only after its
    last write has ended, also if nobody waits for that any more."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="keeping")
    part = writing.__enter__()
    try:
        yield part, partial(loop.run_in_executor, thread)
    finally:
        thread.submit(writing.__exit__, None, None, None)
        thread.shutdown(wait=False)


async def in_parts(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in parts that are worth a write."""
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        if len(gathered) >= PART_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


async def whole(data: bytes) -> AsyncIterator[bytes]:
    """What a provider answered with at once, as pieces."""
    yield data
