"""Spans: a request and its attempts, in the words that collectors know."""

from mitmproxy.http import Response

from addons.exchange import Attempt, Charge, Exchange
from addons.traces import Trace
from addons.tracing.spans import Span, spans_of
from addons.wire.errors import UpstreamRefused
from storage.ledger import UsageRecord
from tests.fakes import exchanges

MS = 10**6
WALL_NS = 1_767_225_600 * 10**9
TRACE = Trace(
    "4bf92f3577b34da6a3ce929d0e0e4736", "b7ad6b7169203331", "00f067aa0ba902b7"
)
RECORD = UsageRecord(
    model="gpt-4o",
    provider="openai",
    upstream_model="gpt-4o-2024",
    evidence="reported",
    quantities={"input": 10, "cache_read": 5, "output": 20, "reasoning": 1},
    outcome="complete",
    status=200,
    attempts=2,
    first_byte_ms=5,
    total_ms=90,
    tokens=36,
    stream=False,
    upstream_id="chatcmpl-1",
    finish="stop",
)


def attempt(started_ms: int, ended_ms: int, outcome: str, status: int) -> Attempt:
    made = Attempt(exchanges.leg(), exchanges.START_NS + started_ms * MS, status=status)
    made.end(exchanges.START_NS + ended_ms * MS, outcome)
    return made


def spans(record: Exchange, status: int = 200) -> list[Span]:
    flow = exchanges.travelling(record)
    flow.response = Response.make(status)
    now_ns = exchanges.START_NS + 100 * MS
    return list(spans_of(flow, record, TRACE, now_ns, WALL_NS))


def served() -> Exchange:
    return exchanges.held(
        trail=[
            attempt(10, 40, "upstream_overloaded", 503),
            attempt(40, 90, "complete", 200),
        ],
        attempts=2,
        leg=exchanges.leg(),
        charge=Charge(250_000, 0, RECORD.quantities, "complete", RECORD),
        paid_nano=250_000,
    )


def test_a_request_is_a_span_below_its_callers() -> None:
    span, *_ = spans(served())
    assert (span.name, span.asks, span.error) == ("chat gpt-4o", False, "")
    assert (span.trace_id, span.span_id) == (TRACE.trace_id, TRACE.span_id)
    assert span.parent_id == TRACE.parent_id
    assert (span.started_ns, span.ended_ns) == (WALL_NS - 100 * MS, WALL_NS)
    assert span.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 15,
        "gen_ai.usage.output_tokens": 21,
        "http.response.status_code": 200,
        "user.id": "user",
        "autolist.request_id": "req_1",
        "autolist.attempts": 2,
        "autolist.cost": "0.00025",
        "autolist.evidence": "reported",
    }


def test_each_attempt_is_a_span_below_it() -> None:
    _, first, second = spans(served())
    assert {first.parent_id, second.parent_id} == {TRACE.span_id}
    assert [first.span_id, second.span_id] == [TRACE.attempt_span(n) for n in (1, 2)]
    assert first.started_ns == WALL_NS - 90 * MS
    assert first.ended_ns == second.started_ns == WALL_NS - 60 * MS
    assert (first.error, second.error) == ("upstream_overloaded", "")
    assert first.asks and second.asks
    assert first.attributes["error.type"] == "upstream_overloaded"
    assert first.attributes["http.response.status_code"] == 503
    assert second.name == "chat gpt-4o-2024"
    assert "error.type" not in second.attributes


def test_an_error_is_told_in_our_words() -> None:
    record = exchanges.exchange(refusal=UpstreamRefused("sk-words", code="sk-code"))
    (span,) = spans(record, 400)
    assert span.error == span.attributes["error.type"] == "upstream_refused"
    assert span.attributes["http.response.status_code"] == 400
    assert "sk-" not in repr(span)
