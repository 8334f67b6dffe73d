"""The upstream layer: a request goes out as one hook, answers come in as events."""

from mitmproxy.connection import Client, Server
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
)

from addons.upstream.call import Call, UpstreamEvent
from addons.upstream.layer import PooledUpstream, UpstreamExchangeHook
from tests.fakes import exchanges
from tests.fakes.inlet import RecordingInlet


def upstream() -> PooledUpstream:
    flow = exchanges.flow()
    client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    server = Server(address=("127.0.0.1", 9))
    context = Context(client, Options())
    return PooledUpstream(context, Call(flow, 1, server, RecordingInlet()))


def test_a_whole_request_is_one_hook_that_nobody_waits_for() -> None:
    layer = upstream()
    request = layer.call.flow.request
    sent = (RequestHeaders(1, request, False), RequestData(1, b"{}"))
    assert [command for event in sent for command in layer.handle_event(event)] == []
    (hook,) = layer.handle_event(RequestEndOfMessage(1))
    assert isinstance(hook, UpstreamExchangeHook)
    assert (hook.name, hook.blocking) == ("upstream_exchange", False)
    assert hook.args() == [layer.call]


def test_what_is_fed_back_is_received_in_its_order() -> None:
    layer = upstream()
    batch = [ResponseData(1, b"a"), ResponseEndOfMessage(1)]
    commands = list(layer.handle_event(UpstreamEvent(layer.call.server, batch)))
    assert all(isinstance(command, ReceiveHttp) for command in commands)
    assert [command.event for command in commands] == batch


def test_a_client_that_leaves_needs_nothing_here() -> None:
    left = RequestProtocolError(1, "left", ErrorCode.CLIENT_DISCONNECTED)
    assert list(upstream().handle_event(left)) == []
