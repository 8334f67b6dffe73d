"""Withdrawals: what nobody began is hidden as well as cancelled."""

import pytest

from storage.jobs import Cancelled, Cancelling, Deleted, JobState
from storage.withdrawals import take_back, withdraw
from tests.storage.runner import Runner
from tests.storage.teller import NANO

TEN = 10 * NANO
NOW_NS = 7


@pytest.fixture
def runner(teller):
    return Runner(teller)


@pytest.fixture
def caller(teller):
    return teller.caller(TEN)


def withdrawn(teller, job, caller):
    return teller.storage.writer.wait(withdraw, job.id, caller.account_id, NOW_NS)


def test_what_nobody_began_is_cancelled_and_gone(runner, teller, caller):
    job = runner.opened(caller)
    assert isinstance(withdrawn(teller, job, caller), Cancelled)
    found = teller.storage.reader.jobs.job(job.id)
    assert (found.state, found.deleted_ns) == (JobState.CANCELLED, NOW_NS)
    assert teller.storage.reader.jobs.job_of(job.id, caller.account_id) is None
    assert teller.storage.reader.balance(caller.account_id).available_nano == TEN


def test_what_goes_on_is_not_hidden(runner, teller, caller):
    job = runner.accept(runner.take(runner.opened(caller)))
    assert isinstance(withdrawn(teller, job, caller), Cancelling)
    found = teller.storage.reader.jobs.job_of(job.id, caller.account_id)
    assert (found.state, found.cancel_ns) == (JobState.RUNNING, NOW_NS)


def test_what_has_ended_is_hidden(runner, teller, caller):
    job = runner.fail(runner.opened(caller))
    assert isinstance(withdrawn(teller, job, caller), Deleted)
    assert teller.storage.reader.jobs.job_of(job.id, caller.account_id) is None


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.FAILED])
def test_what_nobody_was_told_of_stays_once_it_has_ended(runner, teller, caller, state):
    job = runner.at(state, caller)
    took = teller.storage.writer.wait(take_back, job.id, caller.account_id, NOW_NS)
    assert took is None
    found = teller.storage.reader.jobs.job_of(job.id, caller.account_id)
    assert (found.state, found.deleted_ns) == (state, None)


def test_what_nobody_was_told_of_is_taken_back_before(runner, teller, caller):
    job = runner.opened(caller)
    took = teller.storage.writer.wait(take_back, job.id, caller.account_id, NOW_NS)
    assert isinstance(took, Cancelled)
    assert teller.storage.reader.jobs.job_of(job.id, caller.account_id) is None


def test_somebody_elses_is_not_touched(runner, teller, caller):
    job = runner.opened(caller)
    assert withdrawn(teller, job, teller.caller(TEN, "bob@example.com")) is None
    assert teller.storage.reader.jobs.job(job.id).state is JobState.QUEUED
