"""The mind of the fake OpenAI: a request body in, the answer out, nothing else.

It says back what it was told, so that a test can see its own words come through,
and it obeys the parameters that change the shape of an answer: n, max_tokens, stop,
tools, logprobs, response_format. A token is a word or a single wide character: easy
to count by hand, and the usage is exactly what was said.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CREATED = 1_767_225_600
FINGERPRINT = "fp_fake"
MESSAGE_TOKENS = 3
IMAGE_TOKENS = 85
TOKEN = re.compile(r"[\u2e80-\uffdf]\s*|[^\s\u2e80-\uffdf]+\s*|\s+")
PARAMETERS = frozenset(
    """audio frequency_penalty function_call functions logit_bias logprobs
    max_completion_tokens max_tokens messages metadata modalities model n
    parallel_tool_calls prediction presence_penalty prompt_cache_key reasoning_effort
    response_format safety_identifier seed service_tier stop store stream
    stream_options temperature tool_choice tools top_logprobs top_p user verbosity
    web_search_options""".split()
)
ROLES = ("developer", "system", "user", "assistant", "tool", "function")


class Refusal(Exception):
    """What OpenAI would answer with 400."""

    def __init__(self, message: str, param: str, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class Choice:
    pieces: tuple[str, ...]
    tool_calls: tuple[dict[str, Any], ...]
    finish_reason: str

    @property
    def tokens(self) -> int:
        said = [call["function"]["arguments"] for call in self.tool_calls]
        return len(self.pieces) + sum(len(tokens(text)) for text in said)


@dataclass(frozen=True, slots=True)
class Completion:
    id: str
    body: Mapping[str, Any]
    choices: tuple[Choice, ...]
    usage: Mapping[str, Any] | None


def tokens(text: str) -> list[str]:
    return TOKEN.findall(text)


def complete(
    body: Mapping[str, Any],
    number: int,
    *,
    text: str | None = None,
    pieces: Iterable[str] | None = None,
    cached_tokens: int = 0,
) -> Completion:
    """The whole answer; `text` or `pieces` put other words into the model's mouth."""
    check(body)
    if pieces is None:
        choice = think(body, text)
    else:
        choice = Choice(tuple(pieces), (), "stop")
    choices = (choice,) * body.get("n", 1)
    usage = usage_of(
        prompt_tokens(body), sum(one.tokens for one in choices), cached_tokens
    )
    return Completion(f"chatcmpl-fake{number}", body, choices, usage)


def check(body: Mapping[str, Any]) -> None:
    for name in body:
        if name not in PARAMETERS:
            text = f"Unrecognized request argument supplied: {name}"
            raise Refusal(text, name, "unknown_parameter")
    if not isinstance(body.get("model"), str):
        raise Refusal("you must provide a model parameter", "model")
    if not body.get("messages"):
        text = "Missing required parameter: 'messages'."
        raise Refusal(text, "messages", "missing_required_parameter")
    if not 0 <= body.get("temperature", 1) <= 2:
        text = "Invalid 'temperature': expected a value between 0 and 2."
        raise Refusal(text, "temperature", "decimal_out_of_range")
    if not 1 <= body.get("n", 1) <= 128:
        text = "Invalid 'n': expected a value between 1 and 128."
        raise Refusal(text, "n", "integer_out_of_range")
    if "stream_options" in body and not body.get("stream"):
        text = "'stream_options' is only allowed when 'stream' is enabled."
        raise Refusal(text, "stream_options")
    for place, message in enumerate(body["messages"]):
        check_message(message, f"messages[{place}]")


def check_message(message: Mapping[str, Any], place: str) -> None:
    if message.get("role") not in ROLES:
        raise Refusal(f"Invalid value: '{message.get('role')}'.", f"{place}.role")
    for part in parts(message):
        if part.get("type") != "image_url":
            continue
        url = part["image_url"]["url"]
        if not url.startswith(("https://", "http://", "data:image/")):
            raise Refusal(f"Invalid image URL '{url}'.", f"{place}.content")


def parts(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in parts(message))


def prompt_tokens(body: Mapping[str, Any]) -> int:
    said = [text_of(message) for message in body["messages"]]
    said += [json.dumps(tool) for tool in body.get("tools", ())]
    images = [
        part
        for message in body["messages"]
        for part in parts(message)
        if part.get("type") == "image_url"
    ]
    return (
        sum(len(tokens(text)) for text in said)
        + MESSAGE_TOKENS * len(body["messages"])
        + IMAGE_TOKENS * len(images)
    )


def usage_of(prompt: int, completion: int, cached: int = 0) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def think(body: Mapping[str, Any], text: str | None) -> Choice:
    last = body["messages"][-1]
    if text is None and (called := tools_asked_for(body, text_of(last))):
        calls = tuple(
            {
                "id": f"call_fake{place}",
                "type": "function",
                "function": {"name": tool["name"], "arguments": arguments(tool)},
            }
            for place, tool in enumerate(called)
        )
        return Choice((), calls, "tool_calls")
    if text is None:
        text = shaped(body.get("response_format"), f"You said: {text_of(last)}")
    return limited(text, body)


