"""Images: what a caller asks of an image model, and the answer it gets.

The fields and defaults are those of the API document, and those of OpenAI's dialect
that a model may know. Which values they may have differs from model to model:
`image_of` reads what any could have, `within` holds an ask to the rules of one. Only
what passed both is ever sent, so the price of an ask is the price of what is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import orjson

from addons.wire.chat_schema import Tally
from addons.wire.checks import (
    filled,
    missing,
    one_of,
    text,
    unsupported,
    whole,
    wrong_type,
    wrong_value,
)
from addons.wire.openai import parsed

MODEL = "dall-e-3"
SIZE = "1024x1024"
QUALITY = "standard"
QUALITIES = (QUALITY, "hd")
STYLES = ("vivid", "natural")
URL = "url"
BASE64 = "b64_json"
IMAGES_MAX = 10
MODEL_CHARS_MAX = 256
# No provider takes more.
PROMPT_CHARS_MAX = 32_000

# What a model has a default of its own for.
RULED = frozenset({"quality", "size", "style"})
OWN = frozenset(
    {"model", "n", "prompt", "quality", "response_format", "size", "style", "user"}
)
# Without it another image would be made than the one that was asked for.
REFERENCES = ("image", "images", "image_url", "mask")

_SIZE = re.compile(r"[1-9][0-9]{1,3}x[1-9][0-9]{1,3}", re.ASCII)

_model = filled(MODEL_CHARS_MAX)
_prompt = filled(PROMPT_CHARS_MAX)
_images = whole(1, IMAGES_MAX)
_quality = one_of(*QUALITIES)
_style = one_of(*STYLES)
_response_format = one_of(URL, BASE64)


class Rules(Protocol):
    """What one model makes; of sizes and qualities the first is the default."""

    @property
    def sizes(self) -> tuple[str, ...]: ...

    @property
    def qualities(self) -> tuple[str, ...]: ...

    @property
    def styles(self) -> tuple[str, ...]: ...

    @property
    def n_max(self) -> int: ...

    @property
    def prompt_chars(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ImageAsk:
    """So many images of one sort.

    `said` names those fields with defaults that the caller gave; a style is empty where
    none was. `dropped` names fields that are not sent on.
    """

    model: str
    prompt: str
    n: int = 1
    size: str = SIZE
    quality: str = QUALITY
    style: str = ""
    response_format: str = URL
    said: frozenset[str] = frozenset()
    dropped: tuple[str, ...] = ()

    stream: ClassVar[bool] = False

    @property
    def quantities(self) -> dict[str, int]:
        return {"image": self.n}

    @property
    def parameters(self) -> dict[str, str]:
        """What a rate may depend on."""
        return {"size": self.size, "quality": self.quality}

    def within(self, rules: Rules) -> ImageAsk:
        """The ask by a model's rules: its defaults where the caller said nothing, and
        without the parameters it does not know. BadParameter names what it makes not.
        """
        ask = self
        if "size" not in ask.said:
            ask = replace(ask, size=rules.sizes[0])
        one_of(*rules.sizes)(ask.size, "size")
        if not rules.qualities:
            ask = ask.without("quality", QUALITY)
        elif "quality" not in ask.said:
            ask = replace(ask, quality=rules.qualities[0])
        else:
            one_of(*rules.qualities)(ask.quality, "quality")
        if not rules.styles:
            ask = ask.without("style", "")
        elif ask.style:
            one_of(*rules.styles)(ask.style, "style")
        whole(1, rules.n_max)(ask.n, "n")
        filled(rules.prompt_chars)(ask.prompt, "prompt")
        return ask

    def without(self, name: str, value: str) -> ImageAsk:
        """A field that the model does not know, as if it were not there."""
        dropped = self.dropped
        if name in self.said:
            dropped += (name,)
        changes: dict[str, Any] = {name: value, "dropped": dropped}
        return replace(self, said=self.said - {name}, **changes)


@dataclass(frozen=True, slots=True)
class Made:
    """One image as a provider gives it: its bytes, or the address they are at."""

    data: bytes | None = None
    url: str | None = None
    media_type: str = ""
    revised_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """All images of a request. `shown` is each as the caller gets it, once that is
    known; the bytes are gone then."""

    made: tuple[Made, ...]
    shown: tuple[dict[str, str], ...] = ()

    @property
    def quantities(self) -> dict[str, int]:
        return {"image": len(self.shown)}


def read_image(raw: bytes) -> ImageAsk:
    """The ask in a request's body; BadJson or BadParameter if there is none."""
    return image_of(parsed(raw))


def image_of(sent: Mapping[str, Any]) -> ImageAsk:
    """The ask in a request's body; BadParameter names what is wrong with it."""
    if sent.get("prompt") is None:
        raise missing("prompt")
    given = {name: value for name, value in sent.items() if value is not None}
    if "user" in given:
        text(given["user"], "user")
    for name in REFERENCES:
        if name in given:
            raise unsupported(name, "no image model here takes a picture.")
    # Who waits for events would find none in the answer, and pay for it.
    if given.get("stream"):
        raise unsupported("stream", "images come in one answer, not as a stream.")
    tally = Tally()
    for name in [name for name in given if name not in OWN]:
        tally.drop(name)
    return ImageAsk(
        model=_model(given.get("model", MODEL), "model"),
        prompt=_prompt(given["prompt"], "prompt"),
        n=_images(given.get("n", 1), "n"),
        size=_size(given.get("size", SIZE), "size"),
        quality=_quality(given.get("quality", QUALITY), "quality"),
        style=_style(given["style"], "style") if "style" in given else "",
        response_format=_response_format(
            given.get("response_format", URL), "response_format"
        ),
        said=RULED & given.keys(),
        dropped=tuple(tally.dropped),
    )


def images_body(shown: Sequence[Mapping[str, str]], created: int, cost: str) -> bytes:
    """The answer in OpenAI's shape; `cost` in dollars becomes a JSON number."""
    usage = {"images": len(shown), "cost": orjson.Fragment(cost)}
    return orjson.dumps({"created": created, "data": shown, "usage": usage})


def media_type_of(data: bytes) -> str | None:
    """What an image is by its first bytes; None if it is none that we know."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def _size(value: Any, param: str) -> str:
    expected = "a size such as 1024x1024"
    if type(value) is not str:
        raise wrong_type(param, expected, value)
    if not _SIZE.fullmatch(value):
        raise wrong_value(param, expected, value)
    return value
