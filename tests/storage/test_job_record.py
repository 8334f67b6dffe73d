"""A job's row: each column, and what no repr shows."""

from dataclasses import fields

import pytest

from storage import models
from storage.job_record import JOB_COLUMNS, Job, job_record
from storage.job_states import JobState

SECRETS = {"ask", "task", "media", "address", "error_message"}


def row(**changes):
    values = {name: f"<{name}>" for name in JOB_COLUMNS} | {"state": "running"}
    return tuple((values | changes).values())


def test_a_record_has_the_columns_of_the_table():
    assert JOB_COLUMNS == tuple(models.Job._meta.columns)


def test_each_column_is_read_to_its_field():
    job = job_record(row())
    assert job.state is JobState.RUNNING
    for one in fields(Job):
        if one.name != "state":
            assert getattr(job, one.name) == f"<{one.name}>"


def test_what_a_user_wrote_and_where_the_result_is_shows_in_no_repr():
    shown = repr(job_record(row()))
    assert {name for name in JOB_COLUMNS if f"<{name}>" not in shown} == (
        SECRETS | {"state"}
    )


@pytest.mark.parametrize("state", JobState)
def test_a_job_lives_until_it_has_ended(state):
    ended = state.value in ("completed", "failed", "cancelled")
    assert job_record(row(state=state.value)).live is not ended
