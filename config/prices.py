"""Prices: what usage costs, from which moment on, and what it comes to.

A price is one version for one model: two sets of rates, what the user pays (sell) and
what the provider takes (buy), in pico-dollars per unit and per meter. Its cases say
where other rates apply: above so much input, thinking, at some hours, for some sizes.
They are read from top to bottom, and each that applies replaces the rates it names.
A version is never changed, only followed by another one with a later date, and its id
is the digest of all its content: a request pins the id when it is admitted, and any
bill can be computed again from that version, the quantities and the situation.

Rating is one sum with one rounding at its end, and it is monotone: more of anything
never costs less, because rates do not fall where the input grows, which is checked for
every combination of conditions when a price is made. The same function sizes the hold
and the charge, so usage within the estimate is a charge within the hold.
"""

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from config.meters import (
    INPUT_METERS,
    METERS,
    OUTPUT_METERS,
    Kind,
    completed,
    kind_of,
    overlaid,
    rate_pico,
    rate_text,
)
from config.money import MAX_INTEGER, charge_nano_rounded_up
from config.situations import PLAIN, Corner, Situation, When, corners

__all__ = [
    "METERS",
    "PLAIN",
    "Case",
    "Loss",
    "Price",
    "PriceBook",
    "Situation",
    "When",
    "buy_pico",
    "cost_nano",
    "cost_pico",
    "dearest",
    "input_tokens",
    "moment_ns",
    "moment_text",
    "rate_pico",
    "sell_pico",
    "worst_quantities",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?", re.ASCII)

type Rates = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Case:
    """Rates that replace others when something holds."""

    when: When
    sell: Rates
    buy: Rates


@dataclass(frozen=True, slots=True)
class Loss:
    """A sample that sells below cost: which, for what, bought for what, and when."""

    sample: str
    sell_pico: int
    buy_pico: int
    case: str


@dataclass(frozen=True, slots=True)
class Price:
    """The rates of one model from one moment on; make it with `Price.of`."""

    id: str
    model: str
    effective_from_ns: int
    sell: Rates
    buy: Rates
    cases: tuple[Case, ...] = ()

    @classmethod
    def of(
        cls,
        model: str,
        effective_from_ns: int,
        sell: Rates,
        buy: Rates,
        cases: Iterable[Case] = (),
    ) -> "Price":
        """The price with all meters filled in and the id its content has."""
        sell, buy, cases = completed(sell), completed(buy), tuple(cases)
        content = _canonical(model, effective_from_ns, sell, buy, cases)
        digest = hashlib.sha256(content).hexdigest()
        price = cls(digest, model, effective_from_ns, sell, buy, cases)
        _check_kind(price)
        _check_rising(price)
        return price

    @property
    def kind(self) -> Kind:
        return kind_of(self.sell)

    def sell_at(self, situation: Situation, input_tokens: int) -> Rates:
        """What the user pays in a situation with so much input."""
        rates = self.sell
        for case in self.cases:
            if case.when.holds(situation, input_tokens):
                rates = overlaid(rates, case.sell)
        return rates

    def buy_at(self, situation: Situation, input_tokens: int) -> Rates:
        """What the provider takes in a situation with so much input."""
        rates = self.buy
        for case in self.cases:
            if case.when.holds(situation, input_tokens):
                rates = overlaid(rates, case.buy)
        return rates

    def facts(self, situation: Situation) -> dict[str, Any]:
        """What of a situation must be kept to rate again: nothing for a flat price."""
        return situation.facts() if self.cases else {}

    def has_rate(self, meter: str) -> bool:
        """Whether a meter has a rate of its own, in whatever situation."""
        rates = (self.sell, self.buy)
        cases = (side for case in self.cases for side in (case.sell, case.buy))
        return any(meter in side for side in (*rates, *cases))

    def corners(self) -> Iterator[Corner]:
        """Every situation that its cases tell apart."""
        return corners(case.when for case in self.cases)

    def losses(self) -> list[Loss]:
        """What sells for less than it is bought; each figure once."""
        found: dict[tuple[str, int, int], Loss] = {}
        for corner in self.corners():
            at = (corner.situation, corner.input_tokens)
            sell, buy = self.sell_at(*at), self.buy_at(*at)
            for sample, quantities in self.kind.samples.items():
                if not any(meter in sell or meter in buy for meter in quantities):
                    continue
                sold, bought = cost_pico(sell, quantities), cost_pico(buy, quantities)
                if sold < bought:
                    loss = Loss(sample, sold, bought, self._case_text(corner))
                    found.setdefault((sample, sold, bought), loss)
        return list(found.values())

    def _case_text(self, corner: Corner) -> str:
        """The last case that applies, which is the most particular one."""
        applying = [
            case.when.text
            for case in self.cases
            if case.when.holds(corner.situation, corner.input_tokens)
        ]
        return applying[-1] if applying else ""


class PriceBook:
    """All versions of all prices, each model's in the order of time."""

    __slots__ = ("_versions",)

    def __init__(self, prices: Iterable[Price] = ()) -> None:
        versions: dict[str, list[Price]] = {}
        for price in prices:
            versions.setdefault(price.model, []).append(price)
        for model in versions:
            versions[model].sort(key=_moment)
        self._versions = versions

    def __iter__(self) -> Iterator[Price]:
        for versions in self._versions.values():
            yield from versions

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PriceBook):
            return NotImplemented
        return self._versions == other._versions

    def __hash__(self) -> int:
        return hash(frozenset(price.id for price in self))

    def __repr__(self) -> str:
        return f"PriceBook({sum(1 for _ in self)} prices)"

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(self._versions)

    def at(self, model: str, wall_ns: int) -> Price | None:
        """The price in force at a moment: the latest that has begun."""
        versions = self._versions.get(model, [])
        begun = bisect_right(versions, wall_ns, key=_moment)
        return versions[begun - 1] if begun else None

    def warnings(self, wall_ns: int) -> list[str]:
        """One line for each model that is sold below cost now."""
        current = (self.at(model, wall_ns) for model in self._versions)
        return [_warning(price) for price in current if price and price.losses()]


