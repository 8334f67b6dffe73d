"""Jobs: the verbs of work that outlives the request that asked for it.

A job is a row that is made with the hold of its request, in one transaction, and owns
that hold from then on: it is settled with the job's completion and voided with its
failure, each in one transaction too. So whoever reads either of them knows the other,
and a crash leaves both or neither.

Three ideas without which the code looks odd:

1. A verb names the version that its caller knows. Who comes second gets None and drops
   what it wanted: the row is somebody else's now. A verb that is repeated because
   nobody knows whether it was committed finds its own work and answers as before.
2. The wish to cancel is no move. It leaves the version as it is, because what the
   runner brings meanwhile (a provider's acceptance) must not be lost; the runner finds
   `cancel_ns` in whatever row it gets next.
3. `ask` has what a user wrote, `task` and `address` lead to what was made of it. None
   of them is ever shown by a repr, and no error of this file has them in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from storage import ledger, replays
from storage import statements as sql
from storage.database import Ledgerbase
from storage.errors import IllegalMove
from storage.job_record import Job, job_record
from storage.job_states import JobMove, JobState, moved
from storage.ledger import (
    Admission,
    Admitted,
    Blocked,
    Granted,
    Insufficient,
    OverBudget,
    Settlement,
    UsageRecord,
)
from storage.replays import KeptAnswer

ASK_CHARS_MAX = 256 * 1024
TASK_CHARS_MAX = 16 * 1024
MESSAGE_CHARS_MAX = 1000
FORGOTTEN_AT_ONCE_MAX = 500
CANCELLED_STATUS = 499

__all__ = [
    "Cancelled",
    "Cancelling",
    "Deleted",
    "Deletion",
    "Job",
    "JobError",
    "JobMove",
    "JobState",
    "LegChoice",
    "NewJob",
    "Opened",
    "TooManyJobs",
    "accepted",
    "complete",
    "delete",
    "fail",
    "forget",
    "made",
    "open_job",
    "polled",
    "requeued",
    "take",
]


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is to be opened. A limit of 0 is no limit: `account_max` live jobs of one
    account, `live_max` of all together."""

    id: str
    ask: str = field(repr=False)
    next_ns: int
    deadline_ns: int
    account_max: int = 0
    live_max: int = 0


@dataclass(frozen=True, slots=True)
class LegChoice:
    """The attempt that is made now; `credential` is a name."""

    leg: int
    provider: str
    upstream_model: str
    credential: str


@dataclass(frozen=True, slots=True)
class JobError:
    """What the owner is told; the message may repeat what the owner wrote."""

    code: str
    message: str = field(repr=False)
    status: int


