"""Providers: one file each, data first.

Like addons.wire this package is pure: it says what bytes to send and what the bytes
that come back mean, and leaves connections, clocks and money to others. A provider
that took over OpenAI's API needs no file here, only some YAML that names the dialect
`compatible`, or `openai` if it knows all of that.
"""

from addons.providers.anthropic import ANTHROPIC
from addons.providers.base import Answer, Dialect, UpstreamRequest
from addons.providers.compatible import COMPATIBLE
from addons.providers.dashscope import DASHSCOPE
from addons.providers.dashscope_native import DASHSCOPE_NATIVE
from addons.providers.dashscope_tasks import DASHSCOPE_TASKS
from addons.providers.deepseek import DEEPSEEK
from addons.providers.demo import DEMO
from addons.providers.fal import FAL
from addons.providers.openai import OPENAI
from addons.providers.runway import RUNWAY
from addons.providers.stability import STABILITY

__all__ = ["REGISTRY", "Answer", "Dialect", "UpstreamRequest"]

REGISTRY: dict[str, Dialect] = {
    "openai": OPENAI,
    "compatible": COMPATIBLE,
    "anthropic": ANTHROPIC,
    "dashscope": DASHSCOPE,
    "dashscope-native": DASHSCOPE_NATIVE,
    "dashscope-tasks": DASHSCOPE_TASKS,
    "deepseek": DEEPSEEK,
    "stability": STABILITY,
    "runway": RUNWAY,
    "fal": FAL,
    "demo": DEMO,
}
