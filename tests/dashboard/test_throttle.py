"""Throttle: so many tries at once, then one at a time, remembered in bounded memory."""

import pytest

from dashboard.refusals import Throttled
from dashboard.throttle import LoginThrottle, Throttle, neighbourhood
from tests.fakes.clock import FakeClock


def tries(throttle: Throttle, key: str, count: int) -> list[int]:
    """The seconds to wait after each try; 0 for one that was let through."""
    waits = []
    for _ in range(count):
        try:
            throttle.take(key)
            waits.append(0)
        except Throttled as refusal:
            waits.append(refusal.retry_after or -1)
    return waits


def test_the_burst_passes_and_the_next_try_waits(clock: FakeClock) -> None:
    throttle = Throttle(clock, burst=3, seconds=60)
    assert tries(throttle, "a", 5) == [0, 0, 0, 20, 20]


def test_waiting_as_told_is_enough(clock: FakeClock) -> None:
    throttle = Throttle(clock, burst=3, seconds=60)
    tries(throttle, "a", 3)
    clock.advance(19.5)
    assert tries(throttle, "a", 1) == [1]
    clock.advance(1)
    assert tries(throttle, "a", 2) == [0, 20]


def test_refused_tries_do_not_lengthen_the_wait(clock: FakeClock) -> None:
    throttle = Throttle(clock, burst=1, seconds=10)
    assert tries(throttle, "a", 50)[-1] == 10


def test_everybody_has_a_bucket_of_their_own(clock: FakeClock) -> None:
    throttle = Throttle(clock, burst=1, seconds=60)
    assert tries(throttle, "a", 1) == tries(throttle, "b", 1) == [0]


def test_a_long_rest_fills_the_bucket_and_no_more(clock: FakeClock) -> None:
    throttle = Throttle(clock, burst=2, seconds=60)
    tries(throttle, "a", 2)
    clock.advance(10_000)
    assert tries(throttle, "a", 3) == [0, 0, 30]


def test_an_honest_try_is_given_back(clock: FakeClock) -> None:
    throttle = Throttle(clock, burst=1, seconds=60)
    for _ in range(100):
        throttle.take("a")
        throttle.give_back("a")
    assert tries(throttle, "a", 2) == [0, 60]


def test_giving_back_without_taking_earns_nothing(clock: FakeClock) -> None:
    throttle = Throttle(clock, burst=1, seconds=60)
    throttle.take("a")
    for _ in range(5):
        throttle.give_back("a")
    assert tries(throttle, "a", 2) == [0, 60]


def test_zero_means_no_limit(clock: FakeClock) -> None:
    throttle = Throttle(clock, burst=0, seconds=60)
    assert set(tries(throttle, "a", 1000)) == {0}


def test_memory_is_bounded_and_the_quiet_are_forgotten_first(clock: FakeClock) -> None:
    throttle = Throttle(clock, burst=1, seconds=60, keys_max=10)
    for number in range(1000):
        throttle.take(str(number))
    assert len(throttle) == 10
    assert tries(throttle, "999", 1) == [60]
    assert tries(throttle, "0", 1) == [0]


def test_the_wall_clock_does_not_matter(clock: FakeClock) -> None:
    throttle = Throttle(clock, burst=1, seconds=60)
    throttle.take("a")
    clock.jump(86_400)
    assert tries(throttle, "a", 1) == [60]


def test_one_address_cannot_try_many_accounts(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock, per_minute=3)
    for number in range(3):
        throttle.take("192.0.2.1", f"user{number}@example.com")
    with pytest.raises(Throttled):
        throttle.take("192.0.2.1", "user9@example.com")


def test_one_account_cannot_be_tried_from_many_addresses(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock, per_minute=3)
    for number in range(3):
        throttle.take(f"192.0.2.{number}", "user@example.com")
    with pytest.raises(Throttled):
        throttle.take("192.0.2.9", "user@example.com")


def test_a_refused_address_does_not_lock_the_account(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock, per_minute=2)
    throttle.take("192.0.2.1", "a@example.com")
    throttle.take("192.0.2.1", "b@example.com")
    for _ in range(20):
        with pytest.raises(Throttled):
            throttle.take("192.0.2.1", "user@example.com")
    throttle.take("192.0.2.2", "user@example.com")


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 500, "x" * 64),
    ],
)
def test_what_counts_as_one_address(address: str, counted_as: str) -> None:
    assert neighbourhood(address) == counted_as
