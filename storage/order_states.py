"""An order's life, as a table.

    absent ─place→ open ─pay→ paid
                    ├──fail→ failed ──pay→ paid
                    └expire→ expired ─pay→ paid

Announcements come more than once and in any order, so most moves may meet any state.
Money that arrived is credited, also for an order that was thought dead; what fails or
expires after it was paid did not. A second payment of one order is for a person to
look at: the first one stands.
"""

from enum import Enum


class OrderState(Enum):
    ABSENT = "absent"
    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


class OrderMove(Enum):
    PLACE = "place"
    PAY = "pay"
    FAIL = "fail"
    EXPIRE = "expire"


class OrderStep(Enum):
    """What is to be done about a move."""

    DO = "do"
    REPEAT = "repeat"
    IGNORE = "ignore"
    UNKNOWN = "unknown"


_DEAD = {
    OrderMove.PLACE: OrderStep.REPEAT,
    OrderMove.PAY: OrderStep.DO,
    OrderMove.FAIL: OrderStep.REPEAT,
    OrderMove.EXPIRE: OrderStep.REPEAT,
}

TRANSITIONS: dict[OrderState, dict[OrderMove, OrderStep]] = {
    OrderState.ABSENT: {
        OrderMove.PLACE: OrderStep.DO,
        OrderMove.PAY: OrderStep.UNKNOWN,
        OrderMove.FAIL: OrderStep.UNKNOWN,
        OrderMove.EXPIRE: OrderStep.UNKNOWN,
    },
    OrderState.OPEN: {
        OrderMove.PLACE: OrderStep.REPEAT,
        OrderMove.PAY: OrderStep.DO,
        OrderMove.FAIL: OrderStep.DO,
        OrderMove.EXPIRE: OrderStep.DO,
    },
    OrderState.PAID: {
        OrderMove.PLACE: OrderStep.REPEAT,
        OrderMove.PAY: OrderStep.REPEAT,
        OrderMove.FAIL: OrderStep.IGNORE,
        OrderMove.EXPIRE: OrderStep.IGNORE,
    },
    OrderState.FAILED: _DEAD,
    OrderState.EXPIRED: _DEAD,
}
