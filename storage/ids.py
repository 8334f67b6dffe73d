"""Ids: names for rows, the only place that draws chance for them.

An id is a prefix that says what it names and 26 characters of base 32: ten of
milliseconds, sixteen of chance. The alphabet keeps the order of its values, so ids
sort by the time they were made and rows that are made together lie together in an
index, which keeps inserts cheap however large the table is.
"""

import os
import uuid
from collections.abc import Callable

from storage.clock import Clock, SystemClock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in ALPHABET for low in ALPHABET)
_CHANCE_BYTES = 10
_TIME_MASK = (1 << 50) - 1
_NS_PER_MS = 10**6


class Ids:
    def __init__(
        self,
        clock: Clock | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._clock = clock or SystemClock()
        self._entropy = entropy

    def make(self, prefix: str) -> str:
        """A new id such as `req_01jd3…`; later ones sort after earlier ones."""
        milliseconds = self._clock.wall_ns() // _NS_PER_MS & _TIME_MASK
        chance = int.from_bytes(self._entropy(_CHANCE_BYTES))
        return f"{prefix}_{_base32(milliseconds << 80 | chance)}"

    def uuid(self) -> str:
        """A version 4 UUID, the form in which the API shows users."""
        return str(uuid.UUID(bytes=self._entropy(16), version=4))

    def hexadecimal(self, byte_count: int) -> str:
        """Chance alone, in the form in which traces and spans are named."""
        return self._entropy(byte_count).hex()


def first_id(prefix: str, wall_ns: int) -> str:
    """What sorts before every id that is made from that moment on."""
    milliseconds = max(0, wall_ns) // _NS_PER_MS & _TIME_MASK
    return f"{prefix}_{_base32(milliseconds << 80)}"


def _base32(number: int) -> str:
    """26 characters: the lowest 130 bits, ten at a time."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