def cost_pico(rates: Rates, quantities: Mapping[str, int]) -> int:
    """What quantities come to at some rates, exactly.

    An unknown meter raises, because it would be free; a negative quantity raises,
    because it would be a credit.
    """
    total = 0
    for meter, quantity in quantities.items():
        if quantity < 0:
            raise ValueError(f"{meter}: a quantity is never negative")
        total += quantity * rate_pico(rates, meter)
    return total


def sell_pico(
    price: Price, quantities: Mapping[str, int], situation: Situation = PLAIN
) -> int:
    """What the user pays for quantities in a situation, exactly. The quantities tell
    themselves how much input there was, cached or not."""
    rates = price.sell_at(situation, input_tokens(quantities))
    return cost_pico(rates, quantities)


def buy_pico(
    price: Price, quantities: Mapping[str, int], situation: Situation = PLAIN
) -> int:
    """What the provider takes for the same."""
    rates = price.buy_at(situation, input_tokens(quantities))
    return cost_pico(rates, quantities)


def cost_nano(
    price: Price, quantities: Mapping[str, int], situation: Situation = PLAIN
) -> int:
    """What the user pays for quantities, rounded up once to the ledger's unit."""
    return charge_nano_rounded_up(sell_pico(price, quantities, situation))


def worst_quantities(
    price: Price, situation: Situation, input_tokens: int, output_tokens: int
) -> dict[str, int]:
    """The tokens that cost most of all within two bounds: each side under its dearest
    meter, for nobody knows yet what is cached or thought."""
    rates = price.sell_at(situation, input_tokens)
    return {
        dearest(rates, INPUT_METERS): input_tokens,
        dearest(rates, OUTPUT_METERS): output_tokens,
    }


def dearest(rates: Rates, meters: Iterable[str]) -> str:
    """The meter with the highest rate; of equal ones the first."""
    return max(meters, key=lambda meter: rate_pico(rates, meter))


def input_tokens(quantities: Mapping[str, int]) -> int:
    """All input, cached or not."""
    return sum(quantities.get(meter, 0) for meter in INPUT_METERS)


def moment_ns(text: str) -> int:
    """2026-11-01 or 2026-11-01T08:00Z as nanoseconds since 1970; ValueError if not."""
    if not _MOMENT.fullmatch(text):
        raise ValueError("a moment is written 2026-11-01 or 2026-11-01T08:00Z, in UTC")
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    wall_ns = (moment - _EPOCH) // timedelta(seconds=1) * 10**9
    if not 0 <= wall_ns <= MAX_INTEGER:
        raise ValueError("a moment lies between 1970 and 2262")
    return wall_ns


def moment_text(wall_ns: int) -> str:
    """A moment as the file has it, to the second."""
    moment = _EPOCH + timedelta(seconds=wall_ns // 10**9)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").replace("T00:00:00Z", "")


def _moment(price: Price) -> int:
    return price.effective_from_ns


def _check_kind(price: Price) -> None:
    sides = [price.buy]
    for case in price.cases:
        sides += [rates for rates in (case.sell, case.buy) if rates]
    if any(kind_of(rates) is not price.kind for rates in sides):
        raise ValueError("all rates of a price have meters of one kind")


def _check_rising(price: Price) -> None:
    """Cases may lower rates in any way but one: not for being asked more."""
    smaller: Corner | None = None
    for corner in price.corners():
        if smaller is not None and smaller.situation == corner.situation:
            for side in (price.sell_at, price.buy_at):
                low = side(smaller.situation, smaller.input_tokens)
                high = side(corner.situation, corner.input_tokens)
                if any(_falls(low, high, meter) for meter in price.kind.meters):
                    raise ValueError("rates never fall where the input grows")
        smaller = corner


def _falls(low: Rates, high: Rates, meter: str) -> bool:
    return rate_pico(high, meter) < rate_pico(low, meter)


def _canonical(
    model: str, effective_from_ns: int, sell: Rates, buy: Rates, cases: Iterable[Case]
) -> bytes:
    content: list[Any] = [model, effective_from_ns, dict(sell), dict(buy)]
    content += [
        [case.when.facts(), dict(case.sell), dict(case.buy)] for case in cases
    ]
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _warning(price: Price) -> str:
    losses = ", ".join(_loss_text(loss) for loss in price.losses())
    return f"{price.model} sells below cost: {losses} ({price.kind.unit})"


def _loss_text(loss: Loss) -> str:
    # A sample is named as its meter, or else is of a kind that has no millions.
    sell = rate_text(loss.sample, loss.sell_pico)
    buy = rate_text(loss.sample, loss.buy_pico)
    text = f"{loss.sample} {sell} < {buy}"
    return f"{text} at {loss.case}" if loss.case else text
