"""Prices: what a token costs, from which moment on, and what usage comes to.

A price is one version for one model: two sets of rates, what the user pays (sell) and
what the provider takes (buy), in pico-dollars per token and per meter. The meters are
disjoint: a cached input token is counted under cache_read and not under input. A
version is never changed, only followed by another one with a later date, and its id is
the digest of its content: a request pins the id when it is admitted, and any bill can
be computed again from the quantities and that version.

Rating is one sum with one rounding at its end, and it is monotone: the same function
sizes the hold and the charge, so usage within the estimate is a charge within the hold.
"""

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config.money import MAX_INTEGER, charge_nano_rounded_up, dollars_per_million

METERS = ("input", "cache_read", "cache_write", "output")

_CACHE_METERS = ("cache_read", "cache_write")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Price:
    """The rates of one model from one moment on; make it with `Price.of`."""

    id: str
    model: str
    effective_from_ns: int
    sell: Mapping[str, int]
    buy: Mapping[str, int]

    @classmethod
    def of(
        cls,
        model: str,
        effective_from_ns: int,
        sell: Mapping[str, int],
        buy: Mapping[str, int],
    ) -> "Price":
        """The price with all meters filled in and the id its content has."""
        sell, buy = _all_meters(sell), _all_meters(buy)
        content = _canonical(model, effective_from_ns, sell, buy)
        digest = hashlib.sha256(content).hexdigest()
        return cls(digest, model, effective_from_ns, sell, buy)

    def losses(self) -> list[str]:
        """The meters that sell for less than they are bought."""
        return [
            meter
            for meter in METERS
            if rate_pico(self.sell, meter) < rate_pico(self.buy, meter)
        ]


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


def rate_pico(rates: Mapping[str, int], meter: str) -> int:
    """The rate of one meter; a cache meter without one costs what input costs."""
    if meter in rates:
        return rates[meter]
    if meter in _CACHE_METERS:
        return rates["input"]
    raise ValueError(f"{meter}: no rate for this meter")


def cost_pico(rates: Mapping[str, int], quantities: Mapping[str, int]) -> int:
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


def cost_nano(price: Price, quantities: Mapping[str, int]) -> int:
    """What the user pays for quantities, rounded up once to the ledger's unit."""
    return charge_nano_rounded_up(cost_pico(price.sell, quantities))


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


def _all_meters(rates: Mapping[str, int]) -> dict[str, int]:
    unknown = set(rates) - set(METERS)
    if unknown:
        raise ValueError(f"unknown meters: {', '.join(sorted(unknown))}")
    return {meter: rate_pico(rates, meter) for meter in METERS}


def _canonical(
    model: str, effective_from_ns: int, sell: Mapping[str, int], buy: Mapping[str, int]
) -> bytes:
    content = [model, effective_from_ns, dict(sell), dict(buy)]
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _warning(price: Price) -> str:
    losses = ", ".join(
        f"{meter} {dollars_per_million(rate_pico(price.sell, meter))}"
        f" < {dollars_per_million(rate_pico(price.buy, meter))}"
        for meter in price.losses()
    )
    return f"{price.model} sells below cost: {losses} (dollars per million tokens)"
