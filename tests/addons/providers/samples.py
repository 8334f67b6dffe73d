"""What a provider says in its own words, for the contract that all of them keep.

A provider that speaks OpenAI's dialect has OpenAI's samples.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from addons.providers.demo import DEMO
from tests.fakes import anthropic_script, openai_script
from tests.fakes.compatible_server import DEEPSEEK, QWEN, House
from tests.fakes.script import COMMENT, after, with_line_ends

type Json = Mapping[str, Any]

CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "f", "arguments": "{}"},
}
DEEP = b"[" * 500 + b"]" * 500


@dataclass(frozen=True, slots=True)
class Samples:
    """`said` and `called` are whole answers: a text, and a call of a tool. Good usage
    is nine tokens of input and four of output. `streams` are whole streams."""

    said: Callable[[str, Json | None], bytes]
    called: bytes
    usage: Json
    bad_usage: Json
    garbage: Iterable[bytes]
    streams: Mapping[str, bytes] = field(default_factory=dict)
    hello: bytes = b""


def openai_answer(*choices: Any, **more: Any) -> bytes:
    return orjson.dumps({"id": "a", "choices": list(choices), **more})


def openai_said(text: str, usage: Json | None) -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return openai_answer(choice, usage=usage, odd={"deep": []})


def openai_called() -> bytes:
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    return openai_answer({"message": message, "finish_reason": "tool_calls"})


def openai_stream(**asked: Any) -> bytes:
    said = {"role": "user", "content": "你好 f"}
    body = {"model": "m", "messages": [said], "stream": True, **asked}
    body["stream_options"] = {"include_usage": True}
    one = openai_script.Answer()
    return joined(one.frames(one.completion(body, 1)))


def joined(steps: Iterable[Any]) -> bytes:
    return b"".join(step for step in steps if isinstance(step, bytes))


PARAMETERS = {
    "type": "object",
    "properties": {"城": {"type": "string"}, "b": {"type": "integer"}},
    "additionalProperties": False,
}
OPENAI_TOOL = {"type": "function", "function": {"name": "f", "parameters": PARAMETERS}}
OPENAI_USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}

OPENAI = Samples(
    said=openai_said,
    called=openai_called(),
    usage=OPENAI_USAGE,
    bad_usage={**OPENAI_USAGE, "completion_tokens": -4},
    garbage=[
        openai_answer(),
        openai_answer(None),
        openai_answer("x"),
        openai_answer({}),
        openai_answer({"message": None}),
        openai_answer({"message": "hi"}),
        openai_answer({"message": {"content": 7}}),
        openai_answer({"message": {"content": "x"}, "finish_reason": {"a": 1}}),
        orjson.dumps({"choices": {"0": {"message": {"content": "x"}}}}),
        openai_said("hi there", OPENAI_USAGE)[:-9],
        b'{"choices":[{"message":{"content":"x","y":' + DEEP + b"}}]}",
    ],
    streams={
        "text": openai_stream(),
        "two choices": openai_stream(n=2),
        "a call": openai_stream(tools=[OPENAI_TOOL]),
        "cut": openai_stream()[:-200],
    },
    hello=b"".join(
        openai_script.frame(chunk)
        for chunk in (
            {"choices": [{"index": 0, "delta": {"content": "hi"}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": OPENAI_USAGE},
        )
    )
    + openai_script.DONE,
)


def anthropic_answer(content: Any, **more: Any) -> bytes:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "x"}
    return orjson.dumps(
        {**head, "content": content, "stop_reason": "end_turn", **more}
    )


def anthropic_said(text: str, usage: Json | None) -> bytes:
    block = {"type": "text", "text": text, "citations": None}
    return anthropic_answer([block], usage=usage, odd={"deep": []})


def anthropic_stream(cut: int | None = None, **more: Any) -> bytes:
    said = {"role": "user", "content": "你好 f"}
    asked = {"model": "claude-sonnet-4-6", "max_tokens": 99, "messages": [said]}
    script = more.pop("script", {})
    one = anthropic_script.Answer(**script)
    frames = one.frames(one.message({**asked, "stream": True, **more}, 1))
    return joined(frames)[:cut]


def anthropic_frames(*events: Json) -> bytes:
    return b"".join(map(anthropic_script.frame, events))


ANTHROPIC_TOOL = {"name": "f", "input_schema": PARAMETERS}
ANTHROPIC_USAGE = {"input_tokens": 9, "output_tokens": 4}
USED = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}

ANTHROPIC = Samples(
    said=anthropic_said,
    called=anthropic_answer([USED], stop_reason="tool_use"),
    usage=ANTHROPIC_USAGE,
    bad_usage={**ANTHROPIC_USAGE, "output_tokens": -4},
    garbage=[
        openai_said("hi there", OPENAI_USAGE),
        anthropic_answer(None),
        anthropic_answer("x"),
        anthropic_answer([None]),
        anthropic_answer([{"text": "x"}]),
        anthropic_answer([{"type": 7}]),
        anthropic_answer([{"type": "text"}]),
        anthropic_answer([{"type": "text", "text": 7}]),
        anthropic_answer([{"type": "thinking", "thinking": None}]),
        anthropic_answer([{**USED, "input": "{}"}]),
        anthropic_answer([{**USED, "name": 7}]),
        anthropic_answer([{"type": "tool_use", "id": "x", "input": {}}]),
        anthropic_answer([{**USED, "id": None}]),
        anthropic_answer([], stop_reason=None),
        anthropic_answer([], stop_reason={"a": 1}),
        anthropic_said("hi there", ANTHROPIC_USAGE)[:-9],
        anthropic_answer([USED]).replace(b'"input":{}', b'"input":{"y":' + DEEP + b"}"),
    ],
    streams={
        "text": anthropic_stream(),
        "a thought": anthropic_stream(thinking={"type": "adaptive"}),
        "a call": anthropic_stream(tools=[ANTHROPIC_TOOL]),
        "caches": anthropic_stream(script={"cache": {"read": 3, "write_1h": 2}}),
        "an error": anthropic_stream(-300) + b"\n\n" + anthropic_script.OVERLOADED,
        "something unknown": anthropic_script.UNKNOWN + anthropic_stream(),
        "cut": anthropic_stream(-200),
    },
    hello=anthropic_frames(
        {"type": "message_start", "message": {"usage": ANTHROPIC_USAGE}},
        {"type": "content_block_start", "index": 0,
         "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
         "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ),
)


def house_stream(house: House, *edits: Any, **asked: Any) -> bytes:
    """A stream of a provider that took over OpenAI's API."""
    said = {"role": "user", "content": "你好 f"}
    body = {"model": "m", "messages": [said], "stream": True, **asked}
    body["stream_options"] = {"include_usage": True}
    one = openai_script.Answer(cached_tokens=2, edits=edits)
    return joined(one.frames(house.complete(one, body, 1)))


