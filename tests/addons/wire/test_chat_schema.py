"""The chat schema: each field right and wrong, and what a prompt can cost at most."""

from typing import Any

import pytest

from addons.wire.chat_schema import (
    BIASES_MAX,
    DROPPED_MAX,
    FIELDS,
    FORMAT_OVERHEAD_TOKENS,
    IMAGES_MAX,
    MESSAGE_OVERHEAD_TOKENS,
    TOOL_OVERHEAD_TOKENS,
    TOOLS_OVERHEAD_TOKENS,
    Tally,
    check_messages,
)
from addons.wire.errors import BadParameter

PICTURE = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}

MISSING = "missing_required_parameter"
TYPE = "invalid_type"
VALUE = "invalid_value"
UNSUPPORTED = "unsupported_parameter"


def checked(*messages: Any) -> tuple[list[dict[str, Any]], Tally]:
    tally = Tally()
    return check_messages(list(messages), tally), tally


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "hi"},
        {"role": "user", "content": ""},
        {"role": "user", "content": "hi", "name": "ann"},
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
        {"role": "user", "content": [{"type": "text", "text": "what?"}, PICTURE]},
        {
            "role": "user",
            "content": [
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/png;base64,AA", "detail": "low"},
                }
            ],
        },
        {"role": "assistant", "content": "hello"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"role": "assistant", "content": "x", "reasoning_content": "hm"},
        {"role": "tool", "content": "4", "tool_call_id": "c1"},
    ],
)
def test_a_right_message_passes_unchanged(message: dict[str, Any]) -> None:
    messages, tally = checked(message)
    assert messages == [message]
    assert tally.dropped == []


@pytest.mark.parametrize(
    ("message", "param", "code"),
    [
        ("hi", "messages[1]", TYPE),
        ({}, "messages[1].role", MISSING),
        ({"role": None, "content": "x"}, "messages[1].role", MISSING),
        ({"role": "god", "content": "x"}, "messages[1].role", VALUE),
        ({"role": 1, "content": "x"}, "messages[1].role", VALUE),
        ({"role": [], "content": "x"}, "messages[1].role", VALUE),
        ({"role": "function", "content": "x"}, "messages[1].role", UNSUPPORTED),
        ({"role": "user"}, "messages[1].content", MISSING),
        ({"role": "user", "content": None}, "messages[1].content", MISSING),
        ({"role": "user", "content": 7}, "messages[1].content", TYPE),
        ({"role": "user", "content": {}}, "messages[1].content", TYPE),
        ({"role": "user", "content": []}, "messages[1].content", VALUE),
        ({"role": "assistant", "content": None}, "messages[1].content", MISSING),
        ({"role": "user", "content": ["x"]}, "messages[1].content[0]", TYPE),
        ({"role": "user", "content": [{}]}, "messages[1].content[0].type", MISSING),
        (
            {"role": "user", "content": [{"type": "text"}]},
            "messages[1].content[0].text",
            MISSING,
        ),
        (
            {"role": "user", "content": [{"type": "text", "text": 1}]},
            "messages[1].content[0].text",
            TYPE,
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]},
            "messages[1].content[0].type",
            VALUE,
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {}}]},
            "messages[1].content[0].type",
            VALUE,
        ),
        (
            {"role": "system", "content": [PICTURE]},
            "messages[1].content[0].type",
            VALUE,
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": "x"}]},
            "messages[1].content[0].image_url",
            TYPE,
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
            "messages[1].content[0].image_url.url",
            MISSING,
        ),
        (
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}],
            },
            "messages[1].content[0].image_url.url",
            VALUE,
        ),
        (
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "http://a", "detail": 1}}
                ],
            },
            "messages[1].content[0].image_url.detail",
            TYPE,
        ),
        ({"role": "tool", "content": "x"}, "messages[1].tool_call_id", MISSING),
        (
            {"role": "tool", "content": "x", "tool_call_id": 1},
            "messages[1].tool_call_id",
            TYPE,
        ),
        (
            {"role": "assistant", "content": None, "tool_calls": []},
            "messages[1].tool_calls",
            VALUE,
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "c"}]},
            "messages[1].tool_calls[0].function",
            MISSING,
        ),
        (
            {"role": "assistant", "tool_calls": [{**CALL, "type": "custom"}]},
            "messages[1].tool_calls[0].type",
            UNSUPPORTED,
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}],
            },
            "messages[1].tool_calls[0].function.arguments",
            TYPE,
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [{**CALL, "function": {"name": "f g", "arguments": ""}}],
            },
            "messages[1].tool_calls[0].function.name",
            VALUE,
        ),
        ({"role": "user", "content": "x", "name": ""}, "messages[1].name", VALUE),
    ],
)
def test_a_wrong_message_is_named_to_the_part(
    message: Any, param: str, code: str
) -> None:
    with pytest.raises(BadParameter) as caught:
        checked({"role": "user", "content": "fine"}, message)
    assert (caught.value.param, caught.value.code) == (param, code)


