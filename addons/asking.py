"""Asking: what is asked.

Reads the body once, validates it, and finds the model. What the catalogue alone
can answer is answered here.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import orjson
from mitmproxy.http import HTTPFlow

from addons.bodies import plain_body
from addons.endpoints import Kind
from addons.exchange import Exchange
from addons.plan import Plans
from addons.rendering import json_response
from addons.wire.errors import ApiError
from addons.wire.images import read_image
from addons.wire.openai import read_chat
from addons.wire.videos import read_creation, read_generation

# Above this size a body is parsed off the event loop.
INLINE_BYTES = 128 * 1024


class Asking:
    """Turns a request's body into an ask for a model that exists."""

    def __init__(self, plans: Plans) -> None:
        self.plans = plans

    async def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or flow.response is not None:
            return
        try:
            await self.ask(flow, exchange)
        except ApiError as error:
            exchange.refuse(error)

    async def ask(self, flow: HTTPFlow, exchange: Exchange) -> None:
        kind = exchange.endpoint.kind
        catalogue = self.plans.of(exchange).catalogue
        if kind is Kind.MODELS:
            body = orjson.dumps(catalogue.listing())
            flow.response = json_response(200, body)
        elif kind is Kind.MODEL:
            body = orjson.dumps(catalogue.entry(exchange.endpoint.name))
            flow.response = json_response(200, body)
        elif kind is Kind.CHAT:
            ask = await read(read_chat, plain_body(flow.request))
            exchange.ask, exchange.model = ask, catalogue.serving(ask)
        elif kind is Kind.IMAGES:
            image = await read(read_image, plain_body(flow.request))
            exchange.ask, exchange.model = catalogue.drawing(image)
        elif kind is Kind.VIDEO_GENERATION:
            video = await read(read_generation, plain_body(flow.request))
            exchange.ask, exchange.model = catalogue.filming(video)
        elif kind is Kind.VIDEO_CREATION:
            content_type = flow.request.headers.get("content-type", "")
            reader = partial(read_creation, content_type)
            video = await read(reader, plain_body(flow.request))
            exchange.ask, exchange.model = catalogue.filming(video)


async def read[A](reader: Callable[[bytes], A], raw: bytes) -> A:
    if len(raw) <= INLINE_BYTES:
        return reader(raw)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, reader, raw)
