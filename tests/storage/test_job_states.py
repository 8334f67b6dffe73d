"""The table, cell by cell."""

import pytest

from storage.errors import IllegalMove
from storage.job_states import LIVE, TRANSITIONS, JobMove, JobState, moved

LEGAL = {
    ("queued", "take"): "submitting",
    ("queued", "fail"): "failed",
    ("queued", "cancel"): "cancelled",
    ("submitting", "accept"): "running",
    ("submitting", "requeue"): "queued",
    ("submitting", "fail"): "failed",
    ("running", "poll"): "running",
    ("running", "make"): "storing",
    ("running", "fail"): "failed",
    ("running", "cancel"): "cancelled",
    ("storing", "poll"): "storing",
    ("storing", "complete"): "completed",
    ("storing", "fail"): "failed",
}


@pytest.mark.parametrize("move", JobMove)
@pytest.mark.parametrize("state", JobState)
def test_each_cell(state, move):
    target = LEGAL.get((state.value, move.value))
    if target is not None:
        assert moved(state, move, "v") is JobState(target)
        return
    with pytest.raises(IllegalMove, match=f"cannot {move.value} v: it is"):
        moved(state, move, "v")


def test_what_goes_on_can_move():
    assert {state.value for state in LIVE} == {
        "queued",
        "submitting",
        "running",
        "storing",
    }
    assert set(TRANSITIONS) == set(JobState)
