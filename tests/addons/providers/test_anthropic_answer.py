"""Each kind of block, each reason to stop."""

from typing import Any

import orjson
import pytest

from addons.providers.anthropic import ANTHROPIC
from addons.providers.anthropic_answer import explanation_in, finish_reason, unwrap
from addons.providers.anthropic_request import ANSWER_TOOL
from addons.wire.chat_stream import NATIVE_FINISH

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "x"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"城": [1, None]}}
CALLED = {
    "id": "toolu_1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"城":[1,null]}'},
}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value, "citations": None}


def answer_in_json(**input: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "toolu_0", "name": ANSWER_TOOL, "input": input}


def answer(*blocks: Any, **more: Any) -> dict[str, Any]:
    return {"id": "msg_1", "type": "message", "content": list(blocks),
            "stop_reason": "end_turn", "usage": {"input_tokens": 1}, **more}


def message(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "refusal": None, **fields}


MESSAGES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "a text": ([text("hi")], message(content="hi")),
    "texts": ([text("h"), text(""), text("i")], message(content="hi")),
    "nothing": ([], message(content="")),
    "an empty text": ([text("")], message(content="")),
    "a thought": (
        [THOUGHT, text("hi"), THOUGHT],
        message(content="hi", reasoning_content="hmhm"),
    ),
    "a hidden thought": (
        [{"type": "redacted_thinking", "data": "x"}, text("hi")], message(content="hi")
    ),
    "a call": ([CALL], message(tool_calls=[CALLED])),
    "a text and calls": (
        [text("Wait."), CALL, {**CALL, "id": "toolu_2", "input": {}}],
        message(
            content="Wait.",
            tool_calls=[
                CALLED,
                {"id": "toolu_2", "type": "function",
                 "function": {"name": "f", "arguments": "{}"}},
            ],
        ),
    ),
    "an answer in JSON": ([answer_in_json(a=1)], message(content='{"a":1}')),
    "an empty answer in JSON": ([answer_in_json()], message(content="{}")),
    "something new": (
        [{"type": "mystery", "what": 7}, text("hi")], message(content="hi")
    ),
}


@pytest.mark.parametrize(("blocks", "said"), MESSAGES.values(), ids=list(MESSAGES))
def test_blocks_become_a_message(blocks: list[Any], said: dict[str, Any]) -> None:
    given = answer(*blocks)
    before = repr(given)
    found = unwrap(given)
    assert found["choices"][0]["message"] == said
    assert (found["id"], found["usage"]) == ("msg_1", {"input_tokens": 1})
    assert repr(given) == before


@pytest.mark.parametrize(
    ("stop_reason", "calls", "finish"),
    [
        ("end_turn", False, "stop"),
        ("stop_sequence", False, "stop"),
        ("max_tokens", False, "length"),
        ("max_tokens", True, "length"),
        ("model_context_window_exceeded", False, "length"),
        ("pause_turn", False, "length"),
        ("tool_use", True, "tool_calls"),
        ("tool_use", False, "stop"),
        ("refusal", False, "content_filter"),
        ("something_new", False, "stop"),
        (None, False, "stop"),
    ],
)
def test_a_reason_to_stop(stop_reason: str | None, calls: bool, finish: str) -> None:
    assert finish_reason(stop_reason, calls) == finish


def test_the_provider_s_own_reason_to_stop_is_kept() -> None:
    read = ANTHROPIC.read_answer(orjson.dumps(answer(CALL, stop_reason="max_tokens")))
    assert (read.finish, NATIVE_FINISH in read.body) == ("max_tokens", False)


def test_an_answer_s_finish_is_that_of_its_calls() -> None:
    def finish(*blocks: Any, reason: str = "tool_use") -> Any:
        choices = unwrap(answer(*blocks, stop_reason=reason))["choices"]
        return choices[0]["finish_reason"]

    assert finish(CALL) == "tool_calls"
    assert finish(answer_in_json(a=1), CALL) == "tool_calls"
    assert finish(answer_in_json(a=1)) == "stop"
    assert finish(answer_in_json(a=1), reason="max_tokens") == "length"


@pytest.mark.parametrize(
    ("details", "explanation"),
    [
        ({"type": "refusal", "explanation": "Too risky."}, "Too risky."),
        ({"type": "refusal", "explanation": ""}, None),
        ({"type": "refusal", "explanation": None}, None),
        ({"explanation": 7}, None),
        (None, None),
        ("odd", None),
    ],
)
def test_a_refusal_is_explained_if_it_can_be(
    details: Any, explanation: str | None
) -> None:
    refused = answer(stop_reason="refusal", stop_details=details)
    assert explanation_in(refused) == explanation
    (choice,) = unwrap(refused)["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["refusal"] == explanation
    assert choice["message"]["content"] == (None if explanation else "")
    assert explanation_in({**refused, "stop_reason": "end_turn"}) is None


def test_what_is_no_answer_is_left_to_others() -> None:
    error = {"type": "error", "error": {"type": "api_error", "message": "m"}}
    assert unwrap(error) == error
    assert unwrap({"choices": [1], "a": 2}) == {"a": 2}
