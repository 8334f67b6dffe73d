"""Looking: the provider of a running job is asked how far it is.

An answer that says nothing of the task changes nothing: the job is asked about again,
until its time is over. Then it is looked at once more, because what was made while
nobody looked is still good, and is cancelled if it was not. An owner's wish to cancel
goes to the provider where that is not billed; whether it came in time tells the next
look.
"""

from addons.filming.work import Way, Work, note, polled, task_of
from addons.providers.filming import Polled
from addons.wire.errors import ApiError, UpstreamFailed
from storage import jobs
from storage.jobs import Job


class Looking:
    """Asks about jobs."""

    def __init__(self, work: Work) -> None:
        self.work = work

    async def look(self, job: Job) -> Job | None:
        """Ask a job's provider how far it is, and go on by what it says."""
        way = self.work.way_back(job)
        if way is None:
            return await self.later(job, UpstreamFailed(detail="its leg is gone"))
        request = way.filming.poll_request(task_of(job), job.polls)
        called = await self.work.call(job, "poll", way.leg, request)
        found = polled(way.filming.read_polled, called)
        match found.state:
            case "made":
                return await self.made(job, found)
            case "failed":
                return await self.work.failed(job, found)
            case "queued" | "running":
                return await self.goes_on(job, way, found)
            case _:
                return await self.later(job, found.failure or UpstreamFailed())

    async def made(self, job: Job, found: Polled) -> Job | None:
        task = task_of(job)
        if found.url is not None:
            task = task.with_media(found.url)
        return await self.work.book.write(jobs.made, job, task.text())

    async def goes_on(self, job: Job, way: Way, found: Polled) -> Job | None:
        work = self.work
        if work.clock.wall_ns() >= job.deadline_ns:
            return await work.time_out(job, way, found.state)
        if job.cancel_ns is not None:
            await work.cancel(job, way, found.state)
        progress = job.progress if found.progress is None else found.progress
        next_ns = work.next_look_ns(way.filming)
        return await work.book.write(
            jobs.polled, job, progress, found.state, 0, next_ns
        )

    async def later(self, job: Job, error: ApiError) -> Job | None:
        """Nothing was learned: ask again after a while, if there is time for that."""
        work = self.work
        note(job, "cannot be asked about", error)
        if work.clock.wall_ns() >= job.deadline_ns:
            return await work.time_out(job, work.way_back(job), job.upstream_state)
        return await work.put_off(job, error.retry_after)
