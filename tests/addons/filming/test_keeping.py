"""A file becomes ours only when all of it is here, and only if it is a video."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from addons.filming.keeping import PART_BYTES, Keeping, in_parts, whole
from addons.wire.errors import UpstreamFailed, UpstreamMisled, UpstreamTimeout
from storage.errors import MediaTooLarge
from storage.media import MediaStore
from tests.addons.filming.bench import leg
from tests.fakes.mp4 import mp4
from tests.fakes.runway_server import FakeRunway
from tests.fakes.task_server import File


@pytest.fixture
def fake() -> Iterator[FakeRunway]:
    with FakeRunway() as fake:
        yield fake


@pytest.fixture
async def keeping(store: MediaStore) -> AsyncIterator[Keeping]:
    made = Keeping(store)
    yield made
    await made.close()


def files(store: MediaStore) -> list[str]:
    return [path.name for path in store.directory.rglob("*") if path.is_file()]


def content(store: MediaStore, name: str) -> bytes:
    with store.locate(name).open() as file:
        return file.read()


async def test_what_is_at_an_address_becomes_a_file(fake, keeping, store) -> None:
    data = mp4("waves" * PART_BYTES)[: 3 * PART_BYTES]
    fake.files["a.mp4"] = File(data)
    provider = leg(base_url=fake.base_url).provider
    name = await keeping.fetched(provider, fake.file_address("a.mp4"))
    assert name.endswith(".mp4")
    assert content(store, name) == data
    assert not fake.betrayed


@pytest.mark.parametrize(
    ("file", "failure"),
    [
        (File(b"<html>it is gone</html>"), UpstreamFailed),
        (File(b""), UpstreamFailed),
        (File(mp4("x"), status=500), UpstreamFailed),
        (File(mp4("x"), location="http://10.0.0.1/"), UpstreamFailed),
        (File(mp4("x" * 5 * PART_BYTES)), MediaTooLarge),
    ],
)
async def test_of_anything_else_nothing_is_left(
    fake, keeping, store, file: File, failure: type[Exception]
) -> None:
    fake.files["a.mp4"] = file
    provider = leg(base_url=fake.base_url).provider
    with pytest.raises(failure):
        await keeping.fetched(provider, fake.file_address("a.mp4"))
    await swept(store)
    assert store.used_bytes == 0


async def swept(store: MediaStore) -> None:
    """What was left goes in the thread that wrote it."""
    async with asyncio.timeout(5):
        # The room it took is given back after the file itself.
        while files(store) or store.used_bytes:
            await asyncio.sleep(0)


async def test_only_the_provider_s_own_places_are_asked(keeping) -> None:
    with pytest.raises(UpstreamMisled):
        await keeping.fetched(leg().provider, "http://169.254.169.254/a.mp4")


async def test_a_file_that_never_ends_is_not_waited_for(store) -> None:
    class Slow:
        def pieces(self, url):
            return asyncio.timeout(None)

    async def forever(self, pieces):
        await asyncio.Event().wait()

    slow = type("SlowKeeping", (Keeping,), {"kept": forever})
    with pytest.raises(UpstreamTimeout):
        await slow(store, lambda provider: Slow(), 0.01).fetched(leg().provider, "x")


async def test_bytes_that_were_told_at_once_are_kept(keeping, store) -> None:
    name = await keeping.kept(whole(mp4("demo")))
    assert content(store, name) == mp4("demo")


async def test_pieces_are_gathered_into_parts() -> None:
    async def pieces():
        for _ in range(5):
            yield b"x" * (PART_BYTES // 2)

    parts = [len(part) async for part in in_parts(pieces())]
    assert parts == [PART_BYTES, PART_BYTES, PART_BYTES // 2]
