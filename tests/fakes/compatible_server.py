"""FakeCompatible: a provider that took over OpenAI's chat API, with ways of its own.

What differs between such houses is a record: fields they have besides, fields they do
not know, how they say what was cached, and what they send before they have something
to say. None of them has an SDK of its own for this API; their documents point to
OpenAI's, which is the judge in test_compatible_server.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from tests.fakes import openai_model
from tests.fakes.openai_script import Answer
from tests.fakes.openai_server import FakeOpenAI
from tests.fakes.provider_server import Received

type Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class House:
    """`own` are fields that OpenAI has not, `unknown` those of OpenAI's that are
    refused; `usage` makes the house's usage object of OpenAI's."""

    name: str
    path: str
    own: frozenset[str]
    unknown: frozenset[str]
    usage: Callable[[Json], Json]
    choices_max: int

    def complete(
        self, behaviour: Answer, body: Json, number: int
    ) -> openai_model.Completion:
        """What is said to a body; openai_model.Refusal if it is not as it should be."""
        for name in body:
            if name in self.unknown:
                raise openai_model.Refusal(f"Unknown field '{name}'.", name)
        if body.get("n", 1) > self.choices_max:
            raise openai_model.Refusal("n is too large.", "n")
        known = {name: value for name, value in body.items() if name not in self.own}
        completion = behaviour.completion(known, number)
        if completion.usage is None or behaviour.usage is not None:
            # Left out, or put in its words by the script.
            return completion
        return replace(completion, usage=self.usage(completion.usage))


def deepseek_usage(usage: Json) -> Json:
    """Hits and misses of the cache, which together are the prompt."""
    hit = usage["prompt_tokens_details"]["cached_tokens"]
    known = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {
        **{name: usage[name] for name in known},
        "prompt_cache_hit_tokens": hit,
        "prompt_cache_miss_tokens": usage["prompt_tokens"] - hit,
    }


def qwen_usage(usage: Json) -> Json:
    """Details only where there is something to tell."""
    known = ("prompt_tokens", "completion_tokens", "total_tokens")
    said = {name: usage[name] for name in known}
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    return {**said, "prompt_tokens_details": {"cached_tokens": cached}}


DEEPSEEK = House(
    name="deepseek",
    path="",
    own=frozenset({"thinking", "user_id"}),
    unknown=frozenset(
        {
            "logit_bias",
            "max_completion_tokens",
            "n",
            "parallel_tool_calls",
            "reasoning_effort",
            "seed",
            "user",
            "verbosity",
        }
    ),
    usage=deepseek_usage,
    choices_max=1,
)
QWEN = House(
    name="dashscope",
    path="/compatible-mode/v1",
    own=frozenset({"enable_thinking"}),
    unknown=frozenset(
        {
            "frequency_penalty",
            "logit_bias",
            "max_completion_tokens",
            "reasoning_effort",
            "user",
            "verbosity",
        }
    ),
    usage=qwen_usage,
    choices_max=4,
)


class FakeCompatible(FakeOpenAI):
    def __init__(self, house: House, *, api_key: str | None = "sk-fake") -> None:
        super().__init__(api_key=api_key)
        self.house = house

    @property
    def base_url(self) -> str:
        return f"{self.address}{self.house.path}"

    def route(
        self, request: web.Request, received: Received
    ) -> web.StreamResponse | None:
        if not request.path.startswith(self.house.path):
            return web.Response(status=404)
        return super().route(request, received)

    def complete(
        self, behaviour: Answer, body: Json, number: int
    ) -> openai_model.Completion:
        return self.house.complete(behaviour, body, number)
