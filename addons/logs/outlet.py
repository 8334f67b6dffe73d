"""Outlet: lines on their way out of the process.

Whoever logs must never wait for whoever reads: a pipe that is full would stop the event
loop and every answer with it. So lines are put into a bounded queue, and a thread of
their own writes them: several at once a few times a second, and those that warn of
something immediately. Above the limit lines are dropped and counted.
"""

import logging
import threading
from collections import deque
from contextlib import suppress
from typing import TextIO

LINES_MAX = 20_000
PAUSE_SECONDS = 0.2
# Several processes write to one pipe, and it keeps together what is within 4096 bytes:
# else a line of one would stand in the middle of another's.
WRITE_CHARS = 2048
# For what is left at the end, if somebody still reads.
CLOSE_SECONDS = 2.0


class Outlet(logging.Handler):
    """Writes to a stream from a thread."""

    def __init__(self, stream: TextIO, lines_max: int = LINES_MAX) -> None:
        super().__init__()
        self.stream = stream
        self.lines_max = lines_max
        self.lines: deque[str] = deque()
        self.dropped = 0
        self.closing = False
        self.wake = threading.Event()
        self.thread = threading.Thread(target=self.serve, name="log", daemon=True)
        self.thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if len(self.lines) >= self.lines_max:
            self.dropped += 1
            return
        self.lines.append(line)
        if record.levelno >= logging.WARNING:
            self.wake.set()

    def serve(self) -> None:
        while not self.closing:
            self.wake.wait(PAUSE_SECONDS)
            self.wake.clear()
            self.write()
        self.write()

    def write(self) -> None:
        while self.lines:
            text = self.take()
            # Nobody is left to be told that nobody reads.
            with suppress(OSError, ValueError):
                self.stream.write(text)
                self.stream.flush()

    def take(self) -> str:
        """The next lines, no more than are written in one piece; at least one."""
        lines = [self.lines.popleft()]
        size = len(lines[0])
        while self.lines and size + len(self.lines[0]) < WRITE_CHARS:
            lines.append(self.lines.popleft())
            size += len(lines[-1]) + 1
        return "\n".join([*lines, ""])

    def close(self) -> None:
        self.closing = True
        self.wake.set()
        self.thread.join(CLOSE_SECONDS)
        super().close()


def lines_dropped() -> int:
    """By all outlets of this process."""
    handlers = logging.getLogger().handlers
    return sum(one.dropped for one in handlers if isinstance(one, Outlet))
