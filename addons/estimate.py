"""Estimate: what an ask costs at most and most likely, line by line.

The most is what is held, made by the functions that make the hold. What is likely is a
guess that says what it supposes. Images and videos are paid for by the piece, so both
are the same. A line is exact; only the sum of a bill is rounded, up and once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from addons.exchange import Quote
from addons.quoting import price_in_force
from addons.rendering import amount
from addons.wire.errors import BadParameter, UnknownModel
from addons.wire.images import ImageAsk
from addons.wire.videos import VideoAsk
from config import Price, PriceBook
from config.meters import IMAGES, VIDEOS, rate_text
from config.money import charge_nano_rounded_up, dollars, dollars_a_unit
from config.price_text import terms_id, terms_text
from config.prices import Situation, input_tokens, moment_text, rate_pico

type Pieces = ImageAsk | VideoAsk

# What an answer is supposed to have where nobody set a limit.
TYPICAL_OUTPUT_TOKENS = 512

BY_THE_PIECE = "a piece has one price: the most is also what is likely"


@dataclass(frozen=True, slots=True)
class Line:
    """So much of one meter at one rate; exact."""

    meter: str
    quantity: int
    rate_pico: int

    @property
    def cost_pico(self) -> int:
        return self.quantity * self.rate_pico


@dataclass(frozen=True, slots=True)
class Bill:
    lines: tuple[Line, ...]
    cost_nano: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an ask costs at a price in a situation: at most, and supposedly."""

    price: Price
    situation: Situation
    worst: Bill
    expected: Bill
    assumption: str


def chat_estimate(
    first: Quote, counted_tokens: int, limited: bool, counted: str = "counted"
) -> Estimate:
    """Of a chat whose worst case is known. `limited` says that the output limit is
    the caller's own, which it is then supposed to use."""
    output_tokens = first.output_tokens
    supposed = f"output {output_tokens} tokens a choice, the limit asked for"
    if not limited:
        output_tokens = min(output_tokens, TYPICAL_OUTPUT_TOKENS)
        supposed = f"output {output_tokens} tokens a choice, as no limit was asked for"
    expected = {
        "input": min(counted_tokens, first.input_tokens),
        "output": output_tokens * first.choices,
    }
    return Estimate(
        first.price,
        first.situation,
        bill_of(first.price, first.quantities, first.situation, first.amount_nano),
        bill_of(first.price, expected, first.situation),
        f"input {counted}, none of it cached; {supposed}",
    )


def pieces_estimate(ask: Pieces, book: PriceBook, now_ns: int) -> Estimate:
    """Of images or a video. UnknownModel if nothing is priced by that name,
    PriceUnknown if its price has not begun, BadParameter if it makes other things."""
    kind, made = (IMAGES, "images") if isinstance(ask, ImageAsk) else (VIDEOS, "videos")
    if ask.model not in book.models:
        raise UnknownModel(ask.model)
    price = book.at(ask.model, now_ns)
    if price is not None and price.kind is not kind:
        raise BadParameter("model", f"{ask.model} makes no {made}.")
    price = price_in_force(book, ask.model, kind, now_ns)
    situation = Situation(now_ns, False, ask.parameters)
    bill = bill_of(price, ask.quantities, situation)
    # A hold is never empty, here as for a chat.
    worst = Bill(bill.lines, max(1, bill.cost_nano))
    return Estimate(price, situation, worst, bill, BY_THE_PIECE)


def bill_of(
    price: Price,
    quantities: Mapping[str, int],
    situation: Situation,
    cost_nano: int | None = None,
) -> Bill:
    """The lines of some quantities; meters that cost nothing are left out, unless all
    of them do. `cost_nano` is given where a hold has its own."""
    rates = price.sell_at(situation, input_tokens(quantities))
    lines = [
        Line(meter, quantity, rate_pico(rates, meter))
        for meter, quantity in quantities.items()
    ]
    if cost_nano is None:
        cost_nano = charge_nano_rounded_up(sum(line.cost_pico for line in lines))
    billed = [line for line in lines if line.rate_pico]
    return Bill(tuple(billed or lines), cost_nano)


def estimate_shape(estimate: Estimate) -> dict[str, Any]:
    """In JSON: numbers digit by digit, and the same amounts as exact text. The price
    has the id that a receipt gives it, which tells nothing of what we pay."""
    price = estimate.price
    return {
        "model": price.model,
        "currency": "USD",
        "price": {
            "id": terms_id(terms_text(price)),
            "effective_from": moment_text(price.effective_from_ns),
            "conditions": price.facts(estimate.situation),
        },
        "worst_case": bill_shape(estimate.price, estimate.worst),
        "expected": {
            **bill_shape(estimate.price, estimate.expected),
            "assumption": estimate.assumption,
        },
    }


def bill_shape(price: Price, bill: Bill) -> dict[str, Any]:
    return {
        "cost": amount(bill.cost_nano),
        "cost_exact": dollars(bill.cost_nano),
        "lines": [
            {
                "meter": line.meter,
                "quantity": line.quantity,
                "rate": rate_text(line.meter, line.rate_pico),
                "unit": price.kind.unit,
                "cost_exact": dollars_a_unit(line.cost_pico),
            }
            for line in bill.lines
        ],
    }
