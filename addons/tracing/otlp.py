"""OTLP: spans on their way to an OpenTelemetry collector.

The SDK's own queue and thread carry them; what finds no room there is dropped, and a
collector that is away holds nobody up. The packages are an extra and are imported only
where an address is configured.
"""

from typing import Any, Protocol

from addons.tracing.spans import Span
from config.settings import TracingSettings
from config.version import VERSION

MISSING = (
    "tracing.otlp needs the extra `otel`:"
    " pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
)


class TracingUnavailable(Exception):
    """Spans are to be sent, and what sends them is not installed."""


class Exporter(Protocol):
    """Takes spans, and waits for nobody."""

    def export(self, span: Span) -> None: ...

    def close(self) -> None:
        """Sends what is left, for as long as that may take. Blocks."""


def check_tracing(settings: TracingSettings) -> None:
    """TracingUnavailable if what the settings ask for is not installed."""
    if settings.otlp is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: F401
        from opentelemetry.sdk import trace  # noqa: F401
    except ImportError as error:
        raise TracingUnavailable(MISSING) from error


def open_exporter(settings: TracingSettings) -> Exporter | None:
    """What sends spans where the settings say; None where they say nothing."""
    check_tracing(settings)
    return None if settings.otlp is None else Otlp(settings.otlp)


class Otlp:
    """Sends spans by OTLP over HTTP."""

    def __init__(self, address: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        self.processor: Any = BatchSpanProcessor(OTLPSpanExporter(endpoint=address))
        self.resource: Any = Resource.create(
            {"service.name": "autolist", "service.version": VERSION}
        )
        self.scope: Any = InstrumentationScope("autolist", VERSION)

    def export(self, span: Span) -> None:
        self.processor.on_end(self.readable(span))

    def close(self) -> None:
        self.processor.shutdown()

    def readable(self, span: Span) -> Any:
        """The span as the SDK knows it."""
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        failed = Status(StatusCode.ERROR, span.error)
        return ReadableSpan(
            name=span.name,
            context=context_of(span.trace_id, span.span_id),
            parent=context_of(span.trace_id, span.parent_id),
            resource=self.resource,
            attributes=span.attributes,
            kind=SpanKind.CLIENT if span.asks else SpanKind.SERVER,
            status=failed if span.error else Status(StatusCode.UNSET),
            start_time=span.started_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self.scope,
        )


def context_of(trace_id: str, span_id: str) -> Any:
    """None where there is no span."""
    from opentelemetry.trace import SpanContext, TraceFlags

    if not span_id:
        return None
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(trace_id, 16), int(span_id, 16), False, flags)
