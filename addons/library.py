"""Library: the videos that a caller has, to be looked up, fetched and deleted.

What a caller asks about is its own or it is nobody's: somebody else's video, one that
never was and one that was deleted get the same answer, so that guessing teaches
nothing. The ledger is read in threads: reading blocks. A video's bytes are sent as any
file's, by whoever sends those; here the key is the right to them.

What is known of a video is its owner's words, too, so it is forgotten here when its
time is over, also in a gateway that nobody asks. What it cost stays in the ledger.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

from mitmproxy.http import HTTPFlow
from mitmproxy.utils import asyncio_utils

from addons.endpoints import Kind
from addons.exchange import Exchange
from addons.files import FileAnswer
from addons.films import (
    Studios,
    film_of,
    may_be_cancelled,
    poll_fields,
    receipt_fields,
    seconds,
    status_of,
)
from addons.plan import Plans
from addons.rendering import json_response
from addons.wire.checks import one_of, unsupported, wrong_value
from addons.wire.errors import (
    ApiError,
    BadParameter,
    InternalError,
    LedgerDown,
    UnknownVideo,
    VideoGone,
    VideoNotReady,
    VideoRunning,
)
from addons.wire.videos import (
    Film,
    cancelling_body,
    deleted_body,
    video_body,
    videos_body,
)
from storage import jobs
from storage.clock import Clock
from storage.errors import LedgerUnavailable
from storage.jobs import Cancelling, Job, JobState
from storage.media import MediaStore
from storage.reader import Reader
from storage.withdrawals import withdraw
from storage.writer import Writer

logger = logging.getLogger(__name__)

LENGTH = 20
LENGTH_MAX = 100
QUERY_FIELDS_MAX = 16
# How long it may take a provider to stop, and how often that is looked at.
CANCEL_SECONDS = 15.0
LOOK_SECONDS = 0.5
INTERVAL_SECONDS = 600.0
FORGOTTEN_AT_ONCE = 100
NANOSECONDS = 1_000_000_000

_VIDEO_ID = re.compile(r"video_[0-9a-z]{1,40}", re.ASCII)
_LENGTH = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)

_order = one_of("asc", "desc")
_variant = one_of("video", "thumbnail", "spritesheet")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    after: str = ""
    length: int = LENGTH
    order: Literal["asc", "desc"] = "desc"


class Library:
    """Answers requests about videos that were ordered before."""

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        store: MediaStore,
        clock: Clock,
        plans: Plans,
        cancel_seconds: float = CANCEL_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.store = store
        self.clock = clock
        self.plans = plans
        self.forgetting: asyncio.Task[None] | None = None
        self.cancel_seconds = cancel_seconds
        self.look_seconds = look_seconds
        self.answers: Mapping[Kind, Callable[[HTTPFlow, int, str], Awaitable[None]]] = {
            Kind.VIDEO_LIST: self.listing,
            Kind.VIDEO: self.one,
            Kind.VIDEO_CONTENT: self.content,
        }

    def running(self) -> None:
        self.forgetting = asyncio_utils.create_task(
            self.watch(), name="library", keep_ref=True
        )

    def done(self) -> None:
        if self.forgetting is not None:
            self.forgetting.cancel()

    async def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or flow.response is not None:
            return
        answer = self.answers.get(exchange.endpoint.kind)
        if answer is None:
            return
        try:
            await answer(flow, account_of(exchange), exchange.endpoint.name)
        except ApiError as error:
            exchange.refuse(error)
        except LedgerUnavailable:
            exchange.refuse(LedgerDown())

    @property
    def studios(self) -> Studios:
        return self.plans.plan.studios

    async def listing(self, flow: HTTPFlow, account_id: int, _: str) -> None:
        page = page_of(flow.request.path)
        body = await asyncio.to_thread(self.page, account_id, page)
        flow.response = json_response(200, body)

    async def one(self, flow: HTTPFlow, account_id: int, job_id: str) -> None:
        if flow.request.method == "DELETE":
            await self.delete(flow, account_id, job_id)
            return
        job, film = await asyncio.to_thread(self.shown, job_id, account_id)
        flow.response = json_response(200, video_body(film))
        flow.response.headers.update(poll_fields(job, self.studios))
        flow.response.headers.update(receipt_fields(job))

    async def content(self, flow: HTTPFlow, account_id: int, job_id: str) -> None:
        check_variant(flow.request.path)
        exchange = Exchange.of(flow)
        exchange.file = await asyncio.to_thread(self.file, flow, account_id, job_id)
        if not exchange.file.has_body(flow.request.method):
            flow.response = exchange.file.head(exchange.id)

    async def delete(self, flow: HTTPFlow, account_id: int, job_id: str) -> None:
        """Cancel a video where that is free, and hide it; its file goes, too.

        A wish that its provider has not heeded yet cannot be taken back, for it may
        be on its way there: who waited for that in vain is told that it stands, in the
        words of a deletion that has not happened. OpenAI deletes only what has ended,
        so its clients know no others.
        """
        job = await asyncio.to_thread(self.found, job_id, account_id)
        if not may_be_cancelled(job, self.studios):
            raise VideoRunning()
        wish = job_id, account_id, self.clock.wall_ns()
        done = await self.writer.run(withdraw, *wish)
        if isinstance(done, Cancelling):
            job = await self.ended(job_id) or job
            if job.live:
                if not may_be_cancelled(job, self.studios):
                    raise VideoRunning()
                flow.response = json_response(202, cancelling_body(job_id))
                flow.response.headers.update(poll_fields(job, self.studios))
                return
            done = await self.writer.run(withdraw, *wish)
        if done is None:
            raise UnknownVideo()
        if done.job.media is not None:
            await asyncio.to_thread(self.remove, done.job.media)
        flow.response = json_response(200, deleted_body(job_id))

    async def ended(self, job_id: str) -> Job | None:
        """A job that should not go on, once it has ended, one way or the other; as it
        was seen last, if that takes longer than its owner is let wait."""
        job = None
        with suppress(TimeoutError):
            async with asyncio.timeout(self.cancel_seconds):
                while True:
                    job = await asyncio.to_thread(self.reader.jobs.job, job_id)
                    if job is None or not job.live:
                        break
                    await asyncio.sleep(self.look_seconds)
        return job

    async def watch(self) -> None:
        while True:
            await self.forget()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def forget(self) -> None:
        """Remove what ended too long ago, a little at a time."""
        record_seconds = self.plans.plan.settings.videos.record_seconds
        before_ns = self.clock.wall_ns() - int(record_seconds * NANOSECONDS)
        try:
            while await self.writer.run(jobs.forget, before_ns, FORGOTTEN_AT_ONCE):
                continue
        except LedgerUnavailable as error:
            logger.warning("old videos could not be forgotten: %s", error)
        except Exception:
            # If this ended, nothing would be forgotten any more.
            logger.exception("old videos could not be forgotten")

    def remove(self, name: str) -> None:
        found = self.store.locate(name)
        if found is not None:
            found.path.unlink(missing_ok=True)

    def found(self, job_id: str, account_id: int) -> Job:
        if _VIDEO_ID.fullmatch(job_id) is None:
            raise UnknownVideo()
        job = self.reader.jobs.job_of(job_id, account_id)
        if job is None:
            raise UnknownVideo()
        return job

    def shown(self, job_id: str, account_id: int) -> tuple[Job, Film]:
        job = self.found(job_id, account_id)
        return job, self.film(job)

    def page(self, account_id: int, page: Page) -> bytes:
        if page.after:
            self.found(page.after, account_id)
        found = self.reader.jobs.jobs_of(
            account_id, page.after, page.length + 1, page.order
        )
        films = [self.film(job) for job in found[: page.length]]
        return videos_body(films, len(found) > page.length)

    def film(self, job: Job) -> Film:
        """A job with what it cost, and the address of its file while there is one."""
        if job.state is not JobState.COMPLETED:
            return film_of(job)
        report = self.reader.usage(job.request_id)
        paid_nano = 0 if report is None else report.paid_nano
        expires = expiry(job, self.store.settings.keep_seconds)
        path = None
        if job.media is not None and expires > seconds(self.clock.wall_ns()):
            path = self.store.address(job.media)
        return film_of(job, paid_nano, path, expires)

    def file(self, flow: HTTPFlow, account_id: int, job_id: str) -> FileAnswer:
        job = self.found(job_id, account_id)
        if job.state is not JobState.COMPLETED:
            raise VideoNotReady(status_of(job))
        found = None if job.media is None else self.store.locate(job.media)
        if found is None:
            raise VideoGone()
        expires = expiry(job, self.store.settings.keep_seconds)
        left = expires - seconds(self.clock.wall_ns())
        return FileAnswer.to(flow.request, found, max(0, left))


def expiry(job: Job, keep_seconds: float) -> int:
    """The second at which the file of a completed job goes."""
    return seconds(job.ended_ns or job.created_ns) + int(keep_seconds)


def account_of(exchange: Exchange) -> int:
    if exchange.caller is None:
        raise InternalError()
    return exchange.caller.account_id


def page_of(target: str) -> Page:
    """The page that a query asks for; BadParameter if it is none."""
    query = query_of(target)
    length = query.get("limit", str(LENGTH))
    if not _LENGTH.fullmatch(length) or int(length) > LENGTH_MAX:
        raise wrong_value("limit", f"a whole number from 1 to {LENGTH_MAX}", length)
    order: Literal["asc", "desc"] = "desc"
    if _order(query.get("order", "desc"), "order") == "asc":
        order = "asc"
    return Page(query.get("after", ""), int(length), order)


def check_variant(target: str) -> None:
    """BadParameter if anything else is asked for than the video itself."""
    variant = _variant(query_of(target).get("variant", "video"), "variant")
    if variant != "video":
        raise unsupported("variant", "only the video itself is kept.")


def query_of(target: str) -> dict[str, str]:
    """A query's parameters; of several of one name the last."""
    try:
        fields = parse_qs(target.partition("?")[2], max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise BadParameter("limit", "the query has too many parameters.") from None
    return {name: values[-1] for name, values in fields.items()}
