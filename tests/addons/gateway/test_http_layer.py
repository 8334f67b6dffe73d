"""The HTTP layer without sockets: one client's bytes in, the gateway's answers out."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mitmproxy.http import HTTPFlow

from addons.gateway.http_layer import forked
from addons.gateway.phase import Phase
from addons.upstream.call import UpstreamEvent
from addons.wire.errors import UnknownKey
from tests.addons.gateway.line import (
    GET,
    Line,
    chunked,
    cut,
    echo,
    post,
    refusing,
    upstream,
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    body = draw(st.binary(max_size=60))
    names = st.sampled_from(["X-A", "x-b", "ACCEPT"])
    headers = [f"{name}: {number}" for number, name in enumerate(draw(st.lists(names)))]
    blank = draw(st.sampled_from([b"", b"\r\n", b"\r\n\r\n"]))
    kind = draw(st.sampled_from(["length", "chunked", "none"]))
    if kind == "length":
        return blank + post(body, *headers)
    if kind == "chunked":
        return blank + chunked(*filter(None, cut(body, [7, 11, 30])))
    return blank + GET


def seen(line: Line) -> list[tuple[object, ...]]:
    return [
        (
            flow.request.method,
            flow.request.path,
            tuple(flow.request.headers.fields),
            flow.request.raw_content,
            flow.response.status_code,
        )
        for flow in line.flows
    ]


def test_a_fork_is_the_one_that_mitmproxy_makes() -> None:
    context = Line().layer.context
    ours, theirs = forked(context), context.fork()
    assert type(ours) is type(theirs) and vars(ours) == vars(theirs)
    assert ours.layers is not context.layers


@given(
    pipeline=st.lists(requests(), min_size=1, max_size=4),
    places=st.lists(st.integers(0, 500), max_size=8),
)
def test_any_chunking_of_requests_gives_the_same_flows(pipeline, places) -> None:
    data = b"".join(pipeline)
    whole, pieces, bytewise = Line(), Line(), Line()
    whole.receive(data)
    pieces.receive(*cut(data, places))
    bytewise.receive(*cut(data, list(range(len(data)))))
    assert len(whole.flows) == len(pipeline)
    assert seen(whole) == seen(pieces) == seen(bytewise)
    assert whole.sent == pieces.sent == bytewise.sent
    assert len(whole.answers) == len(pipeline)
    assert whole.http1.phase is pieces.http1.phase is Phase.IDLE


FRAGMENTS = [
    b"GET / HTTP/1.1\r\n",
    b"POST /a HTTP/1.1\r\n",
    b"PUT /a HTTP/1.1\r\n",
    b"POST /a HTTP/1.0\r\n",
    b"GET /\xff HTTP/1.1\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"GET http://other/ HTTP/1.1\r\n",
    b"GET http://[::1 HTTP/1.1\r\n",
    b"GET //a@b:c/ HTTP/1.1\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/3.0\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"Host: gateway\r\n",
    b"Host: a\r\nHost: b\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 5, 6\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 4_0\r\n",
    b"Content-Length: " + b"9" * 50 + b"\r\n",
    b"Content-Length: 5000\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: nonsense\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    b"Connection: close\r\n",
    b"No colon\r\n",
    b": empty\r\n",
    b"X-\xff: \xfe\r\n",
    b"X-A: a\x00b\r\n",
    b" folded\r\n",
    b"x" * 700 + b": 1\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"hello",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nX-Trailer: 1\r\n\r\n",
    b"-5\r\n",
    b"ffffffffffffffffff\r\n",
    b"5;ext=1\r\nhello\r\n",
]
hostile = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=20)), max_size=12
)


def hostile_hook(name: str, flow: HTTPFlow) -> None:
    """Some requests are refused by their head, the rest are echoed."""
    if "x-a" in flow.request.headers or b"POST" not in flow.request.data.method:
        refusing(UnknownKey())(name, flow)
    else:
        echo(name, flow)


@given(fragments=hostile, places=st.lists(st.integers(0, 9999), max_size=6))
@example([b"GET / HTTP/1.1\r\n", b"Content-Length: " + b"9" * 1900, b"\r\n\r\n"], [])
@example([b"POST /a HTTP/1.1\r\n", FRAGMENTS[21], b"\r\n", FRAGMENTS[-4]], [])
def test_no_bytes_crash_it_and_each_flow_ends_once(fragments, places) -> None:
    line = Line(hostile_hook)
    line.receive(*cut(b"".join(fragments), places))
    line.leave()
    assert line.closed
    for reply in line.answers:
        assert reply.status in (100, 200) or 400 <= reply.status < 500
        if reply.status >= 400 and reply.body:
            assert json.loads(reply.body)["error"]["message"]
            assert "x-request-id" in reply.headers
    for flow in line.flows:
        assert len(line.ends[flow.id]) == 1, "a flow ends once, or money is stuck"


async def test_a_request_goes_to_a_call_and_never_to_a_socket() -> None:
    line = Line(upstream)
    line.receive(post(b"{}"))
    (call,) = line.calls
    assert call.flow is line.flows[0]
    await call.whole(502)
    assert [reply.status for reply in line.answers] == [502]


async def test_a_stream_goes_through_piece_by_piece() -> None:
    line = Line(upstream)
    line.receive(post(b"{}"))
    (call,) = line.calls
    await call.begin(b"one ")
    assert line.sent.endswith(b"4\r\none \r\n")
    await call.send(b"two")
    assert line.sent.endswith(b"3\r\ntwo\r\n")
    await call.end()
    assert [reply.body for reply in line.answers] == [b"one two"]
    assert line.ends[line.flows[0].id] == ["response"]


async def test_a_stream_that_is_cut_off_closes_its_connection() -> None:
    line = Line(upstream)
    line.receive(post(b"{}"))
    (call,) = line.calls
    await call.begin(b"one ")
    sent = line.sent
    await call.cut()
    assert line.closed
    assert line.sent == sent
    assert line.ends[line.flows[0].id] == ["error"]
    assert line.layer.streams == {}


async def test_each_request_of_a_connection_has_a_call_of_its_own() -> None:
    line = Line(upstream)
    for number in range(3):
        line.receive(post(b"{}"))
        await line.calls[number].whole(200)
    assert len({call.server for call in line.calls}) == 3
    assert len(line.answers) == 3
    assert line.layer.connections.keys() == line.layer.own.keys()
    assert line.layer.streams == {}


@pytest.mark.parametrize("begun", [False, True])
async def test_a_client_that_leaves_ends_its_flow_once(begun: bool) -> None:
    line = Line(upstream)
    line.receive(post(b"{}"))
    (call,) = line.calls
    if begun:
        await call.begin(b"one")
    sent = line.sent
    line.leave()
    assert line.closed
    # The coroutine may not know it yet.
    await call.send(b"late")
    await call.end()
    assert line.sent == sent
    assert line.ends[line.flows[0].id] == ["error"]
    assert line.layer.streams == {}


async def test_a_client_that_leaves_while_its_charge_is_written_ends_once() -> None:
    line = Line(upstream, hold=["response"])
    line.receive(post(b"{}"))
    await line.calls[0].whole(200)
    line.leave()
    line.complete()
    assert line.ends[line.flows[0].id] == ["response"]
    assert line.closed


async def test_an_answer_to_a_stream_that_is_gone_is_forgotten() -> None:
    line = Line(upstream)
    line.receive(post(b"{}"))
    (call,) = line.calls
    await call.whole(200)
    line.feed(UpstreamEvent(call.server, []))
    await call.whole(500)
    assert [reply.status for reply in line.answers] == [200]


@pytest.mark.parametrize("name", ["request", "responseheaders", "response"])
def test_a_stream_that_crashed_still_ends_its_flow_once(name: str) -> None:
    def nonsense(hook: str, flow: HTTPFlow) -> None:
        echo(hook, flow)
        if hook == name:
            flow.response = "this is no response"

    line = Line(nonsense)
    with pytest.raises(AttributeError):
        line.receive(GET)
    line.leave()
    assert len(line.ends[line.flows[0].id]) == 1


@pytest.mark.parametrize("name", ["requestheaders", "request"])
def test_a_client_that_leaves_during_a_hook_ends_its_flow_once(name: str) -> None:
    line = Line(hold=[name])
    line.receive(GET)
    line.leave()
    line.complete()
    while line.held:
        line.complete()
    assert line.ends[line.flows[0].id] == ["error"]
    assert line.closed
