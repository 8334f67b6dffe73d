"""Films: jobs as their callers see them.

A job is the ledger's record of a video; a film is what is told of it. Whoever answers
about a job makes the film here, at the request that ordered it, at one that asks for it
later, and where the answer is kept for a caller that sends its request again: all of
them tell the same.
"""

from collections.abc import Mapping
from functools import partial

from addons.rendering import JSON
from addons.wire.errors import (
    ApiError,
    BadRequest,
    ContentRefused,
    InternalError,
    Unavailable,
    UpstreamFailed,
    UpstreamThrottled,
)
from addons.wire.videos import (
    COMPLETED,
    FAILED,
    GENERATIONS,
    IN_PROGRESS,
    QUEUED,
    Film,
    generation_body,
    order_of,
    video_body,
)
from config.money import dollars
from storage.jobs import Job, JobState
from storage.replays import KeptAnswer

NANOSECONDS = 1_000_000_000
OK, ACCEPTED = 200, 202
WHOLE = 100

# What a caller is told of a job that is not at its provider, or no longer.
STATUS: Mapping[JobState, str] = {
    JobState.QUEUED: QUEUED,
    JobState.SUBMITTING: QUEUED,
    JobState.STORING: IN_PROGRESS,
    JobState.COMPLETED: COMPLETED,
    JobState.FAILED: FAILED,
    JobState.CANCELLED: FAILED,
}
# By status; other errors are the provider's.
FAILURES: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    429: UpstreamThrottled,
    500: InternalError,
    503: Unavailable,
}
