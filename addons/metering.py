"""Metering: what was used, and what it costs.

How a flow ended and what is known of its usage decide the charge; both decisions are
tables below. Nothing is written here: the charge is put on the Exchange, and the
receipt commits it.

Images are charged by those that the caller gets. Whoever leaves while they are made is
charged for them where the policies charge a chat's input, because their provider makes
and bills them all the same.

Evidence, from best to worst:

    reported    the provider said so
    counted     we counted a complete answer
    partial     we counted what was delivered of an answer that broke off
    estimated   the input alone, counted, because no answer came
    invalid     the provider reported nonsense, so we counted
    none        nothing is charged
"""

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType

from mitmproxy.http import HTTPFlow

from addons.counting import count_input, count_text
from addons.exchange import Charge, Exchange, PieceQuote, Quote
from addons.providers.base import Answer
from addons.trails import finish_of, trail_of, upstream_id_of
from addons.wire.errors import InternalError
from addons.wire.images import ImageAnswer
from addons.wire.openai import ChatAsk
from addons.wire.usage import Invalid, Usage
from config import Price
from config.meters import TOKEN_METERS
from config.money import charge_nano_rounded_up
from config.prices import buy_pico, sell_pico
from config.settings import Model, Policies
from storage.clock import Clock
from storage.ledger import UsageRecord
from storage.trail import NAME_CHARS_MAX, cleaned

# How far above the hold's bounds reported usage is still believed.
INPUT_FACTOR_MAX = 2
INPUT_SPARE_TOKENS = 1024
OUTPUT_SPARE_TOKENS = 64
NANOSECONDS_A_MILLISECOND = 1_000_000


class End(Enum):
    """How a flow ended; the value is the outcome written to the ledger."""

    COMPLETE = "complete"
    REFUSED = "refused"
    BROKEN = "upstream_died"
    LEFT_EARLY = "client_left_before_contact"
    LEFT_WAITING = "client_left_before_headers"
    LEFT_READING = "client_left_midstream"


class Rule(Enum):
    """What is charged: nothing, the input alone, what was delivered, or all used."""

    NOTHING = "nothing"
    INPUT = "input"
    DELIVERED = "delivered"
    USED = "used"


Evidence = str
Quantities = Mapping[str, int]
NONE: Quantities = MappingProxyType({})


class Metering:
    """Decides the charge of every exchange that held money."""

    def __init__(
        self, policies_of: Callable[[Exchange], Policies], clock: Clock
    ) -> None:
        self.policies_of = policies_of
        self.clock = clock

    async def response(self, flow: HTTPFlow) -> None:
        await self.meter(flow, client_left=False)

    async def error(self, flow: HTTPFlow) -> None:
        await self.meter(flow, client_left=True)

    async def meter(self, flow: HTTPFlow, client_left: bool) -> None:
        exchange = Exchange.find(flow)
        if exchange is None or not exchange.held:
            return
        end = ending(exchange, client_left)
        rule = rules_of(self.policies_of(exchange))[end]
        evidence, quantities = await self.measure(exchange, rule)
        exchange.charge = self.rate(exchange, end, evidence, quantities)

    async def measure(
        self, exchange: Exchange, rule: Rule
    ) -> tuple[Evidence, Quantities]:
        if rule is Rule.NOTHING:
            return "none", NONE
        if isinstance(exchange.quote, PieceQuote):
            return pieces_made(exchange, exchange.quote)
        if rule is Rule.INPUT:
            return "estimated", {"input": await self.count_input(exchange)}
        if rule is Rule.DELIVERED and not delivered(exchange):
            return "none", NONE
        quote = quote_of(exchange)
        usage = believed(reported(exchange), quote)
        if isinstance(usage, Usage) and usage.complete and not cut_short(exchange):
            return "reported", itemised(usage.quantities, usage, quote.price)
        counted: Quantities = {
            "input": await self.count_input(exchange),
            "output": min(await count_output(exchange), quote.output_tokens_all),
        }
        if isinstance(usage, Invalid):
            return "invalid", counted
        if isinstance(usage, Usage):
            counted = joined(counted, usage, cut_short(exchange))
            counted = itemised(counted, usage, quote.price)
        return ("partial" if rule is Rule.DELIVERED else "counted"), counted

    async def count_input(self, exchange: Exchange) -> int:
        """The input as we count it, and no more than what was held for it."""
        counted = await count_input(ask_of(exchange), model_of(exchange))
        return min(counted, quote_of(exchange).input_tokens)

    def rate(
        self, exchange: Exchange, end: End, evidence: Evidence, quantities: Quantities
    ) -> Charge:
        quote = any_quote_of(exchange)
        pico = sell_pico(quote.price, quantities, quote.situation)
        cost_pico = buy_pico(quote.price, quantities, quote.situation)
        return Charge(
            charge_nano_rounded_up(pico),
            pico,
            quantities,
            end.value,
            self.record(exchange, end, evidence, quantities),
            charge_nano_rounded_up(cost_pico),
            cost_pico,
        )

    def record(
        self, exchange: Exchange, end: End, evidence: Evidence, quantities: Quantities
    ) -> UsageRecord:
        leg, quote = exchange.leg, any_quote_of(exchange)
        now_ns = self.clock.monotonic_ns()
        refusal = exchange.refusal or exchange.broken
        return UsageRecord(
            model=quote.price.model,
            provider=leg.provider.name if leg is not None else "",
            upstream_model=leg.candidate.model if leg is not None else "",
            evidence=evidence,
            quantities=quantities,
            outcome=outcome(exchange, end),
            status=refusal.status if refusal is not None else 200,
            attempts=exchange.attempts,
            first_byte_ms=since_start_ms(exchange, exchange.first_byte_ns),
            total_ms=since_start_ms(exchange, now_ns) or 0,
            tokens=sum(quantities.get(meter, 0) for meter in TOKEN_METERS),
            stream=exchange.ask is not None and exchange.ask.stream,
            conditions=quote.price.facts(quote.situation),
            upstream_id=upstream_id_of(exchange),
            finish=finish_of(exchange),
            trail=trail_of(exchange, now_ns),
        )


