"""Usage: pointers, disjoint meters, maxima, and what is not believed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.wire.usage import (
    OPENAI_PATHS,
    QUANTITY_MAX,
    Invalid,
    Usage,
    UsagePaths,
    merge,
    read_usage,
)

# A provider that reports its cached input beside the rest, not inside it.
APART = UsagePaths(
    input=(("usage", "input_tokens"),),
    output=(("usage", "output_tokens"),),
    cache_read=(("usage", "cache_read_input_tokens"),),
    cache_write=(("usage", "cache_creation_input_tokens"),),
    input_holds_cache=False,
)


def openai(prompt: Any, output: Any, cached: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "prompt_tokens_details": {"cached_tokens": cached},
            **more,
        }
    }


def meters(rest: int, cache_read: int, cache_write: int, output: int) -> dict[str, int]:
    return {
        "input": rest,
        "cache_read": cache_read,
        "cache_write": cache_write,
        "output": output,
    }


def found(answer: dict[str, Any], paths: UsagePaths = OPENAI_PATHS) -> Usage:
    usage = read_usage(answer, paths)
    assert isinstance(usage, Usage)
    return usage


@pytest.mark.parametrize(
    ("answer", "quantities"),
    [
        (openai(10, 5), meters(10, 0, 0, 5)),
        (openai(10, 5, 4), meters(6, 4, 0, 5)),
        (openai(10, 5, 10), meters(0, 10, 0, 5)),
        (openai(0, 0, 0), meters(0, 0, 0, 0)),
        (openai(QUANTITY_MAX, QUANTITY_MAX), meters(QUANTITY_MAX, 0, 0, QUANTITY_MAX)),
        (
            {
                "usage": {
                    "prompt_tokens": 10,
                    "completion_tokens": 1,
                    "prompt_tokens_details": {
                        "cached_tokens": 3,
                        "cache_write_tokens": 2,
                    },
                }
            },
            meters(5, 3, 2, 1),
        ),
        ({"usage": {"prompt_tokens": 1, "completion_tokens": 2}}, meters(1, 0, 0, 2)),
    ],
)
def test_meters_do_not_overlap(
    answer: dict[str, Any], quantities: dict[str, int]
) -> None:
    usage = found(answer)
    assert usage.quantities == quantities
    assert usage.complete
    assert usage.prompt == answer["usage"]["prompt_tokens"]


def test_a_cache_reported_apart_is_not_taken_from_the_input() -> None:
    answer = {
        "usage": {
            "input_tokens": 10,
            "output_tokens": 5,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 20,
        }
    }
    assert found(answer, APART).quantities == meters(10, 100, 20, 5)


def test_the_first_pointer_that_is_there_counts() -> None:
    paths = UsagePaths(input=(("a",), ("b", "c")), output=(("d",),))
    assert found({"b": {"c": 2}, "d": 1}, paths).quantities["input"] == 2
    assert found({"a": 1, "b": {"c": 2}, "d": 1}, paths).quantities["input"] == 1
    assert found({"a": 0, "b": {"c": 2}, "d": 1}, paths).quantities["input"] == 0


def test_reasoning_is_told_and_stays_inside_the_output() -> None:
    answer = openai(1, 9, completion_tokens_details={"reasoning_tokens": 7})
    assert found(answer) == Usage(meters(1, 0, 0, 9), reasoning=7)


@pytest.mark.parametrize(
    "answer",
    [{}, {"usage": None}, {"usage": {}}, {"usage": 7}, openai(None, None)],
)
def test_nothing_reported_is_none(answer: dict[str, Any]) -> None:
    assert read_usage(answer, OPENAI_PATHS) is None


def test_one_side_alone_is_known_to_be_incomplete() -> None:
    assert found(openai(5, None)).complete is False
    usage = found(openai(None, 5))
    assert usage.quantities == {"output": 5}
    assert usage.complete is False


@pytest.mark.parametrize(
    "bad", [-1, QUANTITY_MAX + 1, 1.0, 1e30, "5", True, False, [], {}]
)
def test_a_figure_that_is_no_quantity_spoils_the_reading(bad: Any) -> None:
    assert isinstance(read_usage(openai(bad, 5), OPENAI_PATHS), Invalid)
    assert isinstance(read_usage(openai(5, bad), OPENAI_PATHS), Invalid)
    assert isinstance(read_usage(openai(5, 5, bad), OPENAI_PATHS), Invalid)


def test_more_cached_than_sent_is_not_believed() -> None:
    usage = read_usage(openai(5, 5, 6), OPENAI_PATHS)
    assert usage == Invalid("more cached input than input")


def test_a_late_cache_figure_does_not_count_the_input_twice() -> None:
    first, last = found(openai(100, 1)), found(openai(100, 9, 80))
    assert first.maximum(last).quantities == meters(20, 80, 0, 9)
    assert last.maximum(first) == first.maximum(last)


def test_sides_reported_in_different_frames_come_together() -> None:
    usage = found(openai(7, None)).maximum(found(openai(None, 9)))
    assert usage.quantities == meters(7, 0, 0, 9)
    assert usage.complete


@pytest.mark.parametrize(
    ("earlier", "later", "merged"),
    [
        (None, None, None),
        (None, Usage({"output": 1}), Usage({"output": 1})),
        (Usage({"output": 1}), None, Usage({"output": 1})),
        (Usage({"output": 3}), Usage({"output": 2}), Usage({"output": 3})),
        (Invalid("x"), Usage({"output": 2}), Invalid("x")),
        (Usage({"output": 2}), Invalid("x"), Invalid("x")),
        (Invalid("x"), None, Invalid("x")),
    ],
)
def test_readings_merge(earlier: Any, later: Any, merged: Any) -> None:
    assert merge(earlier, later) == merged


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    read, write, rest = (draw(st.integers(0, 1_000)) for _ in range(3))
    output = draw(st.integers(0, 1_000))
    return Usage(meters(rest, read, write, output), draw(st.integers(0, output)))


@given(one=usages(), other=usages())
def test_a_maximum_is_never_below_either_nor_above_their_sum(
    one: Usage, other: Usage
) -> None:
    both = one.maximum(other)
    assert both.prompt == max(one.prompt, other.prompt)
    assert min(both.quantities.values()) >= 0
    assert both.quantities["output"] == max(
        one.quantities["output"], other.quantities["output"]
    )
    assert one.maximum(one) == one


# Kept for an hour: counted apart from what is kept for five minutes.

HOURS = UsagePaths(
    input=(("input_tokens",),),
    output=(("output_tokens",),),
    cache_write=(("ephemeral_5m",),),
    cache_write_1h=(("ephemeral_1h",),),
    input_holds_cache=False,
)


def test_what_is_cached_for_an_hour_is_a_meter_of_its_own() -> None:
    answer = {"input_tokens": 5, "ephemeral_5m": 3, "ephemeral_1h": 2}
    usage = found({**answer, "output_tokens": 1}, HOURS)
    assert usage.quantities == {**meters(5, 0, 3, 1), "cache_write_1h": 2}
    assert usage.prompt == 10
    later = usage.maximum(Usage({"input": 20, "output": 4}))
    assert later.quantities == {**meters(15, 0, 3, 4), "cache_write_1h": 2}


def test_more_cached_for_an_hour_than_there_was_is_not_believed() -> None:
    inside = UsagePaths(
        input=HOURS.input, output=HOURS.output, cache_write_1h=HOURS.cache_write_1h
    )
    answer = {"input_tokens": 5, "ephemeral_1h": 6, "output_tokens": 1}
    assert isinstance(read_usage(answer, inside), Invalid)


BY_TERM = UsagePaths(
    input=(("usage", "input"),),
    output=(("usage", "output"),),
    cache_write=(("usage", "five_minutes"),),
    cache_write_1h=(("usage", "hour"),),
    cache_written=(("usage", "written"),),
    input_holds_cache=False,
)


@pytest.mark.parametrize(
    ("written", "five_minutes", "hour", "meters"),
    [
        (5, 3, 2, (3, 2)),
        (5, None, None, (5, 0)),
        (None, 3, 2, (3, 2)),
        (5, None, 2, (3, 2)),
        (5, None, 9, (0, 9)),
        (9, 3, 2, (7, 2)),
        (0, 0, 0, (0, 0)),
    ],
)
def test_what_no_other_figure_names_was_written_for_five_minutes(
    written: Any, five_minutes: Any, hour: Any, meters: tuple[int, int]
) -> None:
    usage = {"written": written, "five_minutes": five_minutes, "hour": hour}
    answer = {"usage": {"input": 1, "output": 1, **usage}}
    quantities = found(answer, BY_TERM).quantities
    assert (quantities["cache_write"], quantities.get("cache_write_1h", 0)) == meters
    assert quantities["input"] == 1
