"""Tracing: whose trace a request belongs to, and which spans are sent of it."""

import pytest

from addons.endpoints import CHAT, MODELS
from addons.traces import Trace
from addons.tracing.spans import Span
from addons.tracing.tracing import Tracing
from storage.ids import Ids
from tests.fakes import exchanges
from tests.fakes.clock import FakeClock

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Kept:
    """A collector that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.closed = False

    def export(self, span: Span) -> None:
        self.spans.append(span)

    def close(self) -> None:
        self.closed = True


def begun(kept: Kept | None, header: str = "", endpoint=CHAT) -> Trace | None:
    record = exchanges.exchange(endpoint)
    headers = {"traceparent": header} if header else {}
    flow = exchanges.travelling(record, headers=headers)
    Tracing(Ids(FakeClock()), FakeClock(), kept).requestheaders(flow)
    return record.trace


def test_a_callers_trace_is_taken_over() -> None:
    trace = begun(None, f"00-{TRACE_ID}-{PARENT}-01")
    assert trace is not None
    assert (trace.trace_id, trace.parent_id, trace.sampled) == (TRACE_ID, PARENT, True)
    assert trace.span_id != PARENT


@pytest.mark.parametrize("header", ["", "nonsense"])
@pytest.mark.parametrize("kept", [None, Kept()], ids=["nobody", "somebody"])
def test_without_one_a_new_one_begins(kept: Kept | None, header: str) -> None:
    first, second = begun(kept, header), begun(kept, header)
    assert first is not None and second is not None
    assert first.trace_id != second.trace_id
    assert first.parent_id == ""
    assert first.sampled is (kept is not None)


def test_who_asks_no_provider_is_in_no_trace() -> None:
    assert begun(Kept(), endpoint=MODELS) is None


@pytest.mark.parametrize(
    ("trace", "sent"),
    [
        (Trace(TRACE_ID, PARENT, sampled=True), 1),
        (Trace(TRACE_ID, PARENT, sampled=False), 0),
        (None, 0),
    ],
)
def test_spans_are_sent_of_what_is_sampled(trace: Trace | None, sent: int) -> None:
    kept = Kept()
    record = exchanges.exchange(trace=trace)
    made = Tracing(Ids(FakeClock()), FakeClock(), kept)
    made.left(exchanges.travelling(record), record)
    assert len(kept.spans) == sent


async def test_at_the_end_the_rest_is_sent() -> None:
    kept = Kept()
    await Tracing(Ids(FakeClock()), FakeClock(), kept).done()
    assert kept.closed
    await Tracing(Ids(FakeClock()), FakeClock(), None).done()
