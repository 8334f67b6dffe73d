"""HTTP/1 towards the client: its limits, and what it says of what is not HTTP."""

from dataclasses import replace

import pytest
from mitmproxy.http import Headers, HTTPFlow, Response
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    ResponseData,
    ResponseHeaders,
)

from addons.gateway.http1_server import SlowRequest, protocol_error
from addons.gateway.phase import Phase
from addons.wire.errors import UnknownKey
from tests.addons.gateway.line import (
    GET,
    SMALL,
    Line,
    chunked,
    echo,
    error_of,
    post,
    refusing,
    upstream,
)


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


@pytest.mark.parametrize(
    ("data", "codes", "flows"),
    [
        ([GET], [], 1),
        ([post(b"hello")[:-1]], [], 1),
        ([b"GET / HT"], ["request_timeout"], 0),
        ([b"GET\r\n\r\n"], ["invalid_request"], 0),
        ([b"CONNECT a:1 HTTP/1.1\r\n\r\n"], ["invalid_request"], 0),
        ([GET, b"GET / HTTP/1.1\r\nA b: 1\r\n\r\n"], ["invalid_request"], 1),
        ([b"GET / HTTP/1.1\r\nX: " + b"a" * 3_000], ["headers_too_large"], 0),
    ],
)
def test_what_is_refused_has_a_flow_or_is_told_of(data, codes, flows: int) -> None:
    line = Line()
    line.receive(*data)
    if not line.closed:
        line.feed(SlowRequest(line.client))
    assert [error.code for error in line.turned_away] == codes
    assert len(line.flows) == len(line.ends) == flows


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


@pytest.mark.parametrize(
    ("method", "headers", "sent"),
    [
        ("GET", {"content-length": "2"}, b"ab"),
        ("GET", {"Transfer-Encoding": "Chunked"}, b"1\r\na\r\n1\r\nb\r\n"),
        ("GET", {}, b"ab"),
        ("HEAD", {"content-length": "2"}, b""),
        ("HEAD", {"transfer-encoding": "chunked"}, b""),
    ],
)
def test_a_piece_is_sent_as_the_head_said(method: str, headers, sent: bytes) -> None:
    line = Line(hold=["request"])
    line.receive(GET.replace(b"GET", method.encode()))
    response = Response.make(200)
    response.headers = Headers([(k.encode(), v.encode()) for k, v in headers.items()])
    list(line.http1.send(ResponseHeaders(1, response, False)))
    pieces = [
        command.data
        for piece in (b"a", b"", b"b")
        for command in line.http1.send(ResponseData(1, piece))
    ]
    assert b"".join(pieces) == sent
    assert b"" not in pieces


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
