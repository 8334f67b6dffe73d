"""Checks: what each lets through, and how it says no."""

from typing import Any

import pytest

from addons.wire.checks import (
    DEPTH_MAX,
    Check,
    filled,
    flag,
    mapping,
    missing,
    number,
    one_of,
    sequence,
    shallow,
    text,
    unsupported,
    whole,
)
from addons.wire.errors import BadParameter

TYPE = "invalid_type"
VALUE = "invalid_value"


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (flag, True),
        (flag, False),
        (text, ""),
        (filled(3), "a"),
        (filled(3), "abc"),
        (filled(3), "你好吗"),
        (whole(1, 3), 1),
        (whole(1, 3), 3),
        (number(0, 2), 0),
        (number(0, 2), 2.0),
        (number(-2, 2), -2),
        (one_of("a", "b"), "b"),
        (sequence(1, 2), [None]),
        (sequence(1, 2), [1, 2]),
        (mapping, {}),
        (shallow, {"a": [{"b": 1}]}),
    ],
)
def test_what_is_right_is_given_back_as_it_is(check: Check, value: Any) -> None:
    assert check(value, "p") is value


@pytest.mark.parametrize(
    ("check", "value", "code", "said"),
    [
        (flag, 1, TYPE, "expected a boolean, got a number"),
        (flag, "true", TYPE, "got a string"),
        (flag, None, TYPE, "got null"),
        (text, 1, TYPE, "expected a string"),
        (filled(3), "", VALUE, "1 to 3 characters, got 0"),
        (filled(3), "abcd", VALUE, "got 4"),
        (filled(3), [], TYPE, "got an array"),
        (whole(1, 3), 0, VALUE, "a whole number from 1 to 3, got 0"),
        (whole(1, 3), 4, VALUE, "got 4"),
        (whole(1, 3), 2.0, TYPE, "a whole number"),
        (whole(1, 3), True, TYPE, "got a boolean"),
        (whole(1, 3), "2", TYPE, "got a string"),
        (number(0, 2), -0.001, VALUE, "a number from 0 to 2, got -0.001"),
        (number(0, 2), 2.001, VALUE, "got 2.001"),
        (number(0, 2), True, TYPE, "got a boolean"),
        (number(0, 2), {}, TYPE, "got an object"),
        (one_of("a", "b"), "c", VALUE, 'one of a, b, got "c"'),
        (one_of("a", "b"), ["a"], TYPE, "got an array"),
        (sequence(1, 2), [], VALUE, "1 to 2 items, got 0"),
        (sequence(1, 2), [1, 2, 3], VALUE, "got 3"),
        (sequence(1, 2), {}, TYPE, "got an object"),
        (mapping, [], TYPE, "expected an object"),
        (shallow, [], TYPE, "expected an object"),
    ],
)
def test_what_is_wrong_is_named(
    check: Check, value: Any, code: str, said: str
) -> None:
    with pytest.raises(BadParameter) as caught:
        check(value, "some.path[3]")
    assert (caught.value.param, caught.value.code) == ("some.path[3]", code)
    assert said in caught.value.message


def test_a_long_value_is_not_said_back() -> None:
    with pytest.raises(BadParameter) as caught:
        one_of("a")("x" * 1_000_000, "p")
    assert len(caught.value.message) < 200


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_depth_is_bounded_exactly() -> None:
    assert shallow(nested(DEPTH_MAX), "p")
    with pytest.raises(BadParameter, match="nested"):
        shallow(nested(DEPTH_MAX + 1), "p")


def test_a_wide_object_is_fine() -> None:
    assert shallow({str(i): {} for i in range(100_000)}, "p")


def test_the_other_refusals_have_codes_of_their_own() -> None:
    assert missing("p").code == "missing_required_parameter"
    assert unsupported("p", "no.").code == "unsupported_parameter"
