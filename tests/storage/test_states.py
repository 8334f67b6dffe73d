"""The transition table by itself; test_ledger.py walks it with real holds."""

import pytest

from storage.errors import IllegalMove, UnknownHold
from storage.states import TRANSITIONS, Move, State, Step, step


def test_each_state_has_a_row():
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
def test_what_the_table_lacks_raises_and_names_itself(state, move):
    if move in TRANSITIONS[state]:
        assert isinstance(step(state, move, "r1"), Step)
        return
    with pytest.raises(IllegalMove, match=f"cannot {move.value} r1") as caught:
        step(state, move, "r1")
    assert isinstance(caught.value, UnknownHold) is (state is State.ABSENT)
