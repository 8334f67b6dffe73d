"""Tracing: every request that a provider may be asked for belongs to a trace.

The caller's, if it says one; else a new one. The provider is told, so that a trace goes
through the gateway wherever both sides take part. Spans are sent only where somebody
takes them, and of those traces only that are sampled: the caller decides, or we do.
"""

import asyncio

from mitmproxy.http import HTTPFlow

from addons.exchange import Exchange
from addons.traces import SPAN_BYTES, TRACE_BYTES, TRACEPARENT, Trace, caller_trace
from addons.tracing.otlp import Exporter
from addons.tracing.spans import spans_of
from storage.clock import Clock
from storage.ids import Ids


class Tracing:
    """Finds or begins the trace of a request, and sends its spans."""

    def __init__(self, ids: Ids, clock: Clock, exporter: Exporter | None) -> None:
        self.ids = ids
        self.clock = clock
        self.exporter = exporter

    async def done(self) -> None:
        if self.exporter is not None:
            await asyncio.to_thread(self.exporter.close)

    def requestheaders(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if not exchange.endpoint.paid:
            return
        span_id = self.ids.hexadecimal(SPAN_BYTES)
        told = flow.request.headers.get_all(TRACEPARENT)
        exchange.trace = caller_trace(told, span_id) or Trace(
            self.ids.hexadecimal(TRACE_BYTES),
            span_id,
            sampled=self.exporter is not None,
        )

    def left(self, flow: HTTPFlow, exchange: Exchange) -> None:
        trace = exchange.trace
        if self.exporter is None or trace is None or not trace.sampled:
            return
        now_ns, wall_ns = self.clock.monotonic_ns(), self.clock.wall_ns()
        for span in spans_of(flow, exchange, trace, now_ns, wall_ns):
            self.exporter.export(span)
