"""Price text: a price as the ledger keeps it, and back.

A row has a text for each side. A flat price is its rates and nothing else; one with
cases has them beside its rates, each with its condition. What is read back is made as
the file's prices are, so its id is the row's id, or the row is not what was written.
"""

import json
from collections.abc import Mapping
from typing import Any

from config.prices import Case, Price
from config.situations import When


def price_texts(price: Price) -> tuple[str, str]:
    """The texts of sell and buy, the same for the same price always."""
    return _text(price, "sell"), _text(price, "buy")


def price_of_texts(model: str, effective_from_ns: int, sell: str, buy: str) -> Price:
    """The price that was written; its id tells whether it really is."""
    sold, bought = json.loads(sell), json.loads(buy)
    cases = zip(sold.pop("cases", ()), bought.pop("cases", ()), strict=True)
    return Price.of(
        model,
        effective_from_ns,
        sold,
        bought,
        [_case(*sides) for sides in cases],
    )


def _text(price: Price, side: str) -> str:
    content: dict[str, Any] = dict(getattr(price, side))
    if price.cases:
        content["cases"] = [
            {"when": case.when.facts(), **getattr(case, side)} for case in price.cases
        ]
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _case(sell: Mapping[str, Any], buy: Mapping[str, Any]) -> Case:
    if sell["when"] != buy["when"]:
        raise ValueError("the two sides of a case have different conditions")
    return Case(When.of_facts(sell["when"]), _rates(sell), _rates(buy))


def _rates(side: Mapping[str, Any]) -> dict[str, int]:
    return {meter: pico for meter, pico in side.items() if meter != "when"}
