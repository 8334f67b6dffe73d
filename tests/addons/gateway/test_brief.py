"""What a worker is told arrives; the supervisor's end is noticed."""

import asyncio
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from addons.gateway.brief import READY, Brief, Lifeline
from config import load

CONFIG = Path(__file__).parents[3] / "config"
WAIT_SECONDS = 20.0


@pytest.fixture
def brief() -> Brief:
    return Brief(
        load(CONFIG, {}),
        Path("data"),
        demo=True,
        gateway_lock=7,
        metrics=Path("metrics"),
    )


class Pipes:
    """The supervisor's ends, and the worker's."""

    def __init__(self) -> None:
        stdin, self.brief = os.pipe()
        self.stdin = os.fdopen(stdin, "rb")
        self.reading, self.report = os.pipe()

    def answer(self) -> bytes:
        with os.fdopen(self.reading, "rb") as reading:
            return reading.read()


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    pipes.stdin.close()


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

    def end() -> None:
        ends.append(None)
        ended.set()

    lifeline.watch(asyncio.get_running_loop(), end)
    assert not ended.is_set()
    os.close(pipes.brief)
    async with asyncio.timeout(WAIT_SECONDS):
        await ended.wait()
    await asyncio.sleep(0)
    assert ends == [None]
    lifeline.tell(READY)
    os.close(pipes.reading)


@pytest.mark.parametrize("told", [b"", b"serve\n", b"garbage\n", b"N."])
def test_who_was_not_briefed_is_no_worker(told: bytes) -> None:
    with pytest.raises(ValueError, match="started by `serve` only"):
        Lifeline(io.BytesIO(told), 1)
