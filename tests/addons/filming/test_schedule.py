"""Waits: doubled up to a limit, never less than was asked, never past the deadline."""

import pytest

from addons.filming.schedule import NANOSECONDS, Pace, moment_ns

PACE = Pace(least_seconds=2.0, most_seconds=60.0)


@pytest.mark.parametrize(
    ("faults", "longest"), [(1, 2), (2, 4), (5, 32), (6, 60), (10_000, 60)]
)
def test_a_wait_doubles_up_to_its_limit(faults: int, longest: float) -> None:
    wait = PACE.after_fault("video_1", faults, None)
    assert longest / 2 <= wait <= longest


def test_what_failed_together_does_not_come_back_together() -> None:
    waits = {PACE.after_fault(f"video_{n}", 1, None) for n in range(100)}
    assert len(waits) > 90


@pytest.mark.parametrize(("asked", "least"), [(None, 1), (0, 1), (90, 90)])
def test_as_long_as_a_provider_asked_is_waited(asked: int | None, least: int) -> None:
    assert PACE.after_fault("video_1", 1, asked) >= least


@pytest.mark.parametrize(
    ("wait_seconds", "deadline_ns", "expected_ns"),
    [
        (3, 10 * NANOSECONDS, 4 * NANOSECONDS),
        (90, 10 * NANOSECONDS, 10 * NANOSECONDS),
        (90, 0, NANOSECONDS),
    ],
)
def test_nobody_waits_past_the_deadline(
    wait_seconds: float, deadline_ns: int, expected_ns: int
) -> None:
    assert moment_ns(NANOSECONDS, wait_seconds, deadline_ns) == expected_ns
