"""A file is kept, then charged for; what cannot be kept is not charged."""

from collections.abc import Iterator

import pytest

from addons.filming.ends import NOT_KEPT
from storage import replays
from storage.jobs import JobState
from storage.media import MediaStore
from storage.replays import ReplayKey
from tests.addons.filming.bench import COST_NANO, LIFE_SECONDS, Bench, refused, said
from tests.fakes.mp4 import mp4
from tests.fakes.runway_server import FakeRunway
from tests.fakes.task_server import File

BEGUN = said(id="task-1")


@pytest.fixture
def fake() -> Iterator[FakeRunway]:
    with FakeRunway() as fake:
        fake.files["a.mp4"] = File(mp4("waves"))
        yield fake


def made(fake: FakeRunway, name: str = "a.mp4"):
    return said(id="task-1", status="SUCCEEDED", output=[fake.file_address(name)])


async def store(bench: Bench, fake: FakeRunway, *replies, **order):
    """A job that was begun, and taken as far as it goes."""
    bench.provide(BEGUN, *replies, base_url=fake.base_url)
    job = await bench.begin(**order)
    bench.clock.advance(5)
    await bench.steps.go(job)
    return bench.job(job.id)


async def test_a_file_is_kept_and_charged_once(bench, fake, store_of) -> None:
    job = await store(bench, fake, made(fake))
    assert job.state is JobState.COMPLETED
    assert bench.paid_nano(job) == COST_NANO
    with store_of.locate(job.media).open() as file:
        assert file.read() == mp4("waves")
    assert job.address.startswith(f"/media/{job.media}?")


async def test_who_counts_is_told_what_a_job_cost(bench, fake) -> None:
    job = await store(bench, fake, made(fake))
    ((record, cost_nano, paid_nano, buy_nano),) = bench.told
    assert (record.model, record.outcome) == (job.model, "complete")
    assert cost_nano == paid_nano == bench.paid_nano(job) == COST_NANO
    assert buy_nano > 0


async def test_who_keeps_it_second_charges_nothing(bench, fake) -> None:
    bench.provide(BEGUN, made(fake), base_url=fake.base_url)
    running = await bench.begin()
    storing = await bench.steps.steps[JobState.RUNNING](running)
    store = bench.steps.steps[JobState.STORING]
    first, second = await store(storing), await store(storing)
    assert (first.state, second) == (JobState.COMPLETED, None)
    assert bench.paid_nano(first) == COST_NANO
    assert len(bench.told) == 1


@pytest.fixture
def store_of(bench: Bench) -> MediaStore:
    return bench.store


async def test_an_address_that_has_died_is_asked_for_again(bench, fake) -> None:
    job = await store(bench, fake, made(fake, "gone.mp4"), made(fake))
    assert job.state is JobState.COMPLETED
    assert fake.fetched == ["gone.mp4", "a.mp4"]


@pytest.mark.parametrize("again", [refused(500), refused(429), said(status="RUNNING")])
async def test_what_cannot_be_had_yet_is_tried_again(bench, fake, again) -> None:
    job = await store(bench, fake, made(fake, "gone.mp4"), again, made(fake))
    assert (job.state, job.faults) == (JobState.STORING, 1)
    bench.clock.advance(120)
    await bench.steps.go(job)
    assert bench.job(job.id).state is JobState.COMPLETED


async def test_who_counts_is_told_of_a_failure(bench, fake) -> None:
    failed = said(id="task-1", status="FAILED", failureCode="SAFETY.INPUT.TEXT")
    await store(bench, fake, failed)
    ((record, cost_nano, paid_nano, buy_nano),) = bench.told
    assert record.evidence == "none"
    assert (cost_nano, paid_nano, buy_nano) == (0, 0, 0)


async def test_what_is_not_kept_in_time_is_free(bench, fake) -> None:
    fake.files["a.mp4"] = File(mp4("waves"), status=500)
    job = await store(bench, fake, *[made(fake)] * 4)
    bench.clock.advance(LIFE_SECONDS)
    await bench.steps.go(job)
    job = bench.job(job.id)
    assert (job.state, job.error_code) == (JobState.FAILED, NOT_KEPT.code)
    assert bench.paid_nano(job) == 0


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/a.mp4", "https://evil.example/a.mp4"]
)
async def test_what_may_not_be_fetched_ends_at_once(bench, fake, address) -> None:
    bad = said(id="task-1", status="SUCCEEDED", output=[address])
    job = await store(bench, fake, bad)
    assert (job.state, job.error_code) == (JobState.FAILED, NOT_KEPT.code)
    assert bench.paid_nano(job) == 0


async def test_what_is_too_large_ends_at_once(bench, fake) -> None:
    fake.files["a.mp4"] = File(mp4("x" * 5 * 1024 * 1024))
    job = await store(bench, fake, made(fake))
    assert (job.state, job.error_code) == (JobState.FAILED, NOT_KEPT.code)


async def test_what_was_not_made_after_all_is_free(bench, fake) -> None:
    failed = said(id="task-1", status="FAILED", failureCode="SAFETY.OUTPUT.X")
    job = await store(bench, fake, made(fake, "gone.mp4"), failed)
    assert (job.state, job.error_code) == (JobState.FAILED, "content_policy_violation")
    assert bench.paid_nano(job) == 0


async def test_the_answer_is_kept_for_who_sends_the_request_again(bench, fake) -> None:
    key = ReplayKey("once", b"asked")
    job = await store(bench, fake, made(fake), replay=key)
    found = bench.storage.writer.wait(replays.find, job.account_id, key)
    assert found.paid_nano == COST_NANO
    assert job.address.encode() in found.answer.body
