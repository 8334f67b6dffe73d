"""Records: answers what was.

A caller asks for the receipt of a request of its own, or for the same facts in
OpenRouter's words. Who has a video asks by the video's id, as long as that is known;
that its owner deleted the video changes nothing about what it cost. Somebody else's
request, one that never was, one that was refused before any money was held and one that
still runs get the same answer, so that guessing teaches nothing. The ledger is read in
a thread: reading blocks.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson
from mitmproxy.http import HTTPFlow

from addons.endpoints import Kind
from addons.exchange import Exchange
from addons.rendering import json_response
from addons.wire.checks import missing
from addons.wire.errors import (
    ApiError,
    BadParameter,
    InternalError,
    LedgerDown,
    NotFound,
)
from config.meters import OUTPUT_METERS
from config.money import dollars
from config.prices import input_tokens
from storage.errors import LedgerBroken, LedgerUnavailable
from storage.instants import instant_text
from storage.reader import Reader, ReceiptRecord
from storage.receipts import receipt_of
from storage.signing import Signer

logger = logging.getLogger(__name__)

NO_RECEIPT = "There is no receipt with this id; a request that runs has none yet."
QUERY_FIELDS_MAX = 16
_REQUEST_ID = re.compile(r"req_[0-9a-z]{1,40}", re.ASCII)
_VIDEO_ID = re.compile(r"video_[0-9a-z]{1,40}", re.ASCII)
# What OpenRouter's clients expect to find and we know nothing of.
ABSENT: Mapping[str, None] = dict.fromkeys(
    (
        "app_id",
        "cache_discount",
        "external_user",
        "http_referer",
        "moderation_latency",
        "native_tokens_completion_images",
        "num_fetches",
        "num_input_audio_prompt",
        "num_media_prompt",
        "num_search_results",
        "preset_id",
        "router",
        "service_tier",
        "upstream_inference_cost",
        "user_agent",
        "web_search_engine",
        "workspace_id",
    )
)


class Records:
    """Answers requests for what the ledger knows about earlier ones."""

    def __init__(self, reader: Reader, signer: Signer) -> None:
        self.reader = reader
        self.signer = signer
        self.key = orjson.dumps(signer.key.shown())

    async def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or flow.response is not None:
            return
        kind = exchange.endpoint.kind
        try:
            if kind is Kind.RECEIPT_KEY:
                flow.response = json_response(200, self.key)
            elif kind is Kind.RECEIPT:
                body = await self.find(exchange, exchange.endpoint.name, self.receipt)
                flow.response = json_response(200, body)
            elif kind is Kind.GENERATION:
                asked = asked_id(flow.request.path)
                body = await self.find(exchange, asked, generation)
                flow.response = json_response(200, body)
        except ApiError as error:
            exchange.refuse(error)

    async def find(
        self,
        exchange: Exchange,
        asked: str,
        shape: Callable[[ReceiptRecord], dict[str, Any]],
    ) -> bytes:
        """What the caller asked for, in a shape; NotFound if it is not the caller's."""
        if exchange.caller is None:
            raise InternalError()
        account_id = exchange.caller.account_id
        try:
            return await asyncio.to_thread(self.read, asked, account_id, shape)
        except LedgerUnavailable:
            raise LedgerDown() from None
        except LedgerBroken as error:
            logger.error("no receipt of %s: %s", asked, error)
            raise InternalError() from None

    def read(
        self,
        asked: str,
        account_id: int,
        shape: Callable[[ReceiptRecord], dict[str, Any]],
    ) -> bytes:
        found = self.reader.receipt(self.request_of(asked))
        if found is None or found.report.account_id != account_id:
            raise NotFound(NO_RECEIPT)
        return orjson.dumps(shape(found))

    def request_of(self, asked: str) -> str:
        """The request that is asked about, by its own id or by its video's; NotFound if
        that is neither. Whose it is is not looked at here."""
        if _REQUEST_ID.fullmatch(asked) is not None:
            return asked
        job = None
        if _VIDEO_ID.fullmatch(asked) is not None:
            job = self.reader.jobs.job(asked)
        if job is None:
            raise NotFound(NO_RECEIPT)
        return job.request_id

    def receipt(self, found: ReceiptRecord) -> dict[str, Any]:
        return self.signer.signed(receipt_of(found))


def asked_id(target: str) -> str:
    """The id in a query; BadParameter if there is none."""
    try:
        query = parse_qs(target.partition("?")[2], max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise BadParameter("id", "the query has too many parameters.") from None
    if "id" not in query:
        raise missing("id")
    return query["id"][0]


def pieces(quantities: Mapping[str, int]) -> int | None:
    """How many images or videos; None for tokens."""
    return quantities.get("image", quantities.get("generation"))


def api_type(quantities: Mapping[str, int]) -> str:
    if "generation" in quantities:
        return "videos"
    return "images" if "image" in quantities else "completions"


def generation(found: ReceiptRecord) -> dict[str, Any]:
    """The facts as OpenRouter's clients read them.

    Its normalised token counts are the native ones here: we count as the provider does.
    What it has and we have not is null. Money is a number, written digit by digit;
    `total_cost_exact` is the same as a text.
    """
    report, record = found.report, found.report.record
    quantities = record.quantities
    prompt = input_tokens(quantities)
    output = sum(quantities.get(meter, 0) for meter in OUTPUT_METERS)
    first_ms = record.total_ms if record.first_byte_ms is None else record.first_byte_ms
    cost = dollars(report.paid_nano)
    shown = {
        "id": report.request_id,
        "upstream_id": record.upstream_id or None,
        "total_cost": orjson.Fragment(cost),
        "total_cost_exact": cost,
        "usage": orjson.Fragment(cost),
        "created_at": instant_text(found.opened_ns),
        "model": record.model,
        "provider_name": record.provider or None,
        "streamed": record.stream,
        "cancelled": record.outcome.startswith("client_left"),
        "latency": first_ms,
        "generation_time": record.total_ms - first_ms if record.stream else first_ms,
        "finish_reason": record.finish or None,
        "native_finish_reason": record.finish or None,
        "tokens_prompt": prompt,
        "tokens_completion": output,
        "native_tokens_prompt": prompt,
        "native_tokens_completion": output,
        # Known only where reasoning has a rate of its own.
        "native_tokens_reasoning": quantities.get("reasoning"),
        "native_tokens_cached": quantities.get("cache_read", 0),
        "num_media_completion": pieces(quantities),
        "api_type": api_type(quantities),
        "data_region": "global",
        "is_byok": False,
        "origin": "",
        "provider_responses": [
            {
                "provider_name": attempt.provider,
                "status": attempt.status or None,
                "latency": attempt.total_ms,
            }
            for attempt in record.trail
        ],
    }
    return {"data": {**ABSENT, **shown}}
