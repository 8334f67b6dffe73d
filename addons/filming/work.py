"""Work: what all steps of a job share, and how each of them can end.

A provider is asked about a job by the leg that began it, and told to stop where that is
still free. Whatever ends a job is written down with the attempts that led there; what
may yet come to something is put off, for longer each time, until the job's deadline.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from addons.exchange import Leg
from addons.filming.book import Book
from addons.filming.calls import Called, Calls
from addons.filming.charging import failure_of, last_attempt
from addons.filming.ends import CANCELLED, TIMED_OUT, error_of
from addons.filming.legs import Legs
from addons.filming.schedule import NANOSECONDS, Pace, moment_ns
from addons.filming.told import Errand, JobCall, TellCall
from addons.filming.told import nobody as nobody_looks
from addons.providers.base import UpstreamRequest
from addons.providers.filming import Filming, Live, Polled, Task
from addons.wire.errors import ApiError, InternalError, UpstreamFailed
from addons.wire.videos import VideoAsk, order_of
from storage import jobs
from storage.clock import Clock
from storage.jobs import Job, JobError, JobState
from storage.ledger import UsageRecord
from storage.trail import AttemptRecord, attempts_of

logger = logging.getLogger(__name__)

type Told = Callable[[UsageRecord, int, int, int], None]
type Read = Callable[[int, Mapping[str, str], bytes], Polled]

# Of what is known of a task, the states in which it is not over.
LIVE: Mapping[str, Live] = {"queued": "queued", "running": "running"}


def nobody(
    record: UsageRecord, cost_nano: int, paid_nano: int, buy_nano: int
) -> None:
    """Is told of a job's end, and does nothing."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a job is: its leg, and how that provider makes videos."""

    leg: Leg
    filming: Filming


@dataclass(frozen=True, slots=True)
class Work:
    """The means by which steps are taken.

    In `taking` are the queued jobs that are about to be taken, as long as the ledger
    does not have that; in `pledged` those that must not be left now, because a provider
    is being asked to begin them. `told` of each job's end is who counts them: what it
    cost, what was paid for it, and what it costs us; `tell` of each call who looks on.
    """

    book: Book
    legs: Legs
    calls: Calls
    clock: Clock
    pace: Pace
    taking: set[str] = field(default_factory=set)
    pledged: set[str] = field(default_factory=set)
    told: Told = nobody
    tell: TellCall = nobody_looks

    async def call(
        self, job: Job, errand: Errand, leg: Leg, request: UpstreamRequest
    ) -> Called:
        """Ask a provider something for a job, and say so to who looks on."""
        started_ns = self.clock.wall_ns()
        called = await self.calls.call(leg, request)
        ended_ns = self.clock.wall_ns()
        try:
            self.tell(JobCall(job, errand, leg, request, called, started_ns, ended_ns))
        except Exception:
            # Who only looks on must not harm what is looked at.
            logger.exception("%s: a call was not looked at", job.id)
        return called

    async def fail(
        self,
        job: Job,
        error: JobError,
        trail: Sequence[AttemptRecord],
        cancelled: bool = False,
    ) -> Job | None:
        record = failure_of(job, error, trail, self.clock.wall_ns())
        failed = await self.book.write(jobs.fail, job, error, record, cancelled)
        if failed is not None:
            self.told(record, 0, 0, 0)
        return failed

    def next_look_ns(self, filming: Filming) -> int:
        """After the provider's own interval."""
        wait_ns = int(filming.poll_seconds * NANOSECONDS)
        return self.clock.wall_ns() + wait_ns

    def way_back(self, job: Job) -> Way | None:
        """To where a job is; None while the configuration does not lead there."""
        leg = self.legs.of_job(job.provider, job.upstream_model, job.credential)
        if leg is None or leg.dialect.filming is None:
            logger.warning(
                "%s: %s is not configured with %s any more",
                job.id,
                job.provider,
                job.credential or "no credential",
            )
            return None
        return Way(leg, leg.dialect.filming)

    async def failed(self, job: Job, found: Polled) -> Job | None:
        """A provider made nothing: its failure, or what our owner wished for."""
        error = found.failure or UpstreamFailed()
        note(job, "failed", error)
        if job.cancel_ns is not None and job.state is JobState.RUNNING:
            return await self.fail(
                job, CANCELLED, self.ended(job, CANCELLED.code), cancelled=True
            )
        said = error_of(error)
        return await self.fail(job, said, self.ended(job, said.code))

    async def put_off(self, job: Job, asked_seconds: int | None = None) -> Job | None:
        faults = job.faults + 1
        wait_seconds = self.pace.after_fault(job.id, faults, asked_seconds)
        next_ns = moment_ns(self.clock.wall_ns(), wait_seconds, job.deadline_ns)
        return await self.book.write(
            jobs.polled, job, job.progress, job.upstream_state, faults, next_ns
        )

    async def time_out(self, job: Job, way: Way | None, state: str) -> Job | None:
        if way is not None:
            await self.cancel(job, way, state)
        return await self.fail(job, TIMED_OUT, self.ended(job, TIMED_OUT.code))

    async def cancel(self, job: Job, way: Way, state: str) -> None:
        """Have a provider stop, where that is not billed all the same."""
        live = LIVE.get(state)
        if live is None:
            return
        request = way.filming.cancel_request(task_of(job), live)
        if request is None:
            return
        called = await self.call(job, "cancel", way.leg, request)
        if called.error is not None:
            note(job, "was not cancelled", called.error)

    def ended(self, job: Job, outcome: str) -> tuple[AttemptRecord, ...]:
        """The trail with the attempt that a provider took and made nothing of."""
        attempt = last_attempt(job, outcome, 0, self.clock.wall_ns())
        return (*attempts_of(job.trail), attempt)


def task_of(job: Job) -> Task:
    """What the provider gave for a job that it began."""
    return Task.of(job.task or "{}")


def ask_of(job: Job) -> VideoAsk:
    return order_of(job.model, job.ask).ask


def way_of(leg: Leg) -> Way:
    if leg.dialect.filming is None:
        raise InternalError(detail=f"{leg.provider.name} makes no videos")
    return Way(leg, leg.dialect.filming)


def polled(read: Read, called: Called) -> Polled:
    """What a call's answer says of a task; unclear if there was none."""
    if called.error is not None:
        return Polled("unclear", failure=called.error)
    return read(called.status, called.headers, called.body)


def reason(error: Exception) -> str:
    if isinstance(error, ApiError):
        return error.detail or error.message
    return str(error)


def note(job: Job, what: str, error: ApiError) -> None:
    """Tell the operator what the owner is not told."""
    logger.warning("%s: it %s at %s: %s", job.id, what, job.provider, reason(error))
