"""The mind of the fake Anthropic: a request body in, the message out, nothing else.

It is as strict as the real one where a translation can go wrong: blank texts, turns
that do not alternate into a question, calls without results, parameters that exclude
one another, schemas it cannot be held to. It says back what it was told, calls the
tools that are spoken of, and counts a word or a wide character as a token, like the
fake OpenAI whose words and counts it shares.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakes.openai_model import example, tokens

MESSAGE_TOKENS = 3
IMAGE_TOKENS = 85
START_TOKENS = 1
THOUGHT = "They want me to repeat it. "
SIGNATURE = "RmFrZVNpZ25hdHVyZQ=="
PARAMETERS = frozenset(
    """cache_control container inference_geo max_tokens messages metadata model
    output_config service_tier stop_sequences stream system temperature thinking
    tool_choice tools top_k top_p""".split()
)
CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
SCHEMA_KEYS = frozenset(
    """$defs $ref additionalProperties anyOf description enum format items minItems
    properties required title type""".split()
)


class Refusal(Exception):
    """What Anthropic would answer with 400."""


@dataclass(frozen=True, slots=True)
class Message:
    """A whole answer; each block with the pieces it is streamed in."""

    id: str
    model: str
    blocks: tuple[Mapping[str, Any], ...]
    stop_reason: str
    usage: Mapping[str, Any]
    stop_sequence: str | None = None
    stop_details: Mapping[str, Any] | None = None


def complete(
    body: Mapping[str, Any],
    number: int,
    *,
    text: str | None = None,
    blocks: Sequence[Mapping[str, Any]] | None = None,
    stop_reason: str | None = None,
    stop_details: Mapping[str, Any] | None = None,
    cache: Mapping[str, int] | None = None,
) -> Message:
    """The answer; `text` or `blocks` put other words into the model's mouth, `cache`
    moves input tokens into caches by the names `read`, `write_5m`, `write_1h`."""
    check(body)
    said, reason, sequence = think(body, text)
    if blocks is not None:
        said, reason = tuple(blocks), "end_turn"
    return Message(
        f"msg_fake{number}",
        body["model"],
        said,
        stop_reason or reason,
        usage_of(prompt_tokens(body), said, cache or {}),
        sequence,
        stop_details,
    )


def check(body: Mapping[str, Any]) -> None:
    for name in body:
        if name not in PARAMETERS:
            raise Refusal(f"{name}: Extra inputs are not permitted")
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            raise Refusal(f"{name}: Field required")
    if body["max_tokens"] < 1:
        raise Refusal("max_tokens: must be greater than or equal to 1")
    check_sampling(body)
    for sequence in body.get("stop_sequences", ()):
        if not sequence.strip():
            raise Refusal("stop_sequences: each one must contain non-whitespace")
    check_system(body.get("system"))
    check_tools(body)
    check_output(body)
    check_messages(body)


def check_sampling(body: Mapping[str, Any]) -> None:
    if not 0 <= body.get("temperature", 1) <= 1:
        raise Refusal("temperature: range: 0..1")
    if "temperature" in body and "top_p" in body:
        raise Refusal("`temperature` and `top_p` cannot both be specified")
    if "thinking" not in body:
        return
    if body.get("temperature", 1) != 1:
        raise Refusal("`temperature` may only be set to 1 when thinking is enabled.")
    if body.get("top_p", 1) < 0.95:
        raise Refusal("`top_p` must be at least 0.95 when thinking is enabled.")
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        raise Refusal("Thinking may not be enabled when tool_choice forces tool use.")


def check_system(system: Any) -> None:
    if system is not None and not isinstance(system, str):
        check_blocks(system, "system", ("text",))


def check_tools(body: Mapping[str, Any]) -> None:
    tools = body.get("tools", [])
    names = [tool["name"] for tool in tools]
    if len(set(names)) < len(names):
        raise Refusal("tools: Tool names must be unique.")
    for place, tool in enumerate(tools):
        if not TOOL_NAME.fullmatch(tool["name"]):
            raise Refusal(f"tools.{place}.custom.name: String should match pattern")
        if tool.get("input_schema", {}).get("type") != "object":
            raise Refusal(f"tools.{place}.custom.input_schema.type: Field required")
        if tool.get("strict"):
            check_schema(tool["input_schema"], f"tools.{place}.custom.input_schema")
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not tools:
        raise Refusal("tool_choice: may only be specified while providing tools")
    if choice["type"] not in ("auto", "any", "tool", "none"):
        raise Refusal("tool_choice: Input tag does not match any of the expected tags")
    if choice["type"] == "tool" and choice["name"] not in names:
        raise Refusal(f"Tool '{choice['name']}' not found in provided tools")


def check_output(body: Mapping[str, Any]) -> None:
    output = body.get("output_config", {})
    if output.get("effort", "low") not in ("low", "medium", "high", "max"):
        raise Refusal("output_config.effort: not supported by this model")
    if "format" in output:
        check_schema(output["format"]["schema"], "output_config.format.schema")


def check_schema(schema: Any, place: str) -> None:
    if not isinstance(schema, dict) or not schema:
        raise Refusal(f"{place}: an empty schema is not supported")
    for key in schema.keys() - SCHEMA_KEYS:
        raise Refusal(f"{place}: property '{key}' is not supported")
    if schema.get("type") == "object" and schema.get("additionalProperties") is not (
        False
    ):
        raise Refusal(f"{place}: 'additionalProperties' must be explicitly false")
    for place_too in ("properties", "$defs"):
        for name, inner in schema.get(place_too, {}).items():
            check_schema(inner, f"{place}.{name}")
    for inner in schema.get("anyOf", ()):
        check_schema(inner, place)
    if "items" in schema:
        check_schema(schema["items"], f"{place}.items")


def check_messages(body: Mapping[str, Any]) -> None:
    messages = body["messages"]
    if not messages:
        raise Refusal("messages: at least one message is required")
    if messages[0]["role"] != "user":
        raise Refusal('messages: first message must use the "user" role')
    if messages[-1]["role"] == "assistant":
        raise Refusal("This model does not support assistant message prefill.")
    waiting: set[str] = set()
    for place, message in enumerate(messages):
        if message["role"] not in ("user", "assistant"):
            raise Refusal(f"messages: Unexpected role \"{message['role']}\".")
        waiting = check_turn(message, f"messages.{place}", waiting)
        if waiting and "tools" not in body:
            raise Refusal("Requests which include `tool_use` blocks must define tools.")


def check_turn(
    message: Mapping[str, Any], place: str, waiting: set[str]
) -> set[str]:
    """The calls that wait for a result after this turn."""
    blocks = blocks_of(message)
    check_blocks(blocks, place, TURN_BLOCKS[message["role"]])
    given = [one["tool_use_id"] for one in blocks if one["type"] == "tool_result"]
    if waiting - set(given):
        raise Refusal(
            f"{place}: `tool_use` ids were found without `tool_result` blocks "
            f"immediately after: {', '.join(sorted(waiting - set(given)))}."
        )
    if set(given) - waiting:
        raise Refusal(f"{place}: unexpected `tool_use_id` found in `tool_result`")
    kinds = [one["type"] == "tool_result" for one in blocks]
    if kinds != sorted(kinds, reverse=True):
        raise Refusal(f"{place}: `tool_result` blocks must come first")
    return {one["id"] for one in blocks if one["type"] == "tool_use"}


TURN_BLOCKS = {
    "user": ("text", "image", "tool_result"),
    "assistant": ("text", "tool_use", "thinking"),
}


def check_blocks(
    blocks: Sequence[Mapping[str, Any]], place: str, allowed: Sequence[str]
) -> None:
    if not blocks:
        raise Refusal(f"{place}: content must be non-empty")
    for number, block in enumerate(blocks):
        where = f"{place}.content.{number}"
        if block["type"] not in allowed:
            raise Refusal(f"{where}: Input tag '{block['type']}' was not expected")
        if block["type"] == "text" and not block["text"].strip():
            raise Refusal(f"{where}: text content blocks must contain non-whitespace")
        if block["type"] == "tool_use" and not CALL_ID.fullmatch(block["id"]):
            raise Refusal(f"{where}.tool_use.id: String should match pattern")
        if block["type"] == "tool_use" and not isinstance(block["input"], dict):
            raise Refusal(f"{where}.tool_use.input: Input should be a valid dictionary")
        if block["type"] == "image":
            check_image(block["source"], where)


def check_image(source: Mapping[str, Any], where: str) -> None:
    if source["type"] == "url" and not source["url"].startswith("https://"):
        raise Refusal(f"{where}.image.source.url: Only HTTPS URLs are supported.")
    if source["type"] == "base64" and source["media_type"] not in IMAGE_TYPES:
        raise Refusal(f"{where}.image.source.base64.media_type: not supported")


def blocks_of(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message["content"]
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return list(content)


def text_of(message: Mapping[str, Any]) -> str:
    """All its texts, results of tools among them."""
    said = []
    for block in blocks_of(message):
        if block["type"] == "tool_result":
            content = block.get("content", "")
            said.append(content if isinstance(content, str) else str(content))
        said.append(block.get("text", ""))
    return "".join(said)


def prompt_tokens(body: Mapping[str, Any]) -> int:
    said = [text_of(message) for message in body["messages"]]
    said += [json.dumps(tool) for tool in body.get("tools", ())]
    said.append(str(body.get("system", "")))
    images = [
        block
        for message in body["messages"]
        for block in blocks_of(message)
        if block["type"] == "image"
    ]
    return (
        sum(len(tokens(text)) for text in said)
        + MESSAGE_TOKENS * len(body["messages"])
        + IMAGE_TOKENS * len(images)
    )


def usage_of(
    prompt: int, blocks: Sequence[Mapping[str, Any]], cache: Mapping[str, int]
) -> dict[str, Any]:
    thought = sum(
        len(pieces(block)) for block in blocks if block["type"] == "thinking"
    )
    return {
        "input_tokens": prompt,
        "cache_creation_input_tokens": cache.get("write_5m", 0)
        + cache.get("write_1h", 0),
        "cache_read_input_tokens": cache.get("read", 0),
        "cache_creation": {
            "ephemeral_5m_input_tokens": cache.get("write_5m", 0),
            "ephemeral_1h_input_tokens": cache.get("write_1h", 0),
        },
        "output_tokens": sum(len(pieces(block)) for block in blocks) or 1,
        "output_tokens_details": {"thinking_tokens": thought},
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def think(
    body: Mapping[str, Any], text: str | None
) -> tuple[tuple[Mapping[str, Any], ...], str, str | None]:
    """Blocks, stop reason, stop sequence."""
    thought: list[Mapping[str, Any]] = []
    if "thinking" in body:
        thought = [{"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}]
    last = text_of(body["messages"][-1])
    called = [] if text is not None else tools_asked_for(body, last)
    if called:
        calls = [
            {
                "type": "tool_use",
                "id": f"toolu_fake{place}",
                "name": tool["name"],
                "input": example(tool["input_schema"]),
            }
            for place, tool in enumerate(called)
        ]
        return (*thought, *calls), "tool_use", None
    said = shaped(body, f"You said: {last}") if text is None else text
    said, reason, sequence = limited(said, body)
    blocks = [{"type": "text", "text": said}] if said else []
    return (*thought, *blocks), reason, sequence


def tools_asked_for(body: Mapping[str, Any], said: str) -> list[Mapping[str, Any]]:
    """Those whose name the last turn speaks, or that tool_choice demands."""
    tools, choice = body.get("tools", []), body.get("tool_choice", {"type": "auto"})
    if choice["type"] == "tool":
        return [tool for tool in tools if tool["name"] == choice["name"]]
    if choice["type"] == "none":
        return []
    results = [block["type"] for block in blocks_of(body["messages"][-1])]
    named = [] if "tool_result" in results else [t for t in tools if t["name"] in said]
    if choice["type"] == "any" and not named:
        named = tools[-1:]
    return named[:1] if choice.get("disable_parallel_tool_use") else named


def shaped(body: Mapping[str, Any], text: str) -> str:
    wanted = body.get("output_config", {}).get("format")
    return text if wanted is None else json.dumps(example(wanted["schema"]))


def limited(text: str, body: Mapping[str, Any]) -> tuple[str, str, str | None]:
    for sequence in body.get("stop_sequences", ()):
        if sequence in text:
            return text.partition(sequence)[0], "stop_sequence", sequence
    said = tokens(text)
    if len(said) > body["max_tokens"]:
        return "".join(said[: body["max_tokens"]]), "max_tokens", None
    return text, "end_turn", None


def answer(message: Message) -> dict[str, Any]:
    """The JSON of an answer that is not streamed."""
    return {
        **head(message),
        "content": list(message.blocks),
        "stop_reason": message.stop_reason,
        "stop_sequence": message.stop_sequence,
        "stop_details": message.stop_details,
        "usage": message.usage,
    }


def head(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "type": "message",
        "role": "assistant",
        "model": message.model,
    }


def events(message: Message) -> Iterator[dict[str, Any]]:
    """The JSON of each event of a streamed answer."""
    started = {**message.usage, "output_tokens": START_TOKENS}
    started.pop("output_tokens_details", None)
    whole = {**answer(message), "content": [], "usage": started}
    empty = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
    yield {"type": "message_start", "message": {**whole, **empty}}
    for index, block in enumerate(message.blocks):
        yield from block_events(index, block)
    totals = {
        name: value
        for name, value in message.usage.items()
        # Which cache was written is told at the start alone.
        if name not in ("cache_creation", "service_tier", "inference_geo")
    }
    ending = {name: answer(message)[name] for name in empty}
    yield {"type": "message_delta", "delta": ending, "usage": totals}
    yield {"type": "message_stop"}


def block_events(index: int, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    started = {**block, **EMPTY.get(block["type"], {})}
    yield {"type": "content_block_start", "index": index, "content_block": started}
    if index == 0:
        yield {"type": "ping"}
    for delta in deltas(block):
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


EMPTY: Mapping[str, Mapping[str, Any]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}


def deltas(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "text":
            for piece in pieces(block):
                yield {"type": "text_delta", "text": piece}
        case "thinking":
            for piece in pieces(block):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            # The first one is empty; a call without arguments has no other.
            whole = pieces(block) if block["input"] else []
            for piece in itertools.chain([""], whole):
                yield {"type": "input_json_delta", "partial_json": piece}


def pieces(block: Mapping[str, Any]) -> list[str]:
    """What a block says, token by token."""
    match block["type"]:
        case "text" | "thinking":
            return tokens(block[block["type"]])
        case "tool_use":
            return tokens(json.dumps(block["input"], ensure_ascii=False))
        case _:
            return []
