"""Price changes: what a new version of a price makes different, meter by meter.

Versions are compared by what they come to and not by how they are written: wherever
either of them has a condition, the rates in that situation are put side by side. So a
case that is added shows as a change from the rates that applied there before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from config.meters import ALL_METERS, FALLBACKS
from config.prices import Price, PriceBook
from config.situations import PLAIN, Corner, When, moments


@dataclass(frozen=True, slots=True)
class Change:
    """One meter's rates before and after, where something holds; None is no rate."""

    price: Price
    case: str
    meter: str
    sell: tuple[int | None, int | None]
    buy: tuple[int | None, int | None]


def changes_in(book: PriceBook) -> Iterator[Change]:
    """What each version changes in the one before it."""
    before: Price | None = None
    for price in book:
        if before is not None and before.model == price.model:
            yield from changes(before, price)
        before = price


def changes(old: Price, new: Price) -> Iterator[Change]:
    whens = list(dict.fromkeys(case.when for case in (*old.cases, *new.cases)))
    quiet_ns = moments(whens)[0]
    for when in (None, *whens):
        corner = example(when, quiet_ns)
        at = (corner.situation, corner.input_tokens)
        sells = old.sell_at(*at), new.sell_at(*at)
        buys = old.buy_at(*at), new.buy_at(*at)
        for meter in ALL_METERS:
            sell = _rate(sells[0], meter), _rate(sells[1], meter)
            buy = _rate(buys[0], meter), _rate(buys[1], meter)
            named = any(meter in rates for rates in (*sells, *buys))
            if named and (sell[0] != sell[1] or buy[0] != buy[1]):
                yield Change(new, when.text if when else "", meter, sell, buy)


def example(when: When | None, quiet_ns: int) -> Corner:
    """A situation in which a condition holds, and as little else as possible."""
    situation = replace(PLAIN, moment_ns=quiet_ns)
    if when is None:
        return Corner(situation, 0)
    if when.hours:
        # A week of its edges has a moment inside each window.
        inside = (moment for moment in moments([when])[::-1])
        situation = replace(situation, moment_ns=next(inside))
    if when.thinking is not None:
        situation = replace(situation, thinking=when.thinking)
    parameters = {name: values[0] for name, values in when.parameters}
    situation = replace(situation, parameters=parameters)
    return Corner(situation, 0 if when.input_above is None else when.input_above + 1)


def _rate(rates: Mapping[str, int], meter: str) -> int | None:
    for name in (meter, *FALLBACKS.get(meter, ())):
        if name in rates:
            return rates[name]
    return None
