"""Caps: what is left of each, and which decides."""

from datetime import UTC, datetime

import pytest

from storage.caps import Cap, caps_of, days_of, monday_of, tightest


def day(text: str) -> int:
    at = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(at.timestamp()) // 86_400


@pytest.mark.parametrize(
    ("limit", "spent", "held", "left"),
    [
        (None, 5, 5, None),
        (10, 0, 0, 10),
        (10, 4, 5, 1),
        (10, 4, 6, 0),
        (10, 11, 0, 0),
        (0, 0, 0, 0),
    ],
)
def test_what_is_held_counts_as_spent(limit, spent: int, held: int, left) -> None:
    assert Cap("day", limit, spent, held).left_nano == left


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ((None, None, None), None),
        ((9, None, None), "total"),
        ((9, 8, None), "month"),
        ((9, 8, 7), "day"),
        ((7, 8, 9), "total"),
        ((7, 7, 7), "total"),
        ((None, 7, 7), "month"),
        ((None, None, 0), "day"),
    ],
)
def test_the_cap_that_leaves_least_decides(limits, name) -> None:
    figures = [value for limit in limits for value in (limit, 0)]
    found = tightest(caps_of(0, figures))
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("text", "first", "last", "monday"),
    [
        ("2026-11-23", "2026-11-01", "2026-11-30", "2026-11-23"),
        ("2026-11-22", "2026-11-01", "2026-11-30", "2026-11-16"),
        ("2028-02-29", "2028-02-01", "2028-02-29", "2028-02-28"),
        ("2027-12-31", "2027-12-01", "2027-12-31", "2027-12-27"),
        ("1970-01-01", "1970-01-01", "1970-01-31", "1969-12-29"),
    ],
)
def test_a_day_lies_in_a_month_and_a_week(text, first, last, monday) -> None:
    assert days_of(day(text)) == (day(text), day(first), day(last))
    assert monday_of(day(text)) == day(monday)
