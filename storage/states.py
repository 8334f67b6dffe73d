"""A hold's life, as a table.

    absent ─admit→ open ─extend→ open ─settle→ settled
                    └──void→ voided

Whatever arrives twice gets the first answer again. Usage that is reported for a
voided hold did happen (a process taken for dead was only slow), so it is charged
LATE, once. What the table does not name is a caller's mistake and raises.
"""

from enum import Enum

from storage.errors import IllegalMove, UnknownHold


class State(Enum):
    ABSENT = "absent"
    OPEN = "open"
    SETTLED = "settled"
    VOIDED = "voided"


class Move(Enum):
    ADMIT = "admit"
    EXTEND = "extend"
    SETTLE = "settle"
    VOID = "void"


class Step(Enum):
    """What a verb has to do about a move."""

    DO = "do"
    REPEAT = "repeat"
    REFUSE = "refuse"
    LATE = "late"


TRANSITIONS: dict[State, dict[Move, Step]] = {
    State.ABSENT: {
        Move.ADMIT: Step.DO,
    },
    State.OPEN: {
        Move.ADMIT: Step.REPEAT,
        Move.EXTEND: Step.DO,
        Move.SETTLE: Step.DO,
        Move.VOID: Step.DO,
    },
    State.SETTLED: {
        Move.EXTEND: Step.REFUSE,
        Move.SETTLE: Step.REPEAT,
    },
    State.VOIDED: {
        Move.EXTEND: Step.REFUSE,
        Move.SETTLE: Step.LATE,
        Move.VOID: Step.REPEAT,
    },
}


def step(state: State, move: Move, hold_id: str) -> Step:
    found = TRANSITIONS[state].get(move)
    if found is not None:
        return found
    if state is State.ABSENT:
        raise UnknownHold(f"cannot {move.value} {hold_id}: no such hold")
    raise IllegalMove(f"cannot {move.value} {hold_id}: it is {state.value}")
