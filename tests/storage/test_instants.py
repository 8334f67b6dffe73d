"""Instants as text: to the nanosecond, and only in one way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.instants import instant_ns, instant_text


@pytest.mark.parametrize(
    "wall_ns, text",
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_767_225_600 * 10**9 + 123_456_789, "2026-01-01T00:00:00.123456789Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
    ],
)
def test_an_instant_is_written_to_the_last_digit(wall_ns, text):
    assert instant_text(wall_ns) == text
    assert instant_ns(text) == wall_ns


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_texts_keep_instants_and_their_order(one, other):
    assert instant_ns(instant_text(one)) == one
    assert (one < other) is (instant_text(one) < instant_text(other))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.1Z",
        "2026-01-01T00:00:00.000000000",
        "2026-01-01T00:00:00.000000000+00:00",
        "2026-13-01T00:00:00.000000000Z",
        "2026-01-01T24:00:01.000000000Z",
        "２026-01-01T00:00:00.000000000Z",
        " 2026-01-01T00:00:00.000000000Z",
    ],
)
def test_another_way_to_write_it_is_refused(text):
    with pytest.raises(ValueError):
        instant_ns(text)
