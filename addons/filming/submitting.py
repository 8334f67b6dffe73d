"""Submitting: a queued job is begun by a provider, once.

That it is taken is written down before a provider is called, and from then on it is
never taken again unless it is certain that nothing was begun. Legs that cannot make it
are passed over before that, because nobody needs to be asked.
"""

import logging
from dataclasses import dataclass

from addons.exchange import Leg
from addons.filming.calls import Called
from addons.filming.charging import check_sold, milliseconds
from addons.filming.ends import CANCELLED, TIMED_OUT, UNKNOWN, error_of
from addons.filming.legs import name_of
from addons.filming.outcomes import Outlook, outlook
from addons.filming.schedule import moment_ns
from addons.filming.tries import Chance, Tries
from addons.filming.work import Way, Work, ask_of, note, reason, way_of
from addons.providers.base import UpstreamRequest
from addons.providers.filming import Task
from addons.wire.errors import ApiError, ModelUnavailable
from storage import jobs
from storage.jobs import Job, LegChoice
from storage.trail import ATTEMPTS_MAX, AttemptRecord, attempts_of, trail_text

logger = logging.getLogger(__name__)

# Of how many jobs is remembered which of their legs failed; who is forgotten begins
# with its first one again.
REMEMBERED_MAX = 4096


@dataclass(frozen=True, slots=True)
class Choice:
    """The leg that is next for a job, and what is sent there."""

    tries: Tries
    chance: Chance
    way: Way
    request: UpstreamRequest

    @property
    def leg(self) -> Leg:
        return self.chance.leg


class Submitting:
    """Has jobs begun."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.tries: dict[str, Tries] = {}

    async def submit(self, job: Job) -> Job | None:
        """Have a job begun by the leg that is next."""
        work, now_ns = self.work, self.work.clock.wall_ns()
        if job.cancel_ns is not None:
            # Wished while a provider was asked that did not begin it.
            tried = attempts_of(job.trail)
            return await work.fail(job, CANCELLED, tried, cancelled=True)
        if now_ns >= job.deadline_ns:
            return await work.fail(job, TIMED_OUT, attempts_of(job.trail))
        try:
            choice = self.choose(job)
        except ApiError as error:
            logger.warning("%s: nobody makes it: %s", job.id, reason(error))
            return await work.fail(job, error_of(error), attempts_of(job.trail))
        work.taking.add(job.id)
        work.pledged.add(job.id)
        try:
            taken = await work.book.write(
                jobs.take, job.id, job.version, leg_choice(job, choice.leg), now_ns
            )
            work.taking.discard(job.id)
            return None if taken is None else await self.begin(taken, choice)
        finally:
            work.pledged.discard(job.id)

    def choose(self, job: Job) -> Choice:
        """The leg that is next, and what is sent there; the ApiError that the job ends
        with if there is none."""
        tries, ask = self.tries_of(job), ask_of(job)
        if not tries.chances:
            raise ModelUnavailable(job.model)
        while (chance := tries.next()) is not None:
            try:
                way = way_of(chance.leg)
                request = way.filming.submit_request(
                    ask, chance.leg.candidate.model, f"account-{job.account_id}"
                )
                check_sold(way.filming, request, ask)
            except ApiError as error:
                tries.failed(chance, error, Outlook.ELSEWHERE, job.deadline_ns)
            else:
                return Choice(tries, chance, way, request)
        raise tries.told

    def tries_of(self, job: Job) -> Tries:
        found = self.tries.get(job.id)
        if found is None:
            if len(self.tries) >= REMEMBERED_MAX:
                self.forget(next(iter(self.tries)))
            legs = self.work.legs.of_model(job.model)
            found = self.tries[job.id] = Tries(legs)
        return found

    def forget(self, job_id: str) -> None:
        """The job is no longer queued."""
        self.tries.pop(job_id, None)

    async def begin(self, job: Job, choice: Choice) -> Job | None:
        """Submit a job that is taken."""
        work, started_ns = self.work, self.work.clock.wall_ns()
        called = Called()
        try:
            called = await work.call(job, "submit", choice.leg, choice.request)
            task = submitted(choice.way, called)
            next_ns = work.next_look_ns(choice.way.filming)
            running = await work.book.write(jobs.accepted, job, task.text(), next_ns)
        except ApiError as error:
            return await self.refused(job, choice, error, called, started_ns)
        except Exception:
            # Not done again: nobody knows how far it came.
            logger.exception("%s: its submission failed", job.id)
            trail = self.tried(job, UNKNOWN.code, called.status, started_ns)
            return await work.fail(job, UNKNOWN, trail)
        if running is None:
            # We were taken for dead: it has ended, and nobody waits for it.
            logger.warning("%s: it was begun and had ended", job.id)
        return running

    async def refused(
        self,
        job: Job,
        choice: Choice,
        error: ApiError,
        called: Called,
        started_ns: int,
    ) -> Job | None:
        """A submission failed: back in the queue, if that is safe, or to its end."""
        work = self.work
        note(job, "was not begun", error)
        view = outlook(error, called.sent, called.status)
        trail = self.tried(job, error.code or error.type, called.status, started_ns)
        if view is Outlook.UNKNOWN:
            return await work.fail(job, UNKNOWN, trail)
        if view is Outlook.JUDGED:
            return await work.fail(job, error_of(error), trail)
        next_ns = self.next_ns(job, choice, error, view)
        if next_ns is None or len(trail) >= ATTEMPTS_MAX:
            return await work.fail(job, error_of(choice.tries.told), trail)
        return await work.book.write(jobs.requeued, job, trail_text(trail), next_ns)

    def next_ns(
        self, job: Job, choice: Choice, error: ApiError, view: Outlook
    ) -> int | None:
        """When the next leg is ready; None if none is before the job's deadline."""
        now_ns, chance = self.work.clock.wall_ns(), choice.chance
        wait_seconds = self.work.pace.after_fault(
            job.id, chance.tries + 1, error.retry_after
        )
        ready_ns = moment_ns(now_ns, wait_seconds, job.deadline_ns)
        choice.tries.failed(chance, error, view, ready_ns)
        after = choice.tries.next()
        if after is None or after.ready_ns >= job.deadline_ns:
            return None
        return max(now_ns, after.ready_ns)

    def tried(
        self, job: Job, outcome: str, status: int, started_ns: int
    ) -> tuple[AttemptRecord, ...]:
        """The trail with the submission that has just failed."""
        attempt = AttemptRecord(
            job.provider,
            job.upstream_model,
            outcome,
            status,
            milliseconds(started_ns - job.created_ns),
            milliseconds(self.work.clock.wall_ns() - started_ns),
        )
        return (*attempts_of(job.trail), attempt)


def leg_choice(job: Job, leg: Leg) -> LegChoice:
    number = len(attempts_of(job.trail))
    candidate = leg.candidate
    return LegChoice(number, candidate.provider, candidate.model, name_of(leg))


def submitted(way: Way, called: Called) -> Task:
    """The task that was begun; the ApiError of a call that began none, or nobody knows
    which."""
    if called.error is not None:
        raise called.error
    return way.filming.read_submitted(
        called.status, called.headers, called.body, way.leg.provider.base_url
    )
