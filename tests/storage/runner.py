"""A runner of jobs that calls no provider: brings a job to any state, for tests."""

from dataclasses import replace

from storage.job_states import JobState
from storage.jobs import (
    Job,
    JobError,
    LegChoice,
    NewJob,
    accepted,
    complete,
    fail,
    made,
    open_job,
    polled,
    requeued,
    take,
)
from storage.ledger import Granted
from tests.storage.teller import NANO, USED, Teller, ask, settlement

ASK = '{"prompt": "a very private prompt", "surface": "videos"}'
LEG = LegChoice(0, "runway", "gen4.5", "RUNWAY_KEY")
TASK = '{"id": "task_1"}'
RESULT = '{"id": "task_1", "url": "https://made.example/1"}'
ERROR = JobError("upstream_failed", "The provider could not make it.", 502)
PRICE_NANO = 5
SECONDS_NS = 10**9


class Runner:
    def __init__(self, teller: Teller) -> None:
        self.teller = teller
        self.do = teller.do
        self.reads = teller.storage.reader.jobs

    def open(self, caller, job_id="video_1", amount_nano=NANO, answer=None, **fields):
        """Jobs and their requests have the same number."""
        limits = {
            name: fields.pop(name)
            for name in ("account_max", "live_max", "next_ns", "deadline_ns", "ask")
            if name in fields
        }
        job = replace(NewJob(job_id, ASK, 0, 1800 * SECONDS_NS), **limits)
        request = ask(caller, job_id.replace("video", "req"), amount_nano, **fields)
        return self.do(open_job, request, job, answer)

    def opened(self, caller, job_id="video_1", **fields) -> Job:
        assert isinstance(self.open(caller, job_id, **fields), Granted)
        return self.found(job_id)

    def found(self, job_id="video_1") -> Job:
        job = self.reads.job(job_id)
        assert job is not None
        return job

    def at(self, state: JobState, caller, job_id="video_1", **fields) -> Job:
        """A new job that came to this state on the shortest way."""
        job = self.opened(caller, job_id, **fields)
        if state is JobState.CANCELLED:
            return self.fail(job, cancelled=True)
        if state is JobState.FAILED:
            return self.fail(job)
        for step in (self.take, self.accept, self.make, self.complete):
            if job.state is state:
                return job
            job = step(job)
        assert job.state is state
        return job

    def take(self, job: Job, leg=LEG, now_ns=7):
        return self.do(take, job.id, job.version, leg, now_ns)

    def requeue(self, job: Job, trail=None, next_ns=9):
        return self.do(requeued, job, trail, next_ns)

    def accept(self, job: Job, task=TASK, next_ns=9):
        return self.do(accepted, job, task, next_ns)

    def poll(self, job: Job, progress=40, state="running", faults=0, next_ns=11):
        return self.do(polled, job, progress, state, faults, next_ns)

    def make(self, job: Job, task=RESULT):
        return self.do(made, job, task)

    def complete(
        self, job: Job, cost_nano=PRICE_NANO, answer=None, media="abc.mp4"
    ):
        paid = settlement(job.request_id, cost_nano, replace(USED, stream=False))
        paid = replace(paid, answer=answer)
        return self.do(complete, job, media, f"/media/{job.id}.mp4", paid)

    def fail(self, job: Job, error=ERROR, record=None, cancelled=False):
        return self.do(fail, job, error, record, cancelled)