@pytest.mark.parametrize("messages", [[], {}, "hi", None, 7])
def test_messages_must_be_a_filled_array(messages: Any) -> None:
    with pytest.raises(BadParameter) as caught:
        check_messages(messages, Tally())
    assert caught.value.param == "messages"


def test_an_echoed_answer_loses_what_only_answers_have() -> None:
    echoed = {
        "role": "assistant",
        "content": "hi",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "tool_calls": None,
    }
    messages, tally = checked(echoed)
    assert messages == [{"role": "assistant", "content": "hi"}]
    assert sorted(tally.dropped) == ["messages[].annotations", "messages[].audio"]


def test_unknown_fields_of_parts_are_left_out_too() -> None:
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    messages, tally = checked({"role": "user", "content": [part, part]})
    assert messages[0]["content"] == [{"type": "text", "text": "a"}] * 2
    assert tally.dropped == ["messages[].content[].cache_control"]


def test_the_list_of_what_is_left_out_is_bounded_and_printable() -> None:
    tally = Tally()
    for name in ("a" * 1_000, "b\r\nx-evil: 1", "ключ", *map(str, range(1_000))):
        tally.drop(name)
    assert len(tally.dropped) == DROPPED_MAX
    assert tally.dropped[:3] == ["a" * 64, "?", "0"]


@pytest.mark.parametrize(
    ("message", "size", "images"),
    [
        ({"role": "user", "content": "abc"}, 3, 0),
        ({"role": "user", "content": "你好"}, 6, 0),
        ({"role": "user", "content": "abc", "name": "ann"}, 6, 0),
        ({"role": "user", "content": [{"type": "text", "text": "你"}, PICTURE]}, 3, 1),
        ({"role": "user", "content": [PICTURE, PICTURE]}, 0, 2),
        ({"role": "tool", "content": "abc", "tool_call_id": "c1"}, 5, 0),
        ({"role": "assistant", "content": None, "tool_calls": [CALL]}, 5, 0),
        ({"role": "assistant", "content": None, "refusal": "no"}, 2, 0),
    ],
)
def test_every_text_is_weighed_in_bytes_and_pictures_apart(
    message: dict[str, Any], size: int, images: int
) -> None:
    _, tally = checked(message)
    assert (tally.bytes, tally.images) == (size, images)
    assert tally.tokens >= MESSAGE_OVERHEAD_TOKENS


def test_pictures_are_limited() -> None:
    _, tally = checked({"role": "user", "content": [PICTURE] * IMAGES_MAX})
    assert tally.images == IMAGES_MAX
    with pytest.raises(BadParameter, match="images"):
        checked({"role": "user", "content": [PICTURE] * (IMAGES_MAX + 1)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0),
        ("temperature", 2),
        ("temperature", 1.5),
        ("top_p", 0),
        ("top_p", 1),
        ("stop", "x"),
        ("stop", ["a", "b", "c", "d"]),
        ("presence_penalty", -2),
        ("frequency_penalty", 2.0),
        ("logit_bias", {}),
        ("logit_bias", {"50256": -100, "1": 0.5}),
        ("logprobs", True),
        ("top_logprobs", 20),
        ("seed", -(2**63)),
        ("seed", 2**63 - 1),
        ("response_format", {"type": "text"}),
        ("response_format", {"type": "json_object"}),
        (
            "response_format",
            {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"a": []}, "strict": True},
            },
        ),
        ("tools", [TOOL]),
        ("tools", [TOOL] * 128),
        ("tool_choice", "auto"),
        ("tool_choice", {"type": "function", "function": {"name": "f"}}),
        ("parallel_tool_calls", False),
        ("reasoning_effort", "minimal"),
        ("verbosity", "low"),
    ],
)
def test_a_right_field_passes_unchanged(name: str, value: Any) -> None:
    assert FIELDS[name](value, name, Tally()) == value


