"""A provider that took over OpenAI's chat API, taken at its word and no further.

It gets the names that all such providers know: the older one of the output limit, the
older role of a system message, and neither a name for the end user nor an option of
streams beyond usage. What one of them lacks besides is said in the configuration.
"""

from types import MappingProxyType

from addons.providers.base import Dialect, developer_as_system, in_turn, without

COMPATIBLE = Dialect(
    name="compatible",
    rewrites=MappingProxyType(
        {
            "messages": in_turn(
                developer_as_system, without("reasoning_content", "refusal")
            )
        }
    ),
)
