"""Spans: what a request that is over looks like in a trace.

One span is the request as its caller sees it, and below it is one for each attempt.
Names and attributes are OpenTelemetry's conventions for generative AI; what they do not
know begins with `autolist.`. Nothing that anybody said is in them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mitmproxy.http import HTTPFlow

from addons.endings import CANCELLED, COMPLETE, code_of, outcome_of, status_of
from addons.endpoints import Kind
from addons.exchange import Attempt, Charge, Exchange
from addons.traces import Trace
from config.meters import INPUT_METERS, OUTPUT_METERS
from config.money import dollars
from storage.trail import ID_CHARS_MAX, NAME_CHARS_MAX, cleaned

Value = str | int | bool | tuple[str, ...]

OPERATIONS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.CHAT: "chat",
        Kind.IMAGES: "generate_content",
        Kind.VIDEO_GENERATION: "generate_content",
        Kind.VIDEO_CREATION: "generate_content",
    }
)


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of work. Times are nanoseconds since 1970; `error` is why it failed,
    empty if it did not. `asks` is true where it asks somebody else."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    started_ns: int
    ended_ns: int
    asks: bool
    attributes: Mapping[str, Value]
    error: str = ""


def spans_of(
    flow: HTTPFlow, exchange: Exchange, trace: Trace, now_ns: int, wall_ns: int
) -> Iterator[Span]:
    """The spans of a request that ends now, by both clocks."""
    since_1970_ns = wall_ns - now_ns
    operation = OPERATIONS.get(exchange.endpoint.kind, exchange.endpoint.kind.value)
    model = "" if exchange.model is None else exchange.model.id
    error = code_of(exchange)
    yield Span(
        f"{operation} {model}".strip(),
        trace.trace_id,
        trace.span_id,
        trace.parent_id,
        since_1970_ns + exchange.started_ns,
        wall_ns,
        False,
        request_attributes(flow, exchange, operation, model, error),
        error,
    )
    for number, attempt in enumerate(exchange.trail, start=1):
        upstream_model = attempt.leg.candidate.model
        outcome = outcome_of(attempt.outcome)
        failed = outcome not in (COMPLETE, CANCELLED)
        yield Span(
            f"{operation} {upstream_model}",
            trace.trace_id,
            trace.attempt_span(number),
            trace.span_id,
            since_1970_ns + attempt.started_ns,
            since_1970_ns + (attempt.ended_ns or now_ns),
            True,
            attempt_attributes(attempt, number, operation, outcome),
            outcome if failed else "",
        )


def request_attributes(
    flow: HTTPFlow, exchange: Exchange, operation: str, model: str, error: str
) -> dict[str, Value]:
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": operation,
        "http.response.status_code": status_of(flow, exchange),
        "autolist.request_id": exchange.id,
        "autolist.attempts": exchange.attempts,
    }
    if model:
        attributes["gen_ai.request.model"] = model
    if error:
        attributes["error.type"] = error
    if exchange.caller is not None:
        attributes["user.id"] = exchange.caller.user_id
    if exchange.leg is not None:
        attributes["gen_ai.provider.name"] = exchange.leg.provider.name
        attributes["gen_ai.response.model"] = exchange.leg.candidate.model
    if exchange.charge is not None:
        attributes |= charge_attributes(exchange, exchange.charge)
    return attributes


def charge_attributes(exchange: Exchange, charge: Charge) -> dict[str, Value]:
    record = charge.record
    used = record.quantities
    attributes: dict[str, Value] = {
        "gen_ai.usage.input_tokens": sum(used.get(one, 0) for one in INPUT_METERS),
        "gen_ai.usage.output_tokens": sum(used.get(one, 0) for one in OUTPUT_METERS),
        "autolist.cost": dollars(exchange.paid_nano or 0),
        "autolist.evidence": record.evidence,
    }
    if upstream_id := cleaned(record.upstream_id, ID_CHARS_MAX):
        attributes["gen_ai.response.id"] = upstream_id
    if finish := cleaned(record.finish, NAME_CHARS_MAX):
        attributes["gen_ai.response.finish_reasons"] = (finish,)
    return attributes


def attempt_attributes(
    attempt: Attempt, number: int, operation: str, outcome: str
) -> dict[str, Value]:
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": attempt.leg.provider.name,
        "gen_ai.request.model": attempt.leg.candidate.model,
        "autolist.attempt": number,
        "autolist.outcome": outcome,
    }
    if attempt.status:
        attributes["http.response.status_code"] = attempt.status
    if outcome not in (COMPLETE, CANCELLED):
        attributes["error.type"] = outcome
    return attributes
