"""Drawing: one attempt to have images made, in as many calls as that takes.

The calls run at the same time, and each may fail by itself. What succeeded is the
answer; only where nothing did is the attempt a failure.

A provider bills an image once it has begun to make it, so a failed call is not made
again, by nobody, unless it is certain that nothing was begun: it never arrived, or the
provider said that it would not do it.

Some providers answer a call with a task, and are asked about it until it is over. That
is one call still, with the same clocks; a question that fails says nothing of the task,
so it is asked again, and only several in a row are an end.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from addons.providers.base import NOTHING, UpstreamRequest
from addons.providers.imaging import OK, Imaging
from addons.upstream.transport import (
    Sent,
    Transport,
    read_start,
    read_whole,
    request_id,
)
from addons.upstream.watch import Watch
from addons.wire.errors import (
    ApiError,
    BadRequest,
    InternalError,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamModelGone,
    UpstreamThrottled,
)
from addons.wire.images import Made
from config.settings import Clocks

logger = logging.getLogger(__name__)

# An error answer is read up to here; the rest of it teaches nothing.
ERROR_BYTES = 64 * 1024
# However many calls share an answer's limit, one image of each fits in.
CALL_BYTES_MIN = 8 * 1024 * 1024
# Above this size an answer is decoded off the event loop.
INLINE_BYTES = 128 * 1024
UNAVAILABLE = 503
# Questions about a task that fail one after the other.
FAULTS_MAX = 5
# Errors that say that nothing was begun.
REJECTIONS = (
    BadRequest,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamModelGone,
    UpstreamThrottled,
)


class Fetching(Protocol):
    """Gets the bytes of an image that came as an address."""

    async def fetched(self, made: Made, limit_bytes: int) -> Made: ...

    async def close(self) -> None: ...


type Pause = Callable[[float], Awaitable[None]]
type Answered = tuple[int, Mapping[str, str], bytes]


@dataclass(slots=True)
class Drawn:
    """What became of one call. Status and id are the provider's; `sent` says that the
    call was on its way to it, `accepted` that it named a task for it."""

    sent: bool = False
    made: tuple[Made, ...] = ()
    error: ApiError | None = None
    status: int = 0
    upstream_id: str = ""
    accepted: bool = False

    @property
    def begun(self) -> bool:
        """Whether the provider may have made something."""
        if self.accepted:
            return True
        rejected = isinstance(self.error, REJECTIONS) or self.status == UNAVAILABLE
        return self.sent and not rejected


@dataclass(frozen=True, slots=True)
class Easel:
    """All that a call needs beside its request."""

    transport: Transport
    fetch: Fetching
    imaging: Imaging
    clocks: Clocks
    answer_bytes: int
    # Called when a call is on its way.
    sent: Sent
    # What a question about a task is let in by, as the call itself was.
    credential: Mapping[str, str] = NOTHING
    # Waits so many seconds between two questions.
    pause: Pause = asyncio.sleep


async def draw_all(requests: Sequence[UpstreamRequest], easel: Easel) -> list[Drawn]:
    """What became of each call, whatever went wrong with it."""
    limit_bytes = max(easel.answer_bytes // len(requests), CALL_BYTES_MIN)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(draw(request, easel, limit_bytes))
            for request in requests
        ]
    return [task.result() for task in tasks]


async def draw(request: UpstreamRequest, easel: Easel, limit_bytes: int) -> Drawn:
    drawn = Drawn()
    try:
        with Watch(easel.clocks) as watch:
            try:
                await call(request, easel, limit_bytes, watch, drawn)
            except asyncio.CancelledError:
                watch.excuse()
    except ApiError as error:
        drawn.error = error
    except Exception:
        # The other calls go on: what they make is billed, and is the caller's.
        logger.exception("an image could not be drawn")
        drawn.error = InternalError()
    return drawn


async def call(
    request: UpstreamRequest,
    easel: Easel,
    limit_bytes: int,
    watch: Watch,
    drawn: Drawn,
) -> None:
    """Make one call, and write down what becomes of it as far as it gets."""

    def sent() -> None:
        drawn.sent = True
        easel.sent()

    async with easel.transport.open(request, sent) as reply:
        drawn.status = reply.status
        drawn.upstream_id = request_id(reply.headers)
        if reply.status != OK:
            body = await read_start(reply, ERROR_BYTES)
            raise easel.imaging.read_error(reply.status, reply.headers, body)
        body = await read_whole(reply, limit_bytes, watch.streaming)
    answer: Answered = reply.status, reply.headers, body
    question = easel.imaging.poll_request(*answer)
    if question is not None:
        drawn.accepted = True
        watch.streaming()
        question = question.with_headers(easel.credential)
        answer = await last_answer(question, easel, limit_bytes, watch)
    if len(answer[2]) <= INLINE_BYTES:
        made = easel.imaging.read_images(*answer)
    else:
        made = await asyncio.to_thread(easel.imaging.read_images, *answer)
    watch.streaming()
    images = []
    for one in made:
        images.append(await easel.fetch.fetched(one, limit_bytes))
        watch.life()
    drawn.made = tuple(images)


async def last_answer(
    question: UpstreamRequest, easel: Easel, limit_bytes: int, watch: Watch
) -> Answered:
    """The answer that tells how a task ended; asked for until it comes."""
    tasks = easel.imaging.tasks
    seconds = tasks.poll_seconds if tasks is not None else 0
    faults, wait = 0, seconds
    while True:
        watch.pause()
        await easel.pause(wait)
        watch.life()
        try:
            answer = await ask(question, easel, limit_bytes)
            if easel.imaging.is_over(*answer):
                return answer
        except ApiError as error:
            faults += 1
            if faults >= FAULTS_MAX:
                raise
            wait = max(seconds, error.retry_after or 0)
        else:
            faults, wait = 0, seconds


async def ask(question: UpstreamRequest, easel: Easel, limit_bytes: int) -> Answered:
    async with easel.transport.open(question) as reply:
        if reply.status != OK:
            return reply.status, reply.headers, await read_start(reply, ERROR_BYTES)
        return reply.status, reply.headers, await read_whole(reply, limit_bytes)


def outcome_of(results: Sequence[Drawn]) -> Drawn:
    """An attempt by its calls: all that was made, under the first good call's name.

    If nothing was, it is the failure that decides what may follow: one that judges the
    request, else one after which something may have been begun.
    """
    good = [one for one in results if one.error is None]
    if good:
        made = tuple(image for one in good for image in one.made)
        return Drawn(True, made, None, good[0].status, good[0].upstream_id)
    return min(results, key=lambda one: (not is_judgement(one), not one.begun))


def is_judgement(drawn: Drawn) -> bool:
    return isinstance(drawn.error, BadRequest)


def without_retry(error: ApiError) -> ApiError:
    """An error after which the caller's program must not try again by itself: it would
    have us pay for the same images again."""
    error.should_retry = False
    return error
