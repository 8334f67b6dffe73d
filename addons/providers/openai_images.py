"""OpenAI's images, as the gpt-image family makes them.

It took the place of dall-e-3, whose parameters our callers still send. Its qualities
have other names; it knows no style, and no `response_format` because it always answers
with base64.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from addons.providers.base import Sold
from addons.providers.imaging import Form, Imaging, answer_in, decoded
from addons.wire.images import IMAGES_MAX, ImageAsk, Made

QUALITIES: Mapping[str, str] = MappingProxyType({"standard": "medium", "hd": "high"})


def compose(ask: ImageAsk, model: str, count: int, end_user: str) -> Form:
    body = {
        "model": model,
        "prompt": ask.prompt,
        "n": count,
        "size": ask.size,
        "quality": QUALITIES[ask.quality],
        "user": end_user,
    }
    return Form(orjson.dumps(body), dropped=("style",) if ask.style else ())


def count(body: bytes) -> Sold:
    sent = orjson.loads(body)
    quality = {theirs: ours for ours, theirs in QUALITIES.items()}[sent["quality"]]
    return Sold({"image": sent["n"]}, {"size": sent["size"], "quality": quality})


def read(headers: Mapping[str, str], body: bytes) -> Iterator[Made]:
    for one in answer_in(body, "data")["data"]:
        yield image_in(one)


def image_in(one: Mapping[str, Any]) -> Made:
    text, revised = one.get("b64_json"), one.get("revised_prompt")
    if revised is not None and type(revised) is not str:
        raise TypeError("a prompt that is not text")
    if text is None:
        return Made(url=one["url"], revised_prompt=revised)
    return Made(decoded(text), revised_prompt=revised)


OPENAI_IMAGES = Imaging(
    path="/images/generations",
    compose=compose,
    read=read,
    count=count,
    images_a_call=IMAGES_MAX,
    qualities=True,
)
