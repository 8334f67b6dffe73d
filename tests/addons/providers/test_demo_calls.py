"""Tools of the demo: which are called, and with what."""

from typing import Any

import orjson
import pytest

from addons.providers.demo_calls import DEPTH_MAX, demo_calls, example


def tool(name: str, **parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [tool("weather"), tool("wind")]


def names(content: str, role: str = "user", **fields: Any) -> list[str]:
    messages = [{"role": role, "content": content}]
    calls = demo_calls({"messages": messages, "tools": TOOLS, **fields})
    return [call["function"]["name"] for call in calls]


@pytest.mark.parametrize(
    ("content", "choice", "called"),
    [
        ("hello", "auto", []),
        ("weather and wind?", "auto", ["weather", "wind"]),
        ("weather?", "none", []),
        ("hello", "required", ["weather"]),
        ("wind?", "required", ["wind"]),
        ("hello", {"type": "function", "function": {"name": "wind"}}, ["wind"]),
    ],
)
def test_what_is_named_or_demanded_is_called(content, choice, called) -> None:
    assert names(content, tool_choice=choice) == called


def test_without_a_choice_only_what_is_named_is_called() -> None:
    assert (names("hello"), names("wind?")) == ([], ["wind"])


def test_a_result_is_not_asked_for_again() -> None:
    assert names("weather: fine", role="tool") == []


def test_without_tools_nothing_is_called() -> None:
    assert demo_calls({"messages": [{"role": "user", "content": "weather"}]}) == []


def test_each_call_has_a_name_of_its_own() -> None:
    messages = [{"role": "user", "content": "weather, wind"}]
    calls = demo_calls({"messages": messages, "tools": TOOLS})
    assert [call["id"] for call in calls] == ["call_demo0", "call_demo1"]
    assert all(orjson.loads(call["function"]["arguments"]) == {} for call in calls)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {}),
        (None, {}),
        ({"type": "string"}, "demo"),
        ({"type": ["integer", "null"]}, 0),
        ({"type": []}, {}),
        ({"type": {"a": 1}}, {}),
        ({"type": "odd"}, {}),
        ({"enum": ["c", "f"]}, "c"),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        (
            {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer"},
                    "unsaid": {"type": "boolean"},
                    "deep": {
                        "type": "object",
                        "properties": {"list": {"type": "array"}},
                        "required": ["list", "gone", 7],
                    },
                },
                "required": ["city", "days", "deep"],
            },
            {"city": "demo", "days": 0, "deep": {"list": []}},
        ),
    ],
)
def test_arguments_are_the_least_that_pass(schema: Any, value: Any) -> None:
    assert example(schema) == value


def test_a_schema_inside_itself_ends() -> None:
    endless: dict[str, Any] = {"type": "object", "required": ["a"]}
    endless["properties"] = {"a": endless}
    found, depth = example(endless), 0
    while found:
        found, depth = found["a"], depth + 1
    assert depth == DEPTH_MAX + 1
