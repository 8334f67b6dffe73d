"""Price file: how prices.yaml becomes a price book.

Each model has a list of versions; a version has a moment in UTC, two sets of rates and,
where the rates depend on something, cases that replace some of them. Amounts are
quoted: dollars per million tokens with at most six decimals, dollars per image,
generation or second with at most twelve. One that is no whole number of pico-dollars
per unit is a mistake in the file and is never rounded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from config.document import Node
from config.meters import ALL_METERS, TOKEN_METERS, TOKENS, kind_of
from config.money import parse_pico, parse_rate
from config.prices import Case, Price, PriceBook, moment_ns
from config.situations import PARAMETERS, When, Window
from config.values import (
    NAME,
    Reader,
    Table,
    choice,
    known_entries,
    mapping_of,
    matching,
    money,
    record,
    whole,
)

LIST = "tag:yaml.org,2002:seq"

rate = money(parse_rate, 'a quoted amount in dollars per million tokens, as in "2.50"')
unit_rate = money(parse_pico, 'a quoted amount in dollars, as in "0.04"')


def read_rates(node: Node) -> Mapping[str, int]:
    """The rates of one kind; those every price of tokens has must be there."""
    rates = read_some_rates(node)
    if kind_of(rates) is TOKENS:
        entries = node.entries("rates")
        for meter in TOKENS.needed:
            if meter not in entries:
                rate(node.absent(meter))
    return rates


def read_some_rates(node: Node) -> Mapping[str, int]:
    """The rates of a case, which names those it replaces."""
    entries = known_entries(node, ALL_METERS)
    rates = {
        meter: (rate if meter in TOKEN_METERS else unit_rate)(entry)
        for meter, entry in entries.items()
    }
    try:
        kind_of(rates)
    except ValueError:
        raise node.expected("rates of tokens, of images or of videos") from None
    return rates


def read_moment(node: Node) -> int:
    what = "a moment in UTC such as 2026-11-01 or 2026-11-01T08:00Z"
    return _parsed(node, moment_ns, what)


def read_hours(node: Node) -> str:
    what = "hours of the week in UTC such as Mon-Fri 01:00-04:00"
    return _parsed(node, Window.parse, what).text


def one_or_more[T](read: Reader[T]) -> Reader[tuple[T, ...]]:
    """A list, or its only item without the brackets."""

    def read_some(node: Node) -> tuple[T, ...]:
        items = node.items("a list") if node.tag == LIST else [node]
        if not items:
            raise node.expected("at least one item")
        return tuple(read(item) for item in items)

    return read_some


def read_truth(node: Node) -> bool:
    return _truth(node) == "true"


_truth = choice("true", "false")
_value = matching(NAME, "text such as 1024x1024, hd or 720p")
WHEN: Mapping[str, Reader[Any]] = {
    "input_above": whole(1),
    "thinking": read_truth,
    "hours": one_or_more(read_hours),
    **{name: one_or_more(_value) for name in PARAMETERS},
}


def read_when(node: Node) -> When:
    entries = known_entries(node, tuple(WHEN))
    if not entries:
        raise node.expected("at least one of the keys " + ", ".join(WHEN))
    return When.of_facts({name: WHEN[name](entry) for name, entry in entries.items()})


@dataclass(frozen=True, slots=True)
class CaseItem:
    """One item of a version's cases; a side that it leaves out stays as it is."""

    when: When
    sell: Mapping[str, int] | None = None
    buy: Mapping[str, int] | None = None


CASE: Table = {
    "when": ("when", read_when),
    "sell": ("sell", read_some_rates),
    "buy": ("buy", read_some_rates),
}
_case_item = record(CaseItem, CASE)


def read_cases(node: Node) -> tuple[Case, ...]:
    return tuple(read_case(item) for item in node.items("a list of cases"))


def read_case(node: Node) -> Case:
    item = _case_item(node)
    if item.sell is None and item.buy is None:
        raise node.expected("rates to sell, to buy, or both")
    return Case(item.when, item.sell or {}, item.buy or {})


@dataclass(frozen=True, slots=True)
class Version:
    """One item of a model's list."""

    effective_from_ns: int
    sell: Mapping[str, int]
    buy: Mapping[str, int]
    cases: tuple[Case, ...] = ()


VERSION: Table = {
    "effective_from_ns": ("effective_from", read_moment),
    "sell": ("sell", read_rates),
    "buy": ("buy", read_rates),
    "cases": ("cases", read_cases),
}
_version = record(Version, VERSION)


def read_versions(node: Node) -> tuple[Price, ...]:
    """All versions of the model that the entry is named after."""
    items = node.items("a list of versions")
    if not items:
        raise node.expected("at least one version")
    versions: dict[int, Price] = {}
    for item in items:
        price = read_version(item, node.name)
        if price.effective_from_ns in versions:
            raise item.expected("an effective_from that no other version has")
        versions[price.effective_from_ns] = price
    return tuple(versions.values())


def read_version(node: Node, model: str) -> Price:
    read = _version(node)
    try:
        return Price.of(
            model, read.effective_from_ns, read.sell, read.buy, read.cases
        )
    except ValueError as error:
        # It concerns the rates together, so it is about the whole version.
        raise node.expected(f"a price that can be used: {error}") from None


_models = mapping_of(read_versions)


def read_prices(document: Node) -> PriceBook:
    """The price book in prices.yaml."""
    models = _models(document).values()
    return PriceBook(price for versions in models for price in versions)


def _parsed[T](node: Node, parse: Callable[[str], T], what: str) -> T:
    try:
        return parse(node.text(what))
    except ValueError:
        raise node.expected(what) from None
