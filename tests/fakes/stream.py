"""The writing half of a client's connection, which keeps what it was given.

`slow()` makes a client that does not read, until `read()`.
"""

import asyncio
from typing import Any

PEER = ("127.0.0.1", 50_000)
HERE = ("127.0.0.1", 8000)


class RecordingWriter:
    """Stands in for an asyncio.StreamWriter; pair it with a real StreamReader."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = asyncio.Event()
        self.said = asyncio.Event()
        self.aborted = False
        self._taken = asyncio.Event()
        self._taken.set()

    def slow(self) -> None:
        self._taken.clear()

    def read(self) -> None:
        self._taken.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": PEER, "sockname": HERE}.get(name, default)

    def write(self, data: bytes) -> None:
        if self.closed.is_set():
            raise OSError("written after the close")
        self.written += data
        self.said.set()

    async def drain(self) -> None:
        await self._taken.wait()

    async def wait_closed(self) -> None:
        """Closed is what has nothing left to send."""
        await self._taken.wait()

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def close(self) -> None:
        self.closed.set()

    @property
    def transport(self) -> "RecordingWriter":
        return self

    def abort(self) -> None:
        self.aborted = True
