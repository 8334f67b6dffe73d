"""Sending: frames on their way to the inspector, and never in anybody's way.

Whoever has a frame leaves it here and goes on at once: it is kept if there is room, or
dropped and counted. One task takes what is there to the inspector, some times a second,
and is the only one that waits for it: an inspector that is slow, stopped or gone costs
the room of the buffer and nothing else. Each connection has a number, so that whoever
sends a part of something knows whether the other side has the rest.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from mitmproxy.utils import asyncio_utils

# Often enough for who looks on, and seldom enough to write much at once.
PACE_SECONDS = 0.05
BATCH_BYTES = 256 * 1024
# Between two looks whether there is an inspector.
KNOCK_SECONDS = 0.5

type Connect = Callable[[], socket.socket | None]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Frames since the start; `bytes` is what waits now."""

    sent: int
    dropped: int
    bytes: int


class Sending:
    """A bounded queue and the task that empties it."""

    def __init__(
        self,
        connect: Connect,
        buffer_bytes: int,
        pace_seconds: float = PACE_SECONDS,
        knock_seconds: float = KNOCK_SECONDS,
    ) -> None:
        self.connect = connect
        self.buffer_bytes = buffer_bytes
        self.pace_seconds = pace_seconds
        self.knock_seconds = knock_seconds
        self.frames: deque[bytes] = deque()
        self.waiting_bytes = 0
        self.sent = self.dropped = 0
        self.connection = 0
        self.gone = False
        self.filled = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio_utils.create_task(
            self.run(), name="inspector", keep_ref=True
        )

    def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()

    @property
    def statistics(self) -> Statistics:
        return Statistics(self.sent, self.dropped, self.waiting_bytes)

    @property
    def connected(self) -> bool:
        """Whether it is worth to make a frame at all."""
        return self.connection > 0

    def offer(self, frame: bytes) -> bool:
        """Whether the frame is on its way."""
        size = len(frame)
        if not self.connected or self.waiting_bytes + size > self.buffer_bytes:
            self.dropped += 1
            return False
        self.frames.append(frame)
        self.waiting_bytes += size
        self.filled.set()
        return True

    async def run(self) -> None:
        """One inspector after another."""
        connections = 0
        while True:
            inspector = self.connect()
            if inspector is None:
                await asyncio.sleep(self.knock_seconds)
                continue
            connections += 1
            self.connection = connections
            try:
                with inspector, suppress(OSError):
                    await self.serve(inspector)
            finally:
                self.connection = 0
                self.forget()
            await asyncio.sleep(self.pace_seconds)

    async def serve(self, inspector: socket.socket) -> None:
        """Send until the inspector is gone."""
        loop = asyncio.get_running_loop()
        # It never says anything: what can be read is its end.
        self.gone = False
        loop.add_reader(inspector, self.hear_end)
        try:
            while not self.gone:
                await self.filled.wait()
                # What comes meanwhile goes with it.
                await asyncio.sleep(self.pace_seconds)
                self.filled.clear()
                await self.send_all(inspector)
        finally:
            loop.remove_reader(inspector)

    def hear_end(self) -> None:
        self.gone = True
        self.filled.set()

    async def send_all(self, inspector: socket.socket) -> None:
        """Empty the queue; OSError if the inspector is gone meanwhile."""
        loop = asyncio.get_running_loop()
        while self.frames:
            batch, count = self.batch()
            try:
                await loop.sock_sendall(inspector, batch)
            except OSError:
                self.dropped += count
                raise
            self.sent += count

    def batch(self) -> tuple[bytes, int]:
        """As much as is sent at once, and how many frames that is."""
        taken, size = [], 0
        while self.frames and size < BATCH_BYTES:
            frame = self.frames.popleft()
            taken.append(frame)
            size += len(frame)
        self.waiting_bytes -= size
        return b"".join(taken), len(taken)

    def forget(self) -> None:
        """What was for an inspector that is gone is for no other one."""
        self.dropped += len(self.frames)
        self.frames.clear()
        self.waiting_bytes = 0
        self.filled.clear()
