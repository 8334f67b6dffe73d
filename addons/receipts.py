"""Receipts: the charge is committed, and the caller is told.

The last addon that touches an answer. It writes the charge to the ledger first; only
then does the answer get its cost, its balance and, for a stream, its end. So whoever
has a complete answer can already see its charge, and an addon that fails before this
one leaves nothing charged.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from mitmproxy.http import Headers, HTTPFlow, Response

from addons.endpoints import Kind
from addons.exchange import Charge, Exchange
from addons.rendering import JSON, allow_any_origin
from addons.wire.errors import InternalError, error_frame
from addons.wire.images import ImageAnswer, images_body
from addons.wire.openai import answer_body, usage_object
from addons.wire.usage import Usage
from config.money import dollars
from storage.clock import Clock
from storage.ledger import RateState
from storage.replays import KeptAnswer, Replayed

EVENT_STREAM = "text/event-stream; charset=utf-8"
NANOSECONDS = 1_000_000_000
NANOSECONDS_A_MICROSECOND = 1_000

PREFLIGHT_HEADERS = {
    "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "access-control-allow-headers": "authorization, content-type, x-api-key, *",
    "access-control-max-age": "86400",
}


Write = Callable[[int], bytes]
"""Makes the body of an answer, of what was paid for it in nano-dollars."""


class Till(Protocol):
    """Where a hold is settled or voided."""

    async def settle(
        self,
        exchange: Exchange,
        charge: Charge,
        answer: Callable[[int], KeptAnswer] | None,
    ) -> None: ...

    async def void(self, exchange: Exchange, charge: Charge | None) -> None: ...

    async def withdraw(self, exchange: Exchange) -> None: ...


class Receipts:
    """Commits each charge and writes what the caller reads about it."""

    def __init__(self, till: Till, clock: Clock) -> None:
        self.till = till
        self.clock = clock

    def responseheaders(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if flow.response is None or exchange.refusal is not None:
            return
        if not exchange.committed:
            return
        headers = flow.response.headers = self.stream_headers(exchange)
        if flow.request.http_version == "HTTP/1.0":
            # No chunks there: the end of the connection is the end of the stream.
            headers["connection"] = "close"
        else:
            headers["transfer-encoding"] = "chunked"
        flow.response.stream = True
        exchange.began = True

    async def response(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        write = self.writer_of(exchange)
        # Written before the commit: an answer that cannot be written costs nothing.
        body = None if write is None else write(cost_of(exchange))
        if exchange.held:
            await self.commit(exchange, write)
        if isinstance(exchange.refusal, InternalError):
            await self.till.withdraw(exchange)
        if flow.response is None:
            return
        if exchange.began:
            exchange.tail = tail_of(exchange)
        elif exchange.refusal is None:
            if write is not None and is_short(exchange):
                body = write(cost_of(exchange))
            if exchange.told is not None:
                body = exchange.told.answer.body
            self.complete(flow.response, exchange, body)

    async def error(self, flow: HTTPFlow) -> None:
        """The client is gone; the charge is not, nor an answer that is kept."""
        exchange = Exchange.find(flow)
        if exchange is None:
            return
        if exchange.held:
            await self.commit(exchange, self.writer_of(exchange))
        if isinstance(exchange.refusal, InternalError):
            await self.till.withdraw(exchange)

    async def commit(self, exchange: Exchange, write: Write | None) -> None:
        charge = exchange.charge
        if charge is None or charge.record.evidence == "none":
            await self.till.void(exchange, charge)
        elif write is None or not exchange.is_kept:
            await self.till.settle(exchange, charge, None)
        else:
            await self.till.settle(exchange, charge, partial(kept, write))

    def writer_of(self, exchange: Exchange) -> Write | None:
        """Writes a whole answer in the caller's dialect; None if there is none.

        Whatever else it depends on is fixed here: what is kept in the ledger and what
        the caller gets are made apart, and are the same to the byte.
        """
        answer, ask = exchange.answer, exchange.ask
        if answer is None or ask is None or exchange.refusal is not None:
            return None
        created = self.clock.wall_ns() // NANOSECONDS
        if isinstance(answer, ImageAnswer):
            shown = answer.shown
            return lambda paid_nano: images_body(shown, created, dollars(paid_nano))
        usage = counted_usage(exchange)
        return lambda paid_nano: answer_body(
            answer.body,
            ask.model,
            dollars(paid_nano),
            usage,
            request_id=exchange.id,
            created=created,
        )

    def complete(
        self, response: Response, exchange: Exchange, body: bytes | None
    ) -> None:
        """The answer in one piece, with its receipt in headers."""
        if body is not None:
            response.headers = self.receipt_headers(exchange)
            response.headers["content-type"] = JSON
            response.headers["content-length"] = str(len(body))
            response.raw_content = body
        response.headers["x-request-id"] = exchange.id
        if exchange.told is not None:
            response.headers.update(exchange.told.fields)
        if exchange.replayed is not None:
            response.headers.update(replayed_fields(exchange.replayed))
        if exchange.endpoint.api:
            allow_any_origin(response.headers)
        if exchange.endpoint.kind is Kind.PREFLIGHT:
            response.headers.update(PREFLIGHT_HEADERS)

    def stream_headers(self, exchange: Exchange) -> Headers:
        headers = self.receipt_headers(exchange)
        headers["content-type"] = EVENT_STREAM
        # A proxy in front must pass each event on as it comes.
        headers["x-accel-buffering"] = "no"
        allow_any_origin(headers)
        return headers

    def receipt_headers(self, exchange: Exchange) -> Headers:
        """What is known by now; on a stream that is all but the cost."""
        fields = {
            "cache-control": "no-store",
            "x-request-id": exchange.id,
            "x-autolist-attempts": str(exchange.attempts),
            "x-autolist-overhead-ms": overhead_ms(
                exchange.overhead_ns(self.clock.monotonic_ns())
            ),
        }
        if exchange.leg is not None:
            fields["x-autolist-provider"] = exchange.leg.provider.name
            fields["x-autolist-upstream-model"] = exchange.leg.candidate.model
        if exchange.paid_nano is not None:
            fields["x-autolist-cost"] = dollars(exchange.paid_nano)
            if exchange.available_nano is not None:
                fields["x-autolist-balance"] = dollars(exchange.available_nano)
        if exchange.quote is not None and exchange.quote.lowered_to is not None:
            fields["x-autolist-max-tokens"] = str(exchange.quote.lowered_to)
        if exchange.dropped:
            fields["x-autolist-dropped"] = ", ".join(exchange.dropped)
        if exchange.rate is not None:
            fields |= rate_fields(exchange.rate)
        return Headers(
            [(name.encode(), value.encode()) for name, value in fields.items()]
        )


def cost_of(exchange: Exchange) -> int:
    """What was paid, or will be unless the balance ends first."""
    if exchange.paid_nano is not None:
        return exchange.paid_nano
    return 0 if exchange.charge is None else exchange.charge.cost_nano


def is_short(exchange: Exchange) -> bool:
    """Whether less was paid than it cost: the balance ended first."""
    charge = exchange.charge
    return charge is not None and exchange.paid_nano != charge.cost_nano


def kept(write: Write, paid_nano: int) -> KeptAnswer:
    """A whole answer as it is kept for whoever asks again."""
    return KeptAnswer(200, JSON, write(paid_nano))


def replayed_fields(replayed: Replayed) -> dict[str, str]:
    """The receipt of the request that got this answer first, as the ledger has it."""
    return {
        "x-autolist-replayed": "true",
        "x-request-id": replayed.request_id,
        "x-autolist-attempts": str(replayed.attempts),
        "x-autolist-provider": replayed.provider,
        "x-autolist-upstream-model": replayed.upstream_model,
        "x-autolist-cost": dollars(replayed.paid_nano),
    }


def overhead_ms(overhead_ns: int) -> str:
    """In milliseconds with one decimal."""
    micros = overhead_ns // NANOSECONDS_A_MICROSECOND
    return f"{micros // 1000}.{micros % 1000 // 100}"


def tail_of(exchange: Exchange) -> bytes:
    """What ends a stream: an error if it broke, else usage, cost and [DONE]."""
    failure = exchange.broken or exchange.refusal
    if failure is not None:
        return error_frame(failure)
    if exchange.stream is None or exchange.charge is None:
        return b""
    usage = counted_usage(exchange)
    if usage is None and isinstance(exchange.stream.reading.usage, Usage):
        usage = exchange.stream.reading.usage
    figures = None if usage is None else usage_object(usage)
    return exchange.stream.tail(figures, dollars(exchange.paid_nano or 0))


def counted_usage(exchange: Exchange) -> Usage | None:
    """What was charged where the provider's own figures were not; else None."""
    charge = exchange.charge
    if charge is None or charge.record.evidence == "reported":
        return None
    quantities = dict(charge.quantities)
    reasoning = quantities.pop("reasoning", 0)
    if reasoning:
        # Charged apart, and told as callers know it: inside the output.
        quantities["output"] = quantities.get("output", 0) + reasoning
    return Usage(quantities, reasoning)


def rate_fields(rate: RateState) -> dict[str, str]:
    """What is left of the key's limits, in the headers that SDKs read."""
    fields = {}
    if rate.requests_remaining is not None:
        fields["x-ratelimit-limit-requests"] = str(rate.requests_limit)
        fields["x-ratelimit-remaining-requests"] = str(rate.requests_remaining)
        fields["x-ratelimit-reset-requests"] = f"{rate.reset_seconds}s"
    if rate.tokens_remaining is not None:
        fields["x-ratelimit-limit-tokens"] = str(rate.tokens_limit)
        fields["x-ratelimit-remaining-tokens"] = str(rate.tokens_remaining)
        fields["x-ratelimit-reset-tokens"] = f"{rate.reset_seconds}s"
    return fields
