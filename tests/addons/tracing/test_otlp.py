"""OTLP: spans arrive at a collector. It is a server of this test's own."""

import importlib.util
import sys
from collections.abc import Iterator

import pytest

from addons.tracing.otlp import TracingUnavailable, check_tracing, open_exporter
from addons.tracing.spans import Span
from config.settings import TracingSettings
from tests.fakes.collector import Collector

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
NOWHERE = TracingSettings()
OTLP = "opentelemetry.exporter.otlp"


def installed() -> bool:
    try:
        return importlib.util.find_spec(f"{OTLP}.proto.http") is not None
    except ModuleNotFoundError:
        return False


needs_otel = pytest.mark.skipif(not installed(), reason="the extra `otel` is not there")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        yield made


def span(**fields) -> Span:
    known = {
        "name": "chat gpt-4o",
        "trace_id": TRACE_ID,
        "span_id": "b7ad6b7169203331",
        "parent_id": "00f067aa0ba902b7",
        "started_ns": 10**18,
        "ended_ns": 10**18 + 5,
        "asks": False,
        "attributes": {"gen_ai.request.model": "gpt-4o", "autolist.attempts": 1},
    }
    return Span(**{**known, **fields})


@needs_otel
def test_spans_arrive_as_they_were(collector: Collector) -> None:
    exporter = open_exporter(TracingSettings(collector.address))
    assert exporter is not None
    exporter.export(span())
    exporter.export(span(name="ask", asks=True, parent_id="", error="upstream_error"))
    exporter.close()
    first, second = collector.spans()
    assert first.name == "chat gpt-4o"
    assert first.trace_id.hex() == TRACE_ID
    assert first.span_id.hex() == "b7ad6b7169203331"
    assert first.parent_span_id.hex() == "00f067aa0ba902b7"
    assert first.start_time_unix_nano == 10**18
    assert first.end_time_unix_nano == 10**18 + 5
    attributes = {one.key: one.value for one in first.attributes}
    assert attributes["gen_ai.request.model"].string_value == "gpt-4o"
    assert attributes["autolist.attempts"].int_value == 1
    assert (first.kind, second.kind) == (2, 3), "a server's, and a client's"
    assert second.parent_span_id == b""
    assert (second.status.code, second.status.message) == (2, "upstream_error")


def test_without_an_address_nothing_is_sent() -> None:
    assert open_exporter(NOWHERE) is None
    check_tracing(NOWHERE)


def test_what_is_missing_is_said_with_how_to_get_it() -> None:
    hidden = {name: None for name in (OTLP, f"{OTLP}.proto.http")}
    kept = {name: one for name, one in sys.modules.items() if name.startswith(OTLP)}
    for name in kept:
        del sys.modules[name]
    sys.modules.update(hidden)  # type: ignore[arg-type]
    try:
        with pytest.raises(TracingUnavailable, match="extra `otel`: pip install"):
            check_tracing(TracingSettings("http://127.0.0.1:4318/v1/traces"))
    finally:
        for name in hidden:
            del sys.modules[name]
        sys.modules.update(kept)
