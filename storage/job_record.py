"""A job as it stands: what its row says, and which columns it has."""

from dataclasses import dataclass, field, fields

from storage.engine import Row
from storage.job_states import LIVE, JobState


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands; the fields are the columns, in their order.

    `ask` is what the caller asked for, `task` what the provider calls it (both JSON),
    `trail` the attempts as storage.trail has them. `leg` counts the attempts, and
    `credential` is the name of one, never what it says. `next_ns` is when somebody
    should look at it again, `faults` how often that went wrong in a row. `boot_id` is
    who submits it, while that is done. `media` is the name of the file that was made,
    `address` where its owner finds it. Who wishes it cancelled said so at `cancel_ns`.
    """

    id: str
    request_id: str
    account_id: int
    key_id: int
    model: str
    state: JobState
    version: int
    ask: str = field(repr=False)
    leg: int
    provider: str
    upstream_model: str
    credential: str
    task: str | None = field(repr=False)
    progress: int
    upstream_state: str
    polls: int
    faults: int
    next_ns: int
    deadline_ns: int
    boot_id: str | None
    trail: str | None
    media: str | None = field(repr=False)
    address: str | None = field(repr=False)
    error_code: str | None
    error_message: str | None = field(repr=False)
    error_status: int | None
    created_ns: int
    submitted_ns: int | None
    ended_ns: int | None
    deleted_ns: int | None
    cancel_ns: int | None

    @property
    def live(self) -> bool:
        """Whether it goes on, and holds money."""
        return self.state in LIVE


JOB_COLUMNS = tuple(one.name for one in fields(Job))
_STATE = JOB_COLUMNS.index("state")


def job_record(row: Row) -> Job:
    """A row with all columns, in the order of the fields."""
    values = [*row]
    values[_STATE] = JobState(row[_STATE])
    return Job(*values)
