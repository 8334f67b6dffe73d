"""Auditing: does the ledger still add up?

Before the gateway started it proved the ledger since the last checkpoint. From then on
a thread proves every ten minutes what came since the last proof; and another process
proves all of it, at once and then every day; of several workers the one that leads has
this done. If a proof fails the books are wrong and nothing new is admitted until
somebody has looked; what runs is still settled. All workers listen for the alarm that
this raises.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from mitmproxy.utils import asyncio_utils

from storage.audit import Finding
from storage.auditor import Auditor
from storage.errors import StorageError

INTERVAL_SECONDS = 600.0
WHOLE_INTERVAL_SECONDS = 86_400.0
LISTEN_SECONDS = 1.0

Audit = Callable[[], Sequence[Finding]]

logger = logging.getLogger(__name__)


class Auditing:
    """Watches the ledger; `broken` names the first row that is wrong."""

    def __init__(
        self,
        auditor: Auditor,
        leads: Callable[[], bool] = lambda: True,
        alarm: Callable[[], str | None] = lambda: None,
        interval_seconds: float = INTERVAL_SECONDS,
        whole_interval_seconds: float = WHOLE_INTERVAL_SECONDS,
        listen_seconds: float = LISTEN_SECONDS,
    ) -> None:
        self.auditor = auditor
        self.leads = leads
        self.alarm = alarm
        self.interval_seconds = interval_seconds
        self.whole_interval_seconds = whole_interval_seconds
        self.listen_seconds = listen_seconds
        self.broken: str | None = None
        self.tasks: list[asyncio.Task[None]] = []

    async def running(self) -> None:
        # Before the port is open: who is started again beside a broken ledger must
        # not admit until the first time it listens.
        await self.hear()
        jobs = {
            "auditing": self.watch(),
            "auditing-whole": self.watch_whole(),
            "alarm": self.listen(),
        }
        self.tasks = [
            asyncio_utils.create_task(job, name=name, keep_ref=True)
            for name, job in jobs.items()
        ]

    def done(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.auditor.stop()

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(self.interval_seconds)
            await self.look(self.auditor.audit)

    async def listen(self) -> None:
        while True:
            await asyncio.sleep(self.listen_seconds)
            await self.hear()

    async def watch_whole(self) -> None:
        """At once if the start left it out; one that could not be done is still due."""
        if self.auditor.whole_due:
            await self.look(self.auditor.prove_whole)
        while True:
            due = self.auditor.whole_due
            await asyncio.sleep(
                self.interval_seconds if due else self.whole_interval_seconds
            )
            await self.look(self.auditor.prove_whole)

    async def look(self, audit: Audit) -> None:
        """One audit. What was found once stays found: a restart proves all again."""
        try:
            if not await asyncio.to_thread(self.leads):
                return
            findings = await asyncio.to_thread(audit)
        except (StorageError, OSError) as error:
            logger.warning("the ledger could not be audited: %s", error)
            return
        except Exception as error:
            # What an audit cannot even read is no proof, and this is not its end.
            logger.exception("the audit failed")
            findings = [Finding("audit", "ledger", f"the audit failed: {error}")]
        for found in findings:
            logger.error("the audit found: %s", found)
        if findings and self.broken is None:
            self.broken = str(findings[0])

    async def hear(self) -> None:
        """What the worker that audits has found."""
        try:
            reason = await asyncio.to_thread(self.alarm)
        except (StorageError, OSError) as error:
            logger.warning("the audit's alarm cannot be read: %s", error)
            return
        if reason is not None and self.broken is None:
            logger.error("another worker's audit found: %s", reason)
            self.broken = reason
