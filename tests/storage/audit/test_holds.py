"""Holds and usage in slices: what is wrong with each, wherever a slice ends."""

import pytest

from storage.audit.findings import Findings
from storage.audit.holds import (
    HOLDS,
    JOBS,
    USAGE,
    wrong_live_jobs,
    wrong_open_holds,
    wrong_rows,
)
from storage.job_states import LIVE, JobState
from tests.storage.runner import Runner
from tests.storage.teller import NANO, Teller


@pytest.fixture
def storage(prepared, open_ledger):
    """Not proved afterwards: these tests break it."""
    storage = open_ledger()
    teller = Teller(storage)
    caller = teller.caller()
    for number in range(7):
        teller.admit(caller, f"r{number}", NANO)
    for number in (0, 1, 2):
        teller.settle(f"r{number}", 5)
    for number in (3, 4):
        teller.void(f"r{number}")
    teller.settle("r4", 7)
    return storage


def found_in(storage, table, slice_rows):
    findings, steps = Findings(), []
    wrong_rows(storage.engine.snapshot, table, findings, steps.append, slice_rows)
    return [str(one) for one in findings], steps


@pytest.mark.parametrize("slice_rows", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("table, rows", [(HOLDS, 7), (USAGE, 5)])
def test_a_sound_table_is_read_to_its_end(storage, table, rows, slice_rows):
    findings, steps = found_in(storage, table, slice_rows)
    assert findings == []
    assert rows <= sum(steps) < rows + slice_rows


WRONGS = [
    (
        HOLDS,
        "DELETE FROM usage WHERE request_id = 'r1'",
        "I10 hold r1: it is closed without a usage row",
    ),
    (
        HOLDS,
        "UPDATE hold SET state = 'open' WHERE id = 'r2'",
        "I10 hold r2: it is open and has a usage row",
    ),
    *[
        (
            HOLDS,
            f"UPDATE usage SET {column} WHERE request_id = 'r3'",
            "I10 hold r3: its usage row is not its own",
        )
        for column in ("account_id = 1", "key_id = 9", "price_id = 'x'", "model = 'x'")
    ],
    (
        HOLDS,
        "UPDATE hold SET account_id = 1 WHERE id = 'r6'",
        "I10 hold r6: its key is not of its account",
    ),
    (
        HOLDS,
        "UPDATE hold SET key_id = 9 WHERE id = 'r5'",
        "I10 hold r5: its key is not of its account",
    ),
    (
        HOLDS,
        "UPDATE hold SET state = 'settled' WHERE id = 'r3'",
        "I5 hold r3: it is settled and no usage transfer charged it",
    ),
    *[
        (
            HOLDS,
            f"UPDATE usage SET {column} = 1 WHERE request_id = 'r3'",
            "I5 hold r3: it is voided, its usage row has a cost, and no late"
            " transfer charged it",
        )
        for column in ("cost_nano", "paid_nano", "shortfall_nano", "buy_nano")
    ],
    (
        USAGE,
        "UPDATE usage SET request_id = 'r9' WHERE request_id = 'r3'",
        "I10 usage r9: there is no such hold",
    ),
]


@pytest.mark.parametrize("table, statement, said", WRONGS)
def test_a_wrong_row_is_named(storage, corrupt, table, statement, said):
    corrupt(statement)
    for slice_rows in (1, 3, 100):
        assert found_in(storage, table, slice_rows)[0] == [said]


def test_open_holds_are_looked_at_alone(storage, corrupt):
    corrupt("UPDATE hold SET key_id = 9 WHERE id IN ('r1', 'r6')")
    with storage.engine.snapshot() as snapshot:
        (found,) = wrong_open_holds(snapshot)
    assert found.row == "hold r6"


# Jobs.

NOT_OPEN = "it goes on and its hold is closed"
NOT_SETTLED = "it is completed and its hold is not settled"
NOT_VOIDED = "it came to nothing and its hold is not voided"
NOT_ITS_OWN = "its hold is not its own"
NO_STATE = "its state is none"
NO_END = "its state and the date of its end do not agree"


@pytest.fixture
def with_jobs(storage):
    """One in each state; the number is that of the state in its enumeration."""
    teller = Teller(storage)
    runner, caller = Runner(teller), teller.caller(NANO, "jobs@example.com")
    for number, state in enumerate(JobState):
        runner.at(state, caller, f"video_{number}", amount_nano=9)
    return storage


def number_of(state):
    return list(JobState).index(state)


@pytest.mark.parametrize("slice_rows", [1, 2, 7, 8])
def test_sound_jobs_are_read_to_their_end(with_jobs, slice_rows):
    findings, steps = found_in(with_jobs, JOBS, slice_rows)
    assert findings == []
    assert 7 <= sum(steps) < 7 + slice_rows
    assert Teller(with_jobs).audit() == []


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize(
    "change, text",
    [
        ("account_id = 1", NOT_ITS_OWN),
        ("key_id = 9", NOT_ITS_OWN),
        ("model = 'x'", NOT_ITS_OWN),
        ("request_id = 'x'", "its hold is not there"),
        ("state = 'lost'", NO_STATE),
        ("ended_ns = CASE WHEN ended_ns IS NULL THEN 1 END", NO_END),
    ],
)
def test_a_job_that_was_changed_is_named(with_jobs, corrupt, state, change, text):
    number = number_of(state)
    corrupt(f"UPDATE job SET {change} WHERE id = 'video_{number}'")
    for slice_rows in (1, 3, 100):
        findings, _ = found_in(with_jobs, JOBS, slice_rows)
        assert f"I11 job video_{number}: {text}" in findings
        assert {one.split(":")[0] for one in findings} == {f"I11 job video_{number}"}


RIGHT = {
    **dict.fromkeys(LIVE, NOT_OPEN),
    JobState.COMPLETED: NOT_SETTLED,
    JobState.FAILED: NOT_VOIDED,
    JobState.CANCELLED: NOT_VOIDED,
}


@pytest.mark.parametrize("told", JobState)
@pytest.mark.parametrize("state", JobState)
def test_a_job_that_says_another_end_is_named(with_jobs, corrupt, state, told):
    """Its state and its date agree, and its hold knows better."""
    number = number_of(state)
    ended = "NULL" if told in LIVE else "1"
    corrupt(
        f"UPDATE job SET state = '{told.value}', ended_ns = {ended}"
        f" WHERE id = 'video_{number}'"
    )
    findings, _ = found_in(with_jobs, JOBS, 100)
    same = RIGHT[told] == RIGHT[state]
    expected = [] if same else [f"I11 job video_{number}: {RIGHT[told]}"]
    assert findings == expected


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_a_job_that_came_to_nothing_and_was_charged_is_named(with_jobs, state):
    number = number_of(state)
    Teller(with_jobs).settle(f"req_{number}", 5)
    findings, _ = found_in(with_jobs, JOBS, 100)
    text = "it came to nothing and was charged late"
    assert findings == [f"I11 job video_{number}: {text}"]


@pytest.mark.parametrize("state", JobState)
def test_a_hold_that_was_changed_is_seen_in_its_job(with_jobs, corrupt, state):
    other = "'open'" if state not in LIVE else "'settled'"
    number = number_of(state)
    corrupt(f"UPDATE hold SET state = {other} WHERE id = 'req_{number}'")
    findings, _ = found_in(with_jobs, JOBS, 100)
    assert findings == [f"I11 job video_{number}: {RIGHT[state]}"]


@pytest.mark.parametrize("state", JobState)
def test_after_a_checkpoint_those_that_go_on_are_looked_at(
    with_jobs, corrupt, state
):
    number = number_of(state)
    corrupt(f"UPDATE job SET model = 'x' WHERE id = 'video_{number}'")
    with with_jobs.engine.snapshot() as snapshot:
        named = [one.row for one in wrong_live_jobs(snapshot)]
    assert named == ([f"job video_{number}"] if state in LIVE else [])
