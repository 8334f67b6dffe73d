"""A provider is asked until it says how it ended, or time is over."""

import pytest

from addons.filming.schedule import NANOSECONDS
from addons.wire.errors import UpstreamFailed
from storage import jobs
from storage.jobs import JobState
from tests.addons.filming.bench import LIFE_SECONDS, Bench, refused, said
from tests.fakes.transport import ScriptedReply

BEGUN = said(id="task-1")
WAITS = said(id="task-1", status="PENDING")
RUNS = said(id="task-1", status="RUNNING", progress=0.4)
MADE = said(id="task-1", status="SUCCEEDED", output=["http://runway.test/a.mp4"])


async def look(bench: Bench, *replies, seconds: float = 5):
    bench.provide(BEGUN, *replies)
    job = await bench.begin()
    bench.clock.advance(seconds)
    await looked(bench, job)
    return bench.job(job.id)


async def looked(bench: Bench, job) -> None:
    """One look alone: what was made is not fetched here."""
    await bench.steps.steps[JobState.RUNNING](job)


async def test_progress_is_written_down(bench) -> None:
    job = await look(bench, RUNS)
    assert (job.progress, job.upstream_state, job.polls) == (40, "running", 1)
    assert job.next_ns == bench.clock.wall_ns() + 5 * NANOSECONDS


async def test_what_is_made_is_stored_next(bench) -> None:
    job = await look(bench, MADE)
    assert job.state is JobState.STORING
    assert "http://runway.test/a.mp4" in job.task


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("SAFETY.INPUT.TEXT", "content_policy_violation"),
        ("INTERNAL.BAD_OUTPUT.CODE01", "upstream_error"),
    ],
)
async def test_what_failed_is_free(bench, code: str, expected: str) -> None:
    job = await look(bench, said(id="task-1", status="FAILED", failureCode=code))
    assert (job.state, job.error_code) == (JobState.FAILED, expected)
    assert bench.paid_nano(job) == 0


async def test_a_task_that_the_provider_does_not_know_has_failed(bench) -> None:
    job = await look(bench, refused(404))
    assert job.state is JobState.FAILED


@pytest.mark.parametrize(
    "reply",
    [
        UpstreamFailed(),
        refused(401),
        refused(429),
        refused(500),
        refused(503),
        ScriptedReply([b"<html>"]),
        said(id="task-1", status="A NEW WORD"),
    ],
)
async def test_an_answer_that_says_nothing_changes_nothing(bench, reply) -> None:
    job = await look(bench, reply, RUNS)
    assert (job.state, job.faults) == (JobState.RUNNING, 1)
    assert job.next_ns > bench.clock.wall_ns()
    bench.clock.advance(120)
    await looked(bench, job)
    assert bench.job(job.id).faults == 0


async def test_a_wait_that_was_asked_for_is_waited(bench) -> None:
    job = await look(bench, refused(429, **{"retry-after": "90"}))
    assert job.next_ns == bench.clock.wall_ns() + 90 * NANOSECONDS


async def test_faults_are_waited_for_longer_and_longer(bench) -> None:
    job = await look(bench, *[refused(500)] * 9)
    waits = []
    for _ in range(8):
        now_ns = bench.clock.wall_ns()
        waits.append((job.next_ns - now_ns) / NANOSECONDS)
        bench.clock.advance(waits[-1])
        await looked(bench, job)
        job = bench.job(job.id)
    assert waits[0] <= 2 and max(waits) <= 60
    assert waits[4] > 4 * waits[0]


async def test_after_its_time_it_is_looked_at_once_more(bench) -> None:
    job = await look(bench, MADE, seconds=LIFE_SECONDS)
    assert job.state is JobState.STORING


@pytest.mark.parametrize(
    ("reply", "asked"),
    [
        (WAITS, ["POST", "GET", "DELETE"]),
        # It would be billed all the same.
        (RUNS, ["POST", "GET"]),
    ],
)
async def test_after_its_time_it_fails_and_is_cancelled_where_that_is_free(
    bench, reply, asked
) -> None:
    job = await look(bench, reply, said(204), seconds=LIFE_SECONDS)
    assert (job.state, job.error_code) == (JobState.FAILED, "upstream_timeout")
    assert [one.split()[0] for one in bench.asked()] == asked
    assert bench.paid_nano(job) == 0


async def test_a_job_without_its_credential_waits_for_it_until_its_end(
    bench, caplog
) -> None:
    bench.provide(BEGUN)
    job = await bench.begin()
    gone = bench.providers.pop("runway")
    await looked(bench, job)
    assert bench.job(job.id).faults == 1
    assert "not configured with RUNWAY_KEY any more" in caplog.text
    assert "key_secret" not in caplog.text
    bench.clock.advance(LIFE_SECONDS)
    await looked(bench, bench.job(job.id))
    assert bench.job(job.id).error_code == "upstream_timeout"
    assert gone.name == "runway"


async def test_a_wish_to_cancel_goes_to_the_provider_while_that_is_free(bench) -> None:
    bench.provide(BEGUN, WAITS, said(204), refused(404))
    job = await bench.begin()
    account_id, now_ns = bench.caller.account_id, bench.clock.wall_ns()
    bench.storage.writer.wait(jobs.delete, job.id, account_id, now_ns)
    await looked(bench, bench.job(job.id))
    assert bench.asked()[-1] == "DELETE /v1/tasks/task-1"
    await looked(bench, bench.job(job.id))
    assert bench.job(job.id).state is JobState.CANCELLED
    assert bench.paid_nano(job) == 0
