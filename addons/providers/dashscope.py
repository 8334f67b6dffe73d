"""DashScope (Aliyun Model Studio), in its OpenAI-compatible mode.

Thinking is switched off in words: some models think unless told not to, and thought
is billed at several times the price. An error may come with status 200, and an
account in arrears answers 400 as if the request were at fault; the codes below say
what it really is. A region's own intervals are open where OpenAI's are closed, so the
ends are moved by a hair.
"""

from types import MappingProxyType

from addons.providers.base import (
    Dialect,
    clamp,
    developer_as_system,
    in_turn,
    schema_as_instruction,
    without,
)
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
from addons.wire.usage import OPENAI_PATHS, UsagePaths
from addons.wire.verdicts import COMMON

TEMPERATURE_MAX = 1.99
TOP_P_MIN = 0.01

DASHSCOPE = Dialect(
    name="dashscope",
    drops=frozenset(
        {"frequency_penalty", "logit_bias", "reasoning_effort", "verbosity"}
    ),
    rewrites=MappingProxyType(
        {
            "messages": in_turn(
                developer_as_system, without("reasoning_content", "refusal")
            ),
            "temperature": clamp(0, TEMPERATURE_MAX),
            "top_p": clamp(TOP_P_MIN, 1),
        }
    ),
    constants=MappingProxyType({"enable_thinking": False}),
    adapt=(schema_as_instruction,),
    choices_max=4,
    choices_max_with_tools=1,
    images=False,
    refused=MappingProxyType({"tool_choice": frozenset({"required"})}),
    usage=UsagePaths(
        input=OPENAI_PATHS.input,
        output=OPENAI_PATHS.output,
        cache_read=OPENAI_PATHS.cache_read,
        cache_write=(
            ("usage", "prompt_tokens_details", "cache_creation_input_tokens"),
        ),
        reasoning=OPENAI_PATHS.reasoning,
    ),
    verdicts=MappingProxyType(
        {
            **COMMON,
            "AccessDenied": UpstreamAuth,
            "AllocationQuota": UpstreamBilling,
            "Arrearage": UpstreamBilling,
            "DataInspectionFailed": ContentRefused,
            "data_inspection_failed": ContentRefused,
            # Here it names a window of tokens; an empty account is Arrearage.
            "insufficient_quota": UpstreamThrottled,
            "InternalError": UpstreamFailed,
            "InvalidApiKey": UpstreamAuth,
            "InvalidParameter": UpstreamRefused,
            "Model.AccessDenied": UpstreamAuth,
            "Model.NotExist": UpstreamModelGone,
            "ModelNotFound": UpstreamModelGone,
            "RequestTimeOut": UpstreamTimeout,
            "GatewayTimeout": UpstreamTimeout,
            "ServiceUnavailable": UpstreamOverloaded,
            "Throttling": UpstreamThrottled,
        }
    ),
)
