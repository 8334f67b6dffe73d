"""The runner: who leads has what is due go on, so many at once, and stops between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from addons.jobs import Jobs
from config.gateway import MediaSettings
from storage.errors import LedgerUnavailable
from storage.job_reads import JobReads
from storage.jobs import JobState, LegChoice, take
from storage.media import MediaStore
from tests.addons.filming.bench import Bench, refused, said
from tests.fakes.transport import ScriptedReply

WAIT_SECONDS = 10
LEG = LegChoice(0, "runway", "gen4.5", "RUNWAY_KEY")


@pytest.fixture
async def bench(storage, clock, caller, tmp_path: Path) -> AsyncIterator[Bench]:
    store = MediaStore(tmp_path / "media", storage.secrets, clock, MediaSettings())
    made = Bench(storage, clock, store, caller.key)
    yield made
    await made.steps.close()
    for job in storage.reader.jobs.lost(lambda boot_id: True):
        await made.steps.lose(job)
    made.end()


def runner(bench: Bench, **changes) -> Jobs:
    parts = {
        "reads": bench.storage.reader.jobs,
        "boot_id": bench.storage.boot_id,
        "leads": lambda: True,
        "is_dead": lambda boot_id: False,
        "steps": bench.steps,
        "running_max": lambda: 2,
        "stop_seconds": 0.05,
    }
    return Jobs(**{**parts, **changes})


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not reached():
            await asyncio.sleep(0)


async def looked(jobs: Jobs) -> None:
    """One look, and all that it began."""
    await jobs.look()
    await asyncio.gather(*jobs.active.values(), return_exceptions=True)
    await asyncio.sleep(0)


def states(bench: Bench, *ordered) -> list[JobState]:
    return [bench.job(job.id).state for job in ordered]


async def test_what_is_due_goes_on(bench) -> None:
    bench.provide(said(id="task-1"))
    job = bench.order()
    await looked(runner(bench))
    assert states(bench, job) == [JobState.RUNNING]


async def test_who_does_not_lead_leaves_everything_alone(bench) -> None:
    bench.provide()
    job = bench.order()
    await looked(runner(bench, leads=lambda: False))
    assert states(bench, job) == [JobState.QUEUED]


async def test_no_more_than_so_many_are_made_at_once(bench) -> None:
    bench.provide(said(id="task-1"), said(id="task-2"))
    ordered = [bench.order() for _ in range(4)]
    jobs = runner(bench)
    await looked(jobs)
    await looked(jobs)
    assert states(bench, *ordered).count(JobState.RUNNING) == 2
    assert len(bench.asked()) == 2


async def test_those_that_wait_do_not_keep_the_others_waiting(bench) -> None:
    runs = said(id="task-1", status="RUNNING")
    bench.provide(said(id="task-1"), said(id="task-2"), runs, runs)
    ordered = [bench.order() for _ in range(40)]
    jobs = runner(bench)
    await looked(jobs)
    bench.clock.advance(5)
    await looked(jobs)
    polled = [bench.job(job.id).polls for job in ordered]
    assert sum(polled) == 2


async def test_a_job_in_our_hands_is_not_taken_twice(bench) -> None:
    gate = asyncio.Event()
    bench.provide(ScriptedReply([gate, b'{"id":"task-1"}']))
    job = bench.order()
    jobs = runner(bench)
    await jobs.look()
    await until(lambda: len(bench.asked()) == 1)
    await jobs.look()
    assert states(bench, job) == [JobState.SUBMITTING]
    gate.set()
    await until(lambda: not jobs.active)
    assert states(bench, job) == [JobState.RUNNING]
    assert len(bench.asked()) == 1


async def test_what_a_dead_gateway_was_submitting_is_lost(bench) -> None:
    bench.provide()
    job = bench.order()
    bench.storage.writer.wait(take, job.id, job.version, LEG, job.next_ns)
    others = runner(bench, boot_id="boot_other")
    await looked(others)
    assert states(bench, job) == [JobState.SUBMITTING]
    others.is_dead = lambda boot_id: True
    await looked(others)
    assert bench.job(job.id).error_code == "submission_lost"
    assert bench.asked() == []


async def test_what_slipped_out_of_our_own_hands_is_lost_too(bench) -> None:
    bench.provide()
    job = bench.order()
    bench.storage.writer.wait(take, job.id, job.version, LEG, job.next_ns)
    await looked(runner(bench))
    assert bench.job(job.id).error_code == "submission_lost"


async def test_who_orders_here_need_not_wait_for_the_next_look(bench) -> None:
    bench.provide(said(id="task-1"))
    jobs = runner(bench)
    jobs.tick_seconds = 3600
    jobs.running()
    await until(lambda: not jobs.kicked.is_set())
    job = bench.order()
    jobs.kick()
    await until(lambda: states(bench, job) == [JobState.RUNNING])
    await jobs.done()


async def test_a_submission_on_its_way_is_heard_out_at_the_end(bench) -> None:
    gate = asyncio.Event()
    bench.provide(ScriptedReply([gate, b'{"id":"task-1"}']))
    job = bench.order()
    jobs = runner(bench, stop_seconds=WAIT_SECONDS)
    await jobs.look()
    await until(lambda: len(bench.asked()) == 1)
    stopping = asyncio.gather(jobs.done())
    await asyncio.sleep(0)
    gate.set()
    await stopping
    assert states(bench, job) == [JobState.RUNNING]


async def test_a_question_is_broken_off_at_the_end_and_nothing_is_lost(bench) -> None:
    bench.provide(said(id="task-1"), ScriptedReply([asyncio.Event()]))
    job = await bench.begin()
    bench.clock.advance(5)
    jobs = runner(bench, stop_seconds=WAIT_SECONDS)
    await jobs.look()
    await until(lambda: len(bench.asked()) == 2)
    await jobs.done()
    assert (states(bench, job), jobs.active) == ([JobState.RUNNING], {})


async def test_a_fault_of_ours_is_not_run_into_again_and_again(bench, caplog) -> None:
    bench.provide(said(id="task-1"))
    job = await bench.begin()
    bench.clock.advance(5)
    jobs = runner(bench)
    bench.lines.clear()
    await looked(jobs)
    await looked(jobs)
    assert caplog.text.count("a step failed") == 1
    bench.clock.advance(30)
    await looked(jobs)
    assert caplog.text.count("a step failed") == 2
    assert states(bench, job) == [JobState.RUNNING]


async def test_a_ledger_that_cannot_be_read_is_read_later(bench, caplog) -> None:
    def due(reads, now_ns, limit):
        raise LedgerUnavailable("the disk is gone")

    reads = type("GoneReads", (JobReads,), {"due_begun": due})
    jobs = runner(bench, reads=reads(bench.storage.engine.reads()))
    await looked(jobs)
    assert "no job can be looked for: the disk is gone" in caplog.text
    bench.provide(refused(400))
    jobs.reads = bench.storage.reader.jobs
    job = bench.order()
    await looked(jobs)
    assert states(bench, job) == [JobState.FAILED]


async def test_a_look_that_fails_is_not_the_last_one(bench, caplog) -> None:
    def leads() -> bool:
        raise ValueError("nobody thought of this")

    jobs = runner(bench, leads=leads)
    await looked(jobs)
    assert "nobody thought of this" in caplog.text
    bench.provide(refused(400))
    jobs.leads = lambda: True
    job = bench.order()
    await looked(jobs)
    assert states(bench, job) == [JobState.FAILED]
