"""Films: jobs as their callers see them.

A job is the ledger's record of a video; a film is what is told of it. Whoever answers
about a job makes the film here: the request that ordered it, one that asks for it
later, and whoever ends it and keeps the answer for a request that is sent again. So all
of them tell the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from addons.providers import REGISTRY
from addons.providers.filming import Filming
from addons.rendering import JSON
from addons.wire.errors import (
    ApiError,
    BadRequest,
    ContentRefused,
    InternalError,
    Unavailable,
    UpstreamFailed,
    UpstreamThrottled,
    VideoCancelled,
)
from addons.wire.videos import (
    COMPLETED,
    FAILED,
    GENERATIONS,
    IN_PROGRESS,
    QUEUED,
    Film,
    Order,
    generation_body,
    order_of,
    video_body,
)
from config.money import dollars
from config.prices import Situation
from config.settings import Provider
from storage.jobs import Job, JobState
from storage.reader import UsageReport
from storage.replays import KeptAnswer

NANOSECONDS = 1_000_000_000
MILLISECONDS = 1_000
OK, ACCEPTED = 200, 202
WHOLE_PERCENT = 100
# Of a job that no provider has yet.
POLL_MS = 2_000
POLL_HEADER = "openai-poll-after-ms"

# What a caller is told; of a job that is at its provider, what that says.
STATUS: Mapping[JobState, str] = {
    JobState.QUEUED: QUEUED,
    JobState.SUBMITTING: QUEUED,
    JobState.STORING: IN_PROGRESS,
    JobState.COMPLETED: COMPLETED,
    JobState.FAILED: FAILED,
    JobState.CANCELLED: FAILED,
}
# By status; what is not here is the provider's fault.
FAILURES: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    429: UpstreamThrottled,
    500: InternalError,
    503: Unavailable,
}


def status_of(job: Job) -> str:
    at_provider = QUEUED if job.upstream_state == "queued" else IN_PROGRESS
    return STATUS.get(job.state, at_provider)


def ordered_film(job_id: str, request_id: str, order: Order) -> Film:
    """A job as it is told before anybody worked on it."""
    ask = order.ask
    return Film(
        id=job_id,
        request_id=request_id,
        status=QUEUED,
        model=ask.model,
        prompt=ask.prompt,
        seconds=ask.duration_seconds,
        aspect_ratio=ask.aspect_ratio,
        size=ask.size,
        created=seconds(order.moment_ns),
    )


def film_of(
    job: Job, paid_nano: int = 0, path: str | None = None, expires: int | None = None
) -> Film:
    """A job as it is told. `path` is the address of its file, where there is one, and
    `expires` the second at which the file goes."""
    order = order_of(job.model, job.ask)
    done = job.state is JobState.COMPLETED
    error = None
    if job.error_code is not None:
        error = job.error_code, job.error_message or ""
    return replace(
        ordered_film(job.id, job.request_id, order),
        status=status_of(job),
        progress=WHOLE_PERCENT if done else job.progress,
        completed=seconds(job.ended_ns) if done and job.ended_ns else None,
        expires=expires,
        url=None if path is None else order.base + path,
        cost=dollars(paid_nano),
        error=error,
    )


def ordered_answer(job_id: str, request_id: str, order: Order) -> KeptAnswer:
    """What a request gets at once whose caller does not wait for the video."""
    film = ordered_film(job_id, request_id, order)
    if order.ask.surface == GENERATIONS:
        return KeptAnswer(ACCEPTED, JSON, generation_body(film))
    return KeptAnswer(OK, JSON, video_body(film))


def waiting_answer(job: Job) -> KeptAnswer:
    """What a request gets that has waited for as long as it may."""
    return KeptAnswer(ACCEPTED, JSON, generation_body(film_of(job)))


def completed_answer(job: Job, address: str, paid_nano: int) -> KeptAnswer:
    """What a request gets that waited until its video was made; nothing in it but its
    job, its address and what was paid."""
    film = film_of(job, paid_nano, address)
    return KeptAnswer(OK, JSON, generation_body(replace(film, status=COMPLETED)))


def answer_to_keep(job: Job, address: str) -> Callable[[int], KeptAnswer] | None:
    """What writes, of what was paid, the answer that is kept with a job's charge. None
    where its request got its answer before; that one was kept then."""
    if not order_of(job.model, job.ask).ask.waits:
        return None
    return partial(completed_answer, job, address)


def situation_of(job: Job) -> Situation:
    """What a job is charged by: the situation in which the money for it was held."""
    order = order_of(job.model, job.ask)
    return Situation(order.moment_ns, False, order.ask.parameters)


def failure_of(job: Job) -> ApiError:
    """Why a job has no video, as its request is told."""
    if job.state is JobState.CANCELLED:
        return VideoCancelled()
    kind = FAILURES.get(job.error_status or UpstreamFailed.status, UpstreamFailed)
    if job.error_code == ContentRefused.code:
        kind = ContentRefused
    error = kind(job.error_message, code=job.error_code)
    if job.submitted_ns is not None or error.status >= InternalError.status:
        # A provider may have begun: sent again, it would have us pay twice.
        error.should_retry = False
    error.extra = {"video_id": job.id}
    return error


type Studios = Mapping[str, Filming]
"""How each provider makes videos, by its name."""


def studios_of(providers: Mapping[str, Provider]) -> Studios:
    """Those that make some."""
    dialects = {
        name: REGISTRY[provider.dialect]
        for name, provider in providers.items()
        if provider.dialect in REGISTRY
    }
    return {
        name: dialect.filming
        for name, dialect in dialects.items()
        if dialect.filming is not None
    }


def poll_fields(job: Job, studios: Studios) -> dict[str, str]:
    """What tells a client when to ask again; nothing once the job has ended."""
    if not job.live:
        return {}
    studio = studios.get(job.provider)
    wait_ms = POLL_MS if studio is None else studio.poll_seconds * MILLISECONDS
    return {POLL_HEADER: str(wait_ms)}


def may_be_cancelled(job: Job, studios: Studios) -> bool:
    """Whether it is worth to wish it: its provider would stop it, and not bill it."""
    if job.state is JobState.QUEUED or not job.live:
        return True
    studio = studios.get(job.provider)
    if studio is None or studio.cancel is None or job.state is JobState.STORING:
        return False
    return (job.upstream_state or "queued") in studio.cancels


def receipt_fields(job: Job, report: UsageReport | None = None) -> dict[str, str]:
    """Who makes or made a job's video, and what it cost."""
    fields = {}
    if job.provider:
        fields["x-autolist-provider"] = job.provider
        fields["x-autolist-upstream-model"] = job.upstream_model
    if report is not None:
        fields["x-autolist-attempts"] = str(report.record.attempts)
        fields["x-autolist-cost"] = dollars(report.paid_nano)
    return fields


def seconds(moment_ns: int) -> int:
    return moment_ns // NANOSECONDS
