"""Lists: what may be asked of one."""

import pytest

from dashboard.listing import (
    DAYS_MAX,
    day_of,
    day_text,
    moment_ns,
    read_days,
    read_id_cursor,
    read_moments,
    read_name,
)
from dashboard.refusals import BadInput

DAY_NS = 86_400 * 10**9
TODAY = 20_000


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1970-01-01", None),
        ("2000-01-01", 10_957),
        ("2026-11-23", 20_780),
        ("2026-02-30", None),
        ("2026-1-1", None),
        ("2026-11-23T00:00", None),
        ("9999-01-01", None),
        ("٢٠٢٦-١١-٢٣", None),
        ("", None),
    ],
)
def test_a_day_is_written_one_way(text: str, day: int | None) -> None:
    assert day_of(text) == day
    assert day is None or day_text(day) == text


@pytest.mark.parametrize(
    ("text", "at_ns"),
    [
        ("2000-01-02", 10_958 * DAY_NS),
        ("2000-01-01T00:00:00Z", 10_957 * DAY_NS),
        ("2000-01-01T08:00:00+08:00", 10_957 * DAY_NS),
        ("2000-01-01T00:00:00", None),
        ("soon", None),
    ],
)
def test_a_moment_has_a_zone_or_is_a_day(text: str, at_ns: int | None) -> None:
    assert moment_ns(text) == at_ns


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ({}, (TODAY - 29, TODAY)),
        ({"to": "2024-10-03"}, (TODAY - 30, TODAY - 1)),
        ({"from": "2024-10-03"}, (TODAY - 1, TODAY)),
        ({"from": "2024-10-03", "to": "2024-10-03"}, (TODAY - 1, TODAY - 1)),
        ({"from": "2024-10-05"}, (TODAY + 1, TODAY + 1)),
    ],
)
def test_days_without_a_word_are_the_last(query: dict[str, str], days: object) -> None:
    assert read_days(query, TODAY * DAY_NS + 5, 30) == days


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2024-10-04", "to": "2024-10-03"},
        {"from": "2020-01-01", "to": "2024-01-01"},
        {"from": "x"},
    ],
)
def test_days_are_a_range_and_not_too_long(query: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        read_days(query, TODAY * DAY_NS, 30)
    assert DAYS_MAX == 366


def test_both_ends_are_included() -> None:
    first, after = read_moments({"from": "2000-01-01", "to": "2000-01-02"})
    assert (first, after) == (10_957 * DAY_NS, 10_959 * DAY_NS)


@pytest.mark.parametrize("text", ["req_" + "0" * 26, "act_" + "z" * 26, "", None])
def test_an_id_is_a_cursor(text: str | None) -> None:
    assert read_id_cursor(text) == (text or None)


@pytest.mark.parametrize("text", ["req_", "' OR 1=1", "req_" + "0" * 27, "x" * 999])
def test_nothing_else_is(text: str) -> None:
    with pytest.raises(BadInput):
        read_id_cursor(text)


@pytest.mark.parametrize("text", ["x" * 201, "a\nb", "a\0"])
def test_a_name_is_short_and_printable(text: str) -> None:
    with pytest.raises(BadInput):
        read_name({"model": text}, "model")
