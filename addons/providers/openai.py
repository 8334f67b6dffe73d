"""OpenAI: the dialect that callers speak, so nearly nothing changes.

`include_obfuscation` is switched off because its padding doubles small chunks and
hides nothing on a connection we re-encode anyway.
"""

from types import MappingProxyType

from addons.providers.base import Dialect, without
from addons.providers.openai_images import OPENAI_IMAGES

OPENAI = Dialect(
    name="openai",
    output_limit_field="max_completion_tokens",
    end_user_field="user",
    # Other providers' thoughts, echoed by a caller, are unknown to this one.
    rewrites=MappingProxyType({"messages": without("reasoning_content")}),
    stream_options=MappingProxyType(
        {"include_usage": True, "include_obfuscation": False}
    ),
    imaging=OPENAI_IMAGES,
)
