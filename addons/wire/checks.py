"""Checks: one value of a caller's JSON at a time.

A check takes a value and the path that names it, gives the value back as it may be
sent on, and raises BadParameter with that path if it may not. Checks are made of
checks, so a field's rule is one line in a table.

Types are compared exactly: to Python `true` is an int, to a provider it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from addons.wire.errors import BadParameter

Check = Callable[[Any, str], Any]

SHOWN_CHARS_MAX = 40
INT64_MAX = 2**63 - 1
# Far above what a schema needs and far below what makes a JSON writer give up.
DEPTH_MAX = 64

KINDS: Mapping[type, str] = {
    bool: "a boolean",
    dict: "an object",
    float: "a number",
    int: "a number",
    list: "an array",
    str: "a string",
    type(None): "null",
}


def wrong_type(param: str, expected: str, value: object) -> BadParameter:
    return BadParameter(
        param, f"expected {expected}, got {KINDS[type(value)]}.", code="invalid_type"
    )


def wrong_value(param: str, expected: str, value: object) -> BadParameter:
    return BadParameter(param, f"expected {expected}, got {shown(value)}.")


def missing(param: str) -> BadParameter:
    return BadParameter(
        param, "it is required.", code="missing_required_parameter"
    )


def unsupported(param: str, reason: str) -> BadParameter:
    return BadParameter(param, reason, code="unsupported_parameter")


def shown(value: object) -> str:
    """A value in a message: short, since a caller may send a book."""
    if type(value) in (dict, list):
        return KINDS[type(value)]
    text = orjson.dumps(value).decode()
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "…"


def flag(value: Any, param: str) -> bool:
    if type(value) is not bool:
        raise wrong_type(param, "a boolean", value)
    return value


def text(value: Any, param: str) -> str:
    if type(value) is not str:
        raise wrong_type(param, "a string", value)
    return value


def filled(chars_max: int) -> Check:
    """A text that is not empty."""
    expected = f"a text of 1 to {chars_max} characters"

    def check(value: Any, param: str) -> str:
        if type(value) is not str:
            raise wrong_type(param, expected, value)
        if not 0 < len(value) <= chars_max:
            raise BadParameter(param, f"expected {expected}, got {len(value)}.")
        return value

    return check


def whole(low: int, high: int) -> Check:
    expected = f"a whole number from {low} to {high}"

    def check(value: Any, param: str) -> int:
        if type(value) is not int:
            raise wrong_type(param, expected, value)
        if not low <= value <= high:
            raise wrong_value(param, expected, value)
        return value

    return check


def number(low: int, high: int) -> Check:
    expected = f"a number from {low} to {high}"

    def check(value: Any, param: str) -> Any:
        if type(value) is not float and type(value) is not int:
            raise wrong_type(param, expected, value)
        if not low <= value <= high:
            raise wrong_value(param, expected, value)
        return value

    return check


def one_of(*values: str) -> Check:
    allowed = frozenset(values)
    expected = "one of " + ", ".join(values)

    def check(value: Any, param: str) -> str:
        if type(value) is not str:
            raise wrong_type(param, expected, value)
        if value not in allowed:
            raise wrong_value(param, expected, value)
        return value

    return check


def sequence(low: int, high: int) -> Check:
    """An array by its length alone."""
    expected = f"an array of {low} to {high} items"

    def check(value: Any, param: str) -> list[Any]:
        if type(value) is not list:
            raise wrong_type(param, expected, value)
        if not low <= len(value) <= high:
            raise BadParameter(param, f"expected {expected}, got {len(value)}.")
        return value

    return check


def mapping(value: Any, param: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise wrong_type(param, "an object", value)
    return value


def shallow(value: Any, param: str) -> dict[str, Any]:
    """An object of the caller's own making, such as a schema, of bounded depth."""
    found = mapping(value, param)
    level: list[Any] = [found]
    for _ in range(DEPTH_MAX):
        level = [child for node in level for child in _children(node)]
        if not level:
            return found
    raise BadParameter(param, f"it is nested more than {DEPTH_MAX} levels deep.")


def _children(node: Any) -> list[Any]:
    values = node.values() if type(node) is dict else node
    return [value for value in values if type(value) in (dict, list)]