THOUGHT = openai_script.frame(
    {"choices": [{"index": 0, "delta": {"reasoning_content": "想 hm"}}]}
)
STOPPED = openai_script.frame(
    {
        "choices": [
            {"index": 0, "delta": {}, "finish_reason": "insufficient_system_resource"}
        ]
    }
)
ARREARS = openai_script.frame({"error": {"code": "Arrearage", "message": "欠费"}})


def house_samples(house: House, **more: bytes) -> Samples:
    """OpenAI's, with streams as this house sends them."""
    streams = {
        "text": house_stream(house),
        "a call": house_stream(house, tools=[OPENAI_TOOL]),
        "a thought": house_stream(house, after(1, THOUGHT, THOUGHT)),
        "kept alive": house_stream(house, after(0, COMMENT), after(3, COMMENT)),
        "other line ends": house_stream(house, with_line_ends(b"\r\n")),
        "cut": house_stream(house)[:-200],
        **more,
    }
    return replace(OPENAI, streams=streams)


def demo_stream(**asked: Any) -> bytes:
    """What the built-in provider plays, without its pauses."""
    assert DEMO.reply is not None
    said = [{"role": "user", "content": "你好 there"}]
    body = {"model": "demo-chat", "messages": said, "stream": True, "max_tokens": 50}
    body["stream_options"] = {"include_usage": True}
    return b"".join(piece for _, piece in DEMO.reply({**body, **asked}))


OWN: Mapping[str, Samples] = {
    "anthropic": ANTHROPIC,
    "dashscope": house_samples(QWEN, arrears=house_stream(QWEN)[:-200] + ARREARS),
    "deepseek": house_samples(
        DEEPSEEK, stopped=house_stream(DEEPSEEK, after(2, STOPPED))
    ),
    "demo": replace(
        OPENAI,
        streams={
            "text": demo_stream(),
            "two choices": demo_stream(n=2),
            "a call": demo_stream(tools=[OPENAI_TOOL], tool_choice="required"),
            "a short one": demo_stream(max_tokens=1),
            "cut": demo_stream()[:-200],
        },
    ),
}


def samples_of(dialect: str) -> Samples:
    return OWN.get(dialect, OPENAI)
