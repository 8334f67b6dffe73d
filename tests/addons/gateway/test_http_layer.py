"""The HTTP layer without sockets: one client's bytes in, the gateway's answers out."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.proxy.layers.http._events import ErrorCode

from addons import endpoints
from addons.exchange import Exchange
from addons.gateway.http_layer import SlowRequest, protocol_error
from addons.gateway.phase import Phase
from addons.upstream.call import UpstreamEvent
from addons.wire.errors import ApiError, UnknownKey
from config.settings import Listen
from tests.addons.gateway.line import SMALL, Line, OnHook, echo, render
from tests.fakes import exchanges

GET = b"GET /a HTTP/1.1\r\nHost: gateway\r\n\r\n"
ENDS = ("response", "error")


def post(body: bytes, *headers: str, method: str = "POST") -> bytes:
    fields = ["Host: gateway", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([f"{method} /a HTTP/1.1", *fields, "", ""]).encode() + body


def chunked(*pieces: bytes, trailer: bytes = b"") -> bytes:
    head = b"POST /a HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces)
    return head + chunks + b"0\r\n" + trailer + b"\r\n"


def refusing(error: ApiError) -> Callable[[str, HTTPFlow], None]:
    """What the hooks do with a request that is refused by its head."""

    def on_hook(name: str, flow: HTTPFlow) -> None:
        if name == "requestheaders":
            record = exchanges.exchange()
            record.travel_with(flow)
            record.refuse(error)
            flow.response = render(error, record)

    return on_hook


def upstream(name: str, flow: HTTPFlow) -> None:
    """Sends every request upstream, and streams what comes."""
    if name == "requestheaders":
        exchanges.exchange().travel_with(flow)
    if name == "responseheaders":
        flow.response.headers["transfer-encoding"] = "chunked"
        flow.response.stream = True


def error_of(line: Line) -> tuple[int, str]:
    """Status and code of the last answer, which must be an error as we write them."""
    reply = line.answers[-1]
    assert reply.headers["x-request-id"].startswith("req_")
    return reply.status, json.loads(reply.body)["error"]["code"]


# Requests, however they arrive.


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in pieces; places are taken modulo the length."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in zip(ends, ends[1:])]


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


@pytest.mark.parametrize(
    "head",
    [
        b"GET\r\n\r\n",
        b"GET / HTTP/x\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\n\tfolded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\rB: 2\r\n\r\n",
        b"GET /\x0b HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\r\n\r\n",
    ],
)
def test_what_is_not_http_is_told_so_in_json_and_closed(head: bytes) -> None:
    line = Line()
    line.receive(head)
    assert error_of(line) == (400, "invalid_request")
    assert line.closed
    assert [reply.headers["connection"] for reply in line.answers] == ["close"]


def test_an_error_does_not_repeat_the_clients_bytes() -> None:
    line = Line()
    line.receive(b"GET / HTTP/1.1\r\nAuthorization tk_secret\r\n\r\n")
    assert b"tk_secret" not in line.sent


# Heads.


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\nX: " + b"a" * 3_000 + b"\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nX: " + b"a" * 1_900, b"a" * 200],
        [b"GET / HTTP/1.1\r\n"] + [b"X: a\r\n"] * 400,
    ],
    ids=["whole", "unfinished", "many"],
)
def test_a_head_above_the_limit_is_refused_before_its_end(pieces) -> None:
    line = Line()
    line.receive(*pieces)
    assert error_of(line) == (431, "headers_too_large")
    assert (line.closed, line.flows) == (True, [])


def test_a_head_at_the_limit_is_read() -> None:
    line = Line()
    # The lines' own bytes count, without the ends of lines.
    room = SMALL.header_bytes - len(b"GET / HTTP/1.1" + b"X: ")
    line.receive(b"GET / HTTP/1.1\r\nX: " + b"a" * room + b"\r\n\r\n")
    assert [reply.status for reply in line.answers] == [200]


@pytest.mark.parametrize("data", [b"", b"GET / HT", GET[:-2]])
def test_who_leaves_before_the_end_of_a_head_is_just_closed(data: bytes) -> None:
    line = Line()
    line.receive(data)
    line.leave()
    assert (line.closed, line.sent, line.flows) == (True, b"", [])


@pytest.mark.parametrize(
    ("request_bytes", "closed"),
    [
        (GET, False),
        (GET.replace(b"Host", b"Connection: close\r\nHost"), True),
        (GET.replace(b"/1.1", b"/1.0"), True),
    ],
)
def test_a_connection_is_kept_unless_the_client_wants_it_closed(
    request_bytes: bytes, closed: bool
) -> None:
    line = Line()
    line.receive(request_bytes)
    assert ([one.status for one in line.answers], line.closed) == ([200], closed)


@pytest.mark.parametrize("requests", [2, 200])
def test_pipelined_requests_are_answered_in_their_order(requests: int) -> None:
    line = Line()
    line.receive(b"".join(post(b"%d" % number) for number in range(requests)))
    assert [one.body for one in line.answers] == [b"%d" % n for n in range(requests)]


def test_a_pipelined_request_waits_for_the_one_before() -> None:
    line = Line(hold=["request"])
    line.receive(GET + GET)
    assert len(line.flows) == 1
    line.complete()
    assert len(line.flows) == 2
    assert len(line.answers) == 1


def test_pipelining_without_end_is_closed() -> None:
    line = Line(hold=["request"])
    line.receive(GET)
    for _ in range(40):
        line.receive(b"x" * 100)
    assert line.closed
    line.complete()
    assert line.ends[line.flows[0].id] == ["error"]


def test_an_upgrade_is_not_taken_up() -> None:
    line = Line()
    line.receive(GET.replace(b"\r\n\r\n", b"\r\nUpgrade: h2c\r\n\r\n") + GET)
    assert [reply.status for reply in line.answers] == [200, 200]


# Bodies.


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


def test_trailers_are_refused() -> None:
    line = Line()
    line.receive(chunked(b"abc", trailer=b"X-A: 1\r\n"))
    assert error_of(line) == (400, "invalid_request")
    assert line.closed
    assert line.ends[line.flows[0].id] == ["error"]


@pytest.mark.parametrize(
    "broken", [b"nonsense\r\n", b"-5\r\n", b"2\r\nthree\r\n", b"5" * 30 + b"\r\n"]
)
def test_a_broken_chunk_is_told_and_ends_the_flow(broken: bytes) -> None:
    line = Line()
    line.receive(chunked(b"abc")[:-5] + broken)
    assert error_of(line) == (400, "invalid_request")
    assert line.closed
    assert line.ends[line.flows[0].id] == ["error"]


@pytest.mark.parametrize(
    "endless",
    [b"1;" + b"x" * 100, b"0\r\nX-A: " + b"x" * 100],
    ids=["chunk", "trailer"],
)
def test_half_a_chunk_without_end_is_not_kept(endless: bytes) -> None:
    line = Line()
    line.receive(chunked(b"abc")[:-5] + endless)
    for _ in range(30):
        line.receive(b"x" * 100)
    assert error_of(line) == (400, "invalid_request")
    assert line.closed
    assert line.ends[line.flows[0].id] == ["error"]


EXPECTING = post(b"", "Expect: 100-continue").replace(b": 0", b": 2")


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


# HEAD.


@pytest.mark.parametrize("on_hook", [echo, refusing(UnknownKey())])
def test_an_answer_to_head_has_no_body_whatever_the_addons_made(on_hook) -> None:
    def with_body(name: str, flow: HTTPFlow) -> None:
        on_hook(name, flow)
        if name == "response":
            flow.response.raw_content = b'{"a":1}'

    line = Line(with_body)
    line.receive(GET.replace(b"GET", b"HEAD"))
    assert line.sent.endswith(b"\r\n\r\n")
    assert line.sent.count(b"\r\n\r\n") == 1


# The clocks.


@pytest.mark.parametrize(
    ("data", "phase", "answer"),
    [
        ([], Phase.IDLE, None),
        ([b"\r\n"], Phase.IDLE, None),
        ([GET], Phase.IDLE, None),
        ([b"GET / HT"], Phase.HEAD, (408, "request_timeout")),
        ([GET, b"GET"], Phase.HEAD, (408, "request_timeout")),
        ([post(b"hello")[:-1]], Phase.BODY, (408, "request_timeout")),
        ([chunked(b"hello")[:-1]], Phase.BODY, (408, "request_timeout")),
    ],
)
def test_a_slow_client_is_told_so_and_closed(data, phase: Phase, answer) -> None:
    line = Line()
    line.receive(*data)
    assert line.http1.phase is phase
    before = len(line.answers)
    line.feed(SlowRequest(line.client))
    assert line.closed
    assert len(line.answers) == before + (answer is not None)
    if answer is not None:
        assert error_of(line) == answer
    assert all(len(ends) == 1 for ends in line.ends.values())
    assert len(line.ends) == len(line.flows)


def test_a_request_that_is_served_is_nobodys_slowness() -> None:
    line = Line(hold=["request"])
    line.receive(GET)
    assert line.http1.phase is Phase.BUSY
    line.complete()
    assert line.http1.phase is Phase.IDLE


def test_a_refused_upload_that_stops_is_closed_without_a_second_answer() -> None:
    line = Line(refusing(UnknownKey()))
    line.receive(post(b"x" * 900)[:-800])
    assert line.http1.phase is Phase.BODY
    line.feed(SlowRequest(line.client))
    assert (line.closed, len(line.answers)) == (True, 1)
    assert line.ends[line.flows[0].id] == ["response"]


# Upstream.


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


async def test_a_response_that_is_no_http_is_our_fault_and_not_shown() -> None:
    def broken(name: str, flow: HTTPFlow) -> None:
        if name == "request":
            flow.response = Response.make(200, b"", {"transfer-encoding": "nonsense"})

    line = Line(broken)
    line.receive(GET)
    assert line.ends[line.flows[0].id] == ["response"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.GENERIC_CLIENT_ERROR, 400),
        (ErrorCode.REQUEST_VALIDATION_FAILED, 400),
        (ErrorCode.GENERIC_SERVER_ERROR, 502),
        (ErrorCode.CONNECT_FAILED, 502),
        (ErrorCode.CLIENT_DISCONNECTED, None),
        (ErrorCode.KILL, None),
        (ErrorCode.CANCEL, None),
    ],
)
def test_a_protocol_error_is_told_unless_the_client_left(code, status) -> None:
    error = protocol_error(code)
    assert (error.status if error else None) == status


def test_the_limits_are_the_listeners() -> None:
    line = Line(upstream, replace(SMALL, body_bytes=5))
    line.receive(chunked(b"sixsix"))
    assert error_of(line) == (413, "body_too_large")


# What an attacker sends.


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
