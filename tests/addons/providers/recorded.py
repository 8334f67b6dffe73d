"""The tables in docs/providers.md, recorded from the code they describe.

    python -m tests.addons.providers.recorded

writes them anew between their marks; a test says when that is due. The provider's side
is the fake's mind, which its official SDK takes for the real one.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from addons.providers import Dialect
from addons.providers.anthropic import ANTHROPIC
from addons.providers.dashscope import DASHSCOPE
from addons.providers.deepseek import DEEPSEEK
from addons.wire.errors import BadParameter
from addons.wire.openai import answer_body, read_chat
from addons.wire.usage import Usage
from config import Price, load
from config.money import dollars
from config.prices import cost_nano, moment_ns
from tests.fakes import (
    anthropic_model,
    anthropic_script,
    compatible_server,
    openai_model,
    openai_script,
)
from tests.fakes.anthropic_script import Answer, Status
from tests.fakes.compatible_server import House

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"
DOCUMENT = ROOT / "docs" / "providers.md"
MODEL = "claude-3.5-sonnet"
METERS = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "output_tokens",
)
MARKED = re.compile(r"(<!-- recorded: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

type Json = Mapping[str, Any]

HELLO = [{"role": "user", "content": "hi"}]
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "function": {"name": "w", "parameters": SCHEMA}}
CALL = {"id": "c1", "type": "function", "function": {"name": "w", "arguments": "{}"}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def user(*content: Any) -> list[Json]:
    return [{"role": "user", "content": list(content)}]


def image(url: str) -> Json:
    return {"type": "image_url", "image_url": {"url": url}}


def wants(kind: str, **more: Any) -> Json:
    return {"response_format": {"type": kind, **more}}


ASKED: Mapping[str, Json] = {
    "text": {"messages": HELLO},
    "system, wherever it stands": {
        "messages": [
            {"role": "system", "content": "s"},
            *HELLO,
            {"role": "developer", "content": "d"},
        ]
    },
    "neighbours of one role": {"messages": [*HELLO, *HELLO]},
    "the assistant last": {
        "messages": [*HELLO, {"role": "assistant", "content": "And"}]
    },
    "image in the request": {"messages": user(image(PIXEL))},
    "image at an address": {"messages": user(image("https://a.example/b.png"))},
    "tools": {"tools": [WEATHER], "messages": [{"role": "user", "content": "w?"}]},
    "a tool demanded": {"tools": [WEATHER], "tool_choice": "required"},
    "this tool demanded": {
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "function": {"name": "w"}},
    },
    "no tool": {"tools": [WEATHER], "tool_choice": "none"},
    "one call at a time": {"tools": [WEATHER], "parallel_tool_calls": False},
    "a tool's result": {
        "tools": [WEATHER],
        "messages": [
            *HELLO,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "晴"},
        ],
    },
    "JSON by a schema": wants(
        "json_schema", json_schema={"name": "x", "schema": SCHEMA}
    ),
    "JSON by an open schema": wants(
        "json_schema",
        json_schema={
            "name": "x",
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    ),
    "JSON": wants("json_object"),
    "thinking": {"reasoning_effort": "high"},
    "temperature above 1": {"temperature": 1.5},
    "top_p alone": {"top_p": 0.5},
    "temperature and top_p": {"temperature": 0.5, "top_p": 0.5},
    "limit": {"max_tokens": 2},
    "stop": {"stop": ["said", "\n"]},
    "end user": {"user": "ann@example.com"},
    "what is unknown there": {"seed": 7, "presence_penalty": 1},
}

# What a provider may answer that no question brings about.
ANSWERS: Mapping[str, Answer] = {
    "caches": Answer("x", cache={"read": 9, "write_5m": 4, "write_1h": 2}),
    "refusal": Answer(
        blocks=[],
        stop_reason="refusal",
        stop_details={"type": "refusal", "category": "bio", "explanation": "No."},
    ),
    "the context is full": Answer("x", stop_reason="model_context_window_exceeded"),
    "a turn that pauses": Answer("x", stop_reason="pause_turn"),
    "a block nobody knows": Answer(blocks=[{"type": "mystery", "what": 7}]),
}

ERRORS: tuple[Status, ...] = (
    *(Status(status) for status in anthropic_script.ERRORS),
    Status(400, "Your credit balance is too low to access the Anthropic API."),
    Status(400, "You have reached your specified API usage limits."),
    Status(400, "Output blocked by content filtering policy"),
    Status(429, details={"error_code": "contract_spend_limit_reached"}),
    Status(429, details={"error_code": "enforced_spend_limit_reached"}),
)


@cache
def price_of(model: str) -> Price:
    price = load(CONFIG, {}).prices.at(model, moment_ns("2026-11-23"))
    assert price is not None
    return price


@cache
def recorded() -> Mapping[str, str]:
    """Every table by its name."""
    return {
        "requests": "".join(requests()),
        "answers": "".join(answers()),
        "stream": "".join(stream()),
        "errors": "".join(errors()),
        "dashscope": "".join(
            compatible(DASHSCOPE, compatible_server.QWEN, "qwen-plus", "qwen-plus")
        ),
        "deepseek": "".join(
            compatible(
                DEEPSEEK, compatible_server.DEEPSEEK, "deepseek-v3", "deepseek-flash"
            )
        ),
    }


def requests() -> Iterator[str]:
    yield from head(
        "feature", "asked", "provider's request", "provider's answer", "our answer"
    )
    plain = sent({"messages": HELLO})[0]
    for feature, asked in ASKED.items():
        body, dropped = sent(asked)
        request = {
            name: value
            for name, value in body.items()
            if name == "messages" and "messages" in asked or value != plain.get(name)
        }
        gone = [name for name in plain if name not in body]
        said = answer_of(Answer(), body)
        ours = heard(said)
        if dropped:
            ours = {**ours, "x-autolist-dropped": ", ".join(dropped)}
        yield row(
            feature,
            code({} if feature == "text" else asked),
            code(body if feature == "text" else request) + without(gone),
            code(told(said)),
            code(ours),
        )


def answers() -> Iterator[str]:
    yield from head("provider's answer", "in its words", "our answer")
    body, _ = sent({"messages": HELLO})
    for name, behaviour in ANSWERS.items():
        said = answer_of(behaviour, body)
        ours, theirs = heard(said), told(said)
        if name == "caches":
            ours |= {"usage": read(said)["usage"]}
            theirs |= {"usage": {key: said["usage"][key] for key in METERS}}
        yield row(name, code(theirs), code(ours))


def stream() -> Iterator[str]:
    """One stream with a thought, a text and a call; event by event."""
    yield from head("provider's event", "our chunk")
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "toolu_1", "name": "w", "input": {"a": 7}},
    ]
    body, _ = sent({"messages": HELLO})
    message = Answer(blocks=blocks, stop_reason="tool_use").message(body, 1)
    opened = ANTHROPIC.open_stream(MODEL, "req_1", True, created=1)
    for event in anthropic_model.events(message):
        out = opened.feed(anthropic_script.frame(event)).decode()
        shown = event
        if event["type"] == "message_start":
            shown = {"type": "message_start", "message": {"usage": "…"}}
        elif event["type"] == "message_delta":
            shown = {**event, "usage": "…"}
        yield row(code(shown), ", ".join(map(chunk, out.split("\n\n")[:-1])) or "–")
    yield row("(the charge is committed)", "usage and cost, then `data: [DONE]`")


def errors() -> Iterator[str]:
    yield from head("status", "type, code or words", "our status", "our code", "text")
    for status in ERRORS:
        found = ANTHROPIC.read_error(status.status, status.headers, status.body)
        error = json.loads(status.body)["error"]
        words = error["type"]
        if status.details:
            words += f", {status.details['error_code']}"
        elif status.message:
            words += f", “{status.message}”"
        text = "theirs" if found.status == 400 else "ours"
        yield row(
            str(status.status), words, str(found.status), f"`{found.code}`", text
        )


# What is asked of those that took over OpenAI's API, besides.
ASKED_OF_COMPATIBLE: Mapping[str, Json] = {
    "temperature 2": {"temperature": 2},
    "top_p 0": {"top_p": 0},
    "two choices": {"n": 2},
    "two choices with tools": {"n": 2, "tools": [WEATHER]},
    "parts of text": {"messages": user({"type": "text", "text": "hi"})},
    "logprobs": {"logprobs": True, "top_logprobs": 1},
    "penalties": {"frequency_penalty": 1, "presence_penalty": 1},
    "bias, seed, verbosity": {"logit_bias": {"7": 1}, "seed": 7, "verbosity": "low"},
}


def compatible(
    dialect: Dialect, house: House, model: str, theirs: str
) -> Iterator[str]:
    """Where a provider of OpenAI's API is asked otherwise than our caller asked."""
    yield from head(
        "feature", "asked", "provider's request", "provider's answer", "our answer"
    )
    plain, _ = put(dialect, theirs, {})
    for feature, asked in (ASKED | ASKED_OF_COMPATIBLE).items():
        try:
            body, dropped = put(dialect, theirs, asked)
        except BadParameter as refusal:
            ours = f"400 `{refusal.code}`, `{refusal.param}`: {refusal.message}"
            yield row(feature, code(asked), "–", "–", ours)
            continue
        request = {
            name: value for name, value in body.items() if value != plain.get(name)
        }
        first = feature == "text"
        if request == asked and not dropped and not first:
            continue
        script = openai_script.Answer(cached_tokens=2 if first else 0)
        said = openai_model.answer(house.complete(script, body, 1))
        yield row(
            feature,
            code({} if first else asked),
            code(body if first else request),
            code(spoken(said, first)),
            code(understood(dialect, model, said, dropped, first)),
        )


