"""What OpenAI's gpt-image family takes and answers, as far as a gateway can see.

It refuses what it does not know, so that a gateway which sends too much is found out.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.openai_model import CREATED, Refusal
from tests.fakes.png import png
from tests.fakes.script import Edit

QUALITIES = ("auto", "low", "medium", "high")
KNOWN = frozenset(
    {
        "background",
        "model",
        "moderation",
        "n",
        "output_compression",
        "output_format",
        "prompt",
        "quality",
        "size",
        "user",
    }
)
PROMPT_CHARS_MAX = 32_000
IMAGES_MAX = 10
SIDE_MAX = 3840

_SIZE = re.compile(r"([0-9]{2,4})x([0-9]{2,4})")


@dataclass(frozen=True, slots=True)
class Images:
    """The honest answer, or fewer images, other bytes, addresses instead of bytes."""

    count: int | None = None
    data: bytes | None = None
    url: str | None = None
    revised_prompt: str | None = None
    edits: tuple[Edit, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self, body: Mapping[str, Any], number: int) -> dict[str, Any]:
        check(body)
        count = body.get("n", 1) if self.count is None else self.count
        images = [self.image(body["prompt"], number, index) for index in range(count)]
        tokens = {"input_tokens": 9, "output_tokens": 1056 * count}
        usage = {**tokens, "total_tokens": sum(tokens.values())}
        return {"created": CREATED, "data": images, "usage": usage}

    def image(self, prompt: str, number: int, index: int) -> dict[str, Any]:
        data = self.data or png(f"{prompt} {number}.{index}")
        made = {"b64_json": base64.b64encode(data).decode()}
        if self.url is not None:
            made = {"url": self.url}
        if self.revised_prompt is not None:
            made["revised_prompt"] = self.revised_prompt
        return made


def check(body: Mapping[str, Any]) -> None:
    """Refuses what the real one refuses with 400."""
    for name in body.keys() - KNOWN:
        raise Refusal(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not 0 < len(prompt) <= PROMPT_CHARS_MAX:
        raise Refusal("Invalid 'prompt'.", "prompt")
    if type(body.get("n", 1)) is not int or not 1 <= body.get("n", 1) <= IMAGES_MAX:
        raise Refusal("Invalid 'n'.", "n")
    if body.get("quality", "auto") not in QUALITIES:
        raise Refusal("Invalid value for 'quality'.", "quality", "invalid_value")
    check_size(body.get("size", "auto"))


def check_size(size: str) -> None:
    found = _SIZE.fullmatch(size)
    if size == "auto":
        return
    sides = sorted(map(int, found.groups())) if found else [1, SIDE_MAX]
    if any(side % 16 for side in sides) or sides[1] > min(SIDE_MAX, 3 * sides[0]):
        raise Refusal(f"Invalid value: '{size}'.", "size", "invalid_value")
