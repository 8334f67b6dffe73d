"""Meters: the things that are counted, the unit of their rates, and their kinds.

A model is paid for by tokens, by images or by videos; its rates are of one kind. The
meters of a kind are disjoint: a cached input token is counted under cache_read and not
under input, and a thought one under reasoning and not under output where reasoning has
a rate of its own. A video is the exception by nature: one generation of so many
seconds is both, and a price puts its rate on one of them, zero on the other.

A meter without a rate costs what the meter it is a part of costs, never nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from config.money import dollars_a_unit, dollars_per_million

METERS = ("input", "cache_read", "cache_write", "output")
"""The token meters that every price of tokens has, filled in where it was silent."""

INPUT_METERS = ("input", "cache_read", "cache_write", "cache_write_1h")
OUTPUT_METERS = ("output", "reasoning")
TOKEN_METERS = INPUT_METERS + OUTPUT_METERS

# What a meter without a rate costs: the first of these that has one.
FALLBACKS: Mapping[str, tuple[str, ...]] = {
    "cache_read": ("input",),
    "cache_write": ("input",),
    "cache_write_1h": ("cache_write", "input"),
    "reasoning": ("output",),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to be paid for. A price has all `needed` meters, and at least one.

    `filled` are written into every price: at the fallback's rate, or at zero where a
    meter is a part of no other. `samples` are quantities by which the two sides of a
    price are compared, by the name they are reported under.
    """

    name: str
    meters: tuple[str, ...]
    needed: tuple[str, ...]
    filled: tuple[str, ...]
    unit: str
    samples: Mapping[str, Mapping[str, int]]


TOKENS = Kind(
    name="tokens",
    meters=TOKEN_METERS,
    needed=("input", "output"),
    filled=METERS,
    unit="dollars per million tokens",
    samples={meter: {meter: 1} for meter in TOKEN_METERS},
)
IMAGES = Kind(
    name="images",
    meters=("image",),
    needed=("image",),
    filled=("image",),
    unit="dollars",
    samples={"image": {"image": 1}},
)
# The sample is the API's default: one video of ten seconds.
VIDEOS = Kind(
    name="videos",
    meters=("generation", "second"),
    needed=(),
    filled=("generation", "second"),
    unit="dollars",
    samples={"10 seconds": {"generation": 1, "second": 10}},
)
KINDS = (TOKENS, IMAGES, VIDEOS)
ALL_METERS = tuple(meter for kind in KINDS for meter in kind.meters)


def kind_of(rates: Mapping[str, int]) -> Kind:
    """The kind that all meters of some rates belong to; ValueError if there is none."""
    unknown = set(rates) - set(ALL_METERS)
    if unknown:
        raise ValueError(f"unknown meters: {', '.join(sorted(unknown))}")
    for kind in KINDS:
        if rates and set(rates) <= set(kind.meters):
            return kind
    raise ValueError("rates have meters of one kind: tokens, images or videos")


def rate_pico(rates: Mapping[str, int], meter: str) -> int:
    """The rate of one meter; a part without one costs what the whole costs."""
    for name in (meter, *FALLBACKS.get(meter, ())):
        if name in rates:
            return rates[name]
    raise ValueError(f"{meter}: no rate for this meter")


def completed(rates: Mapping[str, int]) -> dict[str, int]:
    """The rates with every meter that a price of their kind has."""
    kind = kind_of(rates)
    for meter in kind.needed:
        rate_pico(rates, meter)
    return {
        meter: rate_pico(rates, meter) if meter in rates or meter in FALLBACKS else 0
        for meter in kind.meters
        if meter in rates or meter in kind.filled
    }


def overlaid(rates: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Rates with some replaced. A part that the new ones leave out follows its whole
    where they name that: input at another rate is cached input at another rate."""
    kept = {
        meter: pico
        for meter, pico in rates.items()
        if not any(whole in other for whole in FALLBACKS.get(meter, ()))
    }
    return {**kept, **other}


def rate_text(meter: str, pico: int) -> str:
    """A rate as people read it, exactly: per million tokens, or per image or second."""
    if meter in TOKEN_METERS:
        return dollars_per_million(pico)
    return dollars_a_unit(pico)
