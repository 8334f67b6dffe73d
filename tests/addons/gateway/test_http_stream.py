"""One request and its answer: early refusals, the limit of a body, the tail."""

import pytest
from mitmproxy.http import HTTPFlow

from addons import endpoints
from addons.endings import code_of, status_of
from addons.exchange import Exchange
from addons.gateway.http1_server import SlowRequest
from addons.wire.errors import UnknownKey
from config.settings import Listen
from tests.addons.gateway.line import (
    GET,
    Line,
    OnHook,
    chunked,
    cut,
    echo,
    error_of,
    post,
    refusing,
    render,
    upstream,
)
from tests.fakes import exchanges

EXPECTING = post(b"", "Expect: 100-continue").replace(b": 0", b": 2")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (post(b"x" * 1000), 200),
        (chunked(b"x" * 1000), 200),
        (chunked(b"x" * 600, b"x" * 400), 200),
        (chunked(b"x" * 1001), 413),
        (chunked(b"x" * 600, b"x" * 401), 413),
    ],
)
def test_a_body_has_a_limit_that_is_seen_on_the_way(data: bytes, status: int) -> None:
    line = Line()
    line.receive(*cut(data, list(range(0, len(data), 97))))
    assert [reply.status for reply in line.answers] == [status]


def test_a_body_above_the_limit_is_our_refusal_in_json() -> None:
    line = Line(upstream)
    line.receive(chunked(b"x" * 1001))
    assert error_of(line) == (413, "body_too_large")
    assert Exchange.of(line.flows[0]).refusal.status == 413
    assert line.calls == []


@pytest.mark.parametrize(
    "data", [post(b"x" * 500), chunked(b"x" * 500), post(b""), GET]
)
def test_a_refused_request_is_answered_and_never_sent_on(data: bytes) -> None:
    line = Line(refusing(UnknownKey()))
    line.receive(data)
    assert error_of(line) == (401, "invalid_api_key")
    assert (len(line.answers), line.calls) == (1, [])
    assert line.ends[line.flows[0].id] == ["response"]


def test_a_refused_upload_is_answered_before_it_has_arrived() -> None:
    line = Line(refusing(UnknownKey()))
    line.receive(post(b"x" * 900)[:-900])
    assert error_of(line) == (401, "invalid_api_key")
    assert not line.closed
    assert line.answers[0].headers["connection"] == "close"
    line.receive(b"x" * 900)
    assert line.closed
    assert line.layer.streams == {}
    assert line.ends[line.flows[0].id] == ["response"]


def test_a_refused_upload_is_forgotten_as_it_comes() -> None:
    line = Line(refusing(UnknownKey()))
    line.receive(post(b"x" * 900))
    assert line.flows[0].request.raw_content == b""


def test_a_refused_upload_is_not_read_without_end() -> None:
    line = Line(refusing(UnknownKey()))
    line.receive(post(b"x" * 100_000)[:500])
    for _ in range(30):
        line.receive(b"x" * 100)
    assert line.closed
    assert line.ends[line.flows[0].id] == ["response"]


@pytest.mark.parametrize("data", [post(b"x" * 900)[:-1], chunked(b"abc")[:-3]])
def test_who_leaves_in_the_middle_of_a_body_ends_its_flow(data: bytes) -> None:
    line = Line()
    line.receive(data)
    line.leave()
    assert (line.closed, line.sent) == (True, b"")
    assert line.ends[line.flows[0].id] == ["error"]


def test_a_client_that_expects_to_go_on_may() -> None:
    line = Line()
    line.receive(EXPECTING)
    assert [reply.status for reply in line.answers] == [100]
    line.receive(b"hi")
    assert [reply.status for reply in line.answers] == [100, 200]
    assert not line.closed


def test_a_client_that_expects_to_go_on_is_refused_without_its_body() -> None:
    line = Line(refusing(UnknownKey()))
    line.receive(EXPECTING)
    assert [reply.status for reply in line.answers] == [401]
    assert line.ends[line.flows[0].id] == ["response"]


def test_who_was_told_to_go_on_and_does_not_is_told_that_too() -> None:
    line = Line()
    line.receive(EXPECTING)
    line.feed(SlowRequest(line.client))
    assert error_of(line) == (408, "request_timeout")
    assert line.ends[line.flows[0].id] == ["error"]


@pytest.mark.parametrize("hold", [(), ("requestheaders",)])
def test_a_body_that_does_not_come_refuses_its_request(hold) -> None:
    line = Line(hold=hold)
    line.receive(post(b"hello")[:-1])
    line.feed(SlowRequest(line.client))
    if hold:
        line.complete()
    (flow,) = line.flows
    record = Exchange.of(flow)
    assert code_of(record) == "request_timeout"
    flow.response = render(record.refusal, record)
    assert status_of(flow, record) == 408
    assert line.turned_away == []
    if not hold:
        # Who asks about it asks by the name that is in the log.
        assert line.answers[-1].headers["x-request-id"] == record.id


def test_a_refused_upload_that_stops_stays_refused_for_its_first_reason() -> None:
    line = Line(refusing(UnknownKey()))
    line.receive(post(b"x" * 900)[:-800])
    line.feed(SlowRequest(line.client))
    assert code_of(Exchange.of(line.flows[0])) == "invalid_api_key"


async def test_the_tail_of_a_stream_comes_after_its_response_hook() -> None:
    def settle(name: str, flow: HTTPFlow) -> None:
        upstream(name, flow)
        if name == "response":
            assert not line.sent.endswith(b"0\r\n\r\n")
            Exchange.of(flow).tail = b"tail"

    line = Line(settle, hold=["response"])
    line.receive(post(b"{}"))
    (call,) = line.calls
    await call.begin(b"one ")
    await call.end()
    assert b"tail" not in line.sent and not line.sent.endswith(b"0\r\n\r\n")
    line.complete()
    assert [reply.body for reply in line.answers] == [b"one tail"]


async def test_a_stream_may_have_nothing_but_a_tail() -> None:
    def settle(name: str, flow: HTTPFlow) -> None:
        upstream(name, flow)
        if name == "response":
            Exchange.of(flow).tail = b"tail"

    line = Line(settle)
    line.receive(post(b"{}"))
    (call,) = line.calls
    await call.begin(b"")
    assert not line.sent.endswith(b"0\r\n\r\n")
    await call.end()
    assert [reply.body for reply in line.answers] == [b"tail"]


def test_only_what_is_paid_for_may_be_large() -> None:
    small_form = Listen(body_bytes=1_000, form_bytes=100)
    for endpoint, status in ((endpoints.WEB, 413), (endpoints.CHAT, 200)):
        line = Line(at(endpoint), small_form)
        line.receive(chunked(b"x" * 101))
        assert [reply.status for reply in line.answers] == [status]


def at(endpoint: endpoints.Endpoint) -> OnHook:
    """An echo at an endpoint of one's choice."""

    def on_hook(name: str, flow: HTTPFlow) -> None:
        echo(name, flow)
        if name == "requestheaders":
            exchanges.exchange(endpoint).travel_with(flow)

    return on_hook
