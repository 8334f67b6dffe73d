"""The real clock, as far as it can be pinned down."""

from storage.clock import SystemClock


def test_wall_time_is_nanoseconds_since_1970():
    assert 2026 < 1970 + SystemClock().wall_ns() / (365.2425 * 86400 * 10**9) < 2200


def test_monotonic_time_never_goes_back():
    clock = SystemClock()
    times = [clock.monotonic_ns() for _ in range(1000)]
    assert times == sorted(times)
