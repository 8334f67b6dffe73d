"""Charging: what a job costs, and what the ledger writes down of it.

A video costs what was known when its money was held: the price that was in force then,
by the row that the hold names, for what was ordered, which is what was sent. Nothing
that a provider says makes it dearer. A job that came to nothing costs nothing, and its
record tells what was tried.
"""

from collections.abc import Callable, Sequence

from addons.providers.filming import Filming, Task
from addons.providers.base import UpstreamRequest
from addons.wire.errors import InternalError
from addons.wire.videos import VideoAsk
from config.money import charge_nano_rounded_up
from config.prices import Price, Situation, buy_pico, sell_pico
from storage.jobs import Job, JobError
from storage.ledger import Settlement, UsageRecord
from storage.replays import KeptAnswer
from storage.trail import (
    ID_CHARS_MAX,
    NAME_CHARS_MAX,
    AttemptRecord,
    attempts_of,
    cleaned,
)

NANOSECONDS_A_MILLISECOND = 1_000_000
COMPLETE = "complete"
OK = 200

Answer = Callable[[int], KeptAnswer]


def check_sold(filming: Filming, request: UpstreamRequest, ask: VideoAsk) -> None:
    """InternalError if what is to be sent makes something else than what is paid."""
    sold = filming.sold(request)
    paid = ask.quantities, ask.parameters
    if (dict(sold.quantities), dict(sold.parameters)) != paid:
        raise InternalError(detail="what would be made is not what is paid for")


def settlement_of(
    job: Job,
    ask: VideoAsk,
    price: Price,
    situation: Situation,
    now_ns: int,
    answer: Answer | None,
) -> Settlement:
    """The charge for a job whose video is kept."""
    quantities = ask.quantities
    pico = sell_pico(price, quantities, situation)
    cost_pico = buy_pico(price, quantities, situation)
    trail = (*attempts_of(job.trail), last_attempt(job, COMPLETE, OK, now_ns))
    record = UsageRecord(
        model=job.model,
        provider=job.provider,
        upstream_model=job.upstream_model,
        evidence="counted",
        quantities=quantities,
        outcome=COMPLETE,
        status=OK,
        attempts=len(trail),
        first_byte_ms=None,
        total_ms=milliseconds(now_ns - job.created_ns),
        tokens=0,
        stream=False,
        conditions=price.facts(situation),
        upstream_id=upstream_id_of(job),
        trail=trail,
    )
    return Settlement(
        job.request_id,
        charge_nano_rounded_up(pico),
        pico,
        record,
        charge_nano_rounded_up(cost_pico),
        cost_pico,
        answer,
    )


def failure_of(
    job: Job, error: JobError, trail: Sequence[AttemptRecord], now_ns: int
) -> UsageRecord:
    """The record of a job that came to nothing."""
    return UsageRecord(
        model=job.model,
        provider=job.provider,
        upstream_model=job.upstream_model,
        evidence="none",
        quantities={},
        outcome=cleaned(error.code, NAME_CHARS_MAX),
        status=error.status,
        attempts=len(trail),
        first_byte_ms=None,
        total_ms=milliseconds(now_ns - job.created_ns),
        tokens=0,
        stream=False,
        upstream_id=upstream_id_of(job),
        trail=tuple(trail),
    )


def last_attempt(job: Job, outcome: str, status: int, now_ns: int) -> AttemptRecord:
    """The attempt of a job that a provider took, to its end."""
    started_ns = job.submitted_ns or job.created_ns
    return AttemptRecord(
        job.provider,
        job.upstream_model,
        outcome,
        status,
        milliseconds(started_ns - job.created_ns),
        milliseconds(now_ns - started_ns),
    )


def upstream_id_of(job: Job) -> str:
    """What the provider calls the job; empty if it never did."""
    return "" if job.task is None else cleaned(Task.of(job.task).id, ID_CHARS_MAX)


def milliseconds(duration_ns: int) -> int:
    return max(0, duration_ns) // NANOSECONDS_A_MILLISECOND
