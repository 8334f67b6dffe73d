"""Traces through the whole gateway: from a caller's program to a provider's door."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from addons.traces import caller_trace
from config.settings import TracingSettings
from tests.fakes.collector import Collector
from tests.fakes.openai_script import Answer, Status
from tests.fakes.openai_server import FakeOpenAI
from tests.scenarios.conftest import Start
from tests.scenarios.dial import CHAT, Dial, ask_body, request
from tests.scenarios.harness import Caller, Gateway

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Collector]:
    pytest.importorskip(
        "opentelemetry.exporter.otlp.proto.http", reason="the extra `otel` is not there"
    )
    with Collector() as made:
        yield made


def ask(gateway: Gateway, caller: Caller, traceparent: str, stream: bool = False):
    headers = {"Authorization": f"Bearer {caller.key}", "traceparent": traceparent}
    with Dial(gateway.port) as dial:
        return dial.ask(request("POST", CHAT, ask_body(stream=stream), headers))


def given(fake: FakeOpenAI) -> list[str]:
    return [one.headers["traceparent"] for one in fake.requests]


def test_a_provider_is_asked_in_the_callers_trace(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    ask(gateway, caller, f"00-{TRACE_ID}-{PARENT}-01")
    (header,) = given(fake)
    assert header.startswith(f"00-{TRACE_ID}-") and header.endswith("-01")
    assert PARENT not in header


@pytest.mark.parametrize("bad", ["", "00-x", f"00-{'0' * 32}-{PARENT}-01", "sk-secret"])
def test_what_is_no_trace_is_replaced_by_a_new_one(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller, bad: str
) -> None:
    assert ask(gateway, caller, bad).status == 200
    (header,) = given(fake)
    assert caller_trace([header], PARENT) is not None
    assert "sk-secret" not in header


def test_each_attempt_is_told_apart(
    gateway: Gateway, fake: FakeOpenAI, caller: Caller
) -> None:
    fake.script(Status(503), Answer())
    ask(gateway, caller, f"00-{TRACE_ID}-{PARENT}-00")
    headers = given(fake)
    assert len(set(headers)) == len(headers)
    assert {header.split("-")[1] for header in headers} == {TRACE_ID}


def test_a_collector_gets_the_request_and_its_attempt(
    start: Start, fake: FakeOpenAI, collector: Collector
) -> None:
    tracing = TracingSettings(collector.address)
    gateway = start(change=lambda settings: replace(settings, tracing=tracing))
    reply = ask(gateway, gateway.caller(), f"00-{TRACE_ID}-{PARENT}-01", stream=True)
    gateway.stop()
    (header,) = given(fake)
    spans = {span.kind: span for span in collector.spans()}
    server, attempt = spans[2], spans[3]
    assert server.parent_span_id.hex() == PARENT
    assert attempt.parent_span_id == server.span_id
    assert attempt.span_id.hex() == header.split("-")[2]
    attributes = {one.key: one.value for one in server.attributes}
    request_id = attributes["autolist.request_id"].string_value
    assert request_id == reply.headers["x-request-id"]
    assert attributes["gen_ai.usage.input_tokens"].int_value == 6
    assert attributes["autolist.cost"].string_value == "0.000065"