@pytest.mark.parametrize(
    ("name", "value", "param", "code"),
    [
        ("temperature", 3, "temperature", VALUE),
        ("temperature", -1, "temperature", VALUE),
        ("temperature", "hot", "temperature", TYPE),
        ("temperature", True, "temperature", TYPE),
        ("top_p", 1.1, "top_p", VALUE),
        ("stop", [], "stop", VALUE),
        ("stop", ["a"] * 5, "stop", VALUE),
        ("stop", ["a", 1], "stop[1]", TYPE),
        ("stop", "", "stop", VALUE),
        ("stop", 7, "stop", TYPE),
        ("presence_penalty", 2.5, "presence_penalty", VALUE),
        ("frequency_penalty", None, "frequency_penalty", TYPE),
        ("logit_bias", [], "logit_bias", TYPE),
        ("logit_bias", {"x": 1}, "logit_bias", VALUE),
        ("logit_bias", {"7": 101}, "logit_bias.7", VALUE),
        ("logit_bias", {"7": "1"}, "logit_bias.7", TYPE),
        (
            "logit_bias",
            {str(i): 1 for i in range(BIASES_MAX + 1)},
            "logit_bias",
            VALUE,
        ),
        ("logprobs", 1, "logprobs", TYPE),
        ("top_logprobs", 21, "top_logprobs", VALUE),
        ("seed", 1.5, "seed", TYPE),
        ("seed", 2**63, "seed", VALUE),
        ("response_format", "json", "response_format", TYPE),
        ("response_format", {}, "response_format.type", MISSING),
        ("response_format", {"type": "xml"}, "response_format.type", VALUE),
        (
            "response_format",
            {"type": "json_schema"},
            "response_format.json_schema.name",
            MISSING,
        ),
        (
            "response_format",
            {"type": "json_schema", "json_schema": {"name": "x", "schema": []}},
            "response_format.json_schema.schema",
            TYPE,
        ),
        ("tools", [], "tools", VALUE),
        ("tools", {}, "tools", TYPE),
        ("tools", [TOOL] * 129, "tools", VALUE),
        ("tools", ["f"], "tools[0]", TYPE),
        ("tools", [{"type": "function"}], "tools[0].function", MISSING),
        ("tools", [{"type": "custom"}], "tools[0].type", UNSUPPORTED),
        ("tools", [TOOL, {"function": {}}], "tools[1].function.name", MISSING),
        ("tools", [{"function": {"name": "a b"}}], "tools[0].function.name", VALUE),
        (
            "tools",
            [{"function": {"name": "f", "parameters": "x"}}],
            "tools[0].function.parameters",
            TYPE,
        ),
        (
            "tools",
            [{"function": {"name": "f", "strict": "yes"}}],
            "tools[0].function.strict",
            TYPE,
        ),
        ("tools", [{"function": {"name": 7}}], "tools[0].function.name", TYPE),
        ("tool_choice", "must", "tool_choice", VALUE),
        ("tool_choice", 1, "tool_choice", TYPE),
        ("tool_choice", {}, "tool_choice.function", MISSING),
        ("tool_choice", {"type": "allowed_tools"}, "tool_choice.type", UNSUPPORTED),
        (
            "tool_choice",
            {"type": "function", "function": {}},
            "tool_choice.function.name",
            MISSING,
        ),
        ("parallel_tool_calls", "no", "parallel_tool_calls", TYPE),
        ("reasoning_effort", "enormous", "reasoning_effort", VALUE),
        ("functions", [], "functions", UNSUPPORTED),
        ("function_call", "auto", "function_call", UNSUPPORTED),
    ],
)
def test_a_wrong_field_is_named(name: str, value: Any, param: str, code: str) -> None:
    with pytest.raises(BadParameter) as caught:
        FIELDS[name](value, name, Tally())
    assert (caught.value.param, caught.value.code) == (param, code)


def test_tools_and_schema_are_weighed_as_the_json_they_are_sent_in() -> None:
    tally = Tally()
    FIELDS["tools"]([TOOL], "tools", tally)
    assert tally.bytes >= 60
    before = tally.bytes
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"k": "v"}}}
    FIELDS["response_format"](schema, "response_format", tally)
    assert tally.bytes >= before + 30


@pytest.mark.parametrize("name", ["tools", "response_format"])
def test_a_bottomless_schema_is_refused(name: str) -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"a": deep}
    value: Any = [{"function": {"name": "f", "parameters": deep}}]
    if name == "response_format":
        value = {"type": "json_schema", "json_schema": {"name": "x", "schema": deep}}
    with pytest.raises(BadParameter, match="nested"):
        FIELDS[name](value, name, Tally())


@pytest.mark.parametrize(
    ("kind", "tokens"),
    [("text", 0), ("json_object", FORMAT_OVERHEAD_TOKENS)],
)
def test_a_promised_form_has_room_for_what_makes_it(kind: str, tokens: int) -> None:
    tally = Tally()
    FIELDS["response_format"]({"type": kind}, "response_format", tally)
    assert tally.tokens == tokens


def test_tools_have_room_once_offered_or_called() -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    _, plain = checked({"role": "user", "content": "abc"})
    _, tally = checked(called)
    assert tally.tokens - plain.tokens == TOOLS_OVERHEAD_TOKENS + TOOL_OVERHEAD_TOKENS
    FIELDS["tools"]([TOOL], "tools", tally)
    assert tally.tokens - plain.tokens == (
        TOOLS_OVERHEAD_TOKENS + 2 * TOOL_OVERHEAD_TOKENS
    )
