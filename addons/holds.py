"""Holds: the money, before and after.

Before anything is sent upstream the worst case of the ask is reserved, durably, in
one database transaction that also checks the account's state and the key's limits.
Afterwards the hold is settled or voided, once. The same transaction finds out that a
request ran before under the name its caller gave it: then nothing is reserved, and it
gets the answer it got.

The worst case is an upper bound of the input (every token is at least one byte of
text) and the output limit that goes upstream, at the dearest rate that can apply:
nobody knows yet what is cached or thought, or which tier the input will reach.
An account that cannot cover it gets a second look with the input really counted and
the output limit lowered to what is affordable; the caller is told.

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
from addons.exchange import Charge, Exchange, Quote
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
    PriceUnknown,
    RateLimited,
    UnknownKey,
)
from addons.wire.openai import ChatAsk
from config import Price, PriceBook
from config.meters import TOKENS
from config.money import dollars
from config.prices import PLAIN, Situation, cost_nano, worst_quantities
from config.settings import Model
from storage import ledger, replays
from storage.clock import Clock
from storage.errors import IllegalMove, LedgerBusy, LedgerUnavailable
from storage.ledger import Admission, Granted, Insufficient, Settled, Settlement
from storage.replays import KeptAnswer, Replayed
from storage.writer import Writer

logger = logging.getLogger(__name__)

# Counted input is exact for one vocabulary only; other models split text otherwise.
COUNT_MARGIN_PERCENT = 30
# Hardly any text has longer tokens on average.
BYTES_A_TOKEN_MAX = 16
# How often an ask that is lowered to the balance is tried: others spend meanwhile.
TRIES = 3


class Holds:
    """Reserves money for asks, and settles or voids what was reserved."""

    def __init__(
        self,
        writer: Writer,
        prices: PriceBook,
        clock: Clock,
        output_floor_tokens: int,
        retry_seconds: float,
        broken: Callable[[], bool] = lambda: False,
    ) -> None:
        self.writer = writer
        self.prices = prices
        self.clock = clock
        self.output_floor_tokens = output_floor_tokens
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
            self.write_later(ledger.void, exchange.id, "ledger_unavailable", None)
            exchange.refuse(LedgerDown())

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
        now_ns = self.clock.wall_ns()
        price = self.prices.at(model.id, now_ns)
        if price is None or price.kind is not TOKENS:
            raise PriceUnknown(model.id)
        first = worst_case(ask, model, price, situation_of(now_ns))
        answer = await self.admit(exchange, first)
        if isinstance(answer, Insufficient):
            await self.hold_less(exchange, first, answer)

    async def hold_less(
        self, exchange: Exchange, first: Quote, answer: Insufficient
    ) -> None:
        """Admit with a lower output limit if the balance affords one."""
        ask, model = exchange.ask, exchange.model
        if ask is None or model is None:
            raise InternalError()
        refusal = InsufficientBalance(
            dollars(answer.needed_nano), dollars(answer.available_nano)
        )
        if not affordable(first, least_input(ask), 1, answer.available_nano):
            # However few tokens that text has: counting would be work for nothing.
            raise refusal
        bound = first.input_tokens
        counted = min(bound, with_margin(await count_input(ask, model)))
        floor = min(self.output_floor_tokens, first.output_tokens)
        for _ in range(TRIES):
            quote = lowered(first, counted, answer.available_nano)
            if quote is None or quote.output_tokens < floor:
                raise refusal
            again = await self.admit(exchange, quote)
            if not isinstance(again, Insufficient):
                return
            answer = again
        raise refusal

    async def admit(
        self, exchange: Exchange, quote: Quote
    ) -> Granted | Insufficient | Replayed:
        """Reserve a quote; raises the refusals that no smaller quote would cure."""
        caller, limits = exchange.caller, exchange.limits
        if caller is None or limits is None:
            raise InternalError()
        answer = await self.writer.run(
            ledger.admit,
            Admission(
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
            ),
        )
        match answer:
            case Granted():
                exchange.held = True
                exchange.quote = quote
                exchange.rate = answer.rate
                exchange.available_nano = answer.available_nano
            case ledger.OverBudget(limit, needed_nano, available_nano):
                raise KeyBudgetExceeded(
                    limit, dollars(needed_nano), dollars(available_nano)
                )
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
            case Insufficient():
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

    async def release(self, exchange: Exchange) -> None:
        """What a failed hook leaves behind: nothing held."""
        if exchange.held:
            await self.void(exchange, None)


def situation_of(now_ns: int) -> Situation:
    """What the rates of a chat depend on: the moment it is admitted, and no thinking,
    for every dialect whose models think at another rate switches that off in words."""
    return Situation(moment_ns=now_ns, thinking=False)


def worst_case(
    ask: ChatAsk, model: Model, price: Price, situation: Situation = PLAIN
) -> Quote:
    """The hard upper bound of what an ask can cost."""
    input_tokens = ask.input_tokens_max + ask.images * model.image_tokens
    output_tokens = model.output_tokens
    if ask.output_limit is not None:
        output_tokens = ask.output_limit
    return quote_of(
        price,
        min(input_tokens, model.context_tokens),
        output_tokens,
        ask.n,
        situation=situation,
    )


def quote_of(
    price: Price,
    input_tokens: int,
    output_tokens: int,
    choices: int,
    lowered: bool = False,
    situation: Situation = PLAIN,
) -> Quote:
    quantities = worst_quantities(
        price, situation, input_tokens, output_tokens * choices
    )
    # A hold is never empty, even for a model that is given away.
    amount_nano = max(1, cost_nano(price, quantities, situation))
    return Quote(
        price, input_tokens, output_tokens, choices, amount_nano, lowered, situation
    )


def least_input(ask: ChatAsk) -> int:
    """Fewer tokens than this the text does not have; found without counting."""
    return ask.input_tokens_max // BYTES_A_TOKEN_MAX + 1


def affordable(
    first: Quote, input_tokens: int, output_tokens: int, available_nano: int
) -> bool:
    quote = quote_of(
        first.price,
        input_tokens,
        output_tokens,
        first.choices,
        situation=first.situation,
    )
    return quote.amount_nano <= available_nano


def lowered(first: Quote, input_tokens: int, available_nano: int) -> Quote | None:
    """The quote with the largest output limit that is affordable, by bisection.

    The cost is monotone in the limit, so no division of money is needed.
    """
    if not affordable(first, input_tokens, 1, available_nano):
        return None
    low, high = 1, first.output_tokens
    while low < high:
        middle = (low + high + 1) // 2
        if affordable(first, input_tokens, middle, available_nano):
            low = middle
        else:
            high = middle - 1
    return quote_of(
        first.price,
        input_tokens,
        low,
        first.choices,
        lowered=low < first.output_tokens,
        situation=first.situation,
    )


def with_margin(counted: int) -> int:
    return counted + counted * COUNT_MARGIN_PERCENT // 100
