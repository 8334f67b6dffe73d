"""A job's life, as a table.

    queued ─take→ submitting ─accept→ running ─make→ storing ─complete→ completed
      ↑─────requeue───┘
    any of them ─fail→ failed;  queued, running ─cancel→ cancelled

`submitting` is committed before a provider is called: a job that a crash left there may
have begun, so it is never sent again. `poll` changes what is known of a job and not
where it stands. What the table does not name is a caller's mistake and raises.
"""

from enum import Enum

from storage.errors import IllegalMove


class JobState(Enum):
    QUEUED = "queued"
    SUBMITTING = "submitting"
    RUNNING = "running"
    STORING = "storing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobMove(Enum):
    TAKE = "take"
    ACCEPT = "accept"
    REQUEUE = "requeue"
    POLL = "poll"
    MAKE = "make"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


TRANSITIONS: dict[JobState, dict[JobMove, JobState]] = {
    JobState.QUEUED: {
        JobMove.TAKE: JobState.SUBMITTING,
        JobMove.FAIL: JobState.FAILED,
        JobMove.CANCEL: JobState.CANCELLED,
    },
    JobState.SUBMITTING: {
        JobMove.ACCEPT: JobState.RUNNING,
        JobMove.REQUEUE: JobState.QUEUED,
        JobMove.FAIL: JobState.FAILED,
    },
    JobState.RUNNING: {
        JobMove.POLL: JobState.RUNNING,
        JobMove.MAKE: JobState.STORING,
        JobMove.FAIL: JobState.FAILED,
        JobMove.CANCEL: JobState.CANCELLED,
    },
    JobState.STORING: {
        JobMove.POLL: JobState.STORING,
        JobMove.COMPLETE: JobState.COMPLETED,
        JobMove.FAIL: JobState.FAILED,
    },
    JobState.COMPLETED: {},
    JobState.FAILED: {},
    JobState.CANCELLED: {},
}
LIVE = frozenset(state for state, moves in TRANSITIONS.items() if moves)


def moved(state: JobState, move: JobMove, job_id: str) -> JobState:
    """Where a move leads from there."""
    found = TRANSITIONS[state].get(move)
    if found is None:
        raise IllegalMove(f"cannot {move.value} {job_id}: it is {state.value}")
    return found
