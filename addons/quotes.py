"""Quotes: what a request would cost, without running it.

Nothing is held and nothing is sent upstream. The worst case is made as the hold would
be, and what would become of it now is decided as the till decides: first the balance,
then the key's tokens a minute, then its tightest cap, each lowering the output limit or
refusing. Only what is used up of rate limits is not looked at: requests do that, and a
quote is none.

Reading, counting and looking into the ledger happen in threads of their own, few enough
to leave the processor to requests that are paid for.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
from mitmproxy.http import HTTPFlow

from addons.bodies import plain_body
from addons.counting import count_input_here
from addons.endpoints import Kind
from addons.estimate import (
    Estimate,
    chat_estimate,
    estimate_shape,
    pieces_estimate,
)
from addons.exchange import Exchange, KeyLimits, Quote
from addons.plan import Plan, Plans
from addons.quoting import (
    Pieces,
    affordable,
    counted_bound,
    fills,
    fitted,
    least_input,
    never_fits,
    price_in_force,
    situation_of,
    within,
    worst_case,
)
from addons.rendering import amount, json_response
from addons.wire.errors import (
    ApiError,
    InsufficientBalance,
    InternalError,
    KeyBudgetExceeded,
    LedgerDown,
    ModelNotAllowed,
    Overloaded,
    TokensOverLimit,
    UnknownKey,
    error_object,
)
from addons.wire.images import ImageAsk
from addons.wire.openai import ChatAsk
from addons.wire.quotes import endpoint_of, read_quote
from config.meters import TOKENS
from config.money import dollars
from config.prices import moment_text
from config.settings import Model
from storage.caps import tightest
from storage.clock import Clock
from storage.errors import LedgerUnavailable
from storage.keys import KeyRecord
from storage.reader import Reader
from storage.standing import Standing

THREADS = 2
QUEUE_MAX = 64


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would become of a request now: what it would hold and with which output
    limit, or why it would be refused."""

    hold_nano: int | None
    max_tokens: int | None = None
    lowered: bool = False
    refusal: ApiError | None = None


