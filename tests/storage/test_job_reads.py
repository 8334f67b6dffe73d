"""Reads of jobs: whose they are, in which order, which are due, which are lost."""

import pytest

from config.gateway import RUNNING_MAX
from storage.job_reads import ROWS_MAX
from storage.job_states import LIVE, JobState
from storage.jobs import delete
from tests.storage.runner import Runner
from tests.storage.teller import NANO


@pytest.fixture
def runner(teller):
    return Runner(teller)


@pytest.fixture
def caller(teller):
    return teller.caller(10 * NANO)


def test_all_that_providers_may_make_at_once_are_found_in_one_look():
    """However many are due, those beyond the limit of a read would never be."""
    assert RUNNING_MAX <= ROWS_MAX


def ids(jobs):
    return [job.id for job in jobs]


def test_a_job_is_its_accounts(runner, teller, caller):
    job = runner.opened(caller)
    bob = teller.caller(email="bob@example.com")
    assert runner.reads.job_of(job.id, caller.account_id) == job
    assert runner.reads.job_of(job.id, bob.account_id) is None
    assert runner.reads.job_of("video_0", caller.account_id) is None
    assert runner.reads.jobs_of(bob.account_id) == []


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, [4, 3, 1, 0]),
        ({"limit": 2}, [4, 3]),
        ({"limit": 0}, [4]),
        ({"limit": 10**9}, [4, 3, 1, 0]),
        ({"after": "video_3"}, [1, 0]),
        ({"after": "video_3", "limit": 1}, [1]),
        ({"after": "video_0"}, []),
        ({"after": "video_2"}, [1, 0]),
        ({"order": "asc"}, [0, 1, 3, 4]),
        ({"order": "asc", "after": "video_1"}, [3, 4]),
        ({"order": "asc", "limit": 1}, [0]),
    ],
)
def test_jobs_come_in_pages(runner, teller, caller, options, expected):
    """The third is hidden, and still a place to begin after."""
    for number in range(5):
        runner.opened(caller, f"video_{number}", amount_nano=1)
    runner.fail(runner.found("video_2"))
    teller.do(delete, "video_2", caller.account_id, 5)
    found = runner.reads.jobs_of(caller.account_id, **options)
    assert ids(found) == [f"video_{number}" for number in expected]


@pytest.mark.parametrize("state", JobState)
def test_what_goes_on_is_due_unless_it_is_in_hands(runner, caller, state):
    runner.at(state, caller)
    due = state in LIVE and state is not JobState.SUBMITTING
    assert len(runner.reads.due(10**18, 10)) == due
    assert (runner.reads.next_due_ns() is not None) == due
    assert runner.reads.live() == (state in LIVE)


def test_the_longest_due_comes_first(runner, caller):
    for number, next_ns in enumerate([50, 40, 60, 40]):
        runner.opened(caller, f"video_{number}", amount_nano=1, next_ns=next_ns)
    assert ids(runner.reads.due(50, 10)) == ["video_1", "video_3", "video_0"]
    assert ids(runner.reads.due(50, 1)) == ["video_1"]
    assert runner.reads.due(39, 10) == []
    assert (runner.reads.next_due_ns(), runner.reads.live()) == (40, 4)


def test_nothing_is_due_where_nothing_is(runner, caller):
    assert runner.reads.due(10**18, 10) == []
    assert (runner.reads.next_due_ns(), runner.reads.live()) == (None, 0)


def test_what_a_dead_boot_was_submitting_is_lost(runner, teller, caller):
    lost = runner.at(JobState.SUBMITTING, caller, "video_1")
    runner.at(JobState.RUNNING, caller, "video_2")
    asked = []

    def is_dead(boot_id):
        asked.append(boot_id)
        return True

    assert runner.reads.lost(is_dead) == [lost]
    assert asked == [teller.storage.boot_id]
    assert runner.reads.lost(lambda boot_id: False) == []
    assert runner.reads.lost(teller.storage.boots.is_dead) == []


@pytest.mark.parametrize("state", sorted(LIVE, key=lambda state: state.value))
def test_those_that_wait_and_those_that_were_begun_are_told_apart(
    runner, caller, state
):
    runner.at(state, caller)
    queued = state is JobState.QUEUED
    begun = state in (JobState.RUNNING, JobState.STORING)
    assert ids(runner.reads.due_queued(2**62, 10)) == ["video_1"] * queued
    assert ids(runner.reads.due_begun(2**62, 10)) == ["video_1"] * begun
    assert runner.reads.begun() == (not queued)
    assert runner.reads.due_queued(-1, 10) == runner.reads.due_begun(-1, 10) == []
