"""Told: one call that was made for a job, as somebody is told who looks at the traffic.

There is no exchange that it is of: the request that ordered the job is long answered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from addons.exchange import Leg
from addons.filming.calls import Called
from addons.providers.base import UpstreamRequest
from storage.jobs import Job

type Errand = Literal["submit", "poll", "result", "cancel"]


@dataclass(frozen=True, slots=True)
class JobCall:
    """What was asked for a job, and what came of it; times are wall nanoseconds. The
    request is without our credential."""

    job: Job
    errand: Errand
    leg: Leg
    request: UpstreamRequest
    called: Called
    started_ns: int
    ended_ns: int


type TellCall = Callable[[JobCall], None]


def nobody(call: JobCall) -> None:
    """Is told of calls, and does nothing."""
