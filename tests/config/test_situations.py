"""Situations: what a rate depends on, and that nothing of it is lost in storage."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.prices import moment_ns
from config.situations import (
    DAY_MINUTES,
    DAYS,
    PARAMETERS,
    WEEK_MINUTES,
    Situation,
    When,
    Window,
    corners,
    moment_of,
    moments,
    week_minute,
)

PEAK = (Window.parse("Mon-Fri 01:00-04:00"), Window.parse("Mon-Fri 06:00-10:00"))

days = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted)
minutes = st.lists(
    st.integers(0, DAY_MINUTES), min_size=2, max_size=2, unique=True
).map(sorted)
windows = st.builds(lambda d, m: Window(*d, *m), days, minutes)
values = st.sampled_from(["1024x1024", "1792x1024", "hd", "720p"])
situations = st.builds(
    Situation,
    st.integers(0, 2**62),
    st.booleans(),
    st.dictionaries(st.sampled_from(PARAMETERS), values),
)


@given(windows)
def test_hours_are_read_as_they_are_written(window):
    assert Window.parse(window.text) == window


@pytest.mark.parametrize(
    "text",
    ["", "Mon", "01:00-04:00", "Mon 04:00-01:00", "Mon 01:00-01:00", "Fri-Mon 01:00-"
     "04:00", "Mon 01:00-24:01", "Mon 1:00-2:00", "mon 01:00-02:00",
     "Mon-Fri 01:00-04:00Z", "Mon 25:00-26:00", "Mon-Fri 01:60-02:00"],
)
def test_what_are_no_hours_is_refused(text):
    with pytest.raises(ValueError, match="hours"):
        Window.parse(text)


@pytest.mark.parametrize(
    ("moment", "peak"),
    [
        ("2026-11-23T00:59:59Z", False),
        ("2026-11-23T01:00Z", True),
        ("2026-11-23T03:59:59Z", True),
        ("2026-11-23T04:00Z", False),
        ("2026-11-23T06:00Z", True),
        ("2026-11-27T09:59Z", True),
        ("2026-11-27T10:00Z", False),
        ("2026-11-28T02:00Z", False),
        ("2026-11-29T07:00Z", False),
        ("1970-01-01T02:00Z", True),
        ("2262-04-11T02:00Z", True),
    ],
)
def test_a_window_holds_from_its_first_minute_up_to_its_end(moment, peak):
    assert When(hours=PEAK).holds(Situation(moment_ns(moment)), 0) is peak


def test_the_week_begins_on_monday():
    assert week_minute(moment_ns("2026-11-23")) == 0
    assert week_minute(moment_ns("2026-11-29T23:59Z")) == WEEK_MINUTES - 1
    assert DAYS[week_minute(0) // DAY_MINUTES] == "Thu"
    for minute in range(0, WEEK_MINUTES, 7):
        assert week_minute(moment_of(minute)) == minute


@given(situations)
def test_a_situation_survives_storage(situation):
    assert Situation.of_facts(json.loads(json.dumps(situation.facts()))) == situation


def test_no_facts_are_the_plain_situation():
    assert Situation.of_facts({}) == Situation()


def test_a_parameter_that_no_price_knows_is_refused():
    with pytest.raises(ValueError, match="colour"):
        Situation(parameters={"colour": "red"})


WHENS = {
    "input above 9 tokens": {"input_above": 9},
    "thinking": {"thinking": True},
    "not thinking": {"thinking": False},
    "Sun 00:00-24:00 UTC": {"hours": ["Sun 00:00-24:00"]},
    "size a or b, quality hd": {"size": ["a", "b"], "quality": ["hd"]},
    "input above 9 tokens, thinking, resolution 720p": {
        "input_above": 9, "thinking": True, "resolution": ["720p"]
    },
}


@pytest.mark.parametrize(("text", "facts"), WHENS.items())
def test_a_condition_survives_storage_and_can_be_read(text, facts):
    when = When.of_facts(facts)

    assert (when.facts(), when.text) == (facts, text)


@pytest.mark.parametrize("facts", [{}, {"colour": ["red"]}, {"hours": ["now"]}])
def test_what_is_no_condition_is_refused(facts):
    with pytest.raises(ValueError):
        When.of_facts(facts)


@pytest.mark.parametrize(
    ("facts", "situation", "tokens", "holds"),
    [
        ({"input_above": 9}, Situation(), 9, False),
        ({"input_above": 9}, Situation(), 10, True),
        ({"thinking": True}, Situation(), 0, False),
        ({"thinking": True}, Situation(thinking=True), 0, True),
        ({"thinking": False}, Situation(), 0, True),
        ({"size": ["a", "b"]}, Situation(), 0, False),
        ({"size": ["a", "b"]}, Situation(parameters={"size": "b"}), 0, True),
        ({"size": ["a"], "quality": ["hd"]}, Situation(parameters={"size": "a"}), 0,
         False),
        ({"input_above": 9, "thinking": True}, Situation(), 10, False),
    ],
)
def test_everything_that_is_named_must_be_so(facts, situation, tokens, holds):
    assert When.of_facts(facts).holds(situation, tokens) is holds


def test_the_corners_are_every_combination_and_the_plainest_comes_first():
    whens = [
        When.of_facts({"input_above": 9, "thinking": True}),
        When.of_facts({"size": ["a"]}),
        When(hours=PEAK),
    ]
    found = list(corners(whens))

    assert len(found) == 2 * 2 * 2 * 3, "size, thinking, input, either window or none"
    first = found[0].situation
    assert not any(when.holds(first, found[0].input_tokens) for when in whens)
    assert [corner.input_tokens for corner in found[:2]] == [0, 10]
    combinations = {
        tuple(when.holds(corner.situation, corner.input_tokens) for when in whens)
        for corner in found
    }
    assert len(combinations) == 8


@given(st.lists(windows, max_size=3), st.integers(0, WEEK_MINUTES - 1))
def test_each_moment_of_the_week_is_like_one_of_the_few(several, minute):
    found = moments([When(hours=tuple(several))])

    def inside(moment):
        return [window.holds(moment) for window in several]

    assert inside(moment_of(minute)) in [inside(moment) for moment in found]
