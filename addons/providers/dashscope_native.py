"""DashScope's native API: qwen-image, which answers at once.

One image a call, because some of its models make no more. The answer holds addresses
that die after a day, and the prompt as the provider rewrote it. An error may come with
status 200, in the same words as in the compatible mode.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from addons.providers.base import Dialect, Sold
from addons.providers.dashscope import DASHSCOPE
from addons.providers.imaging import Form, Imaging, answer_in
from addons.wire.images import ImageAsk, Made


def compose(ask: ImageAsk, model: str, count: int, end_user: str) -> Form:
    body = {
        "model": model,
        "input": {"messages": [{"role": "user", "content": [{"text": ask.prompt}]}]},
        "parameters": {
            "size": ask.size.replace("x", "*"),
            "n": count,
            "prompt_extend": True,
            "watermark": False,
        },
    }
    return Form(orjson.dumps(body), dropped=("style",) if ask.style else ())


def count(body: bytes) -> Sold:
    parameters = orjson.loads(body)["parameters"]
    size = parameters["size"].replace("*", "x")
    return Sold({"image": parameters["n"]}, {"size": size})


def read(headers: Mapping[str, str], body: bytes) -> Iterator[Made]:
    output = answer_in(body, "output", DASHSCOPE.verdicts)["output"]
    for choice in output["choices"]:
        message = choice["message"]
        revised = rewritten(message)
        for part in message["content"]:
            if "image" in part:
                yield Made(url=part["image"], revised_prompt=revised)


def rewritten(message: Mapping[str, Any]) -> str | None:
    """The prompt that was really drawn, which stands among the parts or beside them."""
    texts = [part["text"] for part in message["content"] if part.get("text")]
    found = texts[0] if texts else message.get("actual_prompt")
    if found is not None and type(found) is not str:
        raise TypeError("a prompt that is not text")
    return found


DASHSCOPE_NATIVE = Dialect(
    name="dashscope-native",
    chats=False,
    imaging=Imaging(
        path="/services/aigc/multimodal-generation/generation",
        compose=compose,
        read=read,
        count=count,
        verdicts=DASHSCOPE.verdicts,
    ),
)
