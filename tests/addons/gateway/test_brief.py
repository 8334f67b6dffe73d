"""What a worker is told arrives; the supervisor's end is noticed."""

import asyncio
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from addons.gateway.brief import READY, Brief, Frames, Lifeline, news, news_of
from config import load
from config.current import Loaded

CONFIG = Path(__file__).parents[3] / "config"
WAIT_SECONDS = 20.0


@pytest.fixture
def brief() -> Brief:
    return Brief(
        Loaded(load(CONFIG, {}), 5),
        Path("data"),
        demo=True,
        gateway_lock=7,
        metrics=Path("metrics"),
    )


class Pipes:
    """The supervisor's ends, and the worker's."""

    def __init__(self) -> None:
        self.stdin, self.brief = os.pipe()
        self.reading, self.report = os.pipe()

    def answer(self) -> bytes:
        with os.fdopen(self.reading, "rb") as reading:
            return reading.read()


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    os.close(pipes.stdin)


def test_a_worker_gets_all_that_the_supervisor_was_told(
    pipes: Pipes, brief: Brief
) -> None:
    os.write(pipes.brief, brief.dump())
    lifeline = Lifeline(pipes.stdin, pipes.report)
    assert lifeline.brief == brief
    assert lifeline.tell(READY)
    assert not lifeline.tell(b"too late")
    assert pipes.answer() == READY
    os.close(pipes.brief)


def test_nobody_to_tell_is_no_fault(pipes: Pipes, brief: Brief) -> None:
    os.write(pipes.brief, brief.dump())
    lifeline = Lifeline(pipes.stdin, pipes.report)
    os.close(pipes.reading)
    lifeline.tell(READY)
    os.close(pipes.brief)


async def test_the_end_of_the_supervisor_is_told_once(
    pipes: Pipes, brief: Brief
) -> None:
    os.write(pipes.brief, brief.dump())
    lifeline = Lifeline(pipes.stdin, pipes.report)
    ended = asyncio.Event()
    ends: list[None] = []
    told: list[bytes] = []

    def end() -> None:
        ends.append(None)
        ended.set()

    lifeline.watch(asyncio.get_running_loop(), end, told.append)
    assert not ended.is_set()
    os.close(pipes.brief)
    async with asyncio.timeout(WAIT_SECONDS):
        await ended.wait()
    await asyncio.sleep(0)
    assert ends == [None]
    lifeline.tell(READY)
    os.close(pipes.reading)


@pytest.mark.parametrize("told", [b"", b"serve\n", b"garbage\n", b"N."])
def test_who_was_not_briefed_is_no_worker(pipes: Pipes, told: bytes) -> None:
    os.write(pipes.brief, told)
    os.close(pipes.brief)
    with pytest.raises(ValueError, match="started by `serve` only"):
        Lifeline(pipes.stdin, 1)


@pytest.mark.parametrize("whole", [True, False])
async def test_what_is_read_again_is_told_in_its_order(
    pipes: Pipes, brief: Brief, whole: bool
) -> None:
    """Also what came with the brief, and what comes in pieces."""
    first, second = Loaded(brief.settings, 6), Loaded(brief.settings, 7, refusal="no")
    said = brief.dump() + news(first)
    writing = asyncio.create_task(write(pipes.brief, said, news(second), whole))
    lifeline = await asyncio.to_thread(Lifeline, pipes.stdin, pipes.report)
    told: list[Loaded] = []
    heard = asyncio.Event()

    def hear(frame: bytes) -> None:
        told.append(news_of(frame))
        if len(told) == 2:
            heard.set()

    loop = asyncio.get_running_loop()
    lifeline.watch(loop, lambda: None, hear)
    async with asyncio.timeout(WAIT_SECONDS):
        await heard.wait()
        await writing
    assert told == [first, second]
    loop.remove_reader(pipes.stdin)
    os.close(pipes.brief)
    os.close(pipes.reading)
    os.close(pipes.report)


async def write(pipe: int, first: bytes, then: bytes, whole: bool) -> None:
    content = first + then
    size = len(content) if whole else 1000
    for start in range(0, len(content), size):
        piece = content[start : start + size]
        await asyncio.to_thread(write_all, pipe, piece)


def write_all(pipe: int, content: bytes) -> None:
    while content:
        content = content[os.write(pipe, content) :]


@pytest.mark.parametrize("said", [b"\xff" * 8, b"garbage\n"])
def test_a_frame_that_nobody_sends_is_no_frame(said: bytes) -> None:
    frames = Frames()
    frames.feed(said)
    with pytest.raises(ValueError, match="started by `serve` only"):
        frames.next()


def test_news_are_of_what_was_loaded() -> None:
    with pytest.raises(ValueError, match="started by `serve` only"):
        news_of(pickle.dumps("anything else"))