def tools_asked_for(body: Mapping[str, Any], said: str) -> list[Mapping[str, Any]]:
    """Those whose name the last message speaks, or that tool_choice demands."""
    functions = [
        tool["function"] for tool in body.get("tools", ()) if "function" in tool
    ]
    choice = body.get("tool_choice", "auto")
    if choice == "none" or body["messages"][-1]["role"] == "tool":
        return []
    if choice == "required":
        return functions[:1]
    if isinstance(choice, dict):
        named = choice["function"]["name"]
        return [function for function in functions if function["name"] == named]
    return [function for function in functions if function["name"] in said]


def arguments(function: Mapping[str, Any]) -> str:
    return json.dumps(example(function.get("parameters", {"type": "object"})))


def shaped(response_format: Mapping[str, Any] | None, text: str) -> str:
    kind = (response_format or {}).get("type", "text")
    if kind == "json_object":
        return json.dumps({"echo": text}, ensure_ascii=False)
    if response_format is not None and kind == "json_schema":
        return json.dumps(example(response_format["json_schema"]["schema"]))
    return text


def example(schema: Mapping[str, Any]) -> Any:
    """The smallest value that satisfies a plain JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type", "object"):
        case "object":
            inside = schema.get("properties", {})
            return {name: example(inside[name]) for name in inside}
        case "array":
            return [example(schema.get("items", {"type": "string"}))]
        case "integer" | "number":
            return 7
        case "boolean":
            return True
        case _:
            return "text"


def limited(text: str, body: Mapping[str, Any]) -> Choice:
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    pieces = tokens(text)
    limit = body.get("max_completion_tokens", body.get("max_tokens")) or len(pieces)
    finish = "length" if len(pieces) > limit else "stop"
    return Choice(tuple(pieces[:limit]), (), finish)


def answer(completion: Completion) -> dict[str, Any]:
    """The JSON of an answer that is not streamed."""
    whole = head(completion, "chat.completion")
    whole["choices"] = [
        {
            "index": index,
            "message": message(choice),
            "logprobs": logprobs(completion.body, choice.pieces),
            "finish_reason": choice.finish_reason,
        }
        for index, choice in enumerate(completion.choices)
    ]
    if completion.usage is not None:
        whole["usage"] = completion.usage
    return whole


def head(completion: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": completion.id,
        "object": kind,
        "created": CREATED,
        "model": completion.body["model"],
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def message(choice: Choice) -> dict[str, Any]:
    said: dict[str, Any] = {
        "role": "assistant",
        "content": None if choice.tool_calls else "".join(choice.pieces),
        "refusal": None,
        "annotations": [],
    }
    if choice.tool_calls:
        said["tool_calls"] = list(choice.tool_calls)
    return said


def logprobs(body: Mapping[str, Any], pieces: Iterable[str]) -> dict[str, Any] | None:
    if not body.get("logprobs"):
        return None
    return {"content": [logprob(piece, body) for piece in pieces], "refusal": None}


def logprob(piece: str, body: Mapping[str, Any]) -> dict[str, Any]:
    one = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
    return {**one, "top_logprobs": [one] * body.get("top_logprobs", 0)}


def chunks(completion: Completion) -> Iterator[dict[str, Any]]:
    """The JSON of each event of a streamed answer."""
    body = completion.body
    options = body.get("stream_options") or {}
    base = head(completion, "chat.completion.chunk")
    # Real streams pad their events, so that lengths give nothing away.
    padding = {"obfuscation": "x"} if options.get("include_obfuscation", True) else {}
    reported = {"usage": None} if options.get("include_usage") else {}
    for index, choice in enumerate(completion.choices):
        for delta, piece, finish in deltas(choice):
            event = {
                "index": index,
                "delta": delta,
                "logprobs": logprobs(body, piece),
                "finish_reason": finish,
            }
            yield {**base, "choices": [event], **reported, **padding}
    if options.get("include_usage") and completion.usage is not None:
        yield {**base, "choices": [], "usage": completion.usage, **padding}


def deltas(choice: Choice) -> Iterator[tuple[dict[str, Any], list[str], str | None]]:
    """Delta, the tokens in it, finish reason."""
    content = None if choice.tool_calls else ""
    yield {"role": "assistant", "content": content, "refusal": None}, [], None
    for piece in choice.pieces:
        yield {"content": piece}, [piece], None
    for index, call in enumerate(choice.tool_calls):
        function = call["function"]
        opening = {"name": function["name"], "arguments": ""}
        yield {"tool_calls": [{"index": index, **call, "function": opening}]}, [], None
        for piece in tokens(function["arguments"]):
            part = {"index": index, "function": {"arguments": piece}}
            yield {"tool_calls": [part]}, [], None
    yield {}, [], choice.finish_reason
