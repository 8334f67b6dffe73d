"""Traces: what joins a request with its caller's work and its provider's.

The W3C's `traceparent` names a trace and the span in it that a request comes from. A
caller's is taken over if it is valid, and so are whoever asked that caller; anything
else is as good as none. What the provider is given names the attempt it was asked in.
"""

import re
from dataclasses import dataclass

TRACEPARENT = "traceparent"
TRACE_BYTES = 16
SPAN_BYTES = 8
SAMPLED = 1

# Version ff is none. Later versions than ours may have more fields behind.
_PARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})"
    r"-([0-9a-f]{2})(-[!-~]*)?",
    re.ASCII,
)
HEADER_CHARS_MAX = 256


@dataclass(frozen=True, slots=True)
class Trace:
    """A request's place in a trace: its own span, and that of its caller, if any."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    sampled: bool = False

    def attempt_span(self, number: int) -> str:
        """The span of the attempt with that number, which begins at 1: another one for
        each, and without a draw."""
        span = int(self.span_id, 16) ^ number
        return f"{span:0{2 * SPAN_BYTES}x}"

    def parent_of(self, number: int) -> str:
        """The header of what is sent in an attempt."""
        flags = SAMPLED if self.sampled else 0
        return f"00-{self.trace_id}-{self.attempt_span(number)}-{flags:02x}"


def caller_trace(headers: list[str], span_id: str) -> Trace | None:
    """The trace that a caller's header names; None unless there is one valid one."""
    if len(headers) != 1 or len(headers[0]) > HEADER_CHARS_MAX:
        return None
    match = _PARENT.fullmatch(headers[0].strip())
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    if version == "00" and more is not None:
        return None
    return Trace(trace_id, span_id, parent_id, bool(int(flags, 16) & SAMPLED))