def rules_of(policies: Policies) -> Mapping[End, Rule]:
    """The charge by how a flow ended; three lines are the operator's to choose."""
    return {
        End.COMPLETE: Rule.USED,
        End.REFUSED: Rule.NOTHING,
        End.BROKEN: Rule(policies.upstream_died),
        End.LEFT_EARLY: Rule.NOTHING,
        End.LEFT_WAITING: Rule(policies.client_left_before_headers),
        End.LEFT_READING: Rule(policies.client_left_midstream),
    }


def ending(exchange: Exchange, client_left: bool) -> End:
    if exchange.refusal is not None:
        return End.REFUSED
    if exchange.broken is not None:
        return End.BROKEN
    if not client_left or (exchange.is_kept and exchange.answer is not None):
        return End.COMPLETE
    if exchange.contacted_ns is None:
        return End.LEFT_EARLY
    if not exchange.committed:
        return End.LEFT_WAITING
    return End.LEFT_READING


def outcome(exchange: Exchange, end: End) -> str:
    """The end in one word, with the error's code where there was one. That may be the
    provider's own, and not every database takes whatever bytes a provider says."""
    if end is End.REFUSED and exchange.refusal is not None:
        return cleaned(exchange.refusal.code or "", NAME_CHARS_MAX) or end.value
    return end.value


def reported(exchange: Exchange) -> Usage | Invalid | None:
    if isinstance(exchange.answer, Answer):
        return exchange.answer.usage
    if exchange.stream is not None:
        return exchange.stream.reading.usage
    return None


def believed(usage: Usage | Invalid | None, quote: Quote) -> Usage | Invalid | None:
    """Usage as reported, unless it is beyond what was asked.

    A provider may add a prompt of its own or overshoot a limit by a few tokens, so
    there is some room; what is beyond it is a fault of the provider, and a caller
    does not pay for that on its word.
    """
    if not isinstance(usage, Usage):
        return usage
    if usage.prompt > INPUT_FACTOR_MAX * quote.input_tokens + INPUT_SPARE_TOKENS:
        return Invalid("more input than was sent")
    output_tokens = usage.quantities.get("output", 0)
    if output_tokens > quote.output_tokens_all + OUTPUT_SPARE_TOKENS:
        return Invalid("more output than was allowed")
    return usage


def pieces_made(
    exchange: Exchange, quote: PieceQuote
) -> tuple[Evidence, Quantities]:
    """What there is of what was asked for, and never more than that."""
    if not isinstance(exchange.answer, ImageAnswer):
        return "none", NONE
    made = exchange.answer.quantities
    return "counted", {
        meter: min(count, made.get(meter, 0))
        for meter, count in quote.quantities.items()
    }


def cut_short(exchange: Exchange) -> bool:
    """Whether the provider's figures may be of an earlier moment than the end."""
    return exchange.stream is not None and not exchange.stream.reading.finished


def joined(counted: Quantities, usage: Usage, cut: bool) -> dict[str, int]:
    """Reported figures, counted ones where there are none. Of a stream that was cut
    more was delivered than some chunk in its middle says."""
    quantities = {**counted, **usage.quantities}
    if cut:
        quantities["output"] = max(quantities["output"], counted["output"])
    return quantities


def itemised(quantities: Quantities, usage: Usage, price: Price) -> Quantities:
    """Reasoning apart from the rest of the output, where it has a rate of its own."""
    if not usage.reasoning or not price.has_rate("reasoning"):
        return quantities
    output = quantities.get("output", 0)
    reasoning = min(usage.reasoning, output)
    return {**quantities, "output": output - reasoning, "reasoning": reasoning}


def delivered(exchange: Exchange) -> bool:
    """Whether the client got any of the answer."""
    return exchange.stream is not None and exchange.committed


async def count_output(exchange: Exchange) -> int:
    if exchange.stream is not None:
        return exchange.stream.reading.meter.tokens()
    if isinstance(exchange.answer, Answer):
        return await count_text(exchange.answer.text)
    return 0


def since_start_ms(exchange: Exchange, at_ns: int | None) -> int | None:
    if at_ns is None:
        return None
    return (at_ns - exchange.started_ns) // NANOSECONDS_A_MILLISECOND


def ask_of(exchange: Exchange) -> ChatAsk:
    if not isinstance(exchange.ask, ChatAsk):
        raise InternalError()
    return exchange.ask


def quote_of(exchange: Exchange) -> Quote:
    if not isinstance(exchange.quote, Quote):
        raise InternalError()
    return exchange.quote


def any_quote_of(exchange: Exchange) -> Quote | PieceQuote:
    if exchange.quote is None:
        raise InternalError()
    return exchange.quote


def model_of(exchange: Exchange) -> Model:
    if exchange.model is None:
        raise InternalError()
    return exchange.model
