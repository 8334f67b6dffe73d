"""Who looks on is told of each call, whatever came of it, and can harm none."""

from addons.filming.told import JobCall
from tests.addons.filming.bench import Bench, refused, said


async def test_each_call_is_told_with_its_job_and_what_came_of_it(
    bench: Bench,
) -> None:
    bench.provide(said(id="task-1"), said(id="task-1", status="RUNNING"))
    job = await bench.begin()
    bench.clock.advance(60)
    await bench.steps.go(bench.job(job.id))
    assert [(one.errand, one.called.status) for one in bench.looked] == [
        ("submit", 200),
        ("poll", 200),
    ]
    assert {one.job.request_id for one in bench.looked} == {job.request_id}
    submitted = bench.looked[0]
    assert submitted.leg is bench.legs[0]
    assert "authorization" not in submitted.request.headers
    assert submitted.started_ns <= submitted.ended_ns


async def test_a_call_that_failed_is_told_too(bench: Bench) -> None:
    bench.provide(refused(503))
    await bench.begin()
    assert [one.called.status for one in bench.looked] == [503]


async def test_who_fails_at_looking_harms_no_job(bench: Bench, caplog) -> None:
    def fail(call: JobCall) -> None:
        raise ZeroDivisionError

    bench.provide(said(id="task-1"))
    bench.look = fail
    job = await bench.begin()
    assert job.task is not None
    assert f"{job.id}: a call was not looked at" in caplog.text