def put(dialect: Dialect, theirs: str, asked: Json) -> tuple[dict[str, Any], Any]:
    ask = read_chat(orjson.dumps({"model": "m", "messages": HELLO, **asked}))
    limit = ask.output_limit or 8192
    request = dialect.chat_request(ask, theirs, limit, "account-7")
    return orjson.loads(request.body), request.dropped


def spoken(said: Json, usage: bool) -> dict[str, Any]:
    """The first choice of an answer in OpenAI's shape, without what is empty."""
    (choice, *_) = said["choices"]
    message = {
        name: value
        for name, value in choice["message"].items()
        if value and name != "role"
    }
    found = {"message": message, "finish_reason": choice["finish_reason"]}
    return found | ({"usage": said["usage"]} if usage else {})


def understood(
    dialect: Dialect, model: str, said: Json, dropped: Any, usage: bool
) -> dict[str, Any]:
    answer = dialect.read_answer(orjson.dumps(said))
    assert isinstance(answer.usage, Usage)
    cost = dollars(cost_nano(price_of(model), answer.usage.quantities))
    ours = spoken(orjson.loads(answer_body(answer.body, model, cost)), usage)
    return ours | ({"x-autolist-dropped": ", ".join(dropped)} if dropped else {})


def sent(asked: Json) -> tuple[dict[str, Any], tuple[str, ...]]:
    ask = read_chat(orjson.dumps({"model": "m", "messages": HELLO, **asked}))
    limit = ask.output_limit or 8192
    request = ANTHROPIC.chat_request(ask, "claude-sonnet-4-6", limit, "account-7")
    found: dict[str, Any] = orjson.loads(request.body)
    return found, request.dropped


