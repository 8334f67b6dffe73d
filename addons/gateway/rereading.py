"""Rereading: the files are read again when somebody says so, one reading at a time.

Reading and checking take a moment and happen in a thread. Who says so meanwhile is
heard afterwards, once, however often it was said: the files as they are then are what
was meant.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from mitmproxy.utils import asyncio_utils

from config.current import Loaded

logger = logging.getLogger("autolist.configuration")

Read = Callable[[], Loaded]


class Rereading:
    """Has what was read taken."""

    def __init__(self, take: Callable[[Loaded], Awaitable[None]]) -> None:
        self.take = take
        self.next: Read | None = None
        self.task: asyncio.Task[None] | None = None

    def begin(self, read: Read) -> None:
        """Take what `read` gives, which may block. For the event loop's thread."""
        self.next = read
        if self.task is None or self.task.done():
            self.task = asyncio_utils.create_task(
                self.go_on(), name="rereading", keep_ref=True
            )

    def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def go_on(self) -> None:
        while self.next is not None:
            read, self.next = self.next, None
            try:
                await self.take(await asyncio.to_thread(read))
            except Exception as error:
                # A fault of ours may quote what it fell over; nothing has changed.
                logger.error("the files could not be taken: %s", type(error).__name__)


def tell(loaded: Loaded, wall_ns: int) -> None:
    """Say what became of the files."""
    if loaded.refusal is not None:
        logger.error(
            "the files were read again and nothing is changed: %s", loaded.refusal
        )
        return
    settings = loaded.settings
    logger.info(
        "the files were read again and are taken: %d models, %d prices",
        len(settings.models),
        sum(1 for _ in settings.prices),
    )
    if loaded.restart:
        logger.warning(
            "changed in the files, and only by a restart: %s", ", ".join(loaded.restart)
        )
    for warning in settings.prices.warnings(wall_ns):
        logger.info(warning)
