"""Book: what the steps of jobs write into the ledger, until it is there.

A step that was taken must be written down before the next one: what a provider did in
between cannot be done again. So a ledger that cannot be written is waited for, with the
step in memory; verbs may be repeated, for they find out whether they came through.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Concatenate

from storage.database import Ledgerbase
from storage.errors import LedgerUnavailable
from storage.writer import Writer

logger = logging.getLogger(__name__)


class Book:
    """Writes with patience."""

    def __init__(self, writer: Writer, retry_seconds: float) -> None:
        self.writer = writer
        self.retry_seconds = retry_seconds

    async def write[**P, R](
        self,
        verb: Callable[Concatenate[Ledgerbase, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """The verb's answer, once it is committed, however long that takes."""
        while True:
            try:
                return await self.writer.run(verb, *args, **kwargs)
            except LedgerUnavailable as error:
                logger.warning("%s is not written yet: %s", verb.__name__, error)
            await asyncio.sleep(self.retry_seconds)
