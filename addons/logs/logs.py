"""Logs: one line for each request that is over.

It says who asked for what, who served it, how it ended, what was used and what it cost.
Nothing that anybody said is in it, no header, no path and no address: those may hold
what nobody should read in a log. A name is in it only if it is one of ours, or cleaned
of what no identifier has in it.
"""

import logging
from typing import Any, TextIO

from mitmproxy.http import HTTPFlow

from addons.endings import code_of, end_of, outcome_of, status_of
from addons.exchange import Attempt, Charge, Exchange
from addons.logs.formats import FIELDS, Who, format_of
from addons.logs.outlet import Outlet
from config.money import dollars
from config.settings import LogSettings
from storage.clock import Clock
from storage.trail import ID_CHARS_MAX, NAME_CHARS_MAX, cleaned

logger = logging.getLogger("autolist.requests")
# What became of the files when they were read again: who had it done wants to know.
told = logging.getLogger("autolist.configuration")

NANOSECONDS_A_MICROSECOND = 1_000
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class Logs:
    """Logs requests."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def left(self, flow: HTTPFlow, exchange: Exchange) -> None:
        if not logger.isEnabledFor(logging.INFO):
            return
        now_ns = self.clock.monotonic_ns()
        # Made here, because `logger.info` would look for the line of this call.
        record = logging.LogRecord(
            logger.name, logging.INFO, __file__, 0, "request", None, None
        )
        setattr(record, FIELDS, fields_of(flow, exchange, now_ns))
        logger.handle(record)


def fields_of(flow: HTTPFlow, exchange: Exchange, now_ns: int) -> dict[str, Any]:
    """What a line says of a request; what it has not is left out."""
    fields: dict[str, Any] = {
        "id": exchange.id,
        "endpoint": exchange.endpoint.kind.value,
        "status": status_of(flow, exchange),
    }
    if code := code_of(exchange):
        fields["code"] = code
    if exchange.trace is not None:
        fields["trace_id"] = exchange.trace.trace_id
    if exchange.caller is not None:
        fields["user_id"] = exchange.caller.user_id
        fields["key_id"] = exchange.caller.id
    if exchange.model is not None:
        fields["model"] = exchange.model.id
    if exchange.ask is not None:
        fields["stream"] = exchange.ask.stream
    if exchange.replayed is not None:
        fields["replay_of"] = exchange.replayed.request_id
    if exchange.ordered and exchange.order is not None:
        fields["job_id"] = exchange.order.job.id
    if exchange.leg is not None:
        fields["provider"] = exchange.leg.provider.name
        fields["upstream_model"] = exchange.leg.candidate.model
    if exchange.trail:
        fields["attempts"] = [
            attempt_fields(attempt, now_ns) for attempt in exchange.trail
        ]
    if exchange.charge is not None:
        fields |= charge_fields(exchange, exchange.charge)
    return fields | timings(exchange, now_ns)


def attempt_fields(attempt: Attempt, now_ns: int) -> dict[str, Any]:
    return {
        "provider": attempt.leg.provider.name,
        "model": attempt.leg.candidate.model,
        "outcome": outcome_of(attempt.outcome),
        "status": attempt.status,
        "micros": micros((attempt.ended_ns or now_ns) - attempt.started_ns),
    }


def charge_fields(exchange: Exchange, charge: Charge) -> dict[str, Any]:
    """Money in dollars, to the last digit."""
    record = charge.record
    fields: dict[str, Any] = {
        "end": end_of(exchange, charge),
        "evidence": record.evidence,
        "used": {meter: n for meter, n in record.quantities.items() if n},
        "cost": dollars(charge.cost_nano),
        "paid": dollars(exchange.paid_nano or 0),
        "bought": dollars(charge.buy_nano),
    }
    if finish := cleaned(record.finish, NAME_CHARS_MAX):
        fields["finish"] = finish
    if upstream_id := cleaned(record.upstream_id, ID_CHARS_MAX):
        fields["upstream_id"] = upstream_id
    return fields


def timings(exchange: Exchange, now_ns: int) -> dict[str, int]:
    """In microseconds. The overhead is told where there is something else."""
    found = {"total_micros": micros(now_ns - exchange.started_ns)}
    if exchange.first_byte_ns is not None:
        first_ns = exchange.first_byte_ns - exchange.started_ns
        found["first_byte_micros"] = micros(first_ns)
    if exchange.trail:
        found["overhead_micros"] = micros(exchange.overhead_ns(now_ns))
    return found


def micros(duration_ns: int) -> int:
    return max(0, duration_ns) // NANOSECONDS_A_MICROSECOND


def set_up(settings: LogSettings, stream: TextIO, who: Who = None) -> None:
    """Have this process log as the settings say, unless it does already."""
    root = logging.getLogger()
    if root.handlers:
        return
    # Nobody is told these, and each record would look them up.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    outlet = Outlet(stream)
    outlet.setFormatter(format_of(settings, who))
    root.addHandler(outlet)
    root.setLevel(LEVELS[settings.level])
    told.setLevel(logging.INFO)
    logger.setLevel(logging.INFO if settings.requests == "on" else logging.WARNING)
