"""OpenAI: nearly nothing changes."""

from typing import Any

import orjson
import pytest

from addons.providers.openai import OPENAI
from addons.wire.errors import ContentRefused, UpstreamBilling, UpstreamRefused
from addons.wire.openai import read_chat

HELLO = [{"role": "user", "content": "hello"}]


def sent(**fields: Any) -> dict[str, Any]:
    ask = read_chat(orjson.dumps({"model": "gpt-4o", "messages": HELLO, **fields}))
    request = OPENAI.chat_request(ask, "gpt-4o-2024-11-20", 100, "account-7")
    assert request.path == "/chat/completions"
    found: dict[str, Any] = orjson.loads(request.body)
    return found


def test_a_rich_request_passes_unharmed() -> None:
    rich = {
        "messages": [
            {"role": "developer", "content": "be brief"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "https://a.example/x"}},
                ],
            },
        ],
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True},
        },
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"a": 1}}}
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "stop": ["a"],
        "seed": 7,
        "logit_bias": {"7": 1},
        "presence_penalty": 1,
        "frequency_penalty": -1,
        "temperature": 2,
        "top_p": 0,
    }
    assert sent(**rich) == {
        **rich,
        "model": "gpt-4o-2024-11-20",
        "max_completion_tokens": 100,
        "user": "account-7",
    }


def test_streams_ask_for_usage_and_no_padding() -> None:
    assert sent(stream=True)["stream_options"] == {
        "include_usage": True,
        "include_obfuscation": False,
    }


def test_another_provider_s_thoughts_are_not_sent() -> None:
    echoed = {"role": "assistant", "content": "x", "reasoning_content": "hm"}
    assert sent(messages=[echoed])["messages"] == [
        {"role": "assistant", "content": "x"}
    ]


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"type": "insufficient_quota"}, UpstreamBilling),
        (400, {"code": "content_policy_violation"}, ContentRefused),
        (400, {"code": "context_length_exceeded"}, UpstreamRefused),
    ],
)
def test_errors(status: int, error: dict[str, str], kind: type[Exception]) -> None:
    raw = orjson.dumps({"error": {"message": "m", "param": None, **error}})
    assert type(OPENAI.read_error(status, {}, raw)) is kind


def test_cached_input_is_read() -> None:
    raw = orjson.dumps(
        {
            "choices": [{"message": {"content": "x"}}],
            "usage": {
                "prompt_tokens": 2_006,
                "completion_tokens": 300,
                "prompt_tokens_details": {"cached_tokens": 1_920},
            },
        }
    )
    usage = OPENAI.read_answer(raw).usage
    assert getattr(usage, "quantities", None) == {
        "input": 86,
        "cache_read": 1_920,
        "cache_write": 0,
        "output": 300,
    }
