"""The chat schema: what a caller may ask of a chat model, field by field.

It is an allow list. A field that is not in the table is not sent to a provider, and
its name is noted so that the caller can be told; a field that is in the table is
checked before anything is reserved or sent, so that the answer to a wrong one names
the parameter and costs nothing.

Three kinds of fields are left out on purpose: those that would change the price of a
request after it was quoted (service tiers, predictions, audio, web search), those that
would store a caller's data with our account, and those whose input cannot be bounded
from the bytes (sound and files).

While messages are checked they are also measured: `Tally.bytes` bounds the tokens that
all texts can cost, because no tokenizer makes more tokens than bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from addons.wire.checks import (
    INT64_MAX,
    Check,
    filled,
    flag,
    mapping,
    missing,
    number,
    one_of,
    sequence,
    shallow,
    shown,
    text,
    unsupported,
    whole,
    wrong_type,
    wrong_value,
)
from addons.wire.errors import BadParameter

MESSAGES_MAX = 10_000
PARTS_MAX = 2_000
IMAGES_MAX = 500
TOOLS_MAX = 128
CALLS_MAX = 128
STOPS_MAX = 4
BIASES_MAX = 1_024
CHOICES_MAX = 128
NAME_CHARS_MAX = 256
OUTPUT_TOKENS_MAX = 10**9
DROPPED_MAX = 16

# What providers' templates wrap around each thing, generously.
MESSAGE_OVERHEAD_TOKENS = 16
TOOLS_OVERHEAD_TOKENS = 512
TOOL_OVERHEAD_TOKENS = 32
# A schema may travel as a message of its own, or as a tool; so may JSON without one.
FORMAT_OVERHEAD_TOKENS = TOOLS_OVERHEAD_TOKENS + 128

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_IMAGE_ADDRESS = re.compile(r"(?:https?://|data:image/)", re.ASCII | re.IGNORECASE)


@dataclass(slots=True)
class Tally:
    """What checking finds out on the way: bytes of text, images, fields not sent.

    `tools` says that the conversation needs tools: some are offered or were called.
    """

    bytes: int = 0
    tokens: int = 0
    images: int = 0
    tools: bool = False
    dropped: list[str] = field(default_factory=list)

    def weigh(self, value: str) -> None:
        self.bytes += len(value) if value.isascii() else len(value.encode())

    def drop(self, name: str) -> None:
        name = name[:64] if name.isascii() and name.isprintable() else "?"
        if len(self.dropped) < DROPPED_MAX and name not in self.dropped:
            self.dropped.append(name)


def only(
    value: dict[str, Any], known: frozenset[str], name: str, tally: Tally
) -> dict[str, Any]:
    """The object without unknown fields; the same object if it has none."""
    if value.keys() <= known:
        return value
    for key in value.keys() - known:
        tally.drop(f"{name}.{key}")
    return {key: value[key] for key in value if key in known}


# Messages.

_TEXT_KEYS = frozenset({"role", "content", "name"})
_ASSISTANT_KEYS = _TEXT_KEYS | {"refusal", "tool_calls", "reasoning_content"}
_TOOL_KEYS = frozenset({"role", "content", "tool_call_id"})
_PART_KEYS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"type", "text"}),
    "refusal": frozenset({"type", "refusal"}),
    "image_url": frozenset({"type", "image_url"}),
}
_IMAGE_KEYS = frozenset({"url", "detail"})
_CALL_KEYS = frozenset({"id", "type", "function"})
_FUNCTION_CALL_KEYS = frozenset({"name", "arguments"})
_detail = one_of("auto", "low", "high")
_messages = sequence(1, MESSAGES_MAX)
_parts = sequence(1, PARTS_MAX)
_calls = sequence(1, CALLS_MAX)
_name = filled(NAME_CHARS_MAX)


def check_messages(value: Any, tally: Tally) -> list[dict[str, Any]]:
    messages = _messages(value, "messages")
    tally.tokens += MESSAGE_OVERHEAD_TOKENS * len(messages)
    checked = [
        _message(message, index, tally) for index, message in enumerate(messages)
    ]
    if tally.tools:
        # Calls of the past need tools too, offered any more or not.
        tally.tokens += TOOLS_OVERHEAD_TOKENS
    if tally.images > IMAGES_MAX:
        raise BadParameter("messages", f"there are more than {IMAGES_MAX} images.")
    return checked


def _message(value: Any, index: int, tally: Tally) -> dict[str, Any]:
    if type(value) is not dict:
        raise wrong_type(f"messages[{index}]", "an object", value)
    role = value.get("role")
    rule = ROLES.get(role) if type(role) is str else None
    if rule is None:
        raise _wrong_role(value, f"messages[{index}].role")
    content = value.get("content")
    # The one shape nearly every message has needs none of what follows.
    if len(value) == 2 and type(content) is str and rule.content_alone:
        tally.weigh(content)
        return value
    return _unusual_message(value, rule, f"messages[{index}]", tally)


def _unusual_message(
    value: dict[str, Any], rule: Role, param: str, tally: Tally
) -> dict[str, Any]:
    message = only(value, rule.keys, "messages[]", tally)
    # A null says that there is nothing, and not every provider accepts it said.
    message = {
        key: item
        for key, item in message.items()
        if item is not None or key == "content"
    }
    _content(message, rule, param, tally)
    for key, check in MESSAGE_FIELDS.items():
        if key in message:
            message[key] = check(message[key], f"{param}.{key}", tally)
    if rule.answers_call and "tool_call_id" not in message:
        raise missing(f"{param}.tool_call_id")
    return message


def _content(message: dict[str, Any], rule: Role, param: str, tally: Tally) -> None:
    content = message.get("content")
    if content is None:
        if not rule.may_be_silent or not message.keys() & {"tool_calls", "refusal"}:
            raise missing(f"{param}.content")
        message["content"] = None
    elif type(content) is str:
        tally.weigh(content)
    elif type(content) is list:
        message["content"] = [
            _part(part, rule, f"{param}.content[{index}]", tally)
            for index, part in enumerate(_parts(content, f"{param}.content"))
        ]
    else:
        raise wrong_type(f"{param}.content", "a string or an array", content)


def _part(value: Any, rule: Role, param: str, tally: Tally) -> dict[str, Any]:
    kind = mapping(value, param).get("type")
    if kind is None:
        raise missing(f"{param}.type")
    if type(kind) is not str or kind not in rule.parts:
        raise wrong_value(f"{param}.type", "one of " + ", ".join(rule.parts), kind)
    part = only(value, _PART_KEYS[kind], "messages[].content[]", tally)
    if part.get(kind) is None:
        raise missing(f"{param}.{kind}")
    if kind == "image_url":
        return {**part, kind: _image(part[kind], f"{param}.{kind}", tally)}
    tally.weigh(text(part[kind], f"{param}.{kind}"))
    return part


def _image(value: Any, param: str, tally: Tally) -> dict[str, Any]:
    image = only(
        mapping(value, param), _IMAGE_KEYS, "messages[].content[].image_url", tally
    )
    url = image.get("url")
    if url is None:
        raise missing(f"{param}.url")
    if not _IMAGE_ADDRESS.match(text(url, f"{param}.url")):
        raise wrong_value(f"{param}.url", "a web address or a data:image/ URL", url)
    if image.get("detail") is not None:
        _detail(image["detail"], f"{param}.detail")
    tally.images += 1
    return image


def _weighed_name(value: Any, param: str, tally: Tally) -> str:
    found: str = _name(value, param)
    tally.weigh(found)
    return found


def _weighed_text(value: Any, param: str, tally: Tally) -> str:
    found = text(value, param)
    tally.weigh(found)
    return found


def _tool_calls(value: Any, param: str, tally: Tally) -> list[dict[str, Any]]:
    calls = _calls(value, param)
    tally.tools = True
    tally.tokens += TOOL_OVERHEAD_TOKENS * len(calls)
    return [
        _tool_call(call, f"{param}[{index}]", tally)
        for index, call in enumerate(calls)
    ]


def _tool_call(value: Any, param: str, tally: Tally) -> dict[str, Any]:
    call = only(mapping(value, param), _CALL_KEYS, "messages[].tool_calls[]", tally)
    _function_only(call, param)
    tally.weigh(_name(_required(call, "id", param), f"{param}.id"))
    param = f"{param}.function"
    function = only(
        mapping(_required(call, "function", param.rpartition(".")[0]), param),
        _FUNCTION_CALL_KEYS,
        "messages[].tool_calls[].function",
        tally,
    )
    tally.weigh(_tool_name(_required(function, "name", param), f"{param}.name"))
    arguments = _required(function, "arguments", param)
    tally.weigh(text(arguments, f"{param}.arguments"))
    return {**call, "function": function}


def _wrong_role(value: dict[str, Any], param: str) -> BadParameter:
    role = value.get("role")
    if role is None:
        return missing(param)
    if role == "function":
        return unsupported(param, "'function' is superseded by 'tool'.")
    return wrong_value(param, "one of " + ", ".join(ROLES), role)


@dataclass(frozen=True, slots=True)
class Role:
    """What a message of one role may hold."""

    keys: frozenset[str] = _TEXT_KEYS
    parts: tuple[str, ...] = ("text",)
    content_alone: bool = True
    may_be_silent: bool = False
    answers_call: bool = False


ROLES: Mapping[str, Role] = {
    "system": Role(),
    "developer": Role(),
    "user": Role(parts=("text", "image_url")),
    "assistant": Role(
        keys=_ASSISTANT_KEYS, parts=("text", "refusal"), may_be_silent=True
    ),
    "tool": Role(keys=_TOOL_KEYS, content_alone=False, answers_call=True),
}

MESSAGE_FIELDS: Mapping[str, Callable[[Any, str, Tally], Any]] = {
    "name": _weighed_name,
    "refusal": _weighed_text,
    "reasoning_content": _weighed_text,
    "tool_call_id": _weighed_name,
    "tool_calls": _tool_calls,
}


# Everything else.

_TOOL_KEYS_ALLOWED = frozenset({"type", "function"})
_FUNCTION_KEYS = frozenset({"name", "description", "parameters", "strict"})
_FORMAT_KEYS = frozenset({"type", "json_schema"})
_SCHEMA_KEYS = frozenset({"name", "description", "schema", "strict"})
_tools_length = sequence(1, TOOLS_MAX)
_stops = sequence(1, STOPS_MAX)
_format_type = one_of("text", "json_object", "json_schema")
_choice_word = one_of("none", "auto", "required")
_bias = number(-100, 100)
_stop_text = filled(NAME_CHARS_MAX)


def _tools(value: Any, param: str, tally: Tally) -> list[dict[str, Any]]:
    tools = [
        _tool(tool, f"{param}[{index}]", tally)
        for index, tool in enumerate(_tools_length(value, param))
    ]
    tally.bytes += len(orjson.dumps(tools))
    tally.tokens += TOOL_OVERHEAD_TOKENS * len(tools)
    if not tally.tools:
        tally.tokens += TOOLS_OVERHEAD_TOKENS
    return tools


def _tool(value: Any, param: str, tally: Tally) -> dict[str, Any]:
    tool = only(mapping(value, param), _TOOL_KEYS_ALLOWED, "tools[]", tally)
    _function_only(tool, param)
    function = only(
        mapping(_required(tool, "function", param), f"{param}.function"),
        _FUNCTION_KEYS,
        "tools[].function",
        tally,
    )
    param = f"{param}.function"
    _tool_name(_required(function, "name", param), f"{param}.name")
    _optional(function, "description", text, param)
    _optional(function, "parameters", shallow, param)
    _optional(function, "strict", flag, param)
    return {**tool, "function": function}


def _tool_choice(value: Any, param: str, tally: Tally) -> Any:
    if type(value) is not dict:
        return _choice_word(value, param)
    _function_only(value, param)
    function = mapping(_required(value, "function", param), f"{param}.function")
    name = _required(function, "name", f"{param}.function")
    _tool_name(name, f"{param}.function.name")
    return {"type": "function", "function": {"name": name}}


def _response_format(value: Any, param: str, tally: Tally) -> dict[str, Any]:
    found = only(mapping(value, param), _FORMAT_KEYS, param, tally)
    kind = _format_type(_required(found, "type", param), f"{param}.type")
    if kind != "text":
        tally.tokens += FORMAT_OVERHEAD_TOKENS
    if kind != "json_schema":
        return {"type": kind}
    param = f"{param}.json_schema"
    schema = only(
        mapping(found.get("json_schema") or {}, param), _SCHEMA_KEYS, param, tally
    )
    _tool_name(_required(schema, "name", param), f"{param}.name")
    _optional(schema, "description", text, param)
    _optional(schema, "schema", shallow, param)
    _optional(schema, "strict", flag, param)
    tally.bytes += len(orjson.dumps(schema))
    return {"type": kind, "json_schema": schema}


def _stop(value: Any, param: str, tally: Tally) -> Any:
    if type(value) is not list:
        return _stop_text(value, param)
    return [
        _stop_text(stop, f"{param}[{index}]")
        for index, stop in enumerate(_stops(value, param))
    ]


def _logit_bias(value: Any, param: str, tally: Tally) -> dict[str, Any]:
    biases = mapping(value, param)
    if len(biases) > BIASES_MAX:
        raise BadParameter(param, f"it has more than {BIASES_MAX} entries.")
    for token, bias in biases.items():
        if not (token.isascii() and token.isdigit()):
            raise wrong_value(param, "token ids as keys", token)
        _bias(bias, f"{param}.{token[:16]}")
    return biases


def _superseded(by: str) -> FieldCheck:
    def check(value: Any, param: str, tally: Tally) -> Any:
        raise unsupported(param, f"it is superseded by '{by}'.")

    return check


def _function_only(value: dict[str, Any], param: str) -> None:
    kind = value.get("type", "function")
    if kind != "function":
        raise unsupported(
            f"{param}.type", f"only 'function' is served, not {shown(kind)}."
        )
    value["type"] = "function"


def _tool_name(value: Any, param: str) -> str:
    if type(value) is not str:
        raise wrong_type(param, "a string", value)
    if not _TOOL_NAME.fullmatch(value):
        raise wrong_value(param, "1 to 64 letters, digits, '_' or '-'", value)
    return value


def _required(value: dict[str, Any], key: str, param: str) -> Any:
    found = value.get(key)
    if found is None:
        raise missing(f"{param}.{key}")
    return found


def _optional(value: dict[str, Any], key: str, check: Check, param: str) -> None:
    if value.get(key) is not None:
        check(value[key], f"{param}.{key}")


def _plain(check: Check) -> FieldCheck:
    return lambda value, param, tally: check(value, param)


FieldCheck = Callable[[Any, str, Tally], Any]

FIELDS: Mapping[str, FieldCheck] = {
    "temperature": _plain(number(0, 2)),
    "top_p": _plain(number(0, 1)),
    "stop": _stop,
    "presence_penalty": _plain(number(-2, 2)),
    "frequency_penalty": _plain(number(-2, 2)),
    "logit_bias": _logit_bias,
    "logprobs": _plain(flag),
    "top_logprobs": _plain(whole(0, 20)),
    "seed": _plain(whole(-INT64_MAX - 1, INT64_MAX)),
    "response_format": _response_format,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _plain(flag),
    "reasoning_effort": _plain(
        one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")
    ),
    "verbosity": _plain(one_of("low", "medium", "high")),
    "functions": _superseded("tools"),
    "function_call": _superseded("tool_choice"),
}
