"""The tools that the demo calls.

It understands nothing, so it goes by what is written: a tool that must be called is
called, and one that may be called is where the last message has its name. Arguments are
the least that the tool's schema lets pass, as far as that can be seen without solving
it: each required key, by its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from addons.wire.openai import message_texts

# Deeper, and whatever stands there is left out.
DEPTH_MAX = 8
BY_TYPE: Mapping[str, Any] = {
    "array": [],
    "boolean": False,
    "integer": 0,
    "null": None,
    "number": 0,
    "object": {},
    "string": "demo",
}


def demo_calls(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The calls an answer consists of; empty for an answer in words."""
    return [
        {
            "id": f"call_demo{place}",
            "type": "function",
            "function": {"name": tool["name"], "arguments": arguments(tool)},
        }
        for place, tool in enumerate(wanted(request))
    ]


def wanted(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The functions that are to be called."""
    offered = [tool["function"] for tool in request.get("tools") or ()]
    choice = request.get("tool_choice", "auto")
    if isinstance(choice, dict):
        named = choice.get("function", {}).get("name")
        return [tool for tool in offered if tool["name"] == named]
    if choice == "none":
        return []
    last = request["messages"][-1]
    # A result is there to be told, not to be asked for again.
    question = "\n".join(message_texts(last)) if last["role"] == "user" else ""
    spoken_of = [tool for tool in offered if tool["name"] in question]
    if choice == "required":
        return spoken_of or offered[:1]
    return spoken_of


def arguments(tool: Mapping[str, Any]) -> str:
    return orjson.dumps(example(tool.get("parameters") or {})).decode()


def example(schema: Any, depth: int = 0) -> Any:
    """The least that such a schema lets pass; an object where it says nothing."""
    if not isinstance(schema, dict) or depth > DEPTH_MAX:
        return {}
    if isinstance(choices := schema.get("enum"), list) and choices:
        return choices[0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0] if kind else "object"
    if kind != "object":
        return BY_TYPE.get(kind, {}) if isinstance(kind, str) else {}
    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    return {
        name: example(properties[name], depth + 1)
        for name in required
        if isinstance(name, str) and name in properties
    }
