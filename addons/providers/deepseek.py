"""DeepSeek.

Its models think by default; the model we sell does not, so thinking is switched off
in words and nobody pays for it. While a request waits for a machine the provider sends
blank lines (whole answers) or comments (streams); both are harmless to the readers.
`insufficient_system_resource` is a finish_reason by name and a failure by nature: the
answer stops anywhere, and the provider does not bill it.
"""

from types import MappingProxyType

from addons.providers.base import (
    Dialect,
    developer_as_system,
    flat_text,
    in_turn,
    schema_as_instruction,
    without,
)
from addons.wire.usage import OPENAI_PATHS, UsagePaths

DEEPSEEK = Dialect(
    name="deepseek",
    drops=frozenset(
        {
            "logit_bias",
            "parallel_tool_calls",
            "reasoning_effort",
            "seed",
            "verbosity",
        }
    ),
    rewrites=MappingProxyType(
        {
            "messages": in_turn(
                developer_as_system, without("reasoning_content", "refusal"), flat_text
            )
        }
    ),
    constants=MappingProxyType({"thinking": {"type": "disabled"}}),
    adapt=(schema_as_instruction,),
    end_user_field="user_id",
    choices_max=1,
    choices_max_with_tools=1,
    usage=UsagePaths(
        input=OPENAI_PATHS.input,
        output=OPENAI_PATHS.output,
        cache_read=(
            ("usage", "prompt_cache_hit_tokens"),
            *OPENAI_PATHS.cache_read,
        ),
        reasoning=OPENAI_PATHS.reasoning,
    ),
    fatal_finishes=frozenset({"insufficient_system_resource"}),
)
