"""The watch: four clocks, exact to the tick of a loop whose time is made of timers."""

import asyncio

import pytest

from addons.upstream.watch import Watch
from addons.wire.errors import UpstreamTimeout
from config.settings import Clocks
from tests.fakes.loop import leap

CLOCKS = Clocks(first_byte_seconds=20, idle_seconds=10, total_seconds=100)


async def watched(*steps: str | float, clocks: Clocks = CLOCKS) -> tuple[str, float]:
    """Take the steps, numbers being waits, and then wait for ever."""
    with Watch(clocks) as watch:
        try:
            for step in steps:
                if isinstance(step, str):
                    getattr(watch, step)()
                else:
                    await asyncio.wait([asyncio.create_task(after(step))])
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
    return watch.expired, asyncio.get_running_loop().time()


async def after(seconds: float) -> None:
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, done.set)
    await done.wait()


@pytest.mark.parametrize(
    ("steps", "expired", "seconds"),
    [
        ([], "first_byte", 20),
        (["life", 15.0, "life"], "first_byte", 20),
        ([15.0, "pause"], "first_byte", 20),
        (["streaming"], "idle", 10),
        ([19.0, "streaming"], "idle", 29),
        (["streaming", 9.0, "life", 9.0, "life"], "idle", 28),
        (["streaming", 9.0, "life", 3.0], "idle", 19),
        (["streaming", "pause", 50.0], "total", 100),
        (["streaming", "pause", 50.0, "life"], "idle", 60),
        (["streaming", "pause", 95.0, "life"], "total", 100),
        (["streaming"] + 20 * [9.0, "life"], "total", 100),
    ],
)
def test_the_clock_that_runs_out_first_ends_the_task(steps, expired, seconds) -> None:
    assert leap(watched(*steps)) == (expired, pytest.approx(seconds))


@pytest.mark.parametrize(
    ("clocks", "expired", "seconds"),
    [
        (Clocks(first_byte_seconds=200, total_seconds=30), "total", 30),
        (Clocks(first_byte_seconds=7, idle_seconds=1), "first_byte", 7),
        (Clocks(first_byte_seconds=1, idle_seconds=50), "first_byte", 1),
    ],
)
def test_the_clocks_may_have_any_order(clocks, expired: str, seconds: float) -> None:
    assert leap(watched(clocks=clocks)) == (expired, pytest.approx(seconds))


def test_a_watch_that_is_over_cancels_nobody() -> None:
    async def story() -> float:
        with Watch(CLOCKS):
            pass
        await after(200)
        return asyncio.get_running_loop().time()

    assert leap(story()) == pytest.approx(200)


async def test_a_watch_says_which_clock_it_was() -> None:
    with Watch(CLOCKS) as watch:
        assert watch.expired is None


def test_signs_of_life_make_no_timers() -> None:
    async def story() -> set[object]:
        with Watch(CLOCKS) as watch:
            watch.streaming()
            handle = watch.handle
            for _ in range(100):
                watch.life()
                watch.pause()
            return {handle, watch.handle}

    assert len(leap(story())) == 1


def test_outside_of_a_task_there_is_nobody_to_watch() -> None:
    with pytest.raises(RuntimeError):
        Watch(CLOCKS)


async def excused(seconds: float | None) -> None:
    """Wait under a watch until its clock, or somebody, ends it."""
    task = asyncio.current_task()
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, task.cancel)
    with Watch(CLOCKS) as watch:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            watch.excuse()


def test_a_clock_that_ran_out_is_a_timeout_and_any_other_end_is_not() -> None:
    with pytest.raises(UpstreamTimeout):
        leap(excused(None))
    with pytest.raises(asyncio.CancelledError):
        leap(excused(1.0))
