"""A loop whose time is made of timers: it never waits, it moves to the next one.

For code that asks the loop what time it is. A minute of silence takes no time, and
the order of what happens is the order it would happen in. Only for code without
threads and sockets: nothing outside of the loop is waited for.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class Leaping(selectors.SelectSelector):
    """Never blocks; tells how long it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.leapt_seconds = 0.0

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits for something that has no time")
        self.leapt_seconds += max(timeout, 0)
        return super().select(0)


class LeapingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._leaping = Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.leapt_seconds


def leap[R](story: Coroutine[Any, Any, R]) -> R:
    """What the coroutine returns, its waiting left out."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(story)