@dataclass(frozen=True, slots=True)
class TooManyJobs:
    """As many jobs go on as may: `limit` is "account" or "all"."""

    limit: str
    live_max: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """It had ended, and its owner sees it no more."""

    job: Job


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Nobody had begun it; it ended, and cost nothing."""

    job: Job


@dataclass(frozen=True, slots=True)
class Cancelling:
    """It goes on, and whoever runs it knows that it should not."""

    job: Job


Opened = Admitted | TooManyJobs
Deletion = Deleted | Cancelled | Cancelling
Changes = Mapping[str, str | int | None]


def open_job(
    db: Ledgerbase, ask: Admission, job: NewJob, answer: KeptAnswer | None
) -> Opened:
    """Reserve the money and write down the job, or say why not.

    An answer is kept under the request's name at once: who sends the request again
    while the job goes on gets it, instead of being told to wait.
    """
    _check_text(job.id, "ask", job.ask, ASK_CHARS_MAX)
    known = db.sql(sql.FIND_JOB_OF_REQUEST, (ask.hold_id,))
    if known:
        if known[0] != (job.id,):
            raise IllegalMove(f"cannot open {job.id}: {ask.hold_id} has another job")
        return ledger.admit(db, ask)
    if db.sql(sql.FIND_HOLD, (ask.hold_id,)):
        raise IllegalMove(f"cannot open {job.id}: {ask.hold_id} was no job's")
    refusal = _refusal(db, ask, job)
    if refusal is not None:
        return refusal
    admitted = ledger.admit(db, ask)
    if not isinstance(admitted, Granted):
        return admitted
    db.sql(
        sql.INSERT_JOB,
        (
            job.id,
            ask.hold_id,
            ask.account_id,
            ask.key_id,
            ask.model,
            job.ask,
            job.next_ns,
            job.deadline_ns,
            db.now_ns,
        ),
    )
    if ask.replay is not None and answer is not None:
        replays.keep(db, ask.hold_id, answer)
    return admitted


def take(
    db: Ledgerbase, job_id: str, version: int, leg: LegChoice, now_ns: int
) -> Job | None:
    """To be called before a provider is: from here on the job may have begun."""
    found = _find(db, job_id)
    if found is None:
        return None
    # A later version is told as lost, or as taken by this very call before.
    state = found.state if found.version == version else JobState.QUEUED
    changes: Changes = {
        "leg": leg.leg,
        "provider": leg.provider,
        "upstream_model": leg.upstream_model,
        "credential": leg.credential,
        "boot_id": db.boot_id,
        "next_ns": now_ns,
    }
    known = replace(found, version=version, state=state)
    return _advance(db, known, JobMove.TAKE, changes)


def accepted(db: Ledgerbase, job: Job, task: str, next_ns: int) -> Job | None:
    """The provider has begun it and calls it that."""
    _check_text(job.id, "task", task, TASK_CHARS_MAX)
    changes: Changes = {
        "task": task,
        "next_ns": _sooner(db, job, next_ns),
        "faults": 0,
        "boot_id": None,
    }
    return _move(db, job, JobMove.ACCEPT, changes, ("submitted_ns",))[0]


def requeued(
    db: Ledgerbase, job: Job, trail: str | None, next_ns: int
) -> Job | None:
    """The provider certainly began nothing: another attempt may be made."""
    return _advance(
        db,
        job,
        JobMove.REQUEUE,
        {"trail": trail, "next_ns": _sooner(db, job, next_ns), "boot_id": None},
    )


def polled(
    db: Ledgerbase,
    job: Job,
    progress: int,
    upstream_state: str,
    faults: int,
    next_ns: int,
) -> Job | None:
    """What was found when somebody looked; also of a file that was not there yet."""
    if not 0 <= progress <= 100 or upstream_state not in ("", "queued", "running"):
        raise IllegalMove(f"{progress}, {upstream_state!r} is no news of {job.id}")
    if job.state is JobState.RUNNING:
        next_ns = _sooner(db, job, next_ns)
    return _advance(
        db,
        job,
        JobMove.POLL,
        {
            "progress": progress,
            "upstream_state": upstream_state,
            "faults": faults,
            "next_ns": next_ns,
            "polls": job.polls + 1,
        },
    )


def made(db: Ledgerbase, job: Job, task: str) -> Job | None:
    """The provider is done; the task says where the result is. It is due at once."""
    _check_text(job.id, "task", task, TASK_CHARS_MAX)
    return _advance(db, job, JobMove.MAKE, {"task": task, "faults": 0})


def complete(
    db: Ledgerbase, job: Job, media: str, address: str, settlement: Settlement
) -> Job | None:
    """The file is kept: charge for it. In one transaction, so neither is without the
    other."""
    changes: Changes = {"media": media, "address": address, "progress": 100}
    ended, first = _move(db, job, JobMove.COMPLETE, changes, ("ended_ns",))
    if ended is not None and settlement.hold_id != ended.request_id:
        raise IllegalMove(f"{settlement.hold_id} is not what {job.id} holds")
    if first:
        ledger.settle(db, settlement)
    return ended


def fail(
    db: Ledgerbase,
    job: Job,
    error: JobError,
    record: UsageRecord | None,
    cancelled: bool = False,
) -> Job | None:
    """It came to nothing and costs nothing. The record says what was tried."""
    changes: Changes = {
        "error_code": error.code,
        "error_message": error.message[:MESSAGE_CHARS_MAX],
        "error_status": error.status,
        "boot_id": None,
    }
    move = JobMove.CANCEL if cancelled else JobMove.FAIL
    ended, first = _move(db, job, move, changes, ("ended_ns",))
    if ended is not None and first:
        ledger.void(db, ended.request_id, error.code, record)
    return ended


def delete(
    db: Ledgerbase, job_id: str, account_id: int, now_ns: int
) -> Deletion | None:
    """Hide a job that has ended; cancel one that nobody began; wish it of one that goes
    on. None if the account has no such job, or hid it before."""
    job = _find(db, job_id)
    if job is None or job.account_id != account_id:
        return None
    if job.state is JobState.QUEUED:
        error = JobError("cancelled", "The job was cancelled.", CANCELLED_STATUS)
        ended = fail(db, job, error, None, cancelled=True)
        return Cancelled(ended) if ended is not None else None
    if job.live:
        (row,) = db.sql(sql.WISH_JOB_CANCELLED, (job_id, now_ns))
        return Cancelling(job_record(row))
    if job.deleted_ns is None:
        (row,) = db.sql(sql.HIDE_JOB, (job_id, now_ns))
        return Deleted(job_record(row))
    # Told again to the one who did it, and does not know that it was committed.
    return Deleted(job) if job.deleted_ns == now_ns else None


def forget(db: Ledgerbase, before_ns: int, limit: int) -> int:
    """Remove some jobs that ended before then; how many. Call again until it is none.

    What they cost stays: the hold, its transfers and its usage.
    """
    most = max(0, min(limit, FORGOTTEN_AT_ONCE_MAX))
    return len(db.sql(sql.FORGET_JOBS, (before_ns, most)))


# Opening.


def _refusal(
    db: Ledgerbase, ask: Admission, job: NewJob
) -> TooManyJobs | Blocked | Insufficient | OverBudget | None:
    """Only who asks for something new can be one too many, and only who may ask and can
    pay: whoever is told that there are too many comes back when there are fewer."""
    if not job.account_max and not job.live_max:
        return None
    if ask.replay is not None and replays.find(db, ask.account_id, ask.replay):
        return None
    ((of_account, of_all),) = db.sql(sql.COUNT_LIVE_JOBS, (ask.account_id,))
    for limit, number, most in (
        ("account", of_account, job.account_max),
        ("all", of_all, job.live_max),
    ):
        if most and number >= most:
            return ledger.not_allowed(db, ask) or TooManyJobs(limit, most)
    return None


def _check_text(job_id: str, name: str, text: str, chars_max: int) -> None:
    """Says how long it is and not what it says."""
    if not 0 < len(text) <= chars_max:
        raise IllegalMove(
            f"the {name} of {job_id} has {len(text)} characters, not 1 to {chars_max}"
        )


# Moving.


def _find(db: Ledgerbase, job_id: str) -> Job | None:
    rows = db.sql(sql.FIND_JOB, (job_id,))
    return job_record(rows[0]) if rows else None


def _sooner(db: Ledgerbase, job: Job, next_ns: int) -> int:
    """When to look at a job again: at once, if its owner wished it cancelled after the
    caller read it."""
    found = _find(db, job.id)
    if found is None or found.cancel_ns is None or job.cancel_ns is not None:
        return next_ns
    return min(next_ns, found.cancel_ns)


def _advance(
    db: Ledgerbase, job: Job, move: JobMove, changes: Changes
) -> Job | None:
    return _move(db, job, move, changes)[0]


def _move(
    db: Ledgerbase,
    job: Job,
    move: JobMove,
    changes: Changes,
    dated: tuple[str, ...] = (),
) -> tuple[Job | None, bool]:
    """The one place where a state changes: from the version that the caller knows.

    The job, None if that version is history; and whether this was done now. If the
    caller's own call made it history, the job comes again. `dated` are columns that
    get the time of this and tell no two calls apart.
    """
    state = moved(job.state, move, job.id)
    written = {**changes, **dict.fromkeys(dated, db.now_ns)}
    rows = db.sql(
        sql.move_job(tuple(written)),
        (job.id, job.version, state.value, *written.values()),
    )
    if rows:
        return job_record(rows[0]), True
    found = _find(db, job.id)
    if found is None or (found.version, found.state) != (job.version + 1, state):
        return None, False
    if any(getattr(found, name) != value for name, value in changes.items()):
        return None, False
    return found, False
