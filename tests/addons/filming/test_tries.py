"""Which leg is next: those untried first, then those that may do better later."""

from addons.filming.outcomes import Outlook
from addons.filming.tries import Tries
from addons.wire.errors import UpstreamAuth, UpstreamFailed, UpstreamThrottled
from tests.addons.filming.bench import leg

LEGS = (leg("one"), leg("two"))


def test_legs_are_tried_in_their_order() -> None:
    tries = Tries(LEGS)
    first = tries.next()
    assert first.leg is LEGS[0]
    tries.failed(first, UpstreamThrottled(), Outlook.LATER, 5)
    assert tries.next().leg is LEGS[1]
    assert first.tries == 1


def test_of_those_that_failed_the_one_that_is_ready_first_is_next() -> None:
    tries = Tries(LEGS)
    one, two = tries.chances
    tries.failed(one, UpstreamThrottled(), Outlook.LATER, 9)
    tries.failed(two, UpstreamThrottled(), Outlook.LATER, 5)
    assert tries.next() is two


def test_who_was_shown_the_door_is_not_asked_again() -> None:
    tries = Tries(LEGS)
    for chance in tries.chances:
        tries.failed(chance, UpstreamAuth(), Outlook.ELSEWHERE, 0)
    assert tries.next() is None


def test_what_leaves_most_to_hope_for_is_told() -> None:
    tries, busy = Tries(LEGS), UpstreamThrottled()
    one, two = tries.chances
    tries.failed(one, UpstreamAuth(), Outlook.ELSEWHERE, 0)
    tries.failed(two, busy, Outlook.LATER, 0)
    assert tries.told is busy


def test_without_legs_nobody_was_asked() -> None:
    tries = Tries(())
    assert tries.next() is None
    assert isinstance(tries.told, UpstreamFailed)
