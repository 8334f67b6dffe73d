"""A job costs what was known when it was ordered, whatever a provider says."""

from dataclasses import replace

import pytest

from addons.filming.charging import (
    check_sold,
    failure_of,
    last_attempt,
    settlement_of,
    upstream_id_of,
)
from addons.filming.ends import UNKNOWN
from addons.filming.work import ask_of
from addons.films import situation_of
from addons.providers.runway import RUNWAY
from addons.wire.errors import InternalError
from storage.trail import AttemptRecord, trail_text
from tests.addons.filming.bench import COST_NANO, Bench
from tests.fakes import exchanges

FAILED = AttemptRecord("fal", "pika", "upstream_error", 503, 0, 5)


def test_a_job_costs_its_price_for_what_was_ordered(bench: Bench) -> None:
    task, trail = '{"id":"t","urls":{},"media":null}', trail_text([FAILED])
    job = replace(bench.order(), task=task, trail=trail)
    made = settlement_of(
        job,
        ask_of(job),
        exchanges.VIDEO_PRICE,
        situation_of(job),
        job.created_ns + 7_000_000,
        None,
    )
    assert (made.hold_id, made.cost_nano) == (job.request_id, COST_NANO)
    assert made.buy_nano == 1_200_000_000
    record = made.record
    assert record.quantities == {"generation": 1, "second": 10}
    assert (record.outcome, record.status, record.attempts) == ("complete", 200, 2)
    assert (record.upstream_id, record.total_ms) == ("t", 7)
    assert record.trail[0] == FAILED
    assert record.trail[1].outcome == "complete"


def test_what_came_to_nothing_tells_what_was_tried(bench: Bench) -> None:
    job = bench.order()
    record = failure_of(job, UNKNOWN, [FAILED], job.created_ns)
    assert (record.evidence, record.quantities) == ("none", {})
    assert (record.outcome, record.status) == ("submission_unknown", 502)
    assert record.trail == (FAILED,)


def test_what_would_make_more_than_is_paid_is_not_sent() -> None:
    filming, ask = RUNWAY.filming, exchanges.video_ask(duration=10)
    request = filming.submit_request(ask, "gen4.5", "account-1")
    check_sold(filming, request, ask)
    with pytest.raises(InternalError):
        check_sold(filming, request, exchanges.video_ask(duration=5))


def test_an_attempt_is_dated_from_the_order(bench: Bench) -> None:
    job = bench.order()
    job = replace(job, submitted_ns=job.created_ns + 3_000_000)
    attempt = last_attempt(job, "complete", 200, job.created_ns + 10_000_000)
    assert (attempt.started_ms, attempt.total_ms) == (3, 7)


def test_a_job_that_nobody_took_has_no_name_there(bench: Bench) -> None:
    assert upstream_id_of(bench.order()) == ""