def answer_of(behaviour: Answer, body: Json) -> dict[str, Any]:
    return anthropic_model.answer(behaviour.message(body, 1))


def told(said: Json) -> dict[str, Any]:
    known = {name: said[name] for name in ("content", "stop_reason")}
    details = {name: said[name] for name in ("stop_details",) if said[name]}
    return {**known, **details}


def read(said: Json) -> dict[str, Any]:
    answer = ANTHROPIC.read_answer(orjson.dumps(said))
    assert isinstance(answer.usage, Usage)
    nano = cost_nano(price_of(MODEL), answer.usage.quantities)
    whole = answer_body(answer.body, MODEL, dollars(nano))
    found: dict[str, Any] = orjson.loads(whole)
    return found


def heard(said: Json) -> dict[str, Any]:
    (choice,) = read(said)["choices"]
    message = {
        name: value
        for name, value in choice["message"].items()
        if name == "content" or value is not None and name != "role"
    }
    return {"message": message, "finish_reason": choice["finish_reason"]}


def chunk(text: str) -> str:
    if text.startswith(":"):
        return f"`{text}`"
    (choice,) = json.loads(text.removeprefix("data: "))["choices"]
    finish = choice["finish_reason"]
    return code(choice["delta"]) + (f" finish_reason `{finish}`" if finish else "")


def head(*columns: str) -> Iterator[str]:
    yield row(*columns)
    yield row(*["---"] * len(columns))


def row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def code(value: Json) -> str:
    if not value:
        return "–"
    return f"`{json.dumps(value, ensure_ascii=False, separators=(',', ':'))}`"


def without(names: Iterable[str]) -> str:
    return "".join(f", no `{name}`" for name in names)


def renewed(document: str) -> str:
    """The document with every table as it must be; KeyError for a mark without one."""
    tables = recorded()
    return MARKED.sub(
        lambda found: f"{found[1]}\n{tables[found[2]]}\n{found[3]}", document
    )


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text("utf-8")), "utf-8")
