"""kill -9 while videos are made: each is begun once, and charged once or not at all."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.jobs import JobState
from tests.fakes.runway_server import FakeRunway, Film
from tests.fakes.script import Gate, after
from tests.faults.films import (
    COST_NANO,
    FAILING,
    GIVEN_NANO,
    MADE,
    SILENT,
    STUCK,
    UNFETCHED,
    WAITING,
    Killing,
    Studio,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EACH = 20
# As many as the gateway has made at once, beside those that it makes already.
FILLERS = 4
# A submission that is answered when its gate is opened.
HELD = "held"


@pytest.fixture
def studio(tmp_path: Path, url: str) -> Iterator[Studio]:
    with FakeRunway() as fake:
        yield Studio(tmp_path, fake, url)


def test_20_videos_in_each_state_survive_a_kill_and_are_begun_once(
    studio: Studio,
) -> None:
    with studio.serve() as child:
        studio.welcome(8)
        completed = studio.order(child, MADE, EACH, 0)
        studio.until_in(completed, JobState.COMPLETED)
        failed = studio.order(child, FAILING, EACH, 1)
        studio.until_in(failed, JobState.FAILED)
        cancelled = studio.order(child, WAITING, EACH, 2)
        studio.until_in(cancelled, JobState.RUNNING)
        for job_id in cancelled:
            studio.cancel(child, job_id, 2)
        studio.until_in(cancelled, JobState.CANCELLED)
        running = studio.order(child, STUCK, EACH, 3)
        studio.until_in(running, JobState.RUNNING)
        storing = studio.order(child, UNFETCHED, EACH, 4)
        studio.until_in(storing, JobState.STORING)
        submitting = studio.order(child, SILENT, EACH, 5)
        submitting += studio.order(child, SILENT, FILLERS, 6)
        studio.until_in(submitting, JobState.SUBMITTING)
        # There is no room for these.
        queued = studio.order(child, MADE, EACH, 7)
        studio.until_in(queued, JobState.QUEUED)
        child.kill()
    groups = [completed, failed, cancelled, running, storing, submitting, queued]
    ids = [id for group in groups for id in group]
    dead = Counter(job.state.value for job in studio.jobs(ids))
    assert dead == {
        state.value: EACH + FILLERS * (state is JobState.SUBMITTING)
        for state in JobState
    }
    studio.relent()
    with studio.serve() as child:
        studio.until_ended()
        assert child.stop() == 0
    books = studio.check(ids)
    # Each was asked for once: those that were lost too, by the gateway that died.
    assert set(studio.begun().values()) == {1}
    assert len(studio.begun()) == len(ids)
    for group, state in zip(groups, ENDS, strict=True):
        assert {job.state for job in studio.jobs(group)} == {state}
    lost = {job.error_code for job in studio.jobs(submitting)}
    assert lost == {"submission_lost"}
    paid_nano = sum(GIVEN_NANO - left for left in books.available.values())
    assert paid_nano == 4 * EACH * COST_NANO
    studio.prove()


ENDS = [
    JobState.COMPLETED,
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.COMPLETED,
    JobState.COMPLETED,
    JobState.FAILED,
    JobState.COMPLETED,
]


def test_when_one_of_two_workers_is_killed_another_has_the_videos_made(
    studio: Studio,
) -> None:
    """The one that submits and asks is killed in the middle of both."""
    gate = Gate()
    studio.plans[HELD] = Film(edits=(after(1, gate),))
    with studio.serve("--workers", "2") as child:
        studio.welcome(1)
        running = studio.order(child, STUCK, 5)
        storing = studio.order(child, UNFETCHED, 5)
        lost = studio.order(child, HELD, 2)
        studio.until_in(running, JobState.RUNNING)
        studio.until_in(storing, JobState.STORING)
        studio.until_in(lost, JobState.SUBMITTING)
        leader = studio.submitter(lost[0])
        os.kill(leader, signal.SIGKILL)
        studio.until_in(lost, JobState.FAILED)
        held = studio.order(child, HELD, 1)
        studio.until_in(held, JobState.SUBMITTING)
        # The one that lived on, or the one in the place of the dead.
        assert studio.submitter(held[0]) in set(child.workers()) - {leader}
        gate.open()
        later = studio.order(child, MADE, 3)
        studio.relent()
        studio.until_ended()
        assert child.stop() == 0
        assert "ended by SIGKILL; it is started again" in child.log
    good = [*running, *storing, *held, *later]
    books = studio.check([*good, *lost])
    assert set(studio.begun().values()) == {1}
    assert {job.state for job in studio.jobs(good)} == {JobState.COMPLETED}
    assert {job.error_code for job in studio.jobs(lost)} == {"submission_lost"}
    (left_nano,) = books.available.values()
    assert GIVEN_NANO - left_nano == len(good) * COST_NANO
    studio.prove()


def test_kills_at_any_moment_begin_nothing_twice(studio: Studio) -> None:
    studio.welcome(1)
    killing = Killing(studio, seed=4)
    for _ in range(6):
        killing.round()
    killing.finish()
    # A run in which all was well would have proved little.
    ended = {job.state for job in studio.jobs(killing.ids)}
    assert ended == {JobState.COMPLETED, JobState.FAILED}
