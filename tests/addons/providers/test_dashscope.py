"""DashScope: its intervals, its roles, and its codes."""

from typing import Any

import orjson
import pytest

from addons.providers.dashscope import DASHSCOPE
from addons.wire.errors import (
    ApiError,
    BadParameter,
    ContentRefused,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamThrottled,
)
from addons.wire.openai import read_chat

HELLO = [{"role": "user", "content": "你好"}]
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def sent(**fields: Any) -> dict[str, Any]:
    ask = read_chat(orjson.dumps({"model": "qwen-plus", "messages": HELLO, **fields}))
    request = DASHSCOPE.chat_request(ask, "qwen-plus", 100, "account-7")
    found: dict[str, Any] = orjson.loads(request.body)
    return found


def test_a_plain_request() -> None:
    assert sent() == {
        "model": "qwen-plus",
        "messages": HELLO,
        "temperature": 0.7,
        "enable_thinking": False,
        "max_tokens": 100,
    }


@pytest.mark.parametrize(
    ("field", "given", "told"),
    [
        ("temperature", 2, 1.99),
        ("temperature", 1.99, 1.99),
        ("temperature", 0, 0),
        ("top_p", 0, 0.01),
        ("top_p", 1, 1),
        ("top_p", 0.5, 0.5),
    ],
)
def test_the_ends_of_intervals_are_moved_by_a_hair(
    field: str, given: Any, told: Any
) -> None:
    assert sent(**{field: given})[field] == told


def test_what_it_does_not_know_is_left_out() -> None:
    body = sent(
        frequency_penalty=1,
        logit_bias={"7": 1},
        reasoning_effort="high",
        presence_penalty=1,
        seed=7,
    )
    assert not {"frequency_penalty", "logit_bias", "reasoning_effort"} & set(body)
    assert (body["presence_penalty"], body["seed"]) == (1, 7)


def test_developers_are_systems_there() -> None:
    body = sent(messages=[{"role": "developer", "content": "be brief"}])
    assert body["messages"] == [{"role": "system", "content": "be brief"}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 5}, "n"),
        ({"n": 2, "tools": TOOLS}, "n"),
        ({"tools": TOOLS, "tool_choice": "required"}, "tool_choice"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": {"url": "http://a"}}
                        ],
                    }
                ]
            },
            "messages",
        ),
    ],
)
def test_what_it_cannot_do_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadParameter) as caught:
        sent(**fields)
    assert caught.value.param == param


def test_up_to_four_choices() -> None:
    assert sent(n=4)["n"] == 4
    assert sent(n=1, tools=TOOLS)["tools"] == TOOLS


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InvalidParameter", UpstreamRefused),
        (400, "DataInspectionFailed", ContentRefused),
        (400, "data_inspection_failed", ContentRefused),
        (400, "Arrearage", UpstreamBilling),
        (401, "InvalidApiKey", UpstreamAuth),
        (403, "AccessDenied.Unpurchased", UpstreamAuth),
        (403, "AllocationQuota.FreeTierOnly", UpstreamBilling),
        (400, "Model.NotExist", UpstreamModelGone),
        (404, "ModelNotFound", UpstreamModelGone),
        (403, "Model.AccessDenied", UpstreamAuth),
        (413, "RequestTooLarge", UpstreamRefused),
        (429, "Throttling.RateQuota", UpstreamThrottled),
        (429, "insufficient_quota", UpstreamThrottled),
        (500, "InternalError.Algo", UpstreamFailed),
        (503, "ServiceUnavailable", UpstreamOverloaded),
    ],
)
@pytest.mark.parametrize("flat", [True, False], ids=["native", "compatible"])
def test_its_codes(status: int, code: str, kind: type[ApiError], flat: bool) -> None:
    error = {"code": code, "message": "m"}
    raw = orjson.dumps({**error, "request_id": "r"} if flat else {"error": error})
    assert type(DASHSCOPE.read_error(status, {}, raw)) is kind


def test_a_business_error_under_status_200() -> None:
    raw = orjson.dumps({"code": "Arrearage", "message": "overdue", "request_id": "r"})
    with pytest.raises(UpstreamBilling) as caught:
        DASHSCOPE.read_answer(raw)
    assert "overdue" not in caught.value.message


def test_cache_reads_and_writes_are_told_apart() -> None:
    details = {"cached_tokens": 3, "cache_creation_input_tokens": 2}
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 1,
        "prompt_tokens_details": details,
    }
    raw = orjson.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage})
    found = DASHSCOPE.read_answer(raw).usage
    assert getattr(found, "quantities", None) == {
        "input": 4,
        "cache_read": 3,
        "cache_write": 2,
        "output": 1,
    }
