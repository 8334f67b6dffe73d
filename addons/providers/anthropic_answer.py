"""An answer of Anthropic's as OpenAI would have given it.

An answer is a list of blocks. Texts are joined, thoughts are told apart from them, and
calls keep their ids. The input of the one tool that stands for an answer in JSON is
text again. Blocks of other kinds are none that we asked for, and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from addons.providers.anthropic_request import ANSWER_TOOL
from addons.wire.chat_stream import NATIVE_FINISH

FINISHES: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    # It would go on if it were asked again.
    "pause_turn": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def unwrap(answer: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's answer; anything but an answer as it came, for others to judge."""
    if answer.get("type") != "message":
        return {key: answer[key] for key in answer if key != "choices"}
    blocks = _list(answer.get("content"))
    calls = [
        _call(block)
        for block in blocks
        if block["type"] == "tool_use" and block["name"] != ANSWER_TOOL
    ]
    said = [text for text in map(_said, blocks) if text]
    thoughts = [
        _text(block["thinking"]) for block in blocks if block["type"] == "thinking"
    ]
    explanation = explanation_in(answer)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(said) if said or not (calls or explanation) else None,
        "refusal": explanation,
    }
    if any(thoughts):
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": finish_reason(_text(answer.get("stop_reason")), bool(calls)),
    }
    return {
        "id": answer.get("id"),
        NATIVE_FINISH: answer.get("stop_reason"),
        "choices": [choice],
        "usage": answer.get("usage"),
    }


def finish_reason(stop_reason: str | None, calls: bool) -> str:
    """OpenAI's word for why it ends; one of theirs that is new is a plain end."""
    found = FINISHES.get(stop_reason or "", "stop")
    # The tool that stands for the answer is none of the caller's.
    return "stop" if found == "tool_calls" and not calls else found


def explanation_in(ending: Mapping[str, Any]) -> str | None:
    """Why the model refused to answer, if it did and says so."""
    if ending.get("stop_reason") != "refusal":
        return None
    details = ending.get("stop_details")
    found = details.get("explanation") if isinstance(details, dict) else None
    return found if isinstance(found, str) and found else None


def _said(block: dict[str, Any]) -> str:
    if block["type"] == "text":
        return _text(block["text"])
    if block["type"] == "tool_use" and block["name"] == ANSWER_TOOL:
        return orjson.dumps(_object(block["input"])).decode()
    return ""


def _call(block: dict[str, Any]) -> dict[str, Any]:
    arguments = orjson.dumps(_object(block["input"])).decode()
    function = {"name": _text(block["name"]), "arguments": arguments}
    return {"id": _text(block["id"]), "type": "function", "function": function}


def _list(value: Any) -> list[dict[str, Any]]:
    if type(value) is not list:
        raise ValueError("no list of blocks")
    for block in value:
        if type(block) is not dict or type(block.get("type")) is not str:
            raise ValueError("a block without a type")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("something else where a text must be")
    return value


def _object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise ValueError("something else where an object must be")
    return value
