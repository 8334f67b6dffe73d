"""The order's table: each state has an answer to each move."""

import pytest

from storage.order_states import TRANSITIONS, OrderMove, OrderState, OrderStep


@pytest.mark.parametrize("state", OrderState)
def test_each_state_answers_each_move(state):
    assert set(TRANSITIONS[state]) == set(OrderMove)


@pytest.mark.parametrize("state", OrderState)
def test_money_that_arrived_is_never_turned_away(state):
    steps = {
        OrderState.ABSENT: OrderStep.UNKNOWN,
        OrderState.PAID: OrderStep.REPEAT,
    }
    assert TRANSITIONS[state][OrderMove.PAY] is steps.get(state, OrderStep.DO)


@pytest.mark.parametrize("move", [OrderMove.FAIL, OrderMove.EXPIRE])
def test_what_is_paid_stays_paid(move):
    assert TRANSITIONS[OrderState.PAID][move] is OrderStep.IGNORE
