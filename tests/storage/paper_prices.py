"""Prices on paper: what a stored bill comes to, from the stored price alone.

Written from what the price file promises and not from config.prices, in fractions of a
dollar, which round nothing until the very end. Where the two differ one is wrong.
"""

import json
import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction

# What is a part of what: a part without a rate costs what its whole costs.
WHOLE = {
    "cache_read": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "reasoning": "output",
}
INPUTS = ("input", "cache_read", "cache_write", "cache_write_1h")
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
PICO = 10**12
NANO = 10**9


def paper_charge(side: str, counts: dict, other: str | None) -> tuple[Fraction, int]:
    """The exact dollars of a usage row by one side of its price, and the whole number
    of nano-dollars that is not below."""
    more = json.loads(other) if other else {}
    facts = more.pop("conditions", {})
    used = {meter: number for meter, number in {**counts, **more}.items() if number}
    size = sum(used.get(meter, 0) for meter in INPUTS)
    rates = paper_rates(json.loads(side), facts, size)
    exact = Fraction(0)
    for meter, number in used.items():
        exact += number * Fraction(rate_of(rates, meter), PICO)
    return exact, math.ceil(exact * NANO)


def paper_rates(side: dict, facts: dict, size: int) -> dict:
    """Case by case from top to bottom; the later one that applies has its way."""
    cases = side.pop("cases", [])
    rates = dict(side)
    for case in cases:
        when = case.pop("when")
        if all(applies(name, wanted, facts, size) for name, wanted in when.items()):
            for meter in list(rates):
                if wholes_of(meter) & set(case):
                    del rates[meter]
            rates.update(case)
    return rates


def applies(name, wanted, facts: dict, size: int) -> bool:
    if name == "input_above":
        return size > wanted
    if name == "thinking":
        return facts.get("thinking", False) == wanted
    if name == "hours":
        moment = datetime(1970, 1, 1, tzinfo=UTC)
        moment += timedelta(microseconds=facts.get("moment_ns", 0) // 1000)
        return any(within(text, moment) for text in wanted)
    return facts.get(name) in wanted


def within(text: str, moment: datetime) -> bool:
    """Mon-Fri 01:00-04:00, the end not included."""
    days, hours = text.split(" ")
    first, _, last = days.partition("-")
    start, _, end = hours.partition("-")
    if not DAYS.index(first) <= moment.weekday() <= DAYS.index(last or first):
        return False
    return start <= f"{moment:%H:%M}" < end


def wholes_of(meter: str) -> set:
    found = set()
    while meter in WHOLE:
        meter = WHOLE[meter]
        found.add(meter)
    return found


def rate_of(rates: dict, meter: str) -> int:
    while meter not in rates:
        meter = WHOLE[meter]
    return rates[meter]
