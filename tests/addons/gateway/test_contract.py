"""What we rely on inside mitmproxy. A failure here is the reading list of an upgrade.

The gateway stands on internal classes of a pinned library. Each test below names one
thing that our subclasses take for granted; when one fails, read what mitmproxy changed
there, then addons/gateway and addons/upstream, and only then change the test.
"""

import asyncio
import configparser
import inspect
import logging
import re
from pathlib import Path

import pytest
from mitmproxy import hooks, master, version
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.http import HTTPFlow, Request, Response
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, context, events, layer, mode_servers, server
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http import _base, _events, _hooks, _http1
from mitmproxy.utils import asyncio_utils

from addons.gateway import handler, http_layer, instance
from addons.gateway import master as gateway_master
from addons.upstream import call
from addons.upstream import layer as upstream_layer
from tests.addons.gateway.line import Line, echo, gateway_options
from tests.fakes.stream import RecordingWriter

ROOT = Path(__file__).parents[3]


def parameters(function: object) -> list[str]:
    """Names, with a star before those that must be named."""
    return [
        f"*{one.name}" if one.kind is one.KEYWORD_ONLY else one.name
        for one in inspect.signature(function).parameters.values()
        if one.name != "self"
    ]


def test_the_version_is_one_that_was_read() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert "mitmproxy >=12.2.3,<12.3" in setup["options"]["install_requires"]
    assert version.VERSION.startswith("12.2.")


