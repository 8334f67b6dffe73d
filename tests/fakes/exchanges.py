"""Exchanges and their parts, made with no more words than a test is about."""

from collections.abc import Mapping
from typing import Any

import orjson
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.http import HTTPFlow, Request, Response
from mitmproxy.proxy.mode_specs import ProxyMode

from addons import endpoints
from addons.exchange import Exchange, KeyLimits, Leg, Quote
from addons.providers import REGISTRY
from addons.quoting import piece_quote
from addons.wire.images import ImageAsk, image_of
from addons.wire.openai import ChatAsk, read_chat
from addons.wire.videos import VideoAsk, video_of
from config import Price
from config.settings import (
    Candidate,
    Clocks,
    Credential,
    ImageRules,
    Model,
    Provider,
    VideoRules,
)
from storage.keys import KeyRecord

CHAT = "/api/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello there"}]
START_NS = 10**12

# Pico-dollars a token: $2.50, $1.25 and $10.00 a million.
# A token written to the cache costs a nano-dollar, for charges of any amount.
SELL = {
    "input": 2_500_000,
    "cache_read": 1_250_000,
    "cache_write": 1000,
    "output": 10_000_000,
}
PRICE = Price.of("gpt-4o", 0, SELL, SELL)
MODEL = Model(
    id="gpt-4o",
    kind="chat",
    owner="OpenAI",
    description="A model",
    context_tokens=128_000,
    output_tokens=16_384,
    image_tokens=1_000,
    candidates=(Candidate("openai", "gpt-4o-2024"),),
)
IMAGE_PRICE = Price.of("dall-e-3", 0, {"image": 4 * 10**10}, {"image": 4 * 10**10})
IMAGE_RULES = ImageRules(
    sizes=("1024x1024", "1792x1024"),
    qualities=("standard", "hd"),
    styles=("vivid", "natural"),
)
IMAGE_MODEL = Model(
    id="dall-e-3",
    kind="image",
    owner="OpenAI",
    description="A painter",
    candidates=(Candidate("openai", "gpt-image"),),
    images=IMAGE_RULES,
)
VIDEO_PRICE = Price.of(
    "gen-2", 0, {"generation": 15 * 10**10}, {"second": 12 * 10**10}
)
VIDEO_RULES = VideoRules(
    durations=(5, 10),
    aspect_ratios={"16:9": "1280x720", "9:16": "720x1280"},
    resolutions=("720p", "1080p"),
)
VIDEO_MODEL = Model(
    id="gen-2",
    kind="video",
    owner="Runway",
    description="A cinema",
    candidates=(Candidate("runway", "gen4.5"),),
    videos=VIDEO_RULES,
)
CALLER = KeyRecord(
    id=7,
    account_id=42,
    user_id="user",
    mask="tk_ab…9f3c",
    label="",
    status="active",
    account_status="open",
    rpm=None,
    tpm=None,
    concurrency=None,
    created_ns=0,
    is_default=True,
)
NO_LIMITS = KeyLimits(0, 0, 0)
QUOTE = Quote(PRICE, 100, 200, 1, 2_250_000)


def ask(**fields: Any) -> ChatAsk:
    """What a caller asks: hello, unless the fields say otherwise."""
    return read_chat(ask_body(**fields))


def ask_body(**fields: Any) -> bytes:
    return orjson.dumps({"model": "gpt-4o", "messages": HELLO, **fields})


def provider(name: str = "openai", **fields: Any) -> Provider:
    return Provider(
        **{
            "name": name,
            "dialect": "openai",
            "base_url": "http://provider.test/v1",
            "credentials": (Credential("KEY", "sk-secret"),),
            **fields,
        }
    )


def leg(
    name: str = "openai",
    *,
    model: str = "gpt-4o-2024",
    priority: int = 0,
    weight: int = 1,
    clocks: Clocks = Clocks(),
    **fields: Any,
) -> Leg:
    served_by = provider(name, **fields)
    candidate = Candidate(name, model, priority, weight)
    credential = next(iter(served_by.credentials), None)
    dialect = REGISTRY[served_by.dialect]
    return Leg(candidate, served_by, credential, dialect, clocks)


def flow(
    method: str = "POST",
    target: str = CHAT,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> HTTPFlow:
    """A request as it came in from 127.0.0.1, without an Exchange."""
    client = Client(
        peername=("127.0.0.1", 50_000),
        sockname=("127.0.0.1", 8000),
        proxy_mode=ProxyMode.parse("reverse:http://127.0.0.1:9"),
        state=ConnectionState.OPEN,
    )
    made = HTTPFlow(client, Server(address=("127.0.0.1", 9)))
    made.request = Request.make(method, "http://gateway.test/", body)
    for name, value in (headers or {}).items():
        made.request.headers[name] = value
    made.request.data.path = target.encode("utf-8", "surrogateescape")
    return made


def exchange(endpoint: endpoints.Endpoint = endpoints.CHAT, **parts: Any) -> Exchange:
    known = {"id": "req_1", "endpoint": endpoint, "started_ns": START_NS}
    return Exchange(**{**known, **parts})


def held(**parts: Any) -> Exchange:
    """A chat exchange whose money is reserved."""
    known = {
        "caller": CALLER,
        "limits": NO_LIMITS,
        "ask": ask(),
        "model": MODEL,
        "quote": QUOTE,
        "held": True,
    }
    return exchange(**{**known, **parts})


def image_ask(**fields: Any) -> ImageAsk:
    """What a caller asks of an image model: a cat, unless the fields say otherwise."""
    return image_of({"prompt": "cat", **fields}).within(IMAGE_RULES)


def image_held(**parts: Any) -> Exchange:
    """An exchange for images whose money is reserved."""
    asked = parts.setdefault("ask", image_ask())
    quote = piece_quote(asked, IMAGE_PRICE, 0)
    known = {"model": IMAGE_MODEL, "quote": quote}
    return held(endpoint=endpoints.IMAGES, **{**known, **parts})


def video_ask(**fields: Any) -> VideoAsk:
    """What a caller asks of a video model: waves, unless the fields say otherwise."""
    return video_of({"prompt": "waves", **fields}).within(VIDEO_RULES)


def travelling(record: Exchange, **request: Any) -> HTTPFlow:
    """A flow that carries this exchange."""
    made = flow(**request)
    record.travel_with(made)
    return made


def answered(record: Exchange, status: int = 200, **request: Any) -> HTTPFlow:
    """A flow whose provider has answered; addons write the body."""
    made = travelling(record, **request)
    made.response = Response.make(status, b"")
    return made
