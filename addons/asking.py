"""Asking: what is asked.

Reads the body once, validates it, and finds the model. What the catalogue alone
can answer is answered here.
"""

import asyncio
from collections.abc import Mapping

import orjson
from mitmproxy.http import HTTPFlow

from addons.catalogue import Catalogue
from addons.endpoints import Kind
from addons.exchange import Exchange, Leg
from addons.rendering import json_response
from addons.wire.errors import (
    ApiError,
    BadParameter,
    BadRequest,
    ModelUnavailable,
    UnknownModel,
)
from addons.wire.openai import ChatAsk, read_chat
from config.settings import Model

# Above this size a body is parsed off the event loop.
INLINE_BYTES = 128 * 1024


class Asking:
    """Turns a request's body into an ask for a model that exists."""

    def __init__(
        self,
        models: Mapping[str, Model],
        routes: Mapping[str, tuple[Leg, ...]],
        catalogue: Catalogue,
    ) -> None:
        self.models = models
        self.routes = routes
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
        if flow.request.headers.get("content-encoding", "identity") != "identity":
            raise BadRequest("Compressed request bodies are not supported.")
        ask = await read(flow.request.raw_content or b"")
        model = self.models.get(ask.model)
        if model is None:
            raise UnknownModel(ask.model)
        if not self.routes.get(model.id):
            raise ModelUnavailable(model.id)
        check_output_limit(ask, model)
        exchange.ask, exchange.model = ask, model


async def read(raw: bytes) -> ChatAsk:
    if len(raw) <= INLINE_BYTES:
        return read_chat(raw)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, read_chat, raw)


def check_output_limit(ask: ChatAsk, model: Model) -> None:
    if ask.output_limit is None or ask.output_limit <= model.output_tokens:
        return
    raise BadParameter(
        ask.output_limit_name, f"{model.id} answers with {model.output_tokens} at most"
    )
