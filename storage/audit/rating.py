"""Rating: every charge computed again from quantities, situation and pinned price.

I7. The price is only as good as its id, which is the digest of its content: one that
was changed is none. Rates that depend on nothing are multiplied here at once, because
most requests have such a price and there are many; the others go the way that charged
them, through the price's cases.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache

from config.money import charge_nano_rounded_up
from config.price_text import price_of_texts
from config.prices import METERS, Price, buy_pico, rate_pico, sell_pico
from config.situations import Situation
from storage.audit.findings import Finding
from storage.audit.rows import (
    CHARGED_STATE,
    CODE,
    COST_NANO,
    COST_PICO,
    METERED,
    OTHER,
    PRICE,
    USAGE_ID,
    USED_BUY,
    USED_BUY_PICO,
)
from storage.engine import Row, Snapshot
from storage.ledger import CONDITIONS

_METERS_END = METERED + len(METERS)
_PRICES_KEPT = 1024
_PRICES = "SELECT id, model, effective_from_ns, sell, buy FROM price"

Rates = tuple[int, ...]
"""A number for each meter."""


class Rating:
    """Fed with transfers that charge a request, and the usage beside them."""

    def __init__(self) -> None:
        self._prices: dict[str, Price] = {}
        self._flat: dict[str, tuple[Rates, Rates]] = {}

    def learn(self, snapshot: Snapshot) -> None:
        """The prices that are new since the last slice."""
        for price in sound_prices(snapshot, self._prices):
            self._prices[price.id] = price
            if not price.cases and all(price.has_rate(meter) for meter in METERS):
                self._flat[price.id] = _rates(price.sell), _rates(price.buy)

    def feed(self, row: Row) -> Finding | None:
        if row[CODE] not in CHARGED_STATE or row[USAGE_ID] is None:
            return None
        price_id = row[PRICE]
        flat = self._flat.get(price_id)
        try:
            if flat is not None and row[OTHER] is None:
                counts = row[METERED:_METERS_END]
                text = _otherwise(row, _sum(flat[0], counts), _sum(flat[1], counts))
            elif price_id in self._prices:
                text = _otherwise(row, *_rated(self._prices[price_id], row))
            else:
                text = f"its price {price_id} is not there, or not as it was"
        except (ValueError, TypeError, AttributeError) as error:
            text = f"it cannot be rated: {error}"
        return Finding("I7", f"usage {row[USAGE_ID]}", text) if text else None


def sound_prices(
    snapshot: Snapshot, known: dict[str, Price] | None = None
) -> Iterator[Price]:
    """The prices whose content is what their id is the digest of."""
    for price_id, *content in snapshot.rows(_PRICES):
        if known is not None and price_id in known:
            continue
        price = read_price(*content)
        if price is not None and price.id == price_id:
            yield price


@lru_cache(maxsize=_PRICES_KEPT)
def read_price(
    model: str, effective_from_ns: int, sell: str, buy: str
) -> Price | None:
    """A stored price; None if it is none. Every audit reads all of them twice, and what
    the same texts say does not change."""
    try:
        return price_of_texts(model, effective_from_ns, sell, buy)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _rates(side: Mapping[str, int]) -> Rates:
    return tuple(rate_pico(side, meter) for meter in METERS)


def _sum(rates: Rates, counts: Rates) -> int:
    first, second, third, fourth = rates
    return (
        first * counts[0] + second * counts[1] + third * counts[2] + fourth * counts[3]
    )


def _rated(price: Price, row: Row) -> tuple[int, int]:
    """What a request came to for the user and for us, in pico-dollars."""
    counts = zip(METERS, row[METERED:_METERS_END], strict=True)
    other = json.loads(row[OTHER]) if row[OTHER] else {}
    situation = Situation.of_facts(other.pop(CONDITIONS, {}))
    quantities = {meter: n for meter, n in counts if n} | other
    return (
        sell_pico(price, quantities, situation),
        buy_pico(price, quantities, situation),
    )


def _otherwise(row: Row, cost: int, bought: int) -> str:
    """What the row has instead; nothing if it has the same."""
    if str(cost) != row[COST_PICO] or charge_nano_rounded_up(cost) != row[COST_NANO]:
        return f"it was charged {row[COST_NANO]}, its price gives {cost} pico"
    # Of usage from before the margin was booked the text is empty.
    stored = row[USED_BUY_PICO]
    if stored and (
        str(bought) != stored or charge_nano_rounded_up(bought) != row[USED_BUY]
    ):
        return f"it cost us {row[USED_BUY]}, its price gives {bought} pico"
    return ""
