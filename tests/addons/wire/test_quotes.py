"""Quotes: the request in the request, or alone."""

import orjson
import pytest

from addons.wire.errors import BadJson, BadParameter
from addons.wire.images import ImageAsk
from addons.wire.openai import ChatAsk
from addons.wire.quotes import endpoint_of, read_quote
from addons.wire.videos import VideoAsk

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
PROMPT = {"prompt": "a cat"}


@pytest.mark.parametrize(
    ("body", "kind", "endpoint"),
    [
        (CHAT, ChatAsk, "chat/completions"),
        ({"request": CHAT}, ChatAsk, "chat/completions"),
        ({"endpoint": "chat/completions", "request": CHAT}, ChatAsk, None),
        ({"endpoint": "images/generations", "request": PROMPT}, ImageAsk, None),
        ({"endpoint": "videos/generations", "request": PROMPT}, VideoAsk, None),
        ({"endpoint": "videos", "request": PROMPT}, VideoAsk, None),
    ],
)
def test_a_request_is_read_as_its_endpoint_would(body, kind, endpoint) -> None:
    ask = read_quote(orjson.dumps(body))
    assert type(ask) is kind
    assert endpoint_of(ask) == (endpoint or body["endpoint"])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"endpoint": "embeddings", "request": CHAT}, "endpoint"),
        ({"endpoint": 1, "request": CHAT}, "endpoint"),
        ({"endpoint": "chat/completions"}, "request"),
        ({"endpoint": "images/generations", "prompt": "a cat"}, "request"),
        ({"request": [CHAT]}, "request"),
        ({"request": {**CHAT, "n": 0}}, "n"),
        ({"request": PROMPT}, "model"),
        (PROMPT, "model"),
        ({"endpoint": "images/generations", "request": {}}, "prompt"),
    ],
)
def test_a_wrong_request_is_refused_as_its_endpoint_would(body, param: str) -> None:
    with pytest.raises(BadParameter) as caught:
        read_quote(orjson.dumps(body))
    assert caught.value.param == param


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"1"])
def test_what_is_no_object_is_no_quote(raw: bytes) -> None:
    with pytest.raises(BadJson):
        read_quote(raw)
