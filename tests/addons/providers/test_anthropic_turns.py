"""Each kind of message, and the conversations they make."""

from typing import Any

import pytest

from addons.providers.anthropic_turns import (
    CONTINUE,
    OPENING,
    conversation,
    image_source,
    plain_id,
)
from addons.wire.errors import BadParameter

HI = {"role": "user", "content": "hi"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def picture(url: str, **more: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def says(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def call(id: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": id, "type": "function", "function": function}


def calls(*made: dict[str, Any], content: Any = None) -> dict[str, Any]:
    return says(content, tool_calls=list(made))


def result(id: str, content: Any = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


def used(id: str, name: str = "f", **input: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": input}


def given(id: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, **more}


def turn(role: str, *blocks: Any) -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


TURNS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "a text": ([HI], [HI]),
    "a text in a part": ([user(text("hi"))], [HI]),
    "two texts": ([user(text("a"), text("b"))], [turn("user", text("a"), text("b"))]),
    "blanks are left out": ([user(text(""), text("hi"), text(" \n"))], [HI]),
    "a blank message is none": (
        [HI, says(""), {"role": "user", "content": " "}, HI],
        [turn("user", text("hi"), text("hi"))],
    ),
    "an image in the request": (
        [user(text("a"), picture(PIXEL))],
        [turn("user", text("a"), {"type": "image", "source": {
            "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}})],
    ),
    "an image elsewhere": (
        [user(picture("https://a.example/b?c=1"))],
        [turn("user", {"type": "image", "source": {
            "type": "url", "url": "https://a.example/b?c=1"}})],
    ),
    "turns": ([HI, says("a"), HI], [HI, says("a"), HI]),
    "neighbours of one role are one turn": (
        [HI, HI, says("a"), says("b"), HI],
        [turn("user", text("hi"), text("hi")),
         turn("assistant", text("a"), text("b")), HI],
    ),
    "a refusal is said": (
        [HI, says([{"type": "refusal", "refusal": "no"}], refusal="never"), HI],
        [HI, turn("assistant", text("no"), text("never")), HI],
    ),
    "calls and results": (
        [HI, calls(call("c1", arguments='{"a":[1]}'), call("c2", "g")),
         result("c2"), result("c1", [text("x")]), HI],
        [HI, turn("assistant", used("c1", a=[1]), used("c2", "g")),
         turn("user", given("c2", content="ok"), given("c1", content="x"),
              text("hi"))],
    ),
    "a text before a call": (
        [HI, calls(call("c1"), content="Let me see."), result("c1")],
        [HI, turn("assistant", text("Let me see."), used("c1")),
         turn("user", given("c1", content="ok"))],
    ),
    "a result in parts": (
        [HI, calls(call("c1")), result("c1", [text("a"), text(""), text("b")])],
        [HI, turn("assistant", used("c1")),
         turn("user", given("c1", content=[text("a"), text("b")]))],
    ),
    "a result of nothing": (
        [HI, calls(call("c1", arguments=" ")), result("c1", "")],
        [HI, turn("assistant", used("c1")), turn("user", given("c1"))],
    ),
    "a foreign id": (
        [HI, calls(call("call:一")), result("call:一")],
        [HI, turn("assistant", used("id_Y2FsbDrkuIA")),
         turn("user", given("id_Y2FsbDrkuIA", content="ok"))],
    ),
    "an id used again later": (
        [HI, calls(call("c1")), result("c1"), calls(call("c1")), result("c1")],
        [HI, *[turn("assistant", used("c1")),
               turn("user", given("c1", content="ok"))] * 2],
    ),
    "the assistant opens": (
        [says("Hello"), HI], [{"role": "user", "content": OPENING}, says("Hello"), HI]
    ),
    "the assistant closes": (
        [HI, says("And")], [HI, says("And"), {"role": "user", "content": CONTINUE}]
    ),
    "instructions alone are a question": (
        [{"role": "system", "content": "Greet."}],
        [{"role": "user", "content": "Greet."}],
    ),
}


@pytest.mark.parametrize(("messages", "turns"), TURNS.values(), ids=list(TURNS))
def test_messages_become_turns(
    messages: list[dict[str, Any]], turns: list[dict[str, Any]]
) -> None:
    before = repr(messages)
    assert conversation(messages).turns == turns
    assert repr(messages) == before


def test_instructions_are_gathered_from_wherever_they_stand() -> None:
    found = conversation(
        [
            {"role": "system", "content": "One."},
            HI,
            calls(call("c1")),
            {"role": "developer", "content": [text("Two"), text(".")]},
            result("c1"),
            {"role": "system", "content": "  "},
            {"role": "system", "content": "Three.\n"},
        ]
    )
    assert found.system == "One.\nTwo.\nThree.\n"
    assert [one["role"] for one in found.turns] == ["user", "assistant", "user"]
    assert found.called == ("f",)


def test_what_cannot_be_said_there_is_named() -> None:
    found = conversation(
        [
            {**HI, "name": "ann"},
            says("a", reasoning_content="hm"),
            user(text("x"), picture(PIXEL, detail="low")),
            user(picture(PIXEL, detail="auto")),
        ]
    )
    assert found.left_out == (
        "messages[].name",
        "messages[].reasoning_content",
        "messages[].content[].image_url.detail",
    )
    assert conversation([HI]).left_out == ()


ARGUMENTS = "messages[1].tool_calls[0].function.arguments"
URL = "messages[0].content[0].image_url.url"
WRONG: dict[str, tuple[list[dict[str, Any]], str]] = {
    "nothing is said": ([{"role": "user", "content": ""}], "messages"),
    "arguments that are no JSON": ([HI, calls(call("c", arguments="{"))], ARGUMENTS),
    "arguments that are no object": (
        [HI, calls(call("c", arguments="[]"))], ARGUMENTS
    ),
    "arguments that are too deep": (
        [HI, calls(call("c", arguments='{"a":' * 99 + "1" + "}" * 99))], ARGUMENTS
    ),
    "a call without a result": (
        [HI, calls(call("c")), HI], "messages[1].tool_calls[0]"
    ),
    "one call of two without a result": (
        [HI, calls(call("c"), call("d")), result("c"), says("x")],
        "messages[1].tool_calls[1]",
    ),
    "a call at the end": ([HI, calls(call("c"))], "messages[1].tool_calls[0]"),
    "two calls of one id": (
        [HI, calls(call("c"), call("c"))], "messages[1].tool_calls[1].id"
    ),
    "a result without a call": ([HI, result("c")], "messages[1].tool_call_id"),
    "two results of one call": (
        [HI, calls(call("c")), result("c"), result("c")], "messages[3].tool_call_id"
    ),
    "an image over http": ([user(picture("http://a.example/b.png"))], URL),
    "an image of another type": ([user(picture("data:image/tiff;base64,AA"))], URL),
    "an image that is not in base64": ([user(picture("data:image/png,AA"))], URL),
    "an image without data": ([user(picture("data:image/png;base64"))], URL),
    "an image of nothing": ([user(picture("data:image/png;base64,"))], URL),
}


@pytest.mark.parametrize(("messages", "param"), WRONG.values(), ids=list(WRONG))
def test_what_makes_no_conversation_is_named(
    messages: list[dict[str, Any]], param: str
) -> None:
    with pytest.raises(BadParameter) as caught:
        conversation(messages)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("url", "media_type"),
    [
        ("data:image/jpg;base64,AA", "image/jpeg"),
        ("data:image/JPEG;base64,AA", "image/jpeg"),
        ("DATA:image/gif;base64,AA", "image/gif"),
        ("data:image/webp;name=a;BASE64,AA", "image/webp"),
    ],
)
def test_an_image_s_type_is_read_however_it_is_written(
    url: str, media_type: str
) -> None:
    source = image_source(url, "url")
    assert source == {"type": "base64", "media_type": media_type, "data": "AA"}


def test_no_two_ids_become_one() -> None:
    ids = ["a", "a:", "a.", "a:b", "ab", "é", "toolu_01", "call-1", ":", "::"]
    plain = [plain_id(one) for one in ids]
    assert len(set(plain)) == len(ids)
    assert plain_id("toolu_01") == "toolu_01"
