"""Ranges: which part of a file a request asks for (RFC 9110, sections 13 and 14).

A file never changes under its name, so its tag is all that conditions need; dates are
not spoken of, and a condition that has one is not met. What is no range in bytes, or
more than one, is as good as none: the whole file answers it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from addons.wire.errors import RangeUnsatisfiable

OK, PARTIAL, UNCHANGED = 200, 206, 304

_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
_TAG = re.compile(r'(?:W/)?("[^"]*")')
# More digits than any size has: what they say is beyond the end.
_DIGITS_MAX = 18
_BEYOND = 10**_DIGITS_MAX


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a file is answered: status 200, 206 or 304, and which bytes."""

    status: int
    first: int
    length: int

    def content_range(self, size: int) -> str:
        return f"bytes {self.first}-{self.first + self.length - 1}/{size}"


def select(
    method: str, headers: Mapping[str, str], tag: str, size: int
) -> Selection:
    """What answers a GET or HEAD with these headers; RangeUnsatisfiable if nothing.

    `tag` is the file's strong entity tag, in its quotes.
    """
    if is_known(headers.get("if-none-match"), tag):
        return Selection(UNCHANGED, 0, 0)
    whole = Selection(OK, 0, size)
    condition = headers.get("if-range")
    if method != "GET" or (condition is not None and condition.strip() != tag):
        return whole
    return part(headers.get("range"), size) or whole


def is_known(header: str | None, tag: str) -> bool:
    """Whether If-None-Match names this file."""
    if header is None:
        return False
    return header.strip() == "*" or tag in _TAG.findall(header)


def part(header: str | None, size: int) -> Selection | None:
    """The one part that a Range header asks for; None if there is not just one."""
    bounds = single(header or "")
    if bounds is None:
        return None
    first, last = bounds
    if first is None:
        first, last = max(0, size - (last or 0)), None
    if last is not None and last < first:
        return None
    if first >= size:
        raise RangeUnsatisfiable(size)
    end = size if last is None else min(last + 1, size)
    return Selection(PARTIAL, first, end - first)


def single(header: str) -> tuple[int | None, int | None] | None:
    """First and last of the only range in a header, as they are written."""
    unit, _, text = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    ranges = [one.strip(" \t") for one in text.split(",")]
    ranges = [one for one in ranges if one]
    match = _RANGE.fullmatch(ranges[0]) if len(ranges) == 1 else None
    if match is None or match.group() == "-":
        return None
    first, last = map(number, match.groups())
    return first, last


def number(digits: str) -> int | None:
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS_MAX else _BEYOND
