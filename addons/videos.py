"""Videos: orders them, and waits for them.

A video takes minutes, so it is a job: a row in the ledger that is made in the
transaction that holds its money, and that owns the hold from then on. Nothing is sent
to a provider here, and nothing is charged: whoever runs the jobs does both. A request
that waits has its job looked at now and then; a client that leaves ends the wait and
not the job, which is found again by its id and in the list.

All that wait are looked after by one task, which reads all their jobs in a thread.
"""

import asyncio
import logging
from collections.abc import Callable

from mitmproxy.http import HTTPFlow
from mitmproxy.utils import asyncio_utils

from addons.exchange import Exchange, Order, Told
from addons.files import own_address
from addons.films import (
    POLL_HEADER,
    POLL_MS,
    completed_answer,
    failure_of,
    ordered_answer,
    poll_fields,
    receipt_fields,
    waiting_answer,
)
from addons.plan import Plans
from addons.upstream.call import Call
from addons.wire import videos
from addons.wire.errors import ApiError, InternalError, LedgerDown, UnknownVideo
from addons.wire.videos import VideoAsk
from storage.clock import Clock
from storage.errors import LedgerUnavailable
from storage.ids import Ids
from storage.jobs import Job, NewJob
from storage.reader import Reader

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
UNREADABLE = "The ledger cannot be read. The video is made all the same."
NANOSECONDS = 1_000_000_000


class Videos:
    """Orders a video for each request that may have one, and answers when it can."""

    def __init__(
        self,
        reader: Reader,
        clock: Clock,
        ids: Ids,
        plans: Plans,
        public_url: str | None,
        ordered: Callable[[], None] = lambda: None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self.reader = reader
        self.clock = clock
        self.ids = ids
        self.plans = plans
        self.public_url = public_url
        self.ordered = ordered
        self.look_seconds = look_seconds
        self.waiting: dict[str, asyncio.Future[Job | None]] = {}
        self.cutting = False
        self.looking: asyncio.Task[None] | None = None

    def done(self) -> None:
        if self.looking is not None:
            self.looking.cancel()

    def request(self, flow: HTTPFlow) -> None:
        """Write the order that is to be held for."""
        exchange = Exchange.of(flow)
        ask = exchange.ask
        if exchange.refusal is not None or not isinstance(ask, VideoAsk):
            return
        if exchange.caller is None:
            exchange.refuse(InternalError())
            return
        exchange.order = self.order(flow, exchange, ask)

    def cut_all(self) -> None:
        """Nobody waits any longer: the jobs go on without them."""
        self.cutting = True
        for future in self.waiting.values():
            settle(future, None)

    async def upstream_exchange(self, call: Call) -> None:
        """Answer a request whose video was ordered; other calls are not ours."""
        exchange = Exchange.of(call.flow)
        order = exchange.order
        if order is None or not exchange.ordered or exchange.refusal is not None:
            return
        # With it the flow's `error` ends this when the client leaves.
        exchange.call = call
        call.task = asyncio.current_task()
        self.ordered()
        try:
            exchange.told = await self.tell(exchange, order)
            await call.whole(exchange.told.answer.status)
        except ApiError as error:
            exchange.refuse(error)
            await call.whole(error.status)
        except LedgerUnavailable:
            exchange.refuse(not_told(order))
            await call.whole(LedgerDown.status)

    def order(self, flow: HTTPFlow, exchange: Exchange, ask: VideoAsk) -> Order:
        """A job for an ask, and the answer at once where nobody waits for more."""
        now_ns = self.clock.wall_ns()
        base = self.public_url or own_address(flow.request, exchange.secure)
        kept = videos.Order(ask, base, now_ns)
        settings = self.plans.of(exchange).settings.videos
        job = NewJob(
            id=self.ids.make("video"),
            ask=videos.order_text(kept),
            next_ns=now_ns,
            deadline_ns=now_ns + int(settings.total_seconds * NANOSECONDS),
            account_max=settings.account_max,
            live_max=settings.unfinished_max,
        )
        answer = None if ask.waits else ordered_answer(job.id, exchange.id, kept)
        exchange.dropped = ask.dropped
        return Order(job, now_ns, answer)

    async def tell(self, exchange: Exchange, order: Order) -> Told:
        """What a request is answered; the ApiError of a video that failed."""
        if order.answer is not None:
            return Told(order.answer, {POLL_HEADER: str(POLL_MS)})
        exchange.ask_upstream(self.clock.monotonic_ns())
        try:
            wait_seconds = self.plans.of(exchange).settings.videos.wait_seconds
            job = await self.ended(order.job.id, wait_seconds)
        finally:
            exchange.heard_upstream(self.clock.monotonic_ns())
        return await asyncio.to_thread(self.told, exchange, order.job.id, job)

    def told(self, exchange: Exchange, job_id: str, job: Job | None) -> Told:
        """The same of a job that has ended, or of None that has not."""
        if exchange.caller is None:
            raise InternalError()
        if job is None:
            job = self.reader.jobs.job_of(job_id, exchange.caller.account_id)
        if job is None:
            raise UnknownVideo()
        if job.error_code is not None:
            raise failure_of(job)
        if job.address is None:
            studios = self.plans.of(exchange).studios
            return Told(waiting_answer(job), poll_fields(job, studios))
        report = self.reader.usage(job.request_id)
        if report is None:
            raise InternalError(detail=f"{job.id} was completed and not charged")
        exchange.paid_nano = report.paid_nano
        exchange.available_nano = self.reader.balance(job.account_id).available_nano
        answer = completed_answer(job, job.address, report.paid_nano)
        return Told(answer, receipt_fields(job, report))

    async def ended(self, job_id: str, wait_seconds: float) -> Job | None:
        """A job once it has ended; None if it takes longer than that."""
        if self.cutting:
            return None
        future = asyncio.get_running_loop().create_future()
        self.waiting[job_id] = future
        if self.looking is None or self.looking.done():
            self.looking = asyncio_utils.create_task(
                self.look(), name="videos", keep_ref=True
            )
        try:
            async with asyncio.timeout(wait_seconds):
                found: Job | None = await future
                return found
        except TimeoutError:
            return None
        finally:
            del self.waiting[job_id]

    async def look(self) -> None:
        """Look at the jobs of all that wait, as long as anybody does."""
        while self.waiting:
            try:
                ended = await asyncio.to_thread(self.those_ended, list(self.waiting))
                for job in ended:
                    settle(self.waiting.get(job.id), job)
            except LedgerUnavailable as error:
                logger.warning("no video can be looked at: %s", error)
            except Exception:
                # If this ended, nobody who waits would hear anything.
                logger.exception("no video can be looked at")
            await asyncio.sleep(self.look_seconds)

    def those_ended(self, job_ids: list[str]) -> list[Job]:
        found = map(self.reader.jobs.job, job_ids)
        return [job for job in found if job is not None and not job.live]


def not_told(order: Order) -> ApiError:
    """What became of a job cannot be read. It goes on: sent again, the request would
    have another one made."""
    error: ApiError = LedgerDown(UNREADABLE)
    error.should_retry, error.retry_after = False, None
    error.extra = {"video_id": order.job.id}
    return error


def settle(future: asyncio.Future[Job | None] | None, job: Job | None) -> None:
    if future is not None and not future.done():
        future.set_result(job)
