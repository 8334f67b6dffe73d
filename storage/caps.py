"""Caps: how much a key may still spend, in all, in its month and in its day (UTC).

All that a key holds counts as spent in each of them, so that none is passed whenever a
hold is settled. The cap that leaves least is the one that decides, and is the one to
tell a caller about.
"""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

CAPS = ("total", "month", "day")
_EPOCH = date(1970, 1, 1)
# 1970 began on a Thursday, a week begins on Monday.
_EPOCH_WEEKDAY = 3


@dataclass(frozen=True, slots=True)
class Cap:
    """One cap of a key: "total", "month" or "day"; a limit of None is no cap."""

    name: str
    limit_nano: int | None
    spent_nano: int
    held_nano: int

    @property
    def left_nano(self) -> int | None:
        """What a new hold may have; never below zero, None without a cap."""
        if self.limit_nano is None:
            return None
        return max(0, self.limit_nano - self.spent_nano - self.held_nano)


def caps_of(held_nano: int, figures: Sequence[int | None]) -> tuple[Cap, ...]:
    """The caps from a row: what is held, then limit and spent of each in turn."""
    pairs = zip(figures[::2], figures[1::2], strict=True)
    return tuple(
        Cap(name, limit, spent or 0, held_nano)
        for name, (limit, spent) in zip(CAPS, pairs, strict=True)
    )


def tightest(caps: Iterable[Cap]) -> Cap | None:
    """The one that leaves least, of equals the longest; None if nothing is capped."""
    found: Cap | None = None
    least = 0
    for cap in caps:
        left = cap.left_nano
        if left is not None and (found is None or left < least):
            found, least = cap, left
    return found


@lru_cache(maxsize=16)
def days_of(day: int) -> tuple[int, int, int]:
    """A day since 1970, and its month's first and last day, in UTC."""
    today = _EPOCH + timedelta(days=day)
    first = day - today.day + 1
    return day, first, first + monthrange(today.year, today.month)[1] - 1


def monday_of(day: int) -> int:
    """The day since 1970 on which its week began."""
    return day - (day + _EPOCH_WEEKDAY) % 7
