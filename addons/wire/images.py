"""Images: what a caller asks of an image model, as far as it decides the price.

The fields and defaults are those of the API document; the other fields of OpenAI's
dialect change no price and are left to whoever sends the request on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from addons.wire.checks import filled, missing, one_of, whole, wrong_type, wrong_value

MODEL = "dall-e-3"
SIZE = "1024x1024"
QUALITY = "standard"
QUALITIES = (QUALITY, "hd")
IMAGES_MAX = 10
MODEL_CHARS_MAX = 256
# No provider takes more.
PROMPT_CHARS_MAX = 32_000

_SIZE = re.compile(r"[1-9][0-9]{1,3}x[1-9][0-9]{1,3}", re.ASCII)

_model = filled(MODEL_CHARS_MAX)
_prompt = filled(PROMPT_CHARS_MAX)
_images = whole(1, IMAGES_MAX)
_quality = one_of(*QUALITIES)


@dataclass(frozen=True, slots=True)
class ImageAsk:
    """So many images of one sort."""

    model: str
    prompt: str
    n: int = 1
    size: str = SIZE
    quality: str = QUALITY

    @property
    def quantities(self) -> dict[str, int]:
        return {"image": self.n}

    @property
    def parameters(self) -> dict[str, str]:
        """What a rate may depend on."""
        return {"size": self.size, "quality": self.quality}


def image_of(sent: Mapping[str, Any]) -> ImageAsk:
    """The ask in a request's body; BadParameter names what is wrong with it."""
    if sent.get("prompt") is None:
        raise missing("prompt")
    given = {name: value for name, value in sent.items() if value is not None}
    return ImageAsk(
        model=_model(given.get("model", MODEL), "model"),
        prompt=_prompt(given["prompt"], "prompt"),
        n=_images(given.get("n", 1), "n"),
        size=_size(given.get("size", SIZE), "size"),
        quality=_quality(given.get("quality", QUALITY), "quality"),
    )


def _size(value: Any, param: str) -> str:
    expected = "a size such as 1024x1024"
    if type(value) is not str:
        raise wrong_type(param, expected, value)
    if not _SIZE.fullmatch(value):
        raise wrong_value(param, expected, value)
    return value
