"""Anthropic: its headers, its errors, its meters."""

from typing import Any

import orjson
import pytest

from addons.providers.anthropic import ANTHROPIC, VERSION, api_key
from addons.wire.errors import (
    ApiError,
    ContentRefused,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
)
from addons.wire.openai import read_chat
from addons.wire.usage import Usage
from tests.addons.providers.samples import anthropic_said
from tests.fakes.anthropic_script import Status


def test_its_version_and_key_stand_in_headers_of_their_own() -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    request = ANTHROPIC.chat_request(
        read_chat(orjson.dumps(asked)), "claude-sonnet-4-6", 9
    ).with_headers(ANTHROPIC.auth("sk-ant-1"))
    assert request.headers["anthropic-version"] == VERSION == "2023-06-01"
    assert request.headers["x-api-key"] == "sk-ant-1"
    assert "authorization" not in request.headers
    assert api_key("s") == {"x-api-key": "s"}


LOW = "Your credit balance is too low to access the Anthropic API. Please go to …"
SPENT = "You have reached your specified API usage limits. You will regain access …"
BLOCKED = "Output blocked by content filtering policy"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status(400), UpstreamRefused),
        (Status(400, LOW), UpstreamBilling),
        (Status(400, SPENT), UpstreamBilling),
        (Status(400, SPENT.replace("API", "workspace API")), UpstreamBilling),
        (Status(400, BLOCKED), ContentRefused),
        (Status(401), UpstreamAuth),
        (Status(402), UpstreamBilling),
        (Status(403), UpstreamAuth),
        (Status(404), UpstreamModelGone),
        (Status(409), UpstreamFailed),
        (Status(413), UpstreamRefused),
        (Status(429), UpstreamThrottled),
        (Status(429, details={"error_code": "contract_spend_limit_reached"}),
         UpstreamBilling),
        (Status(429, details={"error_code": "enforced_spend_limit_reached"}),
         UpstreamBilling),
        (Status(429, details={"error_code": "ramp_limit_exceeded"}), UpstreamThrottled),
        (Status(429, details={"error_code": 7}), UpstreamThrottled),
        (Status(500), UpstreamFailed),
        (Status(504), UpstreamTimeout),
        (Status(529), UpstreamOverloaded),
        (Status(500, type="overloaded_error"), UpstreamOverloaded),
    ],
)
def test_its_errors(status: Status, kind: type[ApiError]) -> None:
    found = ANTHROPIC.read_error(status.status, status.headers, status.body)
    assert type(found) is kind


def test_what_it_says_of_a_request_is_passed_on_without_what_is_private() -> None:
    text = "messages.0: key sk-ant-api03-abc, see https://console.anthropic.com/x"
    found = ANTHROPIC.read_error(400, {}, Status(400, text).body)
    assert found.message.startswith("messages.0: key […], see […]")
    assert found.status == 400


def test_what_it_says_of_our_account_is_not() -> None:
    found = ANTHROPIC.read_error(400, {}, Status(400, LOW).body)
    assert (found.status, found.should_retry) == (502, False)
    assert "credit" not in found.message and "credit" in found.detail


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"retry-after": "17"}, 17), ({}, 5)]
)
def test_how_long_to_wait_is_read(headers: dict[str, str], seconds: int) -> None:
    found = ANTHROPIC.read_error(429, headers, Status(429).body)
    assert found.retry_after == seconds


CACHE = {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 2}


@pytest.mark.parametrize(
    ("usage", "quantities"),
    [
        ({"input_tokens": 10, "output_tokens": 4},
         {"input": 10, "cache_read": 0, "cache_write": 0, "output": 4}),
        ({"input_tokens": 10, "output_tokens": 4, "cache_read_input_tokens": 7},
         {"input": 10, "cache_read": 7, "cache_write": 0, "output": 4}),
        ({"input_tokens": 0, "output_tokens": 4, "cache_creation_input_tokens": 5,
          "cache_creation": CACHE},
         {"input": 0, "cache_read": 0, "cache_write": 3, "cache_write_1h": 2,
          "output": 4}),
        ({"input_tokens": 10, "output_tokens": 4, "cache_creation_input_tokens": 5,
          "cache_creation": None},
         {"input": 10, "cache_read": 0, "cache_write": 5, "output": 4}),
        ({"input_tokens": 10, "output_tokens": 4, "cache_creation_input_tokens": None,
          "cache_creation": CACHE},
         {"input": 10, "cache_read": 0, "cache_write": 3, "cache_write_1h": 2,
          "output": 4}),
    ],
)
def test_every_meter_is_read(usage: dict[str, Any], quantities: dict[str, int]) -> None:
    found = ANTHROPIC.read_answer(anthropic_said("x", usage)).usage
    assert found == Usage(quantities)


def test_usage_is_told_as_openai_tells_it() -> None:
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 7,
        "cache_creation_input_tokens": 5,
        "cache_creation": CACHE,
        "output_tokens": 4,
        "output_tokens_details": {"thinking_tokens": 2},
    }
    assert ANTHROPIC.read_answer(anthropic_said("x", usage)).body["usage"] == {
        "prompt_tokens": 22,
        "completion_tokens": 4,
        "total_tokens": 26,
        "prompt_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
