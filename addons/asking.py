"""Asking: what is asked.

Reads the body once, validates it, and finds the model. What the catalogue alone
can answer is answered here.
"""

import asyncio

import orjson
from mitmproxy.http import HTTPFlow

from addons.bodies import plain_body
from addons.catalogue import Catalogue
from addons.endpoints import Kind
from addons.exchange import Exchange
from addons.rendering import json_response
from addons.wire.errors import ApiError
from addons.wire.openai import ChatAsk, read_chat

# Above this size a body is parsed off the event loop.
INLINE_BYTES = 128 * 1024


class Asking:
    """Turns a request's body into an ask for a model that exists."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

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
        if kind is Kind.MODELS:
            body = orjson.dumps(self.catalogue.listing())
            flow.response = json_response(200, body)
        elif kind is Kind.MODEL:
            body = orjson.dumps(self.catalogue.entry(exchange.endpoint.name))
            flow.response = json_response(200, body)
        elif kind is Kind.CHAT:
            await self.ask_chat(flow, exchange)

    async def ask_chat(self, flow: HTTPFlow, exchange: Exchange) -> None:
        ask = await read(plain_body(flow.request))
        exchange.ask, exchange.model = ask, self.catalogue.serving(ask)


async def read(raw: bytes) -> ChatAsk:
    if len(raw) <= INLINE_BYTES:
        return read_chat(raw)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, read_chat, raw)
