"""Jobs: has videos made, in the one process that does it for all.

A job is a row in the ledger, and everything that is known of it is there. So whoever
leads looks for those that are due, takes each as far as it goes, and forgets it; who
leads next goes on with what it finds. Every process looks from time to time; the one
whose worker opens a job is told at once.

However many jobs there are, no more than `running_max` are with providers, and those
are never kept waiting by the ones that queue. A step is never broken off half-way where
a provider is being asked to begin something; all others may be, and are taken again.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from mitmproxy.utils import asyncio_utils

from addons.filming.schedule import NANOSECONDS
from addons.filming.steps import Steps
from config.settings import Settings
from storage.errors import StorageError
from storage.job_reads import JobReads
from storage.jobs import Job

logger = logging.getLogger(__name__)

# At the end: for submissions that are on their way, before the process goes.
STOP_SECONDS = 15.0
# What a step that failed by a fault of ours is left alone for.
REST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the ledger found to do."""

    lost: list[Job]
    begun: list[Job]
    queued: list[Job]


class Jobs:
    """Looks for jobs that are due, and has them go on."""

    def __init__(
        self,
        reads: JobReads,
        boot_id: str,
        leads: Callable[[], bool],
        is_dead: Callable[[str], bool],
        steps: Steps,
        running_max: Callable[[], int],
        stop_seconds: float = STOP_SECONDS,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self.reads = reads
        self.boot_id = boot_id
        self.leads = leads
        self.is_dead = is_dead
        self.steps = steps
        self.clock = steps.work.clock
        self.tick_seconds = steps.work.pace.tick_seconds
        self.running_max = running_max
        self.stop_seconds = stop_seconds
        self.rest_seconds = rest_seconds
        self.active: dict[str, asyncio.Task[None]] = {}
        self.taking = steps.work.taking
        self.resting: dict[str, int] = {}
        self.kicked = asyncio.Event()
        self.watching: asyncio.Task[None] | None = None

    def running(self) -> None:
        self.watching = asyncio_utils.create_task(
            self.watch(), name="jobs", keep_ref=True
        )

    def configured(self, settings: Settings) -> None:
        self.steps.configured(settings)

    def kick(self) -> None:
        """There is something to do: look now. For the event loop's thread."""
        self.kicked.set()

    async def done(self) -> None:
        """Stop between two steps. What has been taken to a provider is heard out, for
        as long as there is; the rest is found again by whoever leads next."""
        if self.watching is not None:
            self.watching.cancel()
        for job_id, task in list(self.active.items()):
            if not self.steps.must_stay(job_id):
                task.cancel()
        tasks = set(self.active.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.stop_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.steps.close()

    async def watch(self) -> None:
        while True:
            await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.tick_seconds):
                    await self.kicked.wait()

    async def look(self) -> None:
        """Start what is due, if this is the process that does."""
        self.kicked.clear()
        self.wake()
        try:
            found = await asyncio.to_thread(self.find)
        except (StorageError, OSError) as error:
            logger.warning("no job can be looked for: %s", error)
            return
        except Exception:
            # Whatever it was: if this ended, no video would be made any more.
            logger.exception("no job can be looked for")
            return
        for job in found.lost:
            self.start(job, self.steps.lose)
        for job in found.begun:
            self.start(job, self.steps.go)
        for job in found.queued:
            if self.is_free(job):
                self.taking.add(job.id)
                self.start(job, self.steps.go)

    def find(self) -> Found:
        """What is due and in nobody's hands. Blocks."""
        if not self.leads():
            return Found([], [], [])
        now_ns = self.clock.wall_ns()
        running_max = self.running_max()
        held = len(self.active) + len(self.resting)
        begun = self.reads.due_begun(now_ns, running_max + held)
        # Whoever is taken in this moment counts twice, rather than not at all.
        taking = len(self.taking)
        room = running_max - self.reads.begun() - taking
        queued = []
        if room > 0:
            queued = self.reads.due_queued(now_ns, room + held)
            queued = [job for job in queued if self.is_free(job)][:room]
        lost = self.reads.lost(self.is_lost)
        return Found([job for job in lost if self.is_free(job)], begun, queued)

    def is_lost(self, boot_id: str) -> bool:
        """Whether nobody submits for that boot any more. Ours does as long as the job
        is in our hands, which is asked of each."""
        return boot_id == self.boot_id or self.is_dead(boot_id)

    def is_free(self, job: Job) -> bool:
        return job.id not in self.active and job.id not in self.resting

    def start(self, job: Job, step: Callable[[Job], Coroutine[Any, Any, None]]) -> None:
        """Unless it is in our hands already."""
        if not self.is_free(job):
            return
        task = asyncio_utils.create_task(step(job), name=f"job {job.id}", keep_ref=True)
        self.active[job.id] = task
        # Called later also if the task has ended by now.
        task.add_done_callback(partial(self.ended, job.id))

    def ended(self, job_id: str, task: asyncio.Task[None]) -> None:
        del self.active[job_id]
        self.taking.discard(job_id)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            # There may be room for another.
            self.kick()
            return
        logger.error("%s: a step failed", job_id, exc_info=error)
        rest_ns = int(self.rest_seconds * NANOSECONDS)
        self.resting[job_id] = self.clock.monotonic_ns() + rest_ns

    def wake(self) -> None:
        """Those that have rested are free again."""
        now_ns = self.clock.monotonic_ns()
        for job_id in [id for id, at_ns in self.resting.items() if at_ns <= now_ns]:
            del self.resting[job_id]
