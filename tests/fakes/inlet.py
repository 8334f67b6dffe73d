"""An inlet that keeps what is fed into it, in place of a client's connection."""

import asyncio

from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http._events import ResponseData, ResponseHeaders


class RecordingInlet:
    """`slow()` lets nobody past `drain_writers` until `read()`."""

    def __init__(self) -> None:
        self.events: list[events.Event] = []
        self.drains = 0
        self.waiting = asyncio.Event()
        self._taken = asyncio.Event()
        self._taken.set()

    async def server_event(self, event: events.Event) -> None:
        self.events.append(event)

    async def drain_writers(self) -> None:
        self.drains += 1
        self.waiting.set()
        await self._taken.wait()

    def slow(self) -> None:
        self._taken.clear()

    def read(self) -> None:
        self._taken.set()

    @property
    def names(self) -> list[str]:
        """The HTTP events in their order, by type."""
        return [type(event).__name__ for event in self.http_events]

    @property
    def http_events(self) -> list[events.Event]:
        return [event for batch in self.events for event in batch.batch]

    @property
    def status(self) -> int:
        """Of the one answer that began."""
        heads = [one for one in self.http_events if isinstance(one, ResponseHeaders)]
        (head,) = heads
        return head.response.status_code

    @property
    def data(self) -> bytes:
        pieces = [one for one in self.http_events if isinstance(one, ResponseData)]
        return b"".join(piece.data for piece in pieces)
