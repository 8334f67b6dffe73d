"""Upstream: how a request gets to a provider, and the answer back.

A call is served by one coroutine: a plain loop over the route's legs. Each attempt
translates the caller's ask afresh for its provider. An attempt that fails before
the first byte has gone to the client may be followed by another, as `retries` decides.
After the first byte there is no way back: the stream ends with an error frame, because
a cut stream must never look like success. Images have rules of their own, in `drawing`:
what may have been begun is not begun again elsewhere.

The coroutine belongs to its flow. When the client leaves, `error` cancels it, and
with it the provider's connection; but an answer that goes on is waited for: one that is
kept for later, and images, which the provider makes and bills in any case.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from mitmproxy.http import HTTPFlow

from addons.exchange import Attempt, Exchange, Leg, Quote
from addons.providers.base import NOTHING, UpstreamRequest
from addons.traces import TRACEPARENT
from addons.upstream.aside import Aside
from addons.upstream.call import Call
from addons.upstream.drawing import (
    ERROR_BYTES,
    Easel,
    Fetching,
    Pause,
    draw_all,
    outcome_of,
    without_retry,
)
from addons.upstream.fetch import Fetch
from addons.upstream.lines import Lines
from addons.upstream.retries import Course
from addons.upstream.transport import (
    Reply,
    Transport,
    open_transport,
    read_start,
    read_whole,
    request_id,
)
from addons.upstream.veil import veil
from addons.upstream.watch import Watch
from addons.wire.chat_stream import ChatStream
from addons.wire.errors import (
    ApiError,
    BadRequest,
    Draining,
    InternalError,
    Overloaded,
    UpstreamFailed,
)
from addons.wire.images import ImageAnswer, ImageAsk
from addons.wire.openai import ChatAsk
from config.settings import Provider, Retries, Settings
from storage.clock import Clock

logger = logging.getLogger(__name__)

# How long the end of a finished answer may take before its connection is given up.
RELEASE_SECONDS = 1.0
NANOSECONDS = 1_000_000_000
# Requests for images at once: each may have many megabytes in memory.
DRAWING_MAX = 64

CUT_SHORT = "The provider cut its answer short."
NO_CONTENT = "The provider's answer was empty."
COMPLETE = "complete"
RUNAWAY = "The provider did not keep to the output limit."
# What a stream may say before its first content.
EARLY_BYTES = 64 * 1024
# No text has longer tokens on average; a stream beyond that ignores its limit.
CHARS_A_TOKEN_MAX = 64
CHARS_SPARE = 4096


class Upstream:
    """Serves calls over transports that live as long as the process."""

    def __init__(
        self,
        clock: Clock,
        open_transport: Callable[[Provider], Transport] = open_transport,
        open_fetch: Callable[[Provider], Fetching] = Fetch,
        pause: Pause = asyncio.sleep,
        retries_of: Callable[[Exchange], Retries] = lambda exchange: Retries(),
    ) -> None:
        self.clock = clock
        self.pause = pause
        self.retries_of = retries_of
        self.aside = Aside()
        self.drawing = 0
        self.transports = Lines(open_transport)
        self.fetches = Lines(open_fetch)
        self.calls: set[Call] = set()
        self.cutting = False

    def configured(self, settings: Settings) -> None:
        """Whoever was put aside may be well by what the files say now."""
        self.aside.forget()
        self.transports.offer(settings.providers)
        self.fetches.offer(settings.providers)

    async def done(self) -> None:
        await self.transports.close()
        await self.fetches.close()

    async def error(self, flow: HTTPFlow) -> None:
        """The client left: stop asking the provider, or hear it out for later."""
        exchange = Exchange.find(flow)
        if exchange is None or exchange.call is None:
            return
        call = exchange.call
        if call.task is None:
            return
        call.unheard = True
        if exchange.goes_on:
            await asyncio.wait([call.task])
        else:
            call.task.cancel("client left")

    def cut_all(self) -> None:
        """End every running answer now; what was delivered is charged."""
        self.cutting = True
        for call in self.calls:
            if call.task is not None:
                call.task.cancel("draining")

    def streams(self) -> int:
        """How many streamed answers have begun and not ended."""
        return sum(call.began for call in self.calls)

    def is_aside(self, leg: Leg) -> bool:
        """Whether a leg is tried after all others now."""
        return self.aside.holds(leg, asyncio.get_running_loop().time())

    async def upstream_exchange(self, call: Call) -> None:
        """Serve one call to its end, whatever happens on the way."""
        if call.ended:
            # It was for a file of ours, and has its answer.
            return
        exchange = Exchange.of(call.flow)
        exchange.call = call
        call.task = asyncio.current_task()
        self.calls.add(call)
        try:
            await self.serve(call, exchange)
        finally:
            self.calls.discard(call)

    async def serve(self, call: Call, exchange: Exchange) -> None:
        try:
            await self.attempt_all(call, exchange)
        except asyncio.CancelledError:
            if not self.cutting:
                raise
            uncancel()
            await self.fail(call, exchange, Draining())
        except ApiError as error:
            await self.fail(call, exchange, error)
        except Exception:
            logger.exception("serving %s failed", exchange.id)
            await self.fail(call, exchange, InternalError())

    async def fail(self, call: Call, exchange: Exchange, error: ApiError) -> None:
        """Tell the client: a refusal if it has nothing yet, else a broken stream."""
        if call.ended:
            # The answer was complete; what failed is the end of its connection.
            return
        self.end_attempt(exchange, error.code or error.type)
        if exchange.committed:
            exchange.broken = error
            await call.end()
            return
        exchange.refuse(error)
        await call.whole(error.status)

    async def attempt_all(self, call: Call, exchange: Exchange) -> None:
        if not exchange.admitted:
            # No addon gave this request a positive verdict: it goes nowhere.
            raise InternalError()
        if self.cutting:
            # Its money was being held while all the others were cut.
            raise Draining()
        now_seconds = asyncio.get_running_loop().time
        legs = self.aside.order(exchange.route, now_seconds())
        retries = self.retries_of(exchange)
        course = Course(legs, retries, exchange.id)
        while (step := course.next(now_seconds())) is not None:
            await self.wait(exchange, step.wait_seconds)
            leg = exchange.leg = step.leg
            exchange.attempts += 1
            exchange.trail.append(Attempt(leg, self.clock.monotonic_ns()))
            try:
                await self.attempt(call, exchange, leg)
            except ApiError as error:
                veil(error, leg)
                self.end_attempt(exchange, error.code or error.type)
                note(exchange, leg, error)
                self.aside.failed(
                    leg, error, now_seconds() + retries.aside_seconds
                )
                attempt = exchange.trail[-1]
                if exchange.committed or attempt.begun:
                    raise
                exchange.turned_away()
                course.failed(error, attempt.status, now_seconds())
            else:
                return self.aside.served(leg)
        raise course.told

    async def wait(self, exchange: Exchange, seconds: float) -> None:
        """Time that a provider asked for is no overhead of ours."""
        if not seconds:
            return
        exchange.ask_upstream(self.clock.monotonic_ns())
        try:
            await asyncio.sleep(seconds)
        finally:
            exchange.heard_upstream(self.clock.monotonic_ns())

    def end_attempt(self, exchange: Exchange, outcome: str) -> None:
        if exchange.trail:
            exchange.trail[-1].end(self.clock.monotonic_ns(), outcome)

    async def attempt(self, call: Call, exchange: Exchange, leg: Leg) -> None:
        if isinstance(exchange.ask, ImageAsk):
            await self.attempt_images(call, exchange, exchange.ask, leg)
            return
        request = translate(exchange, leg)
        sent = partial(self.contact, exchange)
        exchange.ask_upstream(self.clock.monotonic_ns())
        with self.transports.to(leg.provider) as line, Watch(leg.clocks) as watch:
            transport = self.taped(line, exchange)
            try:
                async with transport.open(request, sent) as reply:
                    await self.receive(call, exchange, leg, reply, watch)
            except asyncio.CancelledError:
                watch.excuse()
            finally:
                exchange.heard_upstream(self.clock.monotonic_ns())

    async def receive(
        self, call: Call, exchange: Exchange, leg: Leg, reply: Reply, watch: Watch
    ) -> None:
        attempt = exchange.trail[-1]
        attempt.status = reply.status
        attempt.upstream_id = request_id(reply.headers)
        if reply.status != 200:
            body = await read_start(reply, ERROR_BYTES)
            raise leg.dialect.read_error(reply.status, reply.headers, body)
        if exchange.ask is not None and exchange.ask.stream:
            await self.pass_on(call, exchange, leg, reply, watch)
            return
        # A whole answer may come in pieces, with blank lines while it is made.
        body = await read_whole(reply, leg.provider.response_bytes, watch.streaming)
        exchange.first_byte_ns = self.clock.monotonic_ns()
        exchange.heard_upstream(exchange.first_byte_ns)
        exchange.answer = leg.dialect.read_answer(body)
        # Before the answer goes on, for with it goes its charge.
        self.end_attempt(exchange, COMPLETE)
        await call.whole(200)

    def taped(self, transport: Transport, exchange: Exchange) -> Transport:
        """What goes through it is written down where there is a tape."""
        if exchange.tape is None:
            return transport
        return exchange.tape.around(transport, exchange.attempts)

    def contact(self, exchange: Exchange) -> None:
        exchange.contact(self.clock.monotonic_ns())

    async def attempt_images(
        self, call: Call, exchange: Exchange, ask: ImageAsk, leg: Leg
    ) -> None:
        """All images of an ask by one leg, or those that could be made."""
        imaging = leg.dialect.imaging
        if imaging is None:
            raise InternalError()
        if self.drawing >= DRAWING_MAX:
            raise Overloaded()
        requests = imaging.image_requests(ask, leg.candidate.model, end_user(exchange))
        exchange.dropped = ask.dropped + requests[0].dropped
        authentic = [authorised(traced(one, exchange), leg) for one in requests]
        self.drawing += 1
        exchange.ask_upstream(self.clock.monotonic_ns())
        transports, fetches = self.transports, self.fetches
        try:
            with transports.to(leg.provider) as line, fetches.to(leg.provider) as fetch:
                easel = Easel(
                    self.taped(line, exchange),
                    fetch,
                    imaging,
                    leg.clocks,
                    leg.provider.response_bytes,
                    partial(self.contact, exchange),
                    credential(leg),
                    self.pause,
                )
                results = await draw_all(authentic, easel)
        finally:
            self.drawing -= 1
            exchange.heard_upstream(self.clock.monotonic_ns())
        outcome, attempt = outcome_of(results), exchange.trail[-1]
        attempt.status, attempt.upstream_id = outcome.status, outcome.upstream_id
        attempt.begun = outcome.begun
        if outcome.error is not None:
            raise without_retry(outcome.error) if outcome.begun else outcome.error
        for one in results:
            if one.error is not None:
                veil(one.error, leg)
                note(exchange, leg, one.error)
        exchange.first_byte_ns = self.clock.monotonic_ns()
        exchange.answer = ImageAnswer(outcome.made[: ask.n])
        self.end_attempt(exchange, COMPLETE)
        await call.whole(200)

    async def pass_on(
        self, call: Call, exchange: Exchange, leg: Leg, reply: Reply, watch: Watch
    ) -> None:
        created = self.clock.wall_ns() // NANOSECONDS
        stream = exchange.stream = open_stream(exchange, leg, created)
        early = b""
        runaway = characters_max(exchange)
        pieces = reply.pieces()
        async for piece in pieces:
            watch.life()
            out = stream.feed(piece)
            if exchange.refusal is not None:
                # A hook of ours failed: nobody may have this answer.
                return await call.end()
            if not exchange.committed:
                early += out
                if stream.started:
                    await self.begin(call, exchange, early, watch)
                elif len(early) > EARLY_BYTES:
                    raise UpstreamFailed(NO_CONTENT)
            elif out:
                watch.pause()
                await call.send(out)
                watch.life()
            if stream.ended:
                break
            if stream.reading.meter.characters > runaway:
                raise UpstreamFailed(RUNAWAY)
        stream.flush()
        verdict(stream)
        if not exchange.committed:
            # Its only event had no blank line after it.
            await self.begin(call, exchange, early, watch)
        self.end_attempt(exchange, COMPLETE)
        await call.end()
        await release(pieces)

    async def begin(
        self, call: Call, exchange: Exchange, first: bytes, watch: Watch
    ) -> None:
        """The client gets the head of its answer: no other leg may follow."""
        exchange.first_byte_ns = self.clock.monotonic_ns()
        exchange.committed = True
        watch.streaming()
        watch.pause()
        await call.begin(first)
        watch.life()


def translate(exchange: Exchange, leg: Leg) -> UpstreamRequest:
    """The ask as this leg's provider wants it, with our credential for it."""
    ask, quote = exchange.ask, exchange.quote
    if not isinstance(ask, ChatAsk) or not isinstance(quote, Quote):
        raise InternalError()
    request = leg.dialect.chat_request(
        ask, leg.candidate.model, quote.output_tokens, end_user(exchange)
    )
    exchange.dropped = ask.dropped + request.dropped
    return authorised(traced(request, exchange), leg)