class Quotes:
    """Answers what requests would cost."""

    def __init__(
        self,
        plans: Plans,
        reader: Reader,
        clock: Clock,
    ) -> None:
        self.plans = plans
        self.reader = reader
        self.clock = clock
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="quotes")
        self.waiting = 0

    async def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or exchange.endpoint.kind is not Kind.QUOTE:
            return
        try:
            flow.response = json_response(200, await self.answer(flow, exchange))
        except ApiError as error:
            exchange.refuse(error)
        except LedgerUnavailable:
            exchange.refuse(LedgerDown())

    def done(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    async def answer(self, flow: HTTPFlow, exchange: Exchange) -> bytes:
        caller, limits = exchange.caller, exchange.limits
        if caller is None or limits is None:
            raise InternalError()
        if self.waiting >= QUEUE_MAX:
            raise Overloaded()
        body = plain_body(flow.request)
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self.pool,
                self.quote,
                self.plans.of(exchange),
                body,
                caller,
                limits,
            )
        finally:
            self.waiting -= 1

    def quote(
        self, plan: Plan, raw: bytes, caller: KeyRecord, limits: KeyLimits
    ) -> bytes:
        """The answer to a body; raises what the request itself would be refused with,
        but for the money, which is in the answer."""
        ask = read_quote(raw)
        now_ns = self.clock.wall_ns()
        if isinstance(ask, ChatAsk):
            estimate, outlook, standing = self.quote_chat(
                plan, ask, caller, limits.tpm, now_ns
            )
        else:
            estimate, outlook, standing = self.quote_pieces(
                plan, ask, caller, now_ns
            )
        shape = {
            "object": "quote",
            "endpoint": endpoint_of(ask),
            "at": moment_text(now_ns),
            **estimate_shape(estimate),
            **outlook_shape(estimate, outlook),
            "balance": amount(standing.available_nano),
            "balance_exact": dollars(standing.available_nano),
        }
        return orjson.dumps(shape)

    def quote_chat(
        self, plan: Plan, ask: ChatAsk, caller: KeyRecord, tpm: int, now_ns: int
    ) -> tuple[Estimate, Outlook, Standing]:
        model = plan.catalogue.serving(ask)
        check_model(caller, model)
        price = price_in_force(plan.prices, model.id, TOKENS, now_ns)
        first = worst_case(ask, model, price, situation_of(now_ns))
        counted = first.input_tokens
        if not fills(ask, first):
            counted = count_input_here(ask, model)
        standing = self.standing_of(caller, now_ns)
        return (
            chat_estimate(first, counted, ask.output_limit is not None),
            self.outlook(plan, ask, first, counted, tpm, standing),
            standing,
        )

    def quote_pieces(
        self, plan: Plan, ask: Pieces, caller: KeyRecord, now_ns: int
    ) -> tuple[Estimate, Outlook, Standing]:
        if isinstance(ask, ImageAsk):
            ask, model = plan.catalogue.drawing(ask)
        else:
            ask, model = plan.catalogue.filming(ask)
        check_model(caller, model)
        estimate = pieces_estimate(ask, plan.prices, now_ns)
        standing = self.standing_of(caller, now_ns)
        needed_nano = estimate.worst.cost_nano
        for room in rooms(standing):
            if needed_nano > room.left_nano:
                refusal = room.refusal(needed_nano)
                return estimate, Outlook(None, refusal=refusal), standing
        return estimate, Outlook(needed_nano), standing

    def outlook(
        self,
        plan: Plan,
        ask: ChatAsk,
        first: Quote,
        counted_tokens: int,
        tpm: int,
        standing: Standing,
    ) -> Outlook:
        """As `Holds` would decide, room by room."""
        bound, quote = counted_bound(first, counted_tokens), first
        least = least_input(ask)
        floor = plan.settings.policies.output_floor_tokens
        balance, *caps = rooms(standing)
        minute = Room(first.amount_nano, tpm=tpm)
        for room in (balance, minute, *caps):
            if quote.amount_nano <= room.left_nano and within(quote, room.tpm):
                continue
            tokens, smaller = least, None
            if affordable(first, least, 1, room.left_nano, tpm):
                tokens = bound
                smaller = fitted(first, bound, room.left_nano, floor, tpm)
            if smaller is None and never_fits(first, tokens, floor, tpm):
                return Outlook(None, refusal=TokensOverLimit(first.tokens, tpm))
            if smaller is None:
                return Outlook(None, refusal=room.refusal(first.amount_nano))
            quote = smaller
        return Outlook(quote.amount_nano, quote.output_tokens, quote.lowered)

    def standing_of(self, caller: KeyRecord, now_ns: int) -> Standing:
        found = self.reader.standing(caller.id, now_ns)
        if found is None:
            raise UnknownKey()
        return found


@dataclass(frozen=True, slots=True)
class Room:
    """What one thing leaves for a hold: the balance, the named cap of the key, or its
    tokens a minute."""

    left_nano: int
    cap: str | None = None
    tpm: int = 0

    def refusal(self, needed_nano: int) -> InsufficientBalance:
        needed, left = dollars(needed_nano), dollars(self.left_nano)
        if self.cap is None:
            return InsufficientBalance(needed, left)
        return KeyBudgetExceeded(self.cap, needed, left)


def check_model(caller: KeyRecord, model: Model) -> None:
    """ModelNotAllowed where the till would say so."""
    if not caller.allows_model(model.id):
        raise ModelNotAllowed(model.id)


def rooms(standing: Standing) -> Iterator[Room]:
    """The balance first, as at the till, then the cap that leaves least."""
    yield Room(standing.available_nano)
    cap = tightest(standing.spending.caps)
    if cap is not None and cap.left_nano is not None:
        yield Room(cap.left_nano, cap.name)


def outlook_shape(estimate: Estimate, outlook: Outlook) -> dict[str, Any]:
    """`affordable` is about the worst case as asked for; a request that is not may
    still be admitted, with a lower output limit."""
    held = outlook.hold_nano
    return {
        "affordable": held == estimate.worst.cost_nano,
        "admitted": held is not None,
        "hold": None if held is None else amount(held),
        "hold_exact": None if held is None else dollars(held),
        "max_tokens": outlook.max_tokens,
        "lowered": outlook.lowered,
        "refusal": None if outlook.refusal is None else error_object(outlook.refusal),
    }
