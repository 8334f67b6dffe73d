"""Reads of jobs: what their owners see, and what whoever runs them looks for.

Each is a short transaction of its own and blocks, as all of the reader's.
"""

from collections.abc import Callable
from typing import Literal

from storage import statements as sql
from storage.engine import Reads
from storage.job_record import Job, job_record

ROWS_MAX = 500


class JobReads:
    def __init__(self, reads: Reads) -> None:
        self._rows = reads.rows

    def job_of(self, job_id: str, account_id: int) -> Job | None:
        """An account's job; None for another's and for one that it hid."""
        return self._one(sql.JOB_OF, (job_id, account_id))

    def jobs_of(
        self,
        account_id: int,
        after: str = "",
        limit: int = 20,
        order: Literal["asc", "desc"] = "desc",
    ) -> list[Job]:
        """In the order in which they were opened, beginning after one of them."""
        statement = sql.JOBS_OF_NEWEST if order == "desc" else sql.JOBS_OF_OLDEST
        return self._all(statement, (account_id, after, _bounded(limit)))

    def job(self, job_id: str) -> Job | None:
        """Anybody's, hidden or not."""
        return self._one(sql.FIND_JOB, (job_id,))

    def due(self, now_ns: int, limit: int) -> list[Job]:
        """Live jobs that somebody should look at now, the longest due first; none that
        is being submitted, for that is in somebody's hands."""
        return self._all(sql.DUE_JOBS, (now_ns, _bounded(limit)))

    def due_queued(self, now_ns: int, limit: int) -> list[Job]:
        """Of those that are due the ones that wait for a provider."""
        return self._all(sql.DUE_JOBS_QUEUED, (now_ns, _bounded(limit)))

    def due_begun(self, now_ns: int, limit: int) -> list[Job]:
        """Of those that are due the ones that a provider has begun. However many wait,
        these are found."""
        return self._all(sql.DUE_JOBS_BEGUN, (now_ns, _bounded(limit)))

    def begun(self) -> int:
        """How many a provider has, or may have."""
        return int(self._rows(sql.BEGUN_JOBS)[0][0])

    def next_due_ns(self) -> int | None:
        """When the next one is due; None if none goes on."""
        ((next_ns,),) = self._rows(sql.NEXT_DUE_JOB)
        return next_ns if next_ns is None else int(next_ns)

    def lost(self, is_dead: Callable[[str], bool]) -> list[Job]:
        """Jobs whose submission a dead boot began: nobody knows how that ended."""
        found = self._all(sql.SUBMITTING_JOBS, ())
        dead = {boot for boot in {job.boot_id for job in found} if is_dead(boot or "")}
        return [job for job in found if job.boot_id in dead]

    def live(self) -> int:
        """How many go on."""
        return int(self._rows(sql.LIVE_JOBS)[0][0])

    def _one(self, statement: str, params: tuple[str | int, ...]) -> Job | None:
        return next(iter(self._all(statement, params)), None)

    def _all(self, statement: str, params: tuple[str | int, ...]) -> list[Job]:
        return [job_record(row) for row in self._rows(statement, params)]


def _bounded(limit: int) -> int:
    return max(1, min(limit, ROWS_MAX))
