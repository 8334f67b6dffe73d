"""Receiving: frames from the workers, onto the shelf."""

import asyncio
import logging
from pathlib import Path

from mitmproxy.utils import asyncio_utils

from addons.inspector.framing import LENGTHS, BadFrame, Frame, frame_of, lengths_of
from addons.inspector.socket_file import listen
from addons.inspector.web.shelf import Shelf

PACE_SECONDS = 0.1
READ_BYTES = 1024 * 1024

logger = logging.getLogger(__name__)


class Receiving:
    """Listens for workers, and shows what they send at a pace of its own."""

    def __init__(self, data: Path, shelf: Shelf) -> None:
        self.data = data
        self.shelf = shelf
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
            while True:
                self.shelf.take(await read_frame(reader))
        except (asyncio.IncompleteReadError, OSError):
            # It ended; perhaps in the middle of a frame.
            return
        except BadFrame as error:
            logger.error("a worker sends what is none of ours: %s", error)
        finally:
            writer.close()

    async def step_on(self) -> None:
        while True:
            await asyncio.sleep(PACE_SECONDS)
            while self.shelf.step():
                # Whoever looks on has a turn in between.
                await asyncio.sleep(0)


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    kind, *lengths = lengths_of(await reader.readexactly(LENGTHS.size))
    head, request, answer = [await reader.readexactly(length) for length in lengths]
    return frame_of(kind, head, request, answer)
