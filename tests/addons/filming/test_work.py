"""What all steps share: the way back to a provider, and how a job can end."""

import pytest

from addons.filming.work import LIVE, ask_of, polled, reason, task_of, way_of
from addons.filming.calls import Called
from addons.providers.filming import Polled
from addons.wire.errors import InternalError, UpstreamFailed
from storage.jobs import JobState
from tests.addons.filming.bench import Bench, leg, said
from tests.fakes import exchanges


def test_who_makes_no_videos_is_no_way() -> None:
    assert way_of(leg()).filming.poll_seconds == 5
    with pytest.raises(InternalError):
        way_of(exchanges.leg())


def test_without_an_answer_nothing_is_clear() -> None:
    def read(status, headers, body):
        return Polled("made")

    assert polled(read, Called(status=200)).state == "made"
    unclear = polled(read, Called(error=UpstreamFailed()))
    assert (unclear.state, unclear.transient) == ("unclear", True)


def test_the_operator_is_told_the_detail() -> None:
    assert reason(UpstreamFailed(detail="status 500")) == "status 500"
    assert reason(OSError("full")) == "full"
    assert set(LIVE) == {"queued", "running"}


async def test_a_job_knows_what_was_asked_and_what_it_is_called(bench: Bench) -> None:
    bench.provide(said(id="task-1"))
    job = await bench.begin()
    assert ask_of(job).prompt == "waves"
    assert task_of(job).id == "task-1"
    assert bench.work.way_back(job).leg.provider.name == "runway"


async def test_what_ends_a_job_is_on_its_receipt(bench: Bench) -> None:
    bench.provide(said(id="task-1"))
    job = await bench.begin()
    await bench.work.failed(job, Polled("failed", failure=UpstreamFailed()))
    assert bench.job(job.id).state is JobState.FAILED
    record = bench.storage.reader.usage(job.request_id).record
    assert [one.outcome for one in record.trail] == ["upstream_error"]
    assert (record.attempts, record.upstream_id) == (1, "task-1")
