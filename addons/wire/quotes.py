"""Quotes: which request a caller wants the price of.

Either `{"endpoint": …, "request": {…}}` with the very body that would be sent there,
or that body alone, which is then one of a chat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from addons.wire.checks import mapping, missing, one_of
from addons.wire.images import ImageAsk, image_of
from addons.wire.openai import ChatAsk, chat_of, parsed
from addons.wire.videos import GENERATIONS, VideoAsk, creation_of, video_of

type Ask = ChatAsk | ImageAsk | VideoAsk

CHAT = "chat/completions"
IMAGES = "images/generations"
VIDEOS = "videos/generations"
# OpenAI's own way to the same.
CREATION = "videos"

READERS: Mapping[str, Callable[[Mapping[str, Any]], Ask]] = MappingProxyType(
    {CHAT: chat_of, IMAGES: image_of, VIDEOS: video_of, CREATION: creation_of}
)

_endpoint = one_of(*READERS)


def read_quote(raw: bytes) -> Ask:
    """The request in a body; errors are those its own endpoint would give."""
    sent = parsed(raw)
    if "endpoint" not in sent and "request" not in sent:
        return chat_of(sent)
    endpoint = _endpoint(sent.get("endpoint", CHAT), "endpoint")
    if sent.get("request") is None:
        raise missing("request")
    return READERS[endpoint](mapping(sent["request"], "request"))


def endpoint_of(ask: Ask) -> str:
    """The path of the endpoint that answers it, without the prefix."""
    if isinstance(ask, ChatAsk):
        return CHAT
    if isinstance(ask, ImageAsk):
        return IMAGES
    return VIDEOS if ask.surface == GENERATIONS else CREATION
