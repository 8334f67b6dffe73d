"""What an operator sees of videos: every job, whose it is, and how far it came.

Nobody but its owner is shown what a video was to show, nor a provider's words about it,
which may repeat that.
"""

from collections.abc import Mapping
from typing import Any

from dashboard.listing import read_id_cursor, read_limit
from dashboard.operation import person
from dashboard.refusals import BadInput
from dashboard.services import Services
from dashboard.shapes import iso_time
from dashboard.visit import Answer, Visit
from storage.job_states import LIVE, JobState
from storage.oversight import JobEntry

NANO_PER_SECOND = 10**9
# All that go on, beside each state by its own name.
UNFINISHED = "live"
STATES: Mapping[str, frozenset[JobState]] = {
    UNFINISHED: LIVE,
    **{state.value: frozenset({state}) for state in JobState},
}


def jobs(services: Services, visit: Visit) -> Answer:
    page = services.storage.reader.oversight.jobs(
        read_states(visit.query.get("status", "")),
        read_id_cursor(visit.query.get("before")),
        read_limit(visit.query.get("limit")),
    )
    now_ns = services.storage.clock.wall_ns()
    shapes = [job_shape(one, now_ns) for one in page.entries]
    return Answer(data={"jobs": shapes, "next": page.next})


def read_states(text: str) -> frozenset[JobState]:
    """Those of the jobs that are asked for; none is all."""
    if not text:
        return frozenset()
    found = STATES.get(text)
    if found is None:
        raise BadInput("bad_status", statuses=", ".join(STATES))
    return found


def job_shape(job: JobEntry, now_ns: int) -> dict[str, Any]:
    live = job.state in LIVE
    # Nobody looks at one that is just being submitted: it is in somebody's hands.
    looked_at = live and job.state is not JobState.SUBMITTING
    return {
        "id": job.id,
        "request_id": job.request_id,
        "user": person(job.user_id, job.user_email),
        "model": job.model,
        "status": job.state.value,
        "provider": job.provider or None,
        "upstream_model": job.upstream_model or None,
        "attempts": job.attempts,
        "looks": job.polls,
        "faults": job.faults,
        "progress": job.progress,
        "age_seconds": max(0, now_ns - job.created_ns) // NANO_PER_SECOND,
        "created_at": iso_time(job.created_ns),
        "submitted_at": moment(job.submitted_ns),
        "next_look_at": iso_time(job.next_ns) if looked_at else None,
        "deadline_at": iso_time(job.deadline_ns) if live else None,
        "cancel_wished_at": moment(job.cancel_ns),
        "ended_at": moment(job.ended_ns),
        "error": error_shape(job),
    }


def error_shape(job: JobEntry) -> dict[str, Any] | None:
    if job.error_code is None:
        return None
    return {"code": job.error_code, "status": job.error_status}


def moment(at_ns: int | None) -> str | None:
    return None if at_ns is None else iso_time(at_ns)
