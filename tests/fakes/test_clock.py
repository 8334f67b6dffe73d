"""The clock that tests move."""

import pytest

from tests.fakes.clock import FakeClock


def test_it_stands_still_until_it_is_moved():
    clock = FakeClock(wall_ns=5, monotonic_ns=7)
    assert [clock.wall_ns(), clock.wall_ns()] == [5, 5]
    clock.advance(1.5)
    assert clock.wall_ns() == 1_500_000_005
    assert clock.monotonic_ns() == 1_500_000_007


@pytest.mark.parametrize("seconds", [-3600, 86400])
def test_a_jump_moves_the_wall_clock_only(seconds):
    clock = FakeClock(wall_ns=10**18, monotonic_ns=7)
    clock.jump(seconds)
    assert clock.wall_ns() == 10**18 + seconds * 10**9
    assert clock.monotonic_ns() == 7


def test_time_does_not_pass_backwards():
    with pytest.raises(ValueError, match="jump"):
        FakeClock().advance(-1)
