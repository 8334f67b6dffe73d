"""A job is begun once: by the next leg that can, and never again in doubt."""

import pytest

from addons.filming.schedule import NANOSECONDS
from addons.wire.errors import UpstreamFailed
from storage import jobs
from storage.jobs import JobState
from storage.trail import attempts_of
from tests.addons.filming.bench import LIFE_SECONDS, Bench, refused, said
from tests.fakes.transport import ScriptedReply


async def submit(bench: Bench, **fields):
    job = bench.order(**fields)
    await bench.steps.submitting.submit(job)
    return bench.job(job.id)


async def test_a_job_is_begun_and_looked_at_after_the_provider_s_time(bench) -> None:
    bench.provide(said(id="task-1"))
    job = await submit(bench)
    assert (job.state, job.provider) == (JobState.RUNNING, "runway")
    assert (job.upstream_model, job.credential) == ("gen4.5", "RUNWAY_KEY")
    assert job.next_ns == bench.clock.wall_ns() + 5 * NANOSECONDS
    assert bench.work.pledged == bench.work.taking == set()


async def test_it_is_taken_in_the_ledger_before_anybody_is_asked(bench) -> None:
    states = []

    class Spy:
        def open(self, request, sent):
            (found,) = bench.storage.reader.jobs.lost(lambda boot_id: True)
            states.append((found.state, found.id in bench.work.pledged))
            raise UpstreamFailed()

        async def close(self):
            """Nothing is open."""

    bench.provide()
    bench.lines["runway"] = Spy()
    await submit(bench)
    assert states == [(JobState.SUBMITTING, True)]


@pytest.mark.parametrize(
    "reply",
    [
        UpstreamFailed(),
        refused(401),
        refused(403),
        refused(404),
        refused(429),
        refused(503),
    ],
)
async def test_where_nothing_was_begun_another_leg_is_tried(bench, reply) -> None:
    bench.provide(reply, name="one")
    bench.provide(said(id="task-1"), name="two")
    job = bench.order()
    await bench.steps.go(job)
    job = bench.job(job.id)
    assert (job.state, job.provider, job.leg) == (JobState.RUNNING, "two", 1)
    (failed,) = attempts_of(job.trail)
    assert failed.provider == "one"


@pytest.mark.parametrize(
    "reply",
    [
        refused(500),
        refused(502),
        refused(504),
        said(nothing="of an id"),
        ScriptedReply([b"<html>"]),
        ScriptedReply([b'{"id":', UpstreamFailed()]),
    ],
)
async def test_in_doubt_it_is_never_begun_again(bench, reply) -> None:
    bench.provide(reply, name="one")
    bench.provide(said(id="task-1"), name="two")
    job = await submit(bench)
    assert (job.state, job.error_code) == (JobState.FAILED, "submission_unknown")
    assert bench.asked("two") == []
    assert bench.paid_nano(job) == 0


async def test_what_the_provider_judged_is_told_in_its_words(bench) -> None:
    bench.provide(refused(400, "Invalid parameter 'promptText'"), name="one")
    bench.provide(said(id="task-1"), name="two")
    job = await submit(bench)
    assert (job.state, job.error_status) == (JobState.FAILED, 400)
    assert "promptText" in job.error_message
    assert bench.asked("two") == []


async def test_a_wait_that_was_asked_for_is_waited(bench) -> None:
    bench.provide(refused(429, **{"retry-after": "90"}), said(id="task-1"))
    job = await submit(bench)
    assert job.state is JobState.QUEUED
    assert job.next_ns == bench.clock.wall_ns() + 90 * NANOSECONDS
    bench.clock.advance(90)
    await bench.steps.go(job)
    assert bench.job(job.id).state is JobState.RUNNING


async def test_a_wait_beyond_the_deadline_is_the_end(bench) -> None:
    bench.provide(refused(429, **{"retry-after": str(LIFE_SECONDS + 1)}))
    job = await submit(bench)
    assert (job.state, job.error_status) == (JobState.FAILED, 429)


async def test_attempts_have_a_limit(bench) -> None:
    bench.provide(*[refused(503)] * 20)
    job = bench.order()
    while job.live:
        await bench.steps.go(job)
        bench.clock.advance(30)
        job = bench.job(job.id)
    assert len(bench.asked()) == 16
    assert job.error_code == "upstream_overloaded"
    report = bench.storage.reader.usage(job.request_id)
    assert report.record.attempts == 16


async def test_who_cannot_make_it_is_not_asked(bench) -> None:
    bench.provide(name="one")
    bench.provide(name="two")
    job = await submit(bench, resolution="1080p")
    assert (job.state, job.error_status) == (JobState.FAILED, 400)
    assert bench.asked("one") == bench.asked("two") == []


async def test_a_model_that_nobody_serves_any_more_fails(bench) -> None:
    job = await submit(bench)
    assert (job.state, job.error_code) == (JobState.FAILED, "model_unavailable")


async def test_after_its_deadline_nobody_is_asked(bench) -> None:
    bench.provide()
    job = bench.order()
    bench.clock.advance(LIFE_SECONDS)
    await bench.steps.go(job)
    job = bench.job(job.id)
    assert (job.state, job.error_code) == (JobState.FAILED, "upstream_timeout")
    assert bench.asked() == []


async def test_a_job_that_somebody_else_took_is_left_alone(bench) -> None:
    bench.provide()
    job = bench.order()
    now_ns = bench.clock.wall_ns()
    bench.storage.writer.wait(
        jobs.delete, job.id, bench.caller.account_id, now_ns
    )
    await bench.steps.go(job)
    assert bench.job(job.id).state is JobState.CANCELLED
    assert bench.asked() == []


async def test_a_fault_of_ours_in_the_middle_is_a_doubt(bench) -> None:
    class Broken:
        def open(self, request, sent):
            raise RuntimeError("a bug")

        async def close(self):
            """Nothing is open."""

    bench.provide()
    bench.lines["runway"] = Broken()
    job = await submit(bench)
    assert (job.state, job.error_code) == (JobState.FAILED, "submission_unknown")


async def test_a_wish_during_a_submission_that_failed_ends_the_job(bench) -> None:
    """It is not begun by the next leg, nor after the wait that the first one named."""
    asked = []

    class Refusing:
        def open(self, request, sent):
            asked.append(request)
            account_id, now_ns = bench.caller.account_id, bench.clock.wall_ns()
            bench.storage.writer.wait(jobs.delete, job.id, account_id, now_ns)
            raise UpstreamFailed(retry_after=60)

        async def close(self):
            """Nothing is open."""

    bench.provide()
    bench.lines["runway"] = Refusing()
    job = bench.order()
    await bench.steps.go(job)
    assert bench.job(job.id).state is JobState.CANCELLED
    assert (len(asked), bench.paid_nano(job)) == (1, 0)
