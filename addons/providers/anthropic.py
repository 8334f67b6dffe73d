"""Anthropic: the Messages API, in the version that still takes a temperature.

The version is pinned, because the next one refuses every sampling parameter. The base
address has no version in it, as in the vendor's own SDK, so the path has.

An account that is out of money answers 400 like a request that is at fault, and so
does a filter that stopped an answer: nothing but their words tells them apart.
"""

from __future__ import annotations

from types import MappingProxyType

from addons.providers.anthropic_answer import unwrap
from addons.providers.anthropic_request import compose
from addons.providers.anthropic_stream import MessageEvents
from addons.providers.base import Dialect, clamp
from addons.wire.errors import (
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
from addons.wire.usage import UsagePaths

VERSION = "2023-06-01"
TEMPERATURE_MAX = 1


def api_key(secret: str) -> dict[str, str]:
    return {"x-api-key": secret}


ANTHROPIC = Dialect(
    name="anthropic",
    auth=api_key,
    path="/v1/messages",
    headers=MappingProxyType({"anthropic-version": VERSION}),
    drops=frozenset(
        {
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "presence_penalty",
            "seed",
            "top_logprobs",
            "verbosity",
        }
    ),
    rewrites=MappingProxyType({"temperature": clamp(0, TEMPERATURE_MAX)}),
    stream_options=MappingProxyType({}),
    # By OpenAI's name; `compose` puts it where it belongs.
    end_user_field="user",
    compose=compose,
    choices_max=1,
    choices_max_with_tools=1,
    lacking=frozenset({"logprobs", "top_logprobs"}),
    usage=UsagePaths(
        input=(("usage", "input_tokens"),),
        output=(("usage", "output_tokens"),),
        cache_read=(("usage", "cache_read_input_tokens"),),
        cache_write=(("usage", "cache_creation", "ephemeral_5m_input_tokens"),),
        cache_write_1h=(("usage", "cache_creation", "ephemeral_1h_input_tokens"),),
        cache_written=(("usage", "cache_creation_input_tokens"),),
        reasoning=(("usage", "output_tokens_details", "thinking_tokens"),),
        input_holds_cache=False,
    ),
    verdicts=MappingProxyType(
        {
            "credit balance is too low": UpstreamBilling,
            "reached your specified api usage limits": UpstreamBilling,
            "reached your specified workspace api usage limits": UpstreamBilling,
            "blocked by content filtering policy": ContentRefused,
            "contract_spend_limit_reached": UpstreamBilling,
            "enforced_spend_limit_reached": UpstreamBilling,
            "api_error": UpstreamFailed,
            "authentication_error": UpstreamAuth,
            "billing_error": UpstreamBilling,
            "not_found_error": UpstreamModelGone,
            "overloaded_error": UpstreamOverloaded,
            "permission_error": UpstreamAuth,
            "rate_limit_error": UpstreamThrottled,
            "request_too_large": UpstreamRefused,
            "timeout_error": UpstreamTimeout,
            # An error may be told in OpenAI's codes where a proxy is in between.
            "invalid_api_key": UpstreamAuth,
        }
    ),
    unwrap=unwrap,
    translator=MessageEvents,
)
