"""A job goes as far as it can at once, and one that was lost never again."""

import pytest

from storage.jobs import JobState, LegChoice, take
from tests.addons.filming.bench import LIFE_SECONDS, Bench, refused, said


async def test_a_job_goes_on_until_it_has_to_wait(bench: Bench) -> None:
    bench.provide(refused(503), name="one")
    bench.provide(said(id="task-1"), name="two")
    job = bench.order()
    await bench.steps.go(job)
    assert bench.job(job.id).state is JobState.RUNNING
    assert bench.steps.submitting.tries == {}


async def test_what_waits_in_the_queue_is_remembered(bench: Bench) -> None:
    bench.provide(refused(429))
    job = bench.order()
    await bench.steps.go(job)
    assert list(bench.steps.submitting.tries) == [job.id]


async def test_a_lost_submission_is_free_and_not_repeated(bench: Bench) -> None:
    bench.provide()
    job = bench.order()
    leg = LegChoice(0, "runway", "gen4.5", "RUNWAY_KEY")
    taken = bench.storage.writer.wait(take, job.id, job.version, leg, job.next_ns)
    await bench.steps.lose(taken)
    job = bench.job(job.id)
    assert (job.state, job.error_code) == (JobState.FAILED, "submission_lost")
    assert bench.paid_nano(job) == 0
    assert bench.asked() == []
    record = bench.storage.reader.usage(job.request_id).record
    assert [one.outcome for one in record.trail] == ["submission_lost"]


async def test_an_old_row_changes_nothing(bench: Bench) -> None:
    bench.provide(said(id="task-1"))
    old = bench.order()
    await bench.steps.go(old)
    await bench.steps.go(old)
    assert bench.asked() == ["POST /v1/text_to_video"]
    assert not bench.steps.must_stay(old.id)


async def test_a_fault_of_ours_holds_no_money_for_ever(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.provide(said(id="task-1"))
    job = await bench.begin()
    with pytest.raises(IndexError):
        await bench.steps.go(job)
    assert bench.job(job.id).live
    bench.clock.advance(LIFE_SECONDS)
    await bench.steps.go(job)
    job = bench.job(job.id)
    assert (job.state, job.error_code) == (JobState.FAILED, "upstream_timeout")
    assert bench.paid_nano(job) == 0
    assert "there is no time left" in caplog.text
