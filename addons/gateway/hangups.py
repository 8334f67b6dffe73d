"""Hangups: SIGHUP, heard from the first moment of a process on.

Left alone it would end the process; and who sends it while the gateway still starts
means the files as they are then, which may have been read before.
"""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self


class Hangups:
    """Remembers, until somebody listens, that there was one."""

    def __init__(self) -> None:
        self.noted = False

    def __enter__(self) -> Self:
        self.before = signal.signal(signal.SIGHUP, self.note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGHUP, self.before)

    def note(self, number: int, frame: FrameType | None) -> None:
        self.noted = True

    def heed(self, on_hangup: Callable[[], None]) -> None:
        """Call this for each from now on, and for those there were. In the loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, on_hangup)
        if self.noted:
            loop.call_soon(on_hangup)
