"""Usage: what a provider says was used, read by pointer.

Providers put the same figures in different places, some inside one another: OpenAI's
`prompt_tokens` holds the cached ones, Anthropic's `input_tokens` does not. `UsagePaths`
says where to look; `Usage` keeps meters that do not overlap, so that a price can be
put on each and nothing is counted twice.

Over a stream the figures are cumulative and may come in any frame. The maximum of each
total is kept, never the sum; and it is totals that are compared, for the first frame
may not know yet which part of the input came from a cache.

A figure that is not a whole number from 0 to 10¹² makes the whole reading invalid. An
explicit zero is zero; a missing figure is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QUANTITY_MAX = 10**12
INPUT_METERS = ("input", "cache_read", "cache_write", "cache_write_1h")

Pointer = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UsagePaths:
    """Where a provider's answer holds each total; the first that is there counts.

    `cache_write_1h` is what is kept for an hour, and no part of `cache_write`.
    `cache_written` is both together: what of it the other two do not name belongs to
    `cache_write`.
    """

    input: tuple[Pointer, ...]
    output: tuple[Pointer, ...]
    cache_read: tuple[Pointer, ...] = ()
    cache_write: tuple[Pointer, ...] = ()
    cache_write_1h: tuple[Pointer, ...] = ()
    cache_written: tuple[Pointer, ...] = ()
    reasoning: tuple[Pointer, ...] = ()
    # Whether the input figure holds the cached tokens already.
    input_holds_cache: bool = True


OPENAI_PATHS = UsagePaths(
    input=(("usage", "prompt_tokens"),),
    output=(("usage", "completion_tokens"),),
    cache_read=(("usage", "prompt_tokens_details", "cached_tokens"),),
    cache_write=(("usage", "prompt_tokens_details", "cache_write_tokens"),),
    reasoning=(("usage", "completion_tokens_details", "reasoning_tokens"),),
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Meter → quantity, the meters disjoint; a meter that is not there is unknown.

    `reasoning` tells how much of the output was thought; it is inside `output`.
    """

    quantities: dict[str, int]
    reasoning: int = 0

    @property
    def complete(self) -> bool:
        """Whether both sides were reported, so that nothing must be counted."""
        return "input" in self.quantities and "output" in self.quantities

    @property
    def prompt(self) -> int:
        """All input, cached or not."""
        return sum(self.quantities.get(meter, 0) for meter in INPUT_METERS)

    def maximum(self, other: Usage) -> Usage:
        """The larger of each total, split into disjoint meters again."""
        mine, theirs = self.quantities, other.quantities
        largest = {
            meter: max(mine.get(meter, 0), theirs.get(meter, 0))
            for meter in {**mine, **theirs}
        }
        if "input" in largest:
            largest |= split_input(
                max(self.prompt, other.prompt),
                largest.get("cache_read", 0),
                largest.get("cache_write", 0),
                largest.get("cache_write_1h", 0),
            )
        return Usage(largest, max(self.reasoning, other.reasoning))


def split_input(
    prompt: int, cache_read: int, cache_write: int, cache_write_1h: int = 0
) -> dict[str, int]:
    """Disjoint input meters that add up to `prompt`, whatever the parts claim."""
    cache_read = min(cache_read, prompt)
    cache_write = min(cache_write, prompt - cache_read)
    cache_write_1h = min(cache_write_1h, prompt - cache_read - cache_write)
    meters = {
        "input": prompt - cache_read - cache_write - cache_write_1h,
        "cache_read": cache_read,
        "cache_write": cache_write,
    }
    # Few providers know it, so it is there only where there is any.
    return {**meters, "cache_write_1h": cache_write_1h} if cache_write_1h else meters


@dataclass(frozen=True, slots=True)
class Invalid:
    """A reading that cannot be believed, and why."""

    reason: str


Reported = Usage | Invalid | None


class _Unbelievable(ValueError):
    pass


def read_usage(answer: Mapping[str, Any], paths: UsagePaths) -> Reported:
    """The usage an answer or a stream's chunk reports; None if it reports none."""
    try:
        return _read(answer, paths)
    except _Unbelievable as error:
        return Invalid(str(error))


def merge(earlier: Reported, later: Reported) -> Reported:
    """What two readings of one stream say together; one that is invalid spoils both."""
    if earlier is None or isinstance(later, Invalid):
        return later
    if later is None or isinstance(earlier, Invalid):
        return earlier
    return earlier.maximum(later)


def _read(answer: Mapping[str, Any], paths: UsagePaths) -> Usage | None:
    prompt = _figure(answer, paths.input)
    output = _figure(answer, paths.output)
    if prompt is None and output is None:
        return None
    quantities = {} if prompt is None else _input(answer, paths, prompt)
    if output is not None:
        quantities["output"] = output
    return Usage(quantities, _figure(answer, paths.reasoning) or 0)


def _input(
    answer: Mapping[str, Any], paths: UsagePaths, prompt: int
) -> dict[str, int]:
    cache_read = _figure(answer, paths.cache_read) or 0
    cache_write = _figure(answer, paths.cache_write) or 0
    cache_write_1h = _figure(answer, paths.cache_write_1h) or 0
    cache_written = _figure(answer, paths.cache_written) or 0
    cache_write = max(cache_write, cache_written - cache_write_1h)
    cached = cache_read + cache_write + cache_write_1h
    if not paths.input_holds_cache:
        prompt += cached
    if cached > prompt:
        raise _Unbelievable("more cached input than input")
    return split_input(prompt, cache_read, cache_write, cache_write_1h)


def _figure(answer: Mapping[str, Any], pointers: tuple[Pointer, ...]) -> int | None:
    for pointer in pointers:
        value: Any = answer
        for name in pointer:
            value = value.get(name) if isinstance(value, dict) else None
        if value is None:
            continue
        # bool is an int to Python, and true is no figure.
        if type(value) is not int or not 0 <= value <= QUANTITY_MAX:
            raise _Unbelievable(f"{'.'.join(pointer)} is not a quantity")
        return value
    return None
