"""The leaping loop: exact about time, and never asleep."""

import asyncio

import pytest

from tests.fakes.loop import leap


async def wait(seconds: float) -> float:
    async with asyncio.timeout(seconds):
        await asyncio.Event().wait()
    return 0


async def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_hour_passes_at_once_and_exactly() -> None:
    async def story() -> float:
        with pytest.raises(TimeoutError):
            await wait(3600)
        return await now()

    assert leap(story()) == pytest.approx(3600)


def test_timers_run_in_their_order() -> None:
    async def story() -> list[str]:
        seen: list[str] = []
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        loop.call_later(2, seen.append, "second")
        loop.call_later(1, seen.append, "first")
        loop.call_later(3, done.set)
        await done.wait()
        return seen

    assert leap(story()) == ["first", "second"]


def test_each_run_starts_at_zero() -> None:
    assert leap(now()) == 0


def test_who_waits_for_ever_is_told() -> None:
    with pytest.raises(RuntimeError, match="no time"):
        leap(asyncio.Event().wait())
