"""Withdrawals: jobs that are not wanted any more, taken back as far as that goes."""

from storage import jobs
from storage import statements as sql
from storage.database import Ledgerbase
from storage.job_record import job_record
from storage.jobs import Cancelled, Deletion


def withdraw(
    db: Ledgerbase, job_id: str, account_id: int, now_ns: int
) -> Deletion | None:
    """As `jobs.delete`, but what nobody began is not only cancelled: it is hidden."""
    done = jobs.delete(db, job_id, account_id, now_ns)
    if isinstance(done, Cancelled):
        jobs.delete(db, job_id, account_id, now_ns)
    return done


def take_back(
    db: Ledgerbase, job_id: str, account_id: int, now_ns: int
) -> Deletion | None:
    """As `withdraw`, for who could not tell the owner of its job: one that has ended is
    left as it is. It may be charged, and in the list its owner still finds it."""
    found = db.sql(sql.FIND_JOB, (job_id,))
    if not found or not job_record(found[0]).live:
        return None
    return withdraw(db, job_id, account_id, now_ns)
