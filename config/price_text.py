"""Price text: a price as the ledger keeps it, and back.

A row has a text for each side. A flat price is its rates and nothing else; one with
cases has them beside its rates, each with its condition. What is read back is made as
the file's prices are, so its id is the row's id, or the row is not what was written.

Terms are the side of a price that its user sees, in one text with a digest of its own.
A price's id is no such digest: what a model is bought for could be guessed from it.
"""

import hashlib
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


def terms_text(price: Price) -> str:
    """Model, date and sell side as compact JSON with sorted keys; cases that change
    nothing for the user are left out."""
    content = {
        "model": price.model,
        "effective_from_ns": price.effective_from_ns,
        "sell": dict(price.sell),
        "cases": [
            {"when": case.when.facts(), "sell": dict(case.sell)}
            for case in price.cases
            if case.sell
        ],
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def terms_id(terms: str) -> str:
    """The sha256 of the text in UTF-8, in hexadecimal."""
    return hashlib.sha256(terms.encode()).hexdigest()


def price_of_terms(terms: str) -> Price:
    """A price that sells by these terms, and buys at the same rates for want of any
    others. A text that is none raises ValueError, LookupError or TypeError."""
    content = json.loads(terms)
    sell = content["sell"]
    cases = [
        Case(When.of_facts(case["when"]), case["sell"], {}) for case in content["cases"]
    ]
    return Price.of(
        content["model"], content["effective_from_ns"], sell, sell, cases
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
