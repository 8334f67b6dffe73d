"""One program for every chat model: by the openai SDK their answers have one shape.

Behind each model is its own provider's fake, in that provider's own words; what the
program gets must not show it. The measure is gpt-4o, whose provider speaks the dialect
that callers speak.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pytest
from openai import DefaultHttpxClient, OpenAI

from tests.fakes.anthropic_server import FakeAnthropic
from tests.fakes.compatible_server import DEEPSEEK, QWEN, FakeCompatible
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.provider_server import FakeProvider
from tests.scenarios.harness import Gateway

MODEL = "gpt-4o"
MODELS = {
    "gpt-4o": "openai",
    "gpt-4o-mini": "openai",
    "claude-3.5-sonnet": "anthropic",
    "qwen-plus": "dashscope",
    "deepseek-v3": "deepseek",
    "demo-chat": "demo",
}
# What OpenAI says besides, and nobody else has: optional in its own description.
EXTRAS = ("system_fingerprint", "service_tier", "annotations", "obfuscation")
HELLO: Any = [{"role": "user", "content": "你好 there, friend"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
ASKED: dict[str, dict[str, Any]] = {
    "text": {"messages": HELLO},
    "a call": {
        "messages": [{"role": "user", "content": "get_weather, please"}],
        "tools": [WEATHER],
    },
    "a limit": {"messages": HELLO, "max_tokens": 2},
    "JSON": {"messages": HELLO, "response_format": {"type": "json_object"}},
    "a result": {
        "messages": [
            {"role": "user", "content": "get_weather, please"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": "{}"},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "晴"},
        ],
        "tools": [WEATHER],
    },
}


@dataclass(frozen=True, slots=True)
class Stage:
    gateway: Gateway
    fakes: dict[str, FakeProvider[Any]]
    client: OpenAI


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as stack:
        fakes: dict[str, FakeProvider[Any]] = {
            "openai": stack.enter_context(FakeOpenAI()),
            "anthropic": stack.enter_context(FakeAnthropic(api_key="sk-fake")),
            "dashscope": stack.enter_context(FakeCompatible(QWEN)),
            "deepseek": stack.enter_context(FakeCompatible(DEEPSEEK)),
        }
        environ = {}
        for name, fake in fakes.items():
            environ[f"{name.upper()}_BASE_URL"] = getattr(fake, "base_url")
            environ[f"{name.upper()}_API_KEY"] = "sk-fake"
        data = tmp_path_factory.mktemp("data")
        gateway = stack.enter_context(Gateway(data, environ, demo=True))
        client = stack.enter_context(
            OpenAI(
                base_url=gateway.api,
                api_key=gateway.caller().key,
                max_retries=0,
                http_client=DefaultHttpxClient(trust_env=False),
            )
        )
        yield Stage(gateway, fakes, client)
        gateway.prove()


def shape(value: Any) -> Any:
    """What a program relies on: attributes, their types, and words it compares."""
    if isinstance(value, dict):
        return {
            name: inner if name in ("object", "type", "finish_reason") else shape(inner)
            for name, inner in value.items()
            if name not in EXTRAS
        }
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def whole(client: OpenAI, model: str, asked: dict[str, Any]) -> dict[str, Any]:
    answer = client.chat.completions.create(model=model, **asked)
    return answer.model_dump()


def streamed(client: OpenAI, model: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    chunks = client.chat.completions.create(
        model=model, stream=True, stream_options={"include_usage": True}, **asked
    )
    return [chunk.model_dump() for chunk in chunks]


def stream_shape(chunks: list[dict[str, Any]]) -> list[Any]:
    """The order of what comes; how many pieces a text has is the provider's affair."""
    return [found for found, _ in groupby(map(shape, chunks))]


def asked_of(stage: Stage, model: str) -> int:
    fake = stage.fakes.get(MODELS[model])
    return len(fake.requests) if fake is not None else 0


@pytest.mark.parametrize("feature", ASKED)
@pytest.mark.parametrize("model", MODELS)
def test_a_whole_answer_has_one_shape(stage: Stage, model: str, feature: str) -> None:
    before = asked_of(stage, model)
    answer = whole(stage.client, model, ASKED[feature])
    assert answer["model"] == model
    assert asked_of(stage, model) == before + (MODELS[model] != "demo")
    assert shape(answer) == shape(whole(stage.client, MODEL, ASKED[feature]))


@pytest.mark.parametrize("feature", ASKED)
@pytest.mark.parametrize("model", MODELS)
def test_a_stream_has_one_shape(stage: Stage, model: str, feature: str) -> None:
    chunks = streamed(stage.client, model, ASKED[feature])
    assert {chunk["model"] for chunk in chunks} == {model}
    assert len({chunk["id"] for chunk in chunks}) == 1
    measure = stream_shape(streamed(stage.client, MODEL, ASKED[feature]))
    assert stream_shape(chunks) == measure


@pytest.mark.parametrize("feature", ASKED)
@pytest.mark.parametrize("model", MODELS)
def test_a_stream_comes_to_what_a_whole_answer_says(
    stage: Stage, model: str, feature: str
) -> None:
    """By the SDK's own way to put a stream together."""
    asked = ASKED[feature]
    with stage.client.chat.completions.stream(
        model=model, stream_options={"include_usage": True}, **asked
    ) as events:
        for _ in events:
            pass
        (one,) = events.current_completion_snapshot.choices
        usage = events.current_completion_snapshot.usage
    answer = whole(stage.client, model, asked)
    (other,) = answer["choices"]
    assert (one.message.content or None) == (other["message"]["content"] or None)
    assert one.finish_reason == other["finish_reason"]
    calls = [call.function for call in one.message.tool_calls or ()]
    named = [call["function"] for call in other["message"]["tool_calls"] or ()]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        (call["name"], json.loads(call["arguments"])) for call in named
    ]
    assert usage is not None
    assert usage.model_dump() == answer["usage"]
