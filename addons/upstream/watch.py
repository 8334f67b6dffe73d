"""Watch: the clocks of one attempt.

    connect     in the transport: address, TCP and TLS
    first byte  until the first real content of the answer
    idle        between two signs of life of the provider
    total       from the start to the end, whatever happens

One timer serves them all. It is re-armed lazily, so a chunk costs two attribute
writes and no timer work. While we wait for a slow client the idle clock stands
still: the provider is not to blame; the total clock goes on.
"""

import asyncio
from typing import Self

from addons.wire.errors import UpstreamTimeout
from config.settings import Clocks


class Watch:
    """Cancels the task it was made in when a clock runs out; `expired` says which."""

    def __init__(self, clocks: Clocks) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a watch needs a running task")
        self.loop = asyncio.get_running_loop()
        self.task = task
        self.clocks = clocks
        self.expired: str | None = None
        self.total_at = self.loop.time() + clocks.total_seconds
        self.clock = "first_byte"
        self.due_at = self.loop.time() + clocks.first_byte_seconds

    def __enter__(self) -> Self:
        self._arm()
        return self

    def __exit__(self, *exception: object) -> None:
        self.handle.cancel()

    def streaming(self) -> None:
        """The first byte is there; from here the idle clock counts."""
        self.clock = "idle"
        self.life()

    def life(self) -> None:
        """The provider gave a sign of life."""
        if self.clock != "first_byte":
            self.due_at = self.loop.time() + self.clocks.idle_seconds

    def pause(self) -> None:
        """We wait for the client, not for the provider."""
        if self.clock != "first_byte":
            self.due_at = self.total_at

    def excuse(self) -> None:
        """Called where a CancelledError was caught: UpstreamTimeout if it was this
        watch that cancelled, else the same error again."""
        if self.expired is None:
            raise
        self.task.uncancel()
        raise UpstreamTimeout(detail=f"{self.expired} clock") from None

    def _arm(self) -> None:
        # A due time may move closer after a pause, so never sleep past one idle time.
        latest = self.loop.time() + self.clocks.idle_seconds
        when = min(self.due_at, self.total_at, latest)
        self.handle = self.loop.call_at(when, self._check)

    def _check(self) -> None:
        now = self.loop.time()
        if now >= self.total_at:
            self._expire("total")
        elif now >= self.due_at:
            self._expire(self.clock)
        else:
            self._arm()

    def _expire(self, clock: str) -> None:
        self.expired = clock
        self.task.cancel(f"{clock} clock")
