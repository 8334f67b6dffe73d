"""The studio: each step leaves a job where it says."""

from pathlib import Path

import pytest

from config import PriceBook
from config.gateway import LedgerSettings, MediaSettings
from storage import open_storage
from storage.accounts import NewUser, register
from storage.jobs import JobState
from storage.keys import mint
from storage.media import MediaStore
from tests.fakes import exchanges
from tests.fakes.studio import CLIP, Studio


@pytest.fixture
def studio(tmp_path: Path):
    prices = PriceBook([exchanges.VIDEO_PRICE])
    opened = open_storage(tmp_path, LedgerSettings(), gateway=True, prices=prices)
    store = MediaStore(
        tmp_path / "media", opened.secrets, opened.clock, MediaSettings()
    )
    yield Studio(opened, store, prices)
    opened.close()


@pytest.fixture
def job(studio: Studio):
    key = mint(studio.storage.secrets)
    new = NewUser(studio.storage.ids.uuid(), "ada@example.com", "hash")
    studio.storage.writer.wait(register, new, key, 10**9)
    found = studio.storage.reader.key_by_hash(key.hash)
    return studio.order(found, exchanges.video_ask())


def test_each_step_leaves_a_job_where_it_says(studio: Studio, job) -> None:
    assert job.state is JobState.QUEUED
    job = studio.begin(job)
    assert (job.state, job.provider) == (JobState.RUNNING, "runway")
    assert studio.poll(job, 30).progress == 30


def test_a_finished_job_is_paid_for_and_its_file_kept(studio: Studio, job) -> None:
    done = studio.finish(job)
    assert done.state is JobState.COMPLETED
    with studio.store.locate(done.media).open() as file:
        assert file.read() == CLIP
    assert studio.storage.reader.usage(job.request_id).paid_nano == 150_000_000


def test_a_failed_job_costs_nothing(studio: Studio, job) -> None:
    failed = studio.fail(studio.submit(job), "upstream_error", "No.", 502)
    assert (failed.state, failed.error_status) == (JobState.FAILED, 502)
    assert studio.storage.reader.balance(job.account_id).available_nano == 10**9


def test_whoever_comes_second_is_told(studio: Studio, job) -> None:
    studio.begin(job)
    with pytest.raises(LookupError):
        studio.begin(job)
