"""Auditing: does the ledger still add up?

The whole ledger was proved before the gateway started. From then on, every ten minutes,
a thread proves what came since the last proof; of several workers the one that leads
does. If that fails the books are wrong and nothing new is admitted until somebody has
looked; what runs is still settled. All workers listen for the alarm that this raises.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from mitmproxy.utils import asyncio_utils

from storage.audit import Finding
from storage.errors import StorageError

INTERVAL_SECONDS = 600.0
LISTEN_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Auditing:
    """Watches the ledger; `broken` names the first row that is wrong."""

    def __init__(
        self,
        audit: Callable[[], Sequence[Finding]],
        stop_audit: Callable[[], None],
        leads: Callable[[], bool] = lambda: True,
        alarm: Callable[[], str | None] = lambda: None,
        interval_seconds: float = INTERVAL_SECONDS,
        listen_seconds: float = LISTEN_SECONDS,
    ) -> None:
        self.audit = audit
        self.stop_audit = stop_audit
        self.leads = leads
        self.alarm = alarm
        self.interval_seconds = interval_seconds
        self.listen_seconds = listen_seconds
        self.broken: str | None = None
        self.tasks: list[asyncio.Task[None]] = []

    def running(self) -> None:
        self.tasks = [
            asyncio_utils.create_task(work, name="auditing", keep_ref=True)
            for work in (self.watch(), self.listen())
        ]

    def done(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.stop_audit()

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(self.interval_seconds)
            await self.look()

    async def listen(self) -> None:
        while True:
            await asyncio.sleep(self.listen_seconds)
            await self.hear()

    async def look(self) -> None:
        """One audit. What was found once stays found: a restart proves all again."""
        try:
            if not await asyncio.to_thread(self.leads):
                return
            findings = await asyncio.to_thread(self.audit)
        except (StorageError, OSError) as error:
            logger.warning("the ledger could not be audited: %s", error)
            return
        for found in findings:
            logger.error("the audit found: %s", found)
        if findings and self.broken is None:
            self.broken = str(findings[0])

    async def hear(self) -> None:
        """What the worker that audits has found."""
        try:
            reason = await asyncio.to_thread(self.alarm)
        except OSError as error:
            logger.warning("the audit's alarm cannot be read: %s", error)
            return
        if reason is not None and self.broken is None:
            logger.error("another worker's audit found: %s", reason)
            self.broken = reason
