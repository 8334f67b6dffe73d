"""Storing: the file of a job is fetched and kept, and then it is charged.

Addresses die, so a file that cannot be had is asked for again. What never can be kept
ends the job at once, anything else when its time is over; neither is charged. A crash
between the file and its charge leaves a file without a name that anybody knows, which
goes with its age, and the file is fetched again.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from addons.filming.charging import Answer, settlement_of
from addons.filming.ends import NOT_KEPT
from addons.filming.keeping import HOPELESS, Keeping, whole
from addons.filming.work import Way, Work, ask_of, note, polled, reason, task_of
from addons.providers.filming import Polled
from addons.wire.errors import ApiError, UpstreamFailed
from config.prices import Price, Situation
from storage import jobs
from storage.errors import StorageError
from storage.jobs import Job

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a charge and its answer are made of: the price that a request was held at
    (this blocks), the situation it was held in, and what writes the answer that is kept
    of what was paid, where one is."""

    price: Callable[[str], Price]
    situation: Callable[[Job], Situation]
    answer: Callable[[Job, str], Answer | None]


class Storing:
    """Keeps the files of jobs, and charges for them."""

    def __init__(self, work: Work, keeping: Keeping, terms: Terms) -> None:
        self.work = work
        self.keeping = keeping
        self.terms = terms

    async def store(self, job: Job) -> Job | None:
        """Keep a job's file, and charge for it."""
        way = self.work.way_back(job)
        if way is None:
            return await self.later(job, UpstreamFailed(detail="its leg is gone"))
        try:
            price = await asyncio.to_thread(self.terms.price, job.request_id)
            kept = await self.keep(job, way)
        except HOPELESS as error:
            logger.warning("%s: its file is never kept: %s", job.id, reason(error))
            return await self.never(job)
        except (ApiError, StorageError, OSError) as error:
            return await self.later(job, error)
        if isinstance(kept, Polled):
            return await self.work.failed(job, kept)
        return await self.complete(job, kept, price)

    async def keep(self, job: Job, way: Way) -> str | Polled:
        """The name of the file; what the provider says if there is none after all."""
        task, provider = task_of(job), way.leg.provider
        if task.media is not None:
            try:
                return await self.keeping.fetched(provider, task.media)
            except HOPELESS:
                raise
            except UpstreamFailed as error:
                note(job, "has to be asked where its file is", error)
        request = way.filming.result_request(task)
        called = await self.work.call(job, "result", way.leg, request)
        found = polled(way.filming.read_result, called)
        if found.state == "failed":
            return found
        if found.data is not None:
            return await self.keeping.kept(whole(found.data))
        if found.url is not None:
            return await self.keeping.fetched(provider, found.url)
        raise found.failure or UpstreamFailed(detail="no address of the file")

    async def complete(self, job: Job, name: str, price: Price) -> Job | None:
        address = self.keeping.shelf.address(name)
        settlement = settlement_of(
            job,
            ask_of(job),
            price,
            self.terms.situation(job),
            self.work.clock.wall_ns(),
            self.terms.answer(job, address),
        )
        completed = await self.work.book.write(
            jobs.complete, job, name, address, settlement
        )
        if completed is not None:
            # All of it was held, so all of it is paid.
            cost_nano = settlement.cost_nano
            self.work.told(settlement.record, cost_nano, cost_nano, settlement.buy_nano)
        return completed

    async def later(self, job: Job, error: Exception) -> Job | None:
        """The file is not here yet: try again after a while, if there is time."""
        logger.warning("%s: its file is not kept yet: %s", job.id, reason(error))
        if self.work.clock.wall_ns() >= job.deadline_ns:
            return await self.never(job)
        asked = error.retry_after if isinstance(error, ApiError) else None
        return await self.work.put_off(job, asked)

    async def never(self, job: Job) -> Job | None:
        trail = self.work.ended(job, NOT_KEPT.code)
        return await self.work.fail(job, NOT_KEPT, trail)
