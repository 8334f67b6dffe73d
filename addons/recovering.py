"""Recovering: what dead workers held.

A worker that was killed leaves its holds open. Where several serve, nobody waits for a
restart of all: every few seconds the one that leads voids what the dead held. So a
caller has the money back, and the holds of the living are left alone. Asking who leads
is also how another worker takes over when the leader is the one that died.
"""

import asyncio
import logging
from collections.abc import Callable

from mitmproxy.utils import asyncio_utils

from storage.errors import StorageError

INTERVAL_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Recovering:
    """Asks now and then to lead, and sweeps as long as this process does."""

    def __init__(
        self,
        leads: Callable[[], bool],
        sweep: Callable[[], object],
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self.leads = leads
        self.sweep = sweep
        self.interval_seconds = interval_seconds
        self.task: asyncio.Task[None] | None = None

    def running(self) -> None:
        self.task = asyncio_utils.create_task(
            self.watch(), name="recovering", keep_ref=True
        )

    def done(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(self.interval_seconds)
            await self.look()

    async def look(self) -> None:
        try:
            await asyncio.to_thread(self.recover)
        except (StorageError, OSError) as error:
            logger.warning("what dead workers held is not void yet: %s", error)

    def recover(self) -> None:
        if self.leads():
            self.sweep()
