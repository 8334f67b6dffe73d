"""Ends: how a job that came to nothing is told to its owner."""

from addons.wire.errors import ApiError, UpstreamTimeout
from storage.jobs import JobError

LOST = JobError(
    "submission_lost",
    "The gateway stopped while the video was being ordered. It costs nothing; order it"
    " again.",
    502,
)
UNKNOWN = JobError(
    "submission_unknown",
    "The provider did not say whether it makes the video. It costs nothing; order it"
    " again.",
    502,
)
TIMED_OUT = JobError(
    UpstreamTimeout.code or "",
    "The video was not made in the time it may take. It costs nothing.",
    UpstreamTimeout.status,
)
NOT_KEPT = JobError(
    "media_unavailable",
    "The video was made and could not be kept. It costs nothing.",
    503,
)
CANCELLED = JobError("cancelled", "The video was cancelled.", 499)


def error_of(error: ApiError) -> JobError:
    """An error as it is kept: what goes to the caller, and nothing of the detail."""
    # PostgreSQL keeps no NUL, and a provider's words may have one.
    code, message = (
        text.replace("\0", "") for text in (error.code or error.type, error.message)
    )
    return JobError(code, message, error.status)
