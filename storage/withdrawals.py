"""Withdrawals: jobs that are not wanted any more, taken back as far as that goes."""

from storage import jobs
from storage.database import Ledgerbase
from storage.jobs import Cancelled, Deletion


def withdraw(
    db: Ledgerbase, job_id: str, account_id: int, now_ns: int
) -> Deletion | None:
    """As `jobs.delete`, but what nobody began is not only cancelled: it is hidden."""
    done = jobs.delete(db, job_id, account_id, now_ns)
    if isinstance(done, Cancelled):
        jobs.delete(db, job_id, account_id, now_ns)
    return done
