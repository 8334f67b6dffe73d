"""Traces: a valid one of the caller is taken over, anything else is as good as none."""

import pytest

from addons.traces import HEADER_CHARS_MAX, Trace, caller_trace

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
OWN = "b7ad6b7169203331"
VALID = f"00-{TRACE_ID}-{PARENT}-01"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (VALID, True),
        (f"00-{TRACE_ID}-{PARENT}-00", False),
        (f"00-{TRACE_ID}-{PARENT}-03", True),
        # A later version may say more, behind.
        (f"cc-{TRACE_ID}-{PARENT}-01-what-the-future-will-be", True),
        (f" {VALID} ", True),
    ],
)
def test_a_callers_trace_goes_on(header: str, sampled: bool) -> None:
    assert caller_trace([header], OWN) == Trace(TRACE_ID, OWN, PARENT, sampled)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        [VALID, VALID],
        [VALID.upper()],
        [f"{VALID}-more"],
        [f"ff-{TRACE_ID}-{PARENT}-01"],
        [f"00-{'0' * 32}-{PARENT}-01"],
        [f"00-{TRACE_ID}-{'0' * 16}-01"],
        [f"00-{TRACE_ID[:-1]}-{PARENT}-01"],
        [f"00-{TRACE_ID}-{PARENT}"],
        [f"00-{TRACE_ID}-{PARENT}-1"],
        [f"00_{TRACE_ID}_{PARENT}_01"],
        [f"cc-{TRACE_ID}-{PARENT}-01-{'x' * HEADER_CHARS_MAX}"],
        [f"cc-{TRACE_ID}-{PARENT}-01-é"],
    ],
)
def test_anything_else_is_none(headers: list[str]) -> None:
    assert caller_trace(headers, OWN) is None


def test_each_attempt_has_a_span_of_its_own() -> None:
    trace = Trace(TRACE_ID, OWN)
    spans = [trace.attempt_span(number) for number in range(1, 17)]
    assert len({OWN, *spans}) == 17
    assert all(len(span) == 16 for span in spans)


@pytest.mark.parametrize(("sampled", "flags"), [(True, "01"), (False, "00")])
def test_a_provider_is_told_the_attempt(sampled: bool, flags: str) -> None:
    trace = Trace(TRACE_ID, OWN, PARENT, sampled)
    header = trace.parent_of(2)
    assert header == f"00-{TRACE_ID}-{trace.attempt_span(2)}-{flags}"
    assert caller_trace([header], PARENT) is not None
