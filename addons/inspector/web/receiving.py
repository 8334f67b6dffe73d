"""Receiving: frames from the workers, onto the shelf.

As long as nobody looks they only wait there: what is gone again before anybody sees it
is never drawn, and the cores are left to production.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from mitmproxy.utils import asyncio_utils

from addons.inspector.framing import BadFrame, Frames
from addons.inspector.socket_file import listen
from addons.inspector.web.shelf import Shelf

PACE_SECONDS = 0.1
READ_BYTES = 1024 * 1024

logger = logging.getLogger(__name__)


class Receiving:
    """Listens for workers, and shows what they send at a pace of its own while
    somebody looks on."""

    def __init__(self, data: Path, shelf: Shelf, watched: Callable[[], bool]) -> None:
        self.data = data
        self.shelf = shelf
        self.watched = watched
        self.server: asyncio.Server | None = None
        self.stepping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.server = await asyncio.start_unix_server(
            self.hear, sock=listen(self.data), limit=READ_BYTES
        )
        self.stepping = asyncio_utils.create_task(
            self.step_on(), name="shelf", keep_ref=True
        )

    async def stop(self) -> None:
        if self.stepping is not None:
            self.stepping.cancel()
        if self.server is not None:
            self.server.close()

    async def hear(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One worker until it is gone."""
        try:
            frames = Frames()
            # Its end may be in the middle of a frame.
            while data := await reader.read(READ_BYTES):
                for frame in frames.feed(data):
                    self.shelf.take(frame)
        except OSError:
            return
        except BadFrame as error:
            logger.error("a worker sends what is none of ours: %s", error)
        finally:
            writer.close()

    async def step_on(self) -> None:
        while True:
            await asyncio.sleep(PACE_SECONDS)
            while self.watched() and self.shelf.step():
                # Whoever looks on has a turn in between.
                await asyncio.sleep(0)
