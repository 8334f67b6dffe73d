"""Money: exact amounts as integers, their text, and the one rounding.

The ledger counts nano-dollars; a price is pico-dollars per token, because list
prices such as $0.0375 per million tokens are no whole number of nano. Text becomes
an integer digit by digit and comes back the same way. Nothing here is a float or a
Decimal, and nothing rounds, except the two functions that say so in their names or
first lines.

A useful identity: micro-dollars per million tokens are pico-dollars per token, so
a price list with up to six decimals per million is exact by construction.
"""

import re

NANO = 10**9
PICO_PER_NANO = 1000
MAX_INTEGER = 2**63 - 1
"""The largest integer a database column of ours holds."""
MOVED_NANO_MAX = 1_000_000 * NANO
"""The most that anybody may have moved at once. Counters add up all that ever moved,
in 64 bits, and never go down: one slip of the finger must not fill one for ever."""

_NANO_PLACES = 9
_PICO_PLACES = 12
_MILLION_PLACES = 6
# A length limit keeps int() away from texts it would take long to read.
_AMOUNT = re.compile(r"(-?)([0-9]{1,20})(?:\.([0-9]{1,20}))?")


def parse_nano(text: str) -> int:
    """Dollars as exact decimal text, in nano-dollars; ValueError says what is wrong."""
    return _parse(text, _NANO_PLACES)


def parse_pico(text: str) -> int:
    """Dollars as exact decimal text, in pico-dollars."""
    return _parse(text, _PICO_PLACES)


def parse_rate(text: str) -> int:
    """Dollars per million tokens as decimal text, in pico-dollars per token."""
    return _parse(text, _MILLION_PLACES)


def parse_millionths(text: str) -> int:
    """What a dollar costs in another currency, in millionths of its unit."""
    return _parse(text, _MILLION_PLACES)


def parse_minor(text: str, places: int) -> int:
    """An amount of a currency with so many decimals, in its smallest unit."""
    return _parse(text, places)


def minor_text(minor: int, places: int) -> str:
    """The amount with all decimals of its currency."""
    digits = str(minor).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def rate_text(millionths: int) -> str:
    """What a dollar costs, with at least two decimals."""
    return _format(millionths, _MILLION_PLACES)


def dollars(nano: int) -> str:
    """The exact amount in dollars, with at least two decimals."""
    return _format(nano, _NANO_PLACES)


def dollars_per_million(pico: int) -> str:
    """A rate in pico-dollars per token as people read it: dollars per million."""
    return _format(pico, _MILLION_PLACES)


def dollars_a_unit(pico: int) -> str:
    """A rate in pico-dollars per image, video or second as people read it."""
    return _format(pico, _PICO_PLACES)


def cents(nano: int) -> str:
    """The amount rounded down to cents: what is shown is never more than there is."""
    return _format(nano // (NANO // 100), 2)


def charge_nano_rounded_up(pico: int) -> int:
    """What a cost is charged as. This is the only rounding between usage and ledger.

    It is monotone, so a charge never exceeds a hold that was computed from at least
    the same quantities; and zero stays zero.
    """
    if pico < 0:
        raise ValueError("a cost is never negative")
    return -(-pico // PICO_PER_NANO)


def _parse(text: str, places: int) -> int:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError("an amount is written in decimal dollars, such as 12.50")
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    if fraction[places:].strip("0"):
        raise ValueError(f"an amount has at most {places} decimals here")
    units = int(whole + fraction[:places].ljust(places, "0"))
    if units > MAX_INTEGER:
        raise ValueError("an amount this large cannot be kept")
    return -units if sign else units


def _format(units: int, places: int) -> str:
    sign = "-" if units < 0 else ""
    digits = str(abs(units)).rjust(places + 1, "0")
    whole, fraction = digits[:-places], digits[-places:]
    return f"{sign}{whole}.{fraction.rstrip('0').ljust(2, '0')}"
