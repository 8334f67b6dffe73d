"""Each row of the mapping: what is asked, what is sent, and what is left out."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.providers.anthropic import ANTHROPIC
from addons.providers.anthropic_request import (
    ANSWER_TEXT,
    ANSWER_TOOL,
    FREE_OBJECT,
    OUTPUT_TOKENS,
    STRICT,
    STRICT_TOOLS_MAX,
)
from addons.wire.errors import BadParameter
from addons.wire.openai import read_chat
from tests.fakes.anthropic_model import Refusal, check

HELLO = [{"role": "user", "content": "hello"}]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
MAP = {"type": "object", "additionalProperties": {"type": "string"}}
WORN = {"type": "object", "properties": {}}


def tool(name: str, **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **function}}


def schema(wanted: Any = CITY, **more: Any) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": wanted, **more},
    }


def answer_tool(wanted: Any) -> dict[str, Any]:
    return {"name": ANSWER_TOOL, "description": ANSWER_TEXT, "input_schema": wanted}


ANSWER_CHOICE = {
    "type": "tool",
    "name": ANSWER_TOOL,
    "disable_parallel_tool_use": True,
}
F, G = tool("f"), tool("g", description="d", parameters=CITY)
SENT_F = {"name": "f", "input_schema": WORN}
SENT_G = {"name": "g", "description": "d", "input_schema": CITY}
CALLED = [
    *HELLO,
    {
        "role": "assistant",
        "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "x"},
]
NAMED = {"type": "function", "function": {"name": "g"}}
FORMAT = {"format": {"type": "json_schema", "schema": CITY}}
ADAPTIVE = {"thinking": {"type": "adaptive"}}


def request(model: str = "claude-sonnet-4-6", **fields: Any) -> Any:
    ask = read_chat(orjson.dumps({"model": "m", "messages": HELLO, **fields}))
    return ANTHROPIC.chat_request(ask, model, 2048, "account-7")


def changes(body: dict[str, Any]) -> dict[str, Any]:
    """What is in a request beside what is in the plainest one."""
    plain = orjson.loads(request().body)
    found = {name: value for name, value in body.items() if plain.get(name) != value}
    return found | {name: None for name in plain if name not in body}


# What is asked: what changes in the request (None is gone), what is named as left out.
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "system": (
        {"messages": [{"role": "system", "content": "s"}, *HELLO]}, {"system": "s"}, ()
    ),
    "temperature": ({"temperature": 0.2}, {"temperature": 0.2}, ()),
    "temperature, clamped": ({"temperature": 1.7}, {"temperature": 1}, ()),
    "top_p alone": ({"top_p": 0.3}, {"top_p": 0.3, "temperature": None}, ()),
    "top_p beside a temperature": (
        {"top_p": 0.3, "temperature": 0.7}, {}, ("top_p",)
    ),
    "stop": ({"stop": "x"}, {"stop_sequences": ["x"]}, ()),
    "stops": ({"stop": ["x", "\n"]}, {"stop_sequences": ["x"]}, ("stop",)),
    "a blank stop": ({"stop": "\n\n"}, {}, ("stop",)),
    "stream": (
        {"stream": True, "stream_options": {"include_usage": True}},
        {"stream": True}, (),
    ),
    "end users": ({"user": "ann"}, {}, ()),
    "tools": ({"tools": [F, G]}, {"tools": [SENT_F, SENT_G]}, ()),
    "a schema without a type": (
        {"tools": [tool("f", parameters={"properties": {"a": {}}})]},
        {"tools": [{"name": "f", "input_schema": {
            "type": "object", "properties": {"a": {}}}}]}, (),
    ),
    "a strict tool": (
        {"tools": [tool("f", parameters=CITY, strict=True)]},
        {"tools": [{"name": "f", "input_schema": CITY, "strict": True}]}, (),
    ),
    "a tool that cannot be strict": (
        {"tools": [tool("f", parameters=MAP, strict=True)]},
        {"tools": [{"name": "f", "input_schema": {"properties": {}, **MAP}}]},
        (STRICT,),
    ),
    "a tool that is not strict": (
        {"tools": [tool("f", strict=False)]}, {"tools": [SENT_F]}, ()
    ),
    "choice auto": (
        {"tools": [F], "tool_choice": "auto"},
        {"tools": [SENT_F], "tool_choice": {"type": "auto"}}, (),
    ),
    "choice none": (
        {"tools": [F], "tool_choice": "none", "parallel_tool_calls": False},
        {"tools": [SENT_F], "tool_choice": {"type": "none"}}, (),
    ),
    "choice required": (
        {"tools": [F], "tool_choice": "required"},
        {"tools": [SENT_F], "tool_choice": {"type": "any"}}, (),
    ),
    "choice of one": (
        {"tools": [F, G], "tool_choice": NAMED},
        {"tools": [SENT_F, SENT_G], "tool_choice": {"type": "tool", "name": "g"}}, (),
    ),
    "a choice without tools": ({"tool_choice": "auto"}, {}, ()),
    "one call at a time": (
        {"tools": [F], "parallel_tool_calls": False},
        {"tools": [SENT_F],
         "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, (),
    ),
    "one forced call at a time": (
        {"tools": [F], "tool_choice": "required", "parallel_tool_calls": False},
        {"tools": [SENT_F],
         "tool_choice": {"type": "any", "disable_parallel_tool_use": True}}, (),
    ),
    "calls in parallel": (
        {"tools": [F], "parallel_tool_calls": True}, {"tools": [SENT_F]}, ()
    ),
    "one at a time without tools": ({"parallel_tool_calls": False}, {}, ()),
    "calls of the past without tools": (
        {"messages": CALLED},
        {"tools": [{"name": "f", "input_schema": {"type": "object"}}],
         "tool_choice": {"type": "none"}}, (),
    ),
    "text": ({"response_format": {"type": "text"}}, {}, ()),
    "a schema": ({"response_format": schema()}, {"output_config": FORMAT}, ()),
    "a schema that is described": (
        {"response_format": schema(description="d")},
        {"output_config": {"format": {
            "type": "json_schema", "schema": {**CITY, "description": "d"}}}}, (),
    ),
    "a schema that describes itself": (
        {"response_format": schema({**CITY, "description": "c"}, description="d")},
        {"output_config": {"format": {
            "type": "json_schema", "schema": {**CITY, "description": "c"}}}}, (),
    ),
    "a schema and tools": (
        {"response_format": schema(), "tools": [F]},
        {"output_config": FORMAT, "tools": [SENT_F]}, (),
    ),
    "a schema it cannot be held to": (
        {"response_format": schema(MAP)},
        {"tools": [answer_tool(MAP)], "tool_choice": ANSWER_CHOICE}, (),
    ),
    "JSON": (
        {"response_format": {"type": "json_object"}},
        {"tools": [answer_tool(FREE_OBJECT)], "tool_choice": ANSWER_CHOICE}, (),
    ),
    "JSON by a schema that is missing": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        {"tools": [answer_tool(FREE_OBJECT)], "tool_choice": ANSWER_CHOICE}, (),
    ),
    "JSON or a tool": (
        {"response_format": {"type": "json_object"}, "tools": [F]},
        {"tools": [SENT_F, answer_tool(FREE_OBJECT)], "tool_choice": {"type": "any"}},
        (),
    ),
    "JSON and no tool": (
        {"response_format": {"type": "json_object"}, "tools": [F],
         "tool_choice": "none"},
        {"tools": [SENT_F, answer_tool(FREE_OBJECT)], "tool_choice": ANSWER_CHOICE},
        (),
    ),
    "JSON after a tool that is demanded": (
        {"response_format": {"type": "json_object"}, "tools": [F],
         "tool_choice": "required"},
        {"tools": [SENT_F], "tool_choice": {"type": "any"}}, (),
    ),
    "an effort": (
        {"reasoning_effort": "high"},
        {**ADAPTIVE, "output_config": {"effort": "high"}, "temperature": None}, (),
    ),
    "an effort it does not have": (
        {"reasoning_effort": "xhigh"},
        {**ADAPTIVE, "output_config": {"effort": "high"}, "temperature": None}, (),
    ),
    "no effort": ({"reasoning_effort": "none"}, {}, ()),
    "hardly an effort": ({"reasoning_effort": "minimal"}, {}, ()),
    "an effort and a schema": (
        {"reasoning_effort": "low", "response_format": schema()},
        {**ADAPTIVE, "output_config": {"effort": "low", **FORMAT},
         "temperature": None}, (),
    ),
    "an effort and sampling": (
        {"reasoning_effort": "low", "temperature": 0.2, "top_p": 0.5},
        {**ADAPTIVE, "output_config": {"effort": "low"}, "temperature": None},
        ("temperature", "top_p"),
    ),
    "an effort and a wide top_p": (
        {"reasoning_effort": "low", "top_p": 0.95},
        {**ADAPTIVE, "output_config": {"effort": "low"}, "top_p": 0.95,
         "temperature": None}, (),
    ),
    "an effort before a forced call": (
        {"reasoning_effort": "low", "tools": [F], "tool_choice": "required"},
        {"tools": [SENT_F], "tool_choice": {"type": "any"}}, ("reasoning_effort",),
    ),
    "an effort before JSON": (
        {"reasoning_effort": "low", "response_format": {"type": "json_object"}},
        {"tools": [answer_tool(FREE_OBJECT)], "tool_choice": ANSWER_CHOICE},
        ("reasoning_effort",),
    ),
    "what nobody there knows": (
        {"seed": 7, "logit_bias": {"7": 1}, "presence_penalty": 1,
         "frequency_penalty": 1, "verbosity": "low", "logprobs": False},
        {},
        ("seed", "logit_bias", "presence_penalty", "frequency_penalty", "verbosity",
         "logprobs"),
    ),
    "names and images' details": (
        {"messages": [{**HELLO[0], "name": "ann"}]}, {}, ("messages[].name",)
    ),
}


@pytest.mark.parametrize(("asked", "sent", "dropped"), ROWS.values(), ids=list(ROWS))
def test_a_row_of_the_mapping(
    asked: dict[str, Any], sent: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    found = request(**asked)
    body = orjson.loads(found.body)
    change = changes(body)
    if "messages" in asked:
        change.pop("messages", None)
    assert change == sent
    assert found.dropped == dropped
    check(body)


def test_the_plainest_request() -> None:
    found = request()
    assert orjson.loads(found.body) == {
        "model": "claude-sonnet-4-6",
        "max_tokens": 2048,
        "messages": HELLO,
        "temperature": 0.7,
        "metadata": {"user_id": "account-7"},
    }
    assert found.path == "/v1/messages"
    assert found.headers["anthropic-version"] == "2023-06-01"


def test_a_limit_is_always_sent() -> None:
    ask = read_chat(orjson.dumps({"model": "m", "messages": HELLO}))
    body = orjson.loads(ANTHROPIC.chat_request(ask, "claude-sonnet-4-6", None).body)
    assert body["max_tokens"] == OUTPUT_TOKENS
    assert "metadata" not in body


OLD, CAREFUL, NEW = "claude-3-5-haiku", "claude-sonnet-4-5", "claude-sonnet-5-5"


@pytest.mark.parametrize(
    ("model", "asked", "sent", "dropped"),
    [
        (OLD, {"temperature": 0.1, "top_p": 0.2}, {"temperature": 0.1, "top_p": 0.2},
         ()),
        (OLD, {"reasoning_effort": "low"}, {"temperature": 0.7}, ("reasoning_effort",)),
        (OLD, {"tools": [tool("f", parameters=CITY, strict=True)]},
         {"temperature": 0.7, "tools": [{"name": "f", "input_schema": CITY}]},
         (STRICT,)),
        (OLD, {"response_format": schema()},
         {"temperature": 0.7, "tools": [answer_tool(CITY)],
          "tool_choice": ANSWER_CHOICE}, ()),
        (CAREFUL, {"temperature": 0.1, "top_p": 0.2}, {"temperature": 0.1}, ("top_p",)),
        (CAREFUL, {"response_format": schema()},
         {"temperature": 0.7, "output_config": FORMAT}, ()),
        (CAREFUL, {"reasoning_effort": "low"}, {"temperature": 0.7},
         ("reasoning_effort",)),
        (NEW, {}, {}, ()),
        (NEW, {"temperature": 0.1, "top_p": 0.2}, {}, ("temperature", "top_p")),
        (NEW, {"reasoning_effort": "xhigh"},
         {**ADAPTIVE, "output_config": {"effort": "xhigh"}}, ()),
    ],
)
def test_other_models_take_other_things(
    model: str, asked: dict[str, Any], sent: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    found = request(model, **asked)
    body = orjson.loads(found.body)
    for name in ("model", "max_tokens", "messages", "metadata"):
        del body[name]
    assert (body, found.dropped) == (sent, dropped)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "several choices": ({"n": 2}, "n"),
    "logprobs": ({"logprobs": True}, "logprobs"),
    "top_logprobs": ({"top_logprobs": 1}, "top_logprobs"),
    "a tool demanded of none": ({"tool_choice": "required"}, "tool_choice"),
    "a named tool of none": ({"tool_choice": NAMED}, "tool_choice"),
    "a tool that is not there": (
        {"tools": [F], "tool_choice": NAMED}, "tool_choice.function.name"
    ),
    "parameters that are no object": (
        {"tools": [F, tool("g", parameters={"type": "array"})]},
        "tools[1].function.parameters.type",
    ),
    "a schema that is no object": (
        {"response_format": schema({"type": "array"})},
        "response_format.json_schema.schema.type",
    ),
    "a name of ours": ({"tools": [tool(ANSWER_TOOL)]}, "tools[0].function.name"),
}


@pytest.mark.parametrize(("asked", "param"), WRONG.values(), ids=list(WRONG))
def test_what_it_cannot_do_is_named(asked: dict[str, Any], param: str) -> None:
    with pytest.raises(BadParameter) as caught:
        request(**asked)
    assert caught.value.param == param


@pytest.mark.parametrize("more", [0, 1])
def test_only_so_many_tools_are_strict(more: int) -> None:
    tools = [
        tool(f"f{number}", parameters=CITY, strict=True)
        for number in range(STRICT_TOOLS_MAX + more)
    ]
    found = request(tools=tools)
    strict = [one.get("strict") for one in orjson.loads(found.body)["tools"]]
    assert strict.count(True) == (0 if more else STRICT_TOOLS_MAX)
    assert found.dropped == ((STRICT,) if more else ())


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0, 0.7, 1, 2]),
        "top_p": st.sampled_from([0, 0.95, 1]),
        "stop": st.lists(st.sampled_from(["x", " ", "\n"]), min_size=1, max_size=4),
        "tools": st.sampled_from([[F], [F, G]]),
        "tool_choice": st.sampled_from(["none", "auto", "required", NAMED]),
        "parallel_tool_calls": st.booleans(),
        "reasoning_effort": st.sampled_from(["none", "low", "xhigh", "max"]),
        "response_format": st.sampled_from(
            [{"type": "json_object"}, schema(), schema(MAP), {"type": "text"}]
        ),
        "messages": st.sampled_from([HELLO, CALLED, CALLED[1:], [*HELLO, CALLED[0]]]),
    },
)


@settings(max_examples=300)
@given(fields=FIELDS)
def test_whatever_is_asked_for_together_is_taken_or_refused_by_us(
    fields: dict[str, Any],
) -> None:
    """The provider has nothing to refuse: no two parameters of ours exclude."""
    try:
        body = orjson.loads(request(**fields).body)
    except BadParameter:
        return
    try:
        check(body)
    except Refusal as refusal:
        raise AssertionError(f"{refusal}: {body}") from None
