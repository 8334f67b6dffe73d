"""Price file: how prices.yaml becomes a price book.

Each model has a list of versions; a version has a moment in UTC and two sets of rates.
Amounts are quoted dollars per million tokens, with at most six decimals: one that is no
whole number of pico-dollars per token is a mistake in the file and is never rounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from config.document import Node
from config.money import parse_rate
from config.prices import METERS, Price, PriceBook, moment_ns
from config.values import Table, mapping_of, money, record

rate = money(parse_rate, 'a quoted amount in dollars per million tokens, as in "2.50"')


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates as the file has them: the cache's may be missing."""

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None


RATES: Table = {meter: (meter, rate) for meter in METERS}
_rates = record(Rates, RATES)


def read_rates(node: Node) -> Mapping[str, int]:
    rates = _rates(node)
    read = {meter: getattr(rates, meter) for meter in METERS}
    return {meter: pico for meter, pico in read.items() if pico is not None}


def read_moment(node: Node) -> int:
    what = "a moment in UTC such as 2026-11-01 or 2026-11-01T08:00Z"
    try:
        return moment_ns(node.text(what))
    except ValueError:
        raise node.expected(what) from None


@dataclass(frozen=True, slots=True)
class Version:
    """One item of a model's list."""

    effective_from_ns: int
    sell: Mapping[str, int]
    buy: Mapping[str, int]


VERSION: Table = {
    "effective_from_ns": ("effective_from", read_moment),
    "sell": ("sell", read_rates),
    "buy": ("buy", read_rates),
}
_version = record(Version, VERSION)


def read_versions(node: Node) -> tuple[Version, ...]:
    items = node.items("a list of versions")
    if not items:
        raise node.expected("at least one version")
    versions: dict[int, Version] = {}
    for item in items:
        version = _version(item)
        if version.effective_from_ns in versions:
            raise item.expected("an effective_from that no other version has")
        versions[version.effective_from_ns] = version
    return tuple(versions.values())


_models = mapping_of(read_versions)


def read_prices(document: Node) -> PriceBook:
    """The price book in prices.yaml."""
    return PriceBook(
        Price.of(model, version.effective_from_ns, version.sell, version.buy)
        for model, versions in _models(document).items()
        for version in versions
    )
