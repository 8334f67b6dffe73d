"""Steps: what happens to a job next, by where it stands.

    queued      it is taken, which is written down, and then submitted
    running     its provider is asked how far it is
    storing     its file is fetched and kept, and then it is charged

Each step ends with the row that the ledger has then; None if somebody else changed it
meanwhile, and the step's own news are dropped. Until the ledger has what a step found
out, there is no next one. A process that is killed anywhere leaves a job that the next
one goes on with; only where a provider was being called to begin it nobody knows, and
such a job is never begun again.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

from addons.filming.charging import last_attempt
from addons.filming.ends import LOST, TIMED_OUT
from addons.filming.keeping import Keeping
from addons.filming.looking import Looking
from addons.filming.storing import Storing, Terms
from addons.filming.submitting import Submitting
from addons.filming.work import Work
from config.settings import Settings
from storage.jobs import Job, JobState
from storage.trail import attempts_of

logger = logging.getLogger(__name__)

type Step = Callable[[Job], Awaitable[Job | None]]


class Steps:
    """Takes jobs as far as they go."""

    def __init__(self, work: Work, keeping: Keeping, terms: Terms) -> None:
        self.work = work
        self.keeping = keeping
        self.submitting = Submitting(work)
        self.steps: Mapping[JobState, Step] = {
            JobState.QUEUED: self.submitting.submit,
            JobState.RUNNING: Looking(work).look,
            JobState.STORING: Storing(work, keeping, terms).store,
        }

    async def go(self, job: Job) -> None:
        """Take a job as far as it goes now."""
        at: Job | None = job
        while at is not None and (step := self.steps.get(at.state)) is not None:
            at = await self.take(step, at)
            if at is not None and at.next_ns > self.work.clock.wall_ns():
                break
        if at is None or at.state is not JobState.QUEUED:
            self.submitting.forget(job.id)

    async def take(self, step: Step, job: Job) -> Job | None:
        """A step; where it fails by a fault of ours after the job's time, the job ends.

        Until then it may be taken again; after that it would fail for ever, and the
        money would be held as long.
        """
        try:
            return await step(job)
        except Exception:
            if self.work.clock.wall_ns() < job.deadline_ns:
                raise
            logger.exception("%s: a step failed, and there is no time left", job.id)
            trail = self.work.ended(job, TIMED_OUT.code)
            return await self.work.fail(job, TIMED_OUT, trail)

    async def lose(self, job: Job) -> None:
        """End a job whose submission nobody knows the outcome of."""
        logger.warning("%s: its gateway stopped while submitting it", job.id)
        attempt = last_attempt(job, LOST.code, 0, self.work.clock.wall_ns())
        trail = (*attempts_of(job.trail), attempt)
        await self.work.fail(job, LOST, trail)

    def must_stay(self, job_id: str) -> bool:
        """Whether a provider is just being asked to begin a job."""
        return job_id in self.work.pledged

    def configured(self, settings: Settings) -> None:
        """From now on these providers are asked."""
        self.work.calls.lines.offer(settings.providers)
        self.keeping.fetches.offer(settings.providers)

    async def close(self) -> None:
        await self.work.calls.close()
        await self.keeping.close()
