"""Stability AI: images by its v2beta API, one a call, asked for as a form.

It knows shapes and no sizes, so the nearest shape is asked for. A picture that its
filter blurred comes with status 200 and costs nothing; here it is an error, for nobody
asked for that. Its errors have a name and a list of sentences.
"""

import hashlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from addons.providers.base import Dialect, Sold
from addons.providers.imaging import Form, Imaging, decoded, nearest
from addons.wire.errors import (
    ContentRefused,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamThrottled,
)
from addons.wire.images import ImageAsk, Made
from addons.wire.verdicts import COMMON

ASPECT_RATIOS = (
    "1:1",
    "16:9",
    "21:9",
    "2:3",
    "3:2",
    "4:5",
    "5:4",
    "9:16",
    "9:21",
)
FILTERED = "CONTENT_FILTERED"
SUCCESS = "SUCCESS"
THROTTLE_SECONDS = 60


def compose(ask: ImageAsk, model: str, count: int, end_user: str) -> Form:
    fields = {
        "prompt": ask.prompt,
        "model": model,
        "mode": "text-to-image",
        "aspect_ratio": nearest(ask.size, ASPECT_RATIOS, ":"),
        "output_format": "png",
    }
    boundary = boundary_for(ask.prompt)
    return Form(
        multipart(fields, boundary),
        f"multipart/form-data; boundary={boundary}",
        accept="image/*",
        dropped=("style",) if ask.style else (),
    )


def count(body: bytes) -> Sold:
    """One picture of about a million pixels, whatever its shape."""
    return Sold({"image": 1}, {})


def boundary_for(text: str) -> str:
    """What no line of the text is: nobody writes a text that contains its own hash."""
    return "autolist-" + hashlib.sha256(text.encode()).hexdigest()


def multipart(fields: Mapping[str, str], boundary: str) -> bytes:
    parts = [
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return ("".join(parts) + f"--{boundary}--\r\n").encode()


def read(headers: Mapping[str, str], body: bytes) -> Iterator[Made]:
    """One image: the body itself, or as base64 in JSON."""
    if headers.get("content-type", "").startswith("image/"):
        check_finish(headers.get("finish-reason", SUCCESS))
        yield Made(body)
        return
    answer = orjson.loads(body)
    check_finish(answer["finish_reason"])
    yield Made(decoded(answer["image"]))


def check_finish(reason: str) -> None:
    if reason == FILTERED:
        raise ContentRefused()
    if reason != SUCCESS:
        raise UpstreamFailed(detail=f"finish_reason {reason!r:.64}")


def retell(body: bytes) -> bytes:
    """`{"name": …, "errors": […]}` as code and message."""
    try:
        error: Any = orjson.loads(body)
        said = {"code": error["name"], "message": " ".join(error["errors"])}
    except (LookupError, TypeError, ValueError):
        return body
    return orjson.dumps({"error": said})


STABILITY = Dialect(
    name="stability",
    chats=False,
    imaging=Imaging(
        path="/v2beta/stable-image/generate/sd3",
        compose=compose,
        read=read,
        count=count,
        verdicts=MappingProxyType(
            {
                **COMMON,
                "content_moderation": ContentRefused,
                "payment_required": UpstreamBilling,
                "permission_denied": UpstreamAuth,
                "unauthorized": UpstreamAuth,
                "rate_limit_exceeded": UpstreamThrottled,
            }
        ),
        retell=retell,
        throttle_seconds=THROTTLE_SECONDS,
    ),
)
