"""Holds: the money, before and after.

Before anything is sent upstream the worst case of the ask is reserved, durably, in
one database transaction that also checks the account's state and the key's limits.
Afterwards the hold is settled or voided, once. The same transaction finds out that a
request ran before under the name its caller gave it: then nothing is reserved, and it
gets the answer it got.

How much that is `addons.quoting` says. Whoever cannot cover it, because the balance or
the key's own cap leaves less, gets a second look with the input really counted and the
output limit lowered to what both afford; the caller is told. So does an ask that can
take more tokens than the key may use in a whole minute: it would be refused for ever.

A settle that cannot be written is kept and tried again: the answer was served, its
hold stays open in the ledger meanwhile, and nothing new is admitted in that state.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from mitmproxy.http import HTTPFlow
from mitmproxy.utils import asyncio_utils

from addons.counting import count_input
from addons.exchange import Charge, Exchange, Order, PieceQuote, Quote
from addons.plan import Plans
from addons.quoting import (
    affordable,
    counted_bound,
    fills,
    fitted,
    least_input,
    never_fits,
    piece_quote,
    price_in_force,
    situation_of,
    worst_case,
)
from addons.rendering import kept_response
from addons.wire.errors import (
    AccountDisabled,
    AnswerNotKept,
    ApiError,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InsufficientBalance,
    InternalError,
    KeyBudgetExceeded,
    LedgerDown,
    ModelNotAllowed,
    Overloaded,
    RateLimited,
    TokensOverLimit,
    TooManyVideos,
    UnknownKey,
    VideoUncertain,
)
from addons.wire.images import ImageAsk
from addons.wire.openai import ChatAsk
from addons.wire.videos import VideoAsk
from config.meters import IMAGES, TOKENS, VIDEOS
from config.money import dollars
from config.settings import Model
from storage import jobs, ledger, replays
from storage.clock import Clock
from storage.errors import IllegalMove, LedgerBusy, LedgerUnavailable
from storage.ledger import (
    Admission,
    Granted,
    Insufficient,
    OverBudget,
    Oversized,
    Settled,
    Settlement,
)
from storage.replays import KeptAnswer, Replayed
from storage.withdrawals import take_back
from storage.writer import Writer

logger = logging.getLogger(__name__)

# How often an ask that is lowered is tried: once for the balance and once for the
# caps, and others spend meanwhile.
TRIES = 4

Short = Insufficient | OverBudget | Oversized


class Holds:
    """Reserves money for asks, and settles or voids what was reserved."""

    def __init__(
        self,
        writer: Writer,
        plans: Plans,
        clock: Clock,
        retry_seconds: float,
        broken: Callable[[], bool] = lambda: False,
    ) -> None:
        self.writer = writer
        self.plans = plans
        self.clock = clock
        self.retry_seconds = retry_seconds
        self.broken = broken
        self.unwritten: set[asyncio.Task[None]] = set()

    async def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or exchange.ask is None:
            return
        if self.broken():
            # The books are wrong: nothing new is charged from them.
            exchange.refuse(LedgerDown())
            return
        try:
            await self.hold(exchange)
            if exchange.replayed is not None:
                flow.response = kept_response(exchange.replayed.answer)
        except ApiError as error:
            exchange.refuse(error)
        except LedgerBusy:
            exchange.refuse(LedgerDown())
        except LedgerUnavailable:
            # A commit that failed may have happened all the same.
            if exchange.order is None:
                self.write_later(ledger.void, exchange.id, "ledger_unavailable", None)
            else:
                self.write_later(take_back, *self.taken_back(exchange, exchange.order))
            exchange.refuse(unwritten(exchange))

    async def done(self) -> None:
        """Wait for what could not be written yet."""
        if self.unwritten:
            await asyncio.wait(self.unwritten, timeout=5 * self.retry_seconds)
        for task in self.unwritten:
            task.cancel()

    async def hold(self, exchange: Exchange) -> None:
        ask, model = exchange.ask, exchange.model
        if ask is None or model is None:
            raise InternalError()
        now_ns, prices = self.clock.wall_ns(), self.plans.of(exchange).prices
        if isinstance(ask, VideoAsk):
            order = exchange.order
            if order is None:
                raise InternalError()
            now_ns = order.moment_ns
        if isinstance(ask, ImageAsk | VideoAsk):
            kind = IMAGES if isinstance(ask, ImageAsk) else VIDEOS
            price = price_in_force(prices, model.id, kind, now_ns)
            await self.hold_all(exchange, piece_quote(ask, price, now_ns))
            return
        price = price_in_force(prices, model.id, TOKENS, now_ns)
        first = worst_case(ask, model, price, situation_of(now_ns))
        answer = await self.admit(exchange, first)
        if isinstance(answer, Short):
            await self.hold_less(exchange, ask, model, first, answer)

    async def hold_all(self, exchange: Exchange, quote: PieceQuote) -> None:
        """Admit what cannot be less: half an image is none."""
        answer = await self.admit(exchange, quote)
        if isinstance(answer, Short):
            raise too_little(quote, answer)

    async def hold_less(
        self,
        exchange: Exchange,
        ask: ChatAsk,
        model: Model,
        first: Quote,
        answer: Short,
    ) -> None:
        """Admit with a lower output limit if balance, caps and minute afford one."""
        if exchange.limits is None:
            raise InternalError()
        floor, tpm = self.floor_tokens(exchange), exchange.limits.tpm
        least = least_input(ask)
        if not affordable(first, least, 1, left_nano(first, answer), tpm):
            # However few tokens that text has: counting would be work for nothing.
            raise refusal(first, least, floor, tpm, answer)
        counted = first.input_tokens
        if not fills(ask, first):
            counted = counted_bound(first, await count_input(ask, model))
        for _ in range(TRIES):
            quote = fitted(first, counted, left_nano(first, answer), floor, tpm)
            if quote is None:
                break
            again = await self.admit(exchange, quote)
            if not isinstance(again, Short):
                return
            answer = again
        raise refusal(first, counted, floor, tpm, answer)

    def floor_tokens(self, exchange: Exchange) -> int:
        """Below this many an output limit is not lowered."""
        return self.plans.of(exchange).settings.policies.output_floor_tokens

    async def admit(
        self, exchange: Exchange, quote: Quote | PieceQuote
    ) -> jobs.Opened:
        """Reserve a quote; raises the refusals that no smaller quote would cure."""
        caller, limits = exchange.caller, exchange.limits
        if caller is None or limits is None:
            raise InternalError()
        if not caller.allows_model(quote.price.model):
            raise ModelNotAllowed(quote.price.model)
        admission = Admission(
            hold_id=exchange.id,
            account_id=caller.account_id,
            key_id=caller.id,
            amount_nano=quote.amount_nano,
            price_id=quote.price.id,
            model=quote.price.model,
            tokens=quote.tokens,
            rpm=limits.rpm,
            tpm=limits.tpm,
            concurrency=limits.concurrency,
            replay=exchange.replay,
        )
        order = exchange.order
        if order is None:
            answer: jobs.Opened = await self.writer.run(ledger.admit, admission)
        else:
            answer = await self.writer.run(
                jobs.open_job, admission, order.job, order.answer
            )
        match answer:
            case Granted():
                exchange.held = order is None
                exchange.ordered = order is not None
                exchange.quote = quote
                exchange.rate = answer.rate
                exchange.available_nano = answer.available_nano
            case ledger.RateLimited(limit, retry_after_seconds):
                raise RateLimited(limit, retry_after_seconds)
            case ledger.Blocked("key"):
                # Revoked since it was looked up: the same answer as unknown.
                raise UnknownKey()
            case ledger.Blocked():
                raise AccountDisabled()
            case replays.InFlight(request_id):
                raise IdempotencyKeyInUse(request_id)
            case replays.NotKept(request_id, streamed):
                raise AnswerNotKept(request_id, streamed)
            case replays.KeyReused(request_id):
                raise IdempotencyKeyReused(request_id)
            case Replayed():
                exchange.replayed = answer
            case jobs.TooManyJobs("account", most):
                raise TooManyVideos(most)
            case jobs.TooManyJobs():
                raise Overloaded()
            case Insufficient() | OverBudget() | Oversized():
                pass
        return answer

    async def settle(
        self,
        exchange: Exchange,
        charge: Charge,
        answer: Callable[[int], KeptAnswer] | None = None,
    ) -> None:
        """Charge what the exchange cost; returns when that is durable, or queued.

        `answer` is kept with the charge, of what was paid.
        """
        settlement = Settlement(
            exchange.id,
            charge.cost_nano,
            charge.cost_pico,
            charge.record,
            charge.buy_nano,
            charge.buy_pico,
            answer,
        )
        # Right unless the ledger knows better in a moment.
        exchange.paid_nano = charge.cost_nano
        try:
            self.note(exchange, await self.writer.run(ledger.settle, settlement))
        except LedgerUnavailable:
            self.write_later(ledger.settle, settlement)
        exchange.held = False

    def note(self, exchange: Exchange, answer: Settled) -> None:
        exchange.paid_nano = answer.paid_nano
        exchange.available_nano = answer.available_nano
        if answer.shortfall_nano:
            logger.warning(
                "%s: shortfall of $%s", exchange.id, dollars(answer.shortfall_nano)
            )

    async def void(self, exchange: Exchange, charge: Charge | None) -> None:
        """Give back what was held; returns when that is durable, or queued."""
        exchange.paid_nano = 0
        record = charge.record if charge is not None else None
        reason = charge.outcome if charge is not None else "internal_error"
        try:
            answer = await self.writer.run(ledger.void, exchange.id, reason, record)
            exchange.available_nano = answer.available_nano
        except LedgerUnavailable:
            self.write_later(ledger.void, exchange.id, reason, record)
        exchange.held = False

    def write_later(self, verb: Callable[..., Any], *args: Any) -> None:
        """Keep what could not be written, and try again until it is."""
        task = asyncio_utils.create_task(
            self.write_until_done(verb, *args), name=verb.__name__, keep_ref=True
        )
        self.unwritten.add(task)
        task.add_done_callback(self.unwritten.discard)

    async def write_until_done(self, verb: Callable[..., Any], *args: Any) -> None:
        while True:
            await asyncio.sleep(self.retry_seconds)
            try:
                await self.writer.run(verb, *args)
                return
            except LedgerUnavailable:
                logger.warning("%s is not written yet", verb.__name__)
            except IllegalMove:
                # The hold that might have been committed never was.
                return
            except Exception:
                # It stays open, and the next start voids it.
                logger.exception("%s cannot be written", verb.__name__)
                return

    async def withdraw(self, exchange: Exchange) -> None:
        """Take back what was ordered, if nobody began it; what has ended stays."""
        if exchange.order is None or not exchange.ordered:
            return
        arguments = self.taken_back(exchange, exchange.order)
        try:
            await self.writer.run(take_back, *arguments)
        except LedgerUnavailable:
            self.write_later(take_back, *arguments)
        exchange.ordered = False

    def taken_back(self, exchange: Exchange, order: Order) -> tuple[str, int, int]:
        if exchange.caller is None:
            raise InternalError()
        return order.job.id, exchange.caller.account_id, self.clock.wall_ns()

    async def release(self, exchange: Exchange) -> None:
        """What a failed hook leaves behind: nothing held, and nothing ordered."""
        if exchange.held:
            await self.void(exchange, None)
        await self.withdraw(exchange)


def unwritten(exchange: Exchange) -> ApiError:
    """The refusal of an ask whose commit failed, and may have happened. What was held
    for nothing is given back; a video may be begun before it is taken back. Only a name
    makes sure that a request that is sent again has no second one made."""
    if exchange.order is None or exchange.replay is not None:
        return LedgerDown()
    return VideoUncertain(exchange.order.job.id)


def refusal(
    first: Quote, input_tokens: int, floor_tokens: int, tpm: int, answer: Short
) -> ApiError:
    """The refusal of an ask that was lowered in vain: by its size, if that would have
    it refused with any money."""
    if never_fits(first, input_tokens, floor_tokens, tpm):
        return TokensOverLimit(first.tokens, tpm)
    return too_little(first, answer)


def left_nano(first: Quote, answer: Short) -> int:
    """The money there is for an ask: all it can cost, if that is not what it lacks."""
    if isinstance(answer, Oversized):
        return first.amount_nano
    return answer.available_nano


def too_little(first: Quote | PieceQuote, answer: Short) -> ApiError:
    """The refusal of an ask, by what there was least of."""
    if isinstance(answer, Oversized):
        return TokensOverLimit(answer.needed_tokens, answer.limit_tokens)
    needed, available = dollars(first.amount_nano), dollars(answer.available_nano)
    if isinstance(answer, OverBudget):
        return KeyBudgetExceeded(answer.limit, needed, available)
    return InsufficientBalance(needed, available)
