"""What the fake's mind refuses, what it says, and the events it says it in."""

from typing import Any

import pytest

from tests.fakes.anthropic_model import (
    THOUGHT,
    Refusal,
    answer,
    blocks_of,
    complete,
    events,
    text_of,
)

HI = {"role": "user", "content": "hi"}
TOOL = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
WIND = {"name": "get_wind", "input_schema": {"type": "object"}}
CALL = {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "c1", "content": "晴"}
ASKED = [
    {"role": "user", "content": "weather?"},
    {"role": "assistant", "content": [CALL]},
]


def body(**parameters: Any) -> dict[str, Any]:
    asked = {"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": [HI]}
    return {**asked, **parameters}


def user(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(content)}]


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in body().items() if key != name}


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def image(**source: str) -> dict[str, Any]:
    return {"type": "image", "source": source}


REFUSED = {
    "an unknown parameter": body(frobnicate=1),
    "no model": without("model"),
    "no limit": without("max_tokens"),
    "no messages": body(messages=[]),
    "a limit of nothing": body(max_tokens=0),
    "too hot": body(temperature=1.1),
    "temperature and top_p": body(temperature=1, top_p=1),
    "thinking when cool": body(thinking={"type": "adaptive"}, temperature=0),
    "thinking when narrow": body(thinking={"type": "adaptive"}, top_p=0.5),
    "thinking before a forced call": body(
        thinking={"type": "adaptive"}, tools=[TOOL], tool_choice={"type": "any"}
    ),
    "a blank stop": body(stop_sequences=["\n"]),
    "a blank system": body(system=[text(" ")]),
    "two tools of one name": body(tools=[TOOL, TOOL]),
    "a tool without a schema": body(tools=[{"name": "x"}]),
    "a choice without tools": body(tool_choice={"type": "auto"}),
    "a choice of no tool": body(
        tools=[TOOL], tool_choice={"type": "tool", "name": "x"}
    ),
    "a choice of no kind": body(tools=[TOOL], tool_choice={"type": "required"}),
    "an open strict tool": body(tools=[{**TOOL, "strict": True}]),
    "an unknown effort": body(output_config={"effort": "xhigh"}),
    "an open schema": body(
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}}
    ),
    "the assistant first": body(messages=[{"role": "assistant", "content": "x"}, HI]),
    "the assistant last": body(messages=[HI, {"role": "assistant", "content": "x"}]),
    "a system turn": body(messages=[HI, {"role": "system", "content": "x"}, HI]),
    "a blank text": body(messages=[{"role": "user", "content": " \n"}]),
    "an empty turn": body(messages=user()),
    "an unanswered call": body(tools=[TOOL], messages=[*ASKED, HI]),
    "calls without tools": body(messages=[*ASKED, *user(RESULT)]),
    "a result of no call": body(tools=[TOOL], messages=user(RESULT)),
    "a result after a text": body(
        tools=[TOOL], messages=[*ASKED, *user(text("x"), RESULT)]
    ),
    "a call by the user": body(tools=[TOOL], messages=user(CALL)),
    "a foreign id": body(
        tools=[TOOL],
        messages=[HI, {"role": "assistant", "content": [{**CALL, "id": "a:1"}]}, HI],
    ),
    "an image over http": body(messages=user(image(type="url", url="http://a.b/c"))),
    "an image of no kind": body(
        messages=user(image(type="base64", media_type="image/tiff", data="x"))
    ),
}


@pytest.mark.parametrize("asked", REFUSED.values(), ids=list(REFUSED))
def test_what_the_real_one_refuses(asked: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        complete(asked, 1)


@pytest.mark.parametrize(
    ("parameters", "blocks", "reason"),
    [
        ({}, [text("You said: hi")], "end_turn"),
        ({"max_tokens": 2}, [text("You said: ")], "max_tokens"),
        ({"stop_sequences": ["said"]}, [text("You ")], "stop_sequence"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "any"}},
            [{**CALL, "id": "toolu_fake0", "input": {"city": "text"}}],
            "tool_use",
        ),
        ({"tools": [TOOL], "tool_choice": {"type": "none"}},
         [text("You said: hi")], "end_turn"),
        (
            {
                "output_config": {
                    "format": {
                        "type": "json_schema",
                        "schema": {
                            "type": "object",
                            "properties": {"a": {"type": "integer"}},
                            "additionalProperties": False,
                        },
                    }
                }
            },
            [text('{"a": 7}')],
            "end_turn",
        ),
    ],
)
def test_what_it_says(
    parameters: dict[str, Any], blocks: list[dict[str, Any]], reason: str
) -> None:
    said = answer(complete(body(**parameters), 1))
    assert (said["content"], said["stop_reason"]) == (blocks, reason)
    assert (said["type"], said["role"]) == ("message", "assistant")
    assert said["id"] == "msg_fake1"


def test_it_calls_what_is_spoken_of_one_at_a_time_if_told() -> None:
    asked = body(
        tools=[TOOL, WIND],
        messages=[{"role": "user", "content": "get_weather, get_wind"}],
    )
    assert len(complete(asked, 1).blocks) == 2
    single = {"type": "auto", "disable_parallel_tool_use": True}
    assert len(complete({**asked, "tool_choice": single}, 1).blocks) == 1


def test_it_thinks_first_when_told() -> None:
    said = complete(body(thinking={"type": "adaptive"}), 1)
    assert [block["type"] for block in said.blocks] == ["thinking", "text"]
    assert said.blocks[0]["thinking"] == THOUGHT
    assert said.usage["output_tokens_details"]["thinking_tokens"] == 6
    assert said.usage["output_tokens"] == 9


def test_a_result_is_heard() -> None:
    said = complete(body(tools=[TOOL], messages=[*ASKED, *user(RESULT)]), 1)
    assert said.blocks == (text("You said: 晴"),)


def test_caches_are_told_apart_at_the_start_and_together_at_the_end() -> None:
    cache = {"read": 5, "write_5m": 3, "write_1h": 2}
    first, *_, last, _ = events(complete(body(), 1, cache=cache))
    usage = first["message"]["usage"]
    assert usage["cache_creation"] == {
        "ephemeral_5m_input_tokens": 3,
        "ephemeral_1h_input_tokens": 2,
    }
    assert usage["output_tokens"] == 1
    assert last["usage"] == {
        "input_tokens": 4,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 5,
        "output_tokens": 3,
        "output_tokens_details": {"thinking_tokens": 0},
    }


def test_a_stream_says_what_the_whole_answer_says() -> None:
    whole = complete(body(tools=[TOOL], tool_choice={"type": "any"}), 1)
    kinds = [event["type"] for event in events(whole)]
    assert kinds[:3] == ["message_start", "content_block_start", "ping"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    fragments = [
        event["delta"]["partial_json"]
        for event in events(whole)
        if event["type"] == "content_block_delta"
    ]
    assert fragments[0] == "" and "".join(fragments) == '{"city": "text"}'


def test_other_words_can_be_put_into_its_mouth() -> None:
    assert complete(body(), 1, text="Bonjour").blocks == (text("Bonjour"),)
    said = complete(body(), 1, blocks=[text("a")], stop_reason="pause_turn")
    assert (said.blocks, said.stop_reason) == ((text("a"),), "pause_turn")


def test_content_may_be_a_text_or_blocks() -> None:
    assert blocks_of(HI) == [text("hi")]
    assert text_of({"content": [RESULT, text("!")]}) == "晴!"