def traced(request: UpstreamRequest, exchange: Exchange) -> UpstreamRequest:
    """With the trace that its attempt belongs to, if it belongs to one."""
    if exchange.trace is None:
        return request
    return request.with_headers(
        {TRACEPARENT: exchange.trace.parent_of(exchange.attempts)}
    )


def authorised(request: UpstreamRequest, leg: Leg) -> UpstreamRequest:
    """With our credential for the leg's provider, if it wants one."""
    found = credential(leg)
    return request.with_headers(found) if found else request


def credential(leg: Leg) -> Mapping[str, str]:
    """The headers that hold our credential, if the provider wants one."""
    if leg.credential is None:
        return NOTHING
    return leg.dialect.auth(leg.credential.secret)


def characters_max(exchange: Exchange) -> int:
    """The longest text that can come of the output limit we sent."""
    quote = exchange.quote
    if not isinstance(quote, Quote):
        raise InternalError()
    tokens = quote.output_tokens * quote.choices
    return tokens * CHARS_A_TOKEN_MAX + CHARS_SPARE


def note(exchange: Exchange, leg: Leg, error: ApiError) -> None:
    """Tell the operator what the caller is not told."""
    if isinstance(error, BadRequest):
        return
    logger.warning(
        "%s: %s failed: %s %s", exchange.id, leg.provider.name, error.code, error.detail
    )


def end_user(exchange: Exchange) -> str:
    """What the provider may know about who asks: an opaque account number."""
    if exchange.caller is None:
        raise InternalError()
    return f"account-{exchange.caller.account_id}"


def open_stream(exchange: Exchange, leg: Leg, created: int) -> ChatStream:
    ask = exchange.ask
    if not isinstance(ask, ChatAsk):
        raise InternalError()
    return leg.dialect.open_stream(
        ask.model, exchange.id, ask.include_usage, choices=ask.n, created=created
    )


def verdict(stream: ChatStream) -> None:
    """Raises what went wrong with a stream that has ended."""
    if stream.reading.fault is not None:
        raise stream.reading.fault
    if not stream.reading.finished:
        raise UpstreamFailed(CUT_SHORT)
    if not stream.started:
        raise UpstreamFailed(NO_CONTENT)


async def release(pieces: object) -> None:
    """Read the rest of a finished answer, so that its connection can be used again."""
    with suppress(ApiError, TimeoutError):
        async with asyncio.timeout(RELEASE_SECONDS):
            async for _ in pieces:  # type: ignore[attr-defined]
                pass


def uncancel() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