# Signatures: what we override, and what we call.


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (layer.Layer.handle_event, ["event"]),
        (layer.Layer._handle_event, ["event"]),
        (http.HttpLayer.__init__, ["context", "mode"]),
        (http.HttpLayer._handle_event, ["event"]),
        (http.HttpLayer.event_to_child, ["child", "event"]),
        (http.HttpLayer.make_stream, ["stream_id"]),
        (http.HttpLayer.get_connection, ["event", "*reuse"]),
        (http.HttpStream.__init__, ["context", "stream_id"]),
        (http.HttpStream.state_wait_for_request_headers, ["event"]),
        (http.HttpStream.state_consume_request_body, ["event"]),
        (http.HttpStream.state_done, ["_"]),
        (http.HttpStream.send_response, ["already_streamed"]),
        (http.HttpStream.check_killed, ["emit_error_hook"]),
        (http.HttpStream.handle_protocol_error, ["event"]),
        (http.HttpStream.flow_done, []),
        (_base.HttpConnection.__init__, ["context", "conn"]),
        (_http1.Http1Server.__init__, ["context"]),
        (_http1.Http1Server._handle_event, ["event"]),
        (_http1.Http1Server.send, ["event"]),
        (_http1.Http1Server.read_headers, ["event"]),
        (_http1.Http1Server.read_body, ["event"]),
        (_http1.Http1Server.wait, ["event"]),
        (_http1.Http1Server.done, ["event"]),
        (_http1.Http1Server.mark_done, ["*request", "*response"]),
        (_http1.make_body_reader, ["expected_size"]),
        (http1.read_request_head, ["lines"]),
        (http1.expected_http_body_size, ["request", "response"]),
        (http1.assemble_response, ["response"]),
        (
            server.LiveConnectionHandler.__init__,
            ["reader", "writer", "options", "mode"],
        ),
        (server.ConnectionHandler.handle_client, []),
        (server.ConnectionHandler.handle_hook, ["hook"]),
        (server.ConnectionHandler.open_connection, ["command"]),
        (server.ConnectionHandler.server_event, ["event"]),
        (server.ConnectionHandler.drain_writers, []),
        (server.ConnectionHandler.log, ["message", "level", "exc_info"]),
        (mode_servers.ServerInstance.__init__, ["mode", "manager"]),
        (mode_servers.AsyncioServerInstance._start, []),
        (mode_servers.AsyncioServerInstance.stop, []),
        (mode_servers.AsyncioServerInstance.handle_stream, ["reader", "writer"]),
        (mode_servers.AsyncioServerInstance.make_top_layer, ["context"]),
        (master.Master.__init__, ["opts", "event_loop", "with_termlog"]),
        (master.Master.running, []),
        (master.Master.done, []),
        (master.Master._asyncio_exception_handler, ["loop", "context"]),
        (asyncio_utils.install_exception_handler, ["handler"]),
        (_events.RequestHeaders, ["stream_id", "request", "end_stream", "replay_flow"]),
        (_events.RequestData, ["stream_id", "data"]),
        (_events.RequestProtocolError, ["stream_id", "message", "code"]),
        (_events.ResponseHeaders, ["stream_id", "response", "end_stream"]),
        (_events.ResponseData, ["stream_id", "data"]),
        (_events.ResponseEndOfMessage, ["stream_id"]),
        (http.SendHttp, ["event", "connection"]),
        (http.GetHttpConnectionCompleted, ["command", "reply"]),
        (commands.SendData, ["connection", "data"]),
        (commands.CloseConnection, ["connection"]),
        (events.OpenConnectionCompleted, ["command", "reply"]),
        (events.ConnectionEvent, ["connection"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", None),
)
def test_a_signature_is_as_it_was(function, names: list[str]) -> None:
    assert parameters(function) == names


@pytest.mark.parametrize(
    ("ours", "theirs", "overridden"),
    [
        (
            http_layer.GatewayHttpLayer,
            http.HttpLayer,
            {"__init__", "_handle_event", "make_stream", "get_connection"},
        ),
        (
            http_layer.GatewayStream,
            http.HttpStream,
            {
                "check_invalid",
                "check_killed",
                "flow_done",
                "handle_protocol_error",
                "state_consume_request_body",
                "state_wait_for_request_headers",
            },
        ),
        (
            http_layer.GatewayHttp1Server,
            _http1.Http1Server,
            {
                "__init__",
                "_handle_event",
                "mark_done",
                "read_body",
                "read_headers",
                "send",
                "wait",
            },
        ),
        (
            upstream_layer.PooledUpstream,
            _base.HttpConnection,
            {"__init__", "_handle_event"},
        ),
        (
            handler.Handler,
            server.LiveConnectionHandler,
            {"__init__", "handle_hook", "log", "open_connection"},
        ),
        (
            instance.Instance,
            mode_servers.AsyncioServerInstance,
            {"__init__", "_start", "handle_stream", "make_top_layer"},
        ),
        (gateway_master.Master, master.Master, {"__init__", "run"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_we_override_is_there_and_nothing_else(ours, theirs, overridden) -> None:
    inherited = {name for name, _ in inspect.getmembers(theirs, inspect.isroutine)}
    mine = {name for name, value in vars(ours).items() if inspect.isroutine(value)}
    assert mine & inherited == overridden


# State: attributes that our subclasses read or set.


def test_a_layer_has_the_state_we_use() -> None:
    line = Line(hold=["request"])
    line.receive(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
    (stream,) = line.layer.streams.values()
    assert stream.flow is line.flows[0]
    assert stream.client_state == stream.state_done
    assert stream.server_state == stream.state_wait_for_response_headers
    assert (stream.stream_id, bytes(stream.request_body_buf)) == (1, b"")
    assert stream.context.server is line.layer.context.server
    http1_server = line.http1
    assert (http1_server.stream_id, len(http1_server.buf)) == (1, 0)
    assert (http1_server.request_done, http1_server.response_done) == (True, False)
    assert http1_server.request is stream.flow.request
    assert (http1_server.response, http1_server.conn) == (None, line.client)
    assert http1_server.state == http1_server.wait
    assert line.layer.connections[line.client] is http1_server
    assert set(line.layer.command_sources.values()) == {stream}


def test_streams_are_numbered_in_steps() -> None:
    line = Line()
    for number in (1, 3, 5):
        assert line.http1.stream_id == number
        line.receive(b"GET / HTTP/1.1\r\n\r\n")


def test_lines_are_taken_out_of_the_buffer_only_when_a_head_is_complete() -> None:
    line = Line()
    buffer = type(line.http1.buf)()
    buffer += b"GET / HTTP/1.1\r\nA: 1\r\n"
    assert buffer.maybe_extract_lines() is None
    buffer += b"\r\nrest"
    lines = buffer.maybe_extract_lines()
    assert [bytes(one) for one in lines] == [b"GET / HTTP/1.1", b"A: 1"]
    assert bytes(buffer) == b"rest"


def test_a_leading_blank_line_is_an_empty_head() -> None:
    buffer = type(Line().http1.buf)()
    buffer += b"\r\nGET / HTTP/1.1\r\n"
    assert buffer.maybe_extract_lines() == []


def test_a_connections_state_is_flags_that_may_be_taken_away() -> None:
    client = Client(peername=("a", 1), sockname=("b", 2), state=ConnectionState.OPEN)
    client.state &= ~ConnectionState.CAN_READ
    assert client.state is ConnectionState.CAN_WRITE
    assert Server(address=None).state is ConnectionState.CLOSED


# Hooks.


@pytest.mark.parametrize(
    ("hook", "name"),
    [
        (_hooks.HttpRequestHeadersHook, "requestheaders"),
        (_hooks.HttpRequestHook, "request"),
        (_hooks.HttpResponseHeadersHook, "responseheaders"),
        (_hooks.HttpResponseHook, "response"),
        (_hooks.HttpErrorHook, "error"),
        (hooks.RunningHook, "running"),
        (hooks.DoneHook, "done"),
        (upstream_layer.UpstreamExchangeHook, "upstream_exchange"),
    ],
)
def test_a_hook_has_the_name_that_our_addons_have(hook, name: str) -> None:
    assert hook.name == name
    assert hooks.all_hooks[name] is hook


@pytest.mark.parametrize(
    "name", ["requestheaders", "request", "responseheaders", "response", "error"]
)
def test_a_flow_waits_for_its_hooks(name: str) -> None:
    hook = hooks.all_hooks[name](HTTPFlow(None, None))
    assert hook.blocking is True
    assert len(hook.args()) == 1


def test_a_request_runs_its_hooks_in_this_order() -> None:
    line = Line()
    line.receive(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
    assert line.hooks == ["requestheaders", "request", "responseheaders", "response"]


def test_what_fails_validation_runs_its_first_and_its_last_hook() -> None:
    line = Line(echo)
    line.receive(b"GET / HTTP/1.1\r\nA : 1\r\n\r\n")
    assert line.hooks in (["requestheaders", "error"], [])
    assert line.closed


def test_a_request_without_a_response_asks_for_a_server() -> None:
    line = Line(lambda name, flow: None)
    line.receive(b"GET / HTTP/1.1\r\n\r\n")
    assert [type(one) for one in line.calls] == [call.Call]
    assert line.hooks == ["requestheaders", "request"]


# Protocol errors.


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ([b"GET"], "ill-formed line"),
        ([b"GET / HTTP/1.1", b"Content-Length: x"], "content-length"),
        ([b"GET / HTTP/1.1", b"no colon"], "header"),
    ],
)
def test_a_bad_head_is_a_value_error(head: list[bytes], reason: str) -> None:
    with pytest.raises(ValueError):
        http1.expected_http_body_size(http1.read_request_head(head))


@pytest.mark.parametrize(
    ("headers", "size"),
    [({}, 0), ({"content-length": "5"}, 5), ({"transfer-encoding": "chunked"}, None)],
)
def test_a_body_has_a_size_or_none_if_it_comes_in_chunks(headers, size) -> None:
    request = Request.make("POST", "http://a/", b"", {})
    request.headers.clear()
    request.headers.update(headers)
    assert http1.expected_http_body_size(request) == size


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("GENERIC_CLIENT_ERROR", 400),
        ("REQUEST_VALIDATION_FAILED", 400),
        ("DESTINATION_UNKNOWN", 400),
        ("REQUEST_TOO_LARGE", 413),
        ("CONNECT_FAILED", 502),
        ("GENERIC_SERVER_ERROR", 502),
        ("RESPONSE_VALIDATION_FAILED", 502),
        ("RESPONSE_TOO_LARGE", 502),
        ("CLIENT_DISCONNECTED", None),
        ("CANCEL", None),
        ("KILL", None),
        ("HTTP_1_1_REQUIRED", None),
        ("PASSTHROUGH_CLOSE", None),
    ],
)
def test_an_error_code_has_the_status_it_had(code: str, status: int | None) -> None:
    assert _events.ErrorCode[code].http_status_code() == status


def test_there_is_no_error_code_that_we_have_not_seen() -> None:
    assert {code.name for code in _events.ErrorCode} == {
        "GENERIC_CLIENT_ERROR",
        "GENERIC_SERVER_ERROR",
        "REQUEST_TOO_LARGE",
        "RESPONSE_TOO_LARGE",
        "CONNECT_FAILED",
        "PASSTHROUGH_CLOSE",
        "KILL",
        "HTTP_1_1_REQUIRED",
        "DESTINATION_UNKNOWN",
        "CLIENT_DISCONNECTED",
        "CANCEL",
        "REQUEST_VALIDATION_FAILED",
        "RESPONSE_VALIDATION_FAILED",
    }


def test_a_body_is_read_by_a_reader_that_may_raise_through_the_core() -> None:
    """An invalid body is told of by an exception that the core does not catch."""
    line = Line()
    line.receive(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")

    class Odd(Exception):
        pass

    def read(received: object) -> None:
        raise Odd

    line.http1.body_reader = read
    with pytest.raises(Odd):
        list(_http1.Http1Server.read_body(line.http1, data_of(line)))


def data_of(line: Line) -> events.DataReceived:
    return events.DataReceived(line.client, b"5\r\n")


def test_trailers_are_still_a_not_implemented_error() -> None:
    assert "NotImplementedError" in inspect.getsource(_http1.Http1Connection.read_body)


def test_an_empty_piece_still_ends_a_chunked_body() -> None:
    """The reason that a call never feeds one."""
    line = Line()
    line.http1.request = Request.make("GET", "http://a/")
    line.http1.response = Response.make(200, b"", {"transfer-encoding": "chunked"})
    stock = _http1.Http1Server.send(line.http1, _events.ResponseData(1, b""))
    assert [command.data for command in stock] == [b"0\r\n\r\n"]


# The connection handler.


class Broken(layer.Layer):
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        raise ZeroDivisionError
        yield


class Reporting(server.LiveConnectionHandler):
    """A stock handler that keeps what it logs."""

    def __init__(self) -> None:
        super().__init__(
            asyncio.StreamReader(), RecordingWriter(), gateway_options(), None
        )
        self.reports: list[tuple[str, int, object]] = []

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """Nobody listens."""

    def log(self, message, level=logging.INFO, exc_info=None) -> None:
        self.reports.append((message, level, exc_info))


async def test_a_crash_of_a_layer_is_reported_by_log_with_exc_info() -> None:
    stock = Reporting()
    stock.layer = Broken(stock.layer.context)
    await stock.server_event(events.Start())
    ((_, level, exc_info),) = stock.reports
    assert (level, exc_info) == (logging.ERROR, True)


async def test_a_handler_starts_with_a_layer_and_a_transport_of_its_client() -> None:
    stock = Reporting()
    assert isinstance(stock.layer.context, context.Context)
    assert stock.client is stock.layer.context.client
    assert stock.transports[stock.client].handler is None
    assert stock.client.peername == RecordingWriter().get_extra_info("peername")


def test_a_server_event_is_handled_under_a_lock_and_without_a_pause() -> None:
    """Our calls feed answers from other tasks and rely on it."""
    source = inspect.getsource(server.ConnectionHandler.server_event)
    locked = source.split("async with self._server_event_lock:")[1]
    assert "await" not in locked.replace("`await`", "").replace("No await", "")


@pytest.mark.parametrize("name", sorted(gateway_master.PROXY_OPTIONS))
def test_an_option_that_we_set_exists(name: str) -> None:
    assert name in gateway_options()


@pytest.mark.parametrize(
    "name",
    [
        "body_size_limit",
        "keep_host_header",
        "rawtcp",
        "store_streamed_bodies",
        "stream_large_bodies",
        "validate_inbound_headers",
        "websocket",
    ],
)
def test_an_option_that_the_core_reads_is_one_that_we_set(name: str) -> None:
    assert f"options.{name}" in inspect.getsource(http)
    assert name in gateway_master.PROXY_OPTIONS


def test_the_core_reads_no_option_that_we_have_not_thought_of() -> None:
    source = inspect.getsource(http)
    read = set(re.findall(r"context\.options\.(\w+)", source))
    assert read <= gateway_master.PROXY_OPTIONS.keys()


async def test_a_mode_of_ours_is_known_by_its_own_name() -> None:
    mode = instance.GatewayMode.parse(instance.SPEC)
    assert (mode.type_name, mode.address) == ("gateway", ("127.0.0.1", 9))
