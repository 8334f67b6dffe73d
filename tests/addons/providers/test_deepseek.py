"""DeepSeek: no thinking, plain strings, its cache figures, its false finish."""

from typing import Any

import orjson
import pytest

from addons.providers.deepseek import DEEPSEEK
from addons.wire.errors import BadParameter, UpstreamBilling, UpstreamOverloaded
from addons.wire.openai import read_chat

HELLO = [{"role": "user", "content": "hello"}]


def sent(**fields: Any) -> dict[str, Any]:
    ask = read_chat(orjson.dumps({"model": "deepseek-v3", "messages": HELLO, **fields}))
    request = DEEPSEEK.chat_request(ask, "deepseek-flash", 100, "account-7")
    found: dict[str, Any] = orjson.loads(request.body)
    return found


def test_a_plain_request_does_not_think() -> None:
    assert sent() == {
        "model": "deepseek-flash",
        "messages": HELLO,
        "temperature": 0.7,
        "thinking": {"type": "disabled"},
        "max_tokens": 100,
        "user_id": "account-7",
    }


def test_what_it_does_not_know_is_left_out() -> None:
    body = sent(
        seed=7, logit_bias={"7": 1}, parallel_tool_calls=True, reasoning_effort="high"
    )
    assert body == sent()


def test_messages_are_strings_from_roles_it_knows() -> None:
    body = sent(
        messages=[
            {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
            {"role": "assistant", "content": "x", "reasoning_content": "hm"},
        ]
    )
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "assistant", "content": "x"},
    ]


def test_a_schema_becomes_an_instruction() -> None:
    schema = {"name": "x", "schema": {"type": "object"}}
    body = sent(response_format={"type": "json_schema", "json_schema": schema})
    assert body["response_format"] == {"type": "json_object"}
    assert "JSON" in body["messages"][0]["content"]


def test_only_one_choice() -> None:
    assert "n" not in sent(n=1)
    with pytest.raises(BadParameter) as caught:
        sent(n=2)
    assert caught.value.param == "n"


@pytest.mark.parametrize(
    "cached",
    [
        {"prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4},
        {"prompt_tokens_details": {"cached_tokens": 6}},
        {
            "prompt_cache_hit_tokens": 6,
            "prompt_tokens_details": {"cached_tokens": 6},
        },
    ],
)
def test_cache_hits_are_read_from_either_place(cached: dict[str, Any]) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, **cached}
    raw = orjson.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage})
    found = DEEPSEEK.read_answer(raw).usage
    assert getattr(found, "quantities", None) == {
        "input": 4,
        "cache_read": 6,
        "cache_write": 0,
        "output": 5,
    }


def test_running_out_of_machines_is_a_failure() -> None:
    reason = "insufficient_system_resource"
    choice = {"message": {"content": "half"}, "finish_reason": reason}
    with pytest.raises(UpstreamOverloaded):
        DEEPSEEK.read_answer(orjson.dumps({"choices": [choice]}))
    stream = DEEPSEEK.open_stream("deepseek-v3", "r")
    frame = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    stream.feed(b": keep-alive\n\ndata: " + orjson.dumps(frame) + b"\n\n")
    assert isinstance(stream.reading.fault, UpstreamOverloaded)
    assert not stream.reading.finished


def test_an_empty_account_is_our_trouble() -> None:
    raw = b'{"error":{"message":"Insufficient Balance","type":"unknown_error"}}'
    error = DEEPSEEK.read_error(402, {}, raw)
    assert isinstance(error, UpstreamBilling)
    assert "alance" not in error.message
