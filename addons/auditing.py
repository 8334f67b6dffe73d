"""Auditing: does the ledger still add up?

The whole ledger was proved before the gateway started. From then on, every ten minutes,
a thread proves what came since the last proof. If that fails the books are wrong and
nothing new is admitted until somebody has looked; what runs is still settled.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from mitmproxy.utils import asyncio_utils

from storage.audit import Finding
from storage.errors import StorageError

INTERVAL_SECONDS = 600.0

logger = logging.getLogger(__name__)


class Auditing:
    """Watches the ledger; `broken` names the first row that is wrong."""

    def __init__(
        self,
        audit: Callable[[], Sequence[Finding]],
        stop_audit: Callable[[], None],
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self.audit = audit
        self.stop_audit = stop_audit
        self.interval_seconds = interval_seconds
        self.broken: str | None = None
        self.task: asyncio.Task[None] | None = None

    def running(self) -> None:
        self.task = asyncio_utils.create_task(
            self.watch(), name="auditing", keep_ref=True
        )

    def done(self) -> None:
        if self.task is not None:
            self.task.cancel()
        self.stop_audit()

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(self.interval_seconds)
            await self.look()

    async def look(self) -> None:
        """One audit. What was found once stays found: a restart proves all again."""
        try:
            findings = await asyncio.to_thread(self.audit)
        except (StorageError, OSError) as error:
            logger.warning("the ledger could not be audited: %s", error)
            return
        for found in findings:
            logger.error("the audit found: %s", found)
        if findings and self.broken is None:
            self.broken = str(findings[0])
