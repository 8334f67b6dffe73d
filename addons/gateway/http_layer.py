"""The gateway's HTTP layer: mitmproxy's, with our server side and our manners.

Three subclasses, each for what the stock class cannot do:

- `GatewayHttpLayer` gives every stream a pooled upstream instead of a socket, so a
  request that no addon admitted has nowhere to go.
- `GatewayStream` answers a refused request before its body is read, bounds the
  body, and sends the tail of a stream after the `response` hook: a client that has
  the end of its answer has been charged for it.
- `GatewayHttp1Server` bounds the head and answers protocol errors in JSON.
"""

import re
from collections.abc import Callable
from typing import Any, Self, cast

import h11
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.http import Headers, Request, Response
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HTTPMode,
    HttpLayer,
    HttpStream,
    SendHttp,
)
from mitmproxy.proxy.layers.http._base import HttpConnection, HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook
from mitmproxy.proxy.layers.http._http1 import (
    Http1Server,
    TBodyReader,
    make_body_reader,
)

from addons.exchange import Exchange
from addons.gateway.phase import Phase
from addons.upstream.call import Call, Inlet, UpstreamEvent
from addons.upstream.layer import PooledUpstream
from addons.wire.errors import (
    ApiError,
    BadRequest,
    BodyTooLarge,
    HeadersTooLarge,
    RequestTimeout,
    UpstreamFailed,
)
from config.settings import Listen

# Nothing listens there. Only `get_connection` below decides where a stream goes.
NOWHERE = ("127.0.0.1", 9)
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# A refused upload is read and forgotten up to this many body limits, so that the
# client gets its answer instead of a reset; above it the connection is closed.
DISCARD_BODIES = 2

Render = Callable[[ApiError, Exchange | None], Response]


class SlowRequest(events.ConnectionEvent):
    """The client took too long to send a head or a body."""


class GatewayHttpLayer(HttpLayer):
    """HTTP for one client connection."""

    def __init__(
        self, context: Context, inlet: Inlet, listen: Listen, render: Render
    ) -> None:
        super().__init__(context, HTTPMode.transparent)
        self.inlet = inlet
        self.listen = listen
        self.render = render
        self.context.server.address = NOWHERE
        self.http1 = GatewayHttp1Server(self.context.fork(), listen, render)
        self.own = {
            self.context.client: self.http1,
            self.context.server: Nowhere(self.context.fork(), self.context.server),
        }
        self.connections = dict(self.own)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, UpstreamEvent):
            upstream = self.connections.get(event.connection)
            if upstream is not None:
                yield from self.event_to_child(upstream, event)
        else:
            yield from super()._handle_event(event)
        if not self.streams and len(self.connections) > len(self.own):
            # HTTP/1 has one stream at a time: with it, its virtual server is gone.
            self.connections = dict(self.own)

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        stream = GatewayStream.make(self, stream_id)
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())

    def get_connection(
        self, event: GetHttpConnection, *, reuse: bool = True
    ) -> layer.CommandGenerator[None]:
        stream = self.command_sources.pop(event)
        if not isinstance(stream, HttpStream):
            raise TypeError("only a stream asks for a server")
        context = self.context.fork()
        server = Server(address=event.address)
        server.state = ConnectionState.OPEN
        context.server = server
        call = Call(stream.flow, stream.stream_id, server, self.inlet)
        self.connections[server] = PooledUpstream(context, call)
        yield from self.event_to_child(
            stream, GetHttpConnectionCompleted(event, (server, None))
        )


class Nowhere(HttpConnection):
    """The server of a stream that was given none.

    A stream that crashed before it had a server still tells it that the client left,
    and only then ends its flow: without this it would crash again and never end.
    """

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from ()


class GatewayStream(HttpStream):
    """One request and its answer."""

    listen: Listen
    discard_bytes: int
    render: Render

    @classmethod
    def make(cls, parent: GatewayHttpLayer, stream_id: int) -> Self:
        stream = cls(parent.context.fork(), stream_id)
        stream.listen = parent.listen
        stream.discard_bytes = DISCARD_BODIES * parent.listen.body_bytes
        stream.render = parent.render
        return stream

    def state_wait_for_request_headers(
        self, event: RequestHeaders
    ) -> layer.CommandGenerator[None]:
        """Answer a refused request before its body is read; let the others send it."""
        expects = event.request.headers.pop("expect", "").lower() == "100-continue"
        yield from super().state_wait_for_request_headers(event)
        if event.end_stream or self.client_state != self.state_consume_request_body:
            return
        if self.flow.response is not None:
            yield from self.answer_early()
        elif expects:
            go_on = Response(
                b"HTTP/1.1", 100, b"Continue", Headers(), b"", None, 0, None
            )
            yield SendHttp(
                ResponseHeaders(self.stream_id, go_on), self.context.client
            )

    def state_consume_request_body(
        self, event: events.Event
    ) -> layer.CommandGenerator[None]:
        if isinstance(event, RequestData):
            if self.over_limit(event):
                self.refuse_body()
                yield from self.answer_early()
                return
        yield from super().state_consume_request_body(event)

    def body_bytes_max(self) -> int:
        exchange = Exchange.find(self.flow)
        if exchange is None:
            return self.listen.form_bytes
        return exchange.endpoint.body_bytes_max(self.listen)

    def over_limit(self, event: RequestData) -> bool:
        size = len(self.request_body_buf) + len(event.data)
        return size > self.body_bytes_max()

    def refuse_body(self) -> None:
        error = BodyTooLarge(self.body_bytes_max())
        exchange = Exchange.find(self.flow)
        if exchange is not None:
            exchange.refuse(error)
        self.flow.response = self.render(error, exchange)

    def answer_early(self) -> layer.CommandGenerator[None]:
        """Send the answer that is already there; forget the rest of the body."""
        self.request_body_buf.clear()
        self.flow.request.data.content = b""
        self.client_state = self.state_discard_request_body
        yield HttpResponseHeadersHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        yield from self.send_response()
        if self.server_state == self.state_done:
            yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def state_discard_request_body(
        self, event: events.Event
    ) -> layer.CommandGenerator[None]:
        if isinstance(event, RequestData):
            self.discard_bytes -= len(event.data)
            if self.discard_bytes < 0:
                yield commands.CloseConnection(self.context.client)
        elif isinstance(event, RequestEndOfMessage):
            self.flow.live = False
            self.client_state = self.state_done
            yield DropStream(self.stream_id)

    def flow_done(self) -> layer.CommandGenerator[None]:
        """The charge is committed: now the client may have the end of its stream."""
        exchange = Exchange.find(self.flow)
        if exchange is not None and exchange.tail:
            tail, exchange.tail = exchange.tail, b""
            yield SendHttp(ResponseData(self.stream_id, tail), self.context.client)
        yield from super().flow_done()


class InvalidBody(Exception):
    """A body whose chunks are none."""


class BodyReader:
    """h11's reader of a body, for a core that hangs up on an invalid one unheard."""

    def __init__(self, reader: TBodyReader) -> None:
        self.reader = reader
        self.read_eof = reader.read_eof

    def __call__(self, received: Any) -> h11.Event | None:
        try:
            return self.reader(received)
        except h11.ProtocolError as error:
            raise InvalidBody() from error


class GatewayHttp1Server(Http1Server):
    """HTTP/1 towards the client, with limits and JSON errors."""

    def __init__(self, context: Context, listen: Listen, render: Render) -> None:
        super().__init__(context)
        self.listen = listen
        self.render = render
        self.phase = Phase.IDLE

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, SlowRequest):
            yield from self.refuse_slow()
            return
        yield from super()._handle_event(event)

    def read_headers(
        self, event: events.ConnectionEvent
    ) -> layer.CommandGenerator[None]:
        if not isinstance(event, events.DataReceived):
            # The client closed: with or without half a head, nobody waits for us.
            yield commands.CloseConnection(self.conn)
            return
        head = self.next_head()
        if head is None:
            yield from self.await_head()
            return
        if sum(map(len, head)) > self.listen.header_bytes:
            yield from self.reject(HeadersTooLarge(self.listen.header_bytes))
            return
        yield from self.start_request([bytes(line) for line in head], event)

    def next_head(self) -> list[bytearray] | None:
        """The lines of the next head if it is complete; blank lines are skipped."""
        while True:
            head: list[bytearray] | None = self.buf.maybe_extract_lines()
            if head or head is None:
                return head

    def await_head(self) -> layer.CommandGenerator[None]:
        self.phase = Phase.HEAD if len(self.buf) else Phase.IDLE
        if len(self.buf) > self.listen.header_bytes:
            yield from self.reject(HeadersTooLarge(self.listen.header_bytes))

    def start_request(
        self, head: list[bytes], event: events.ConnectionEvent
    ) -> layer.CommandGenerator[None]:
        try:
            require_plain(head)
            self.request = http1.read_request_head(head)
            body_size = http1.expected_http_body_size(self.request)
            require_http1(self.request)
        except ValueError:
            # The reason quotes the client's bytes, which may hold its key.
            yield from self.reject(BadRequest("The request is not valid HTTP."))
            return
        yield ReceiveHttp(
            RequestHeaders(self.stream_id, self.request, body_size == 0)
        )
        reader = BodyReader(make_body_reader(body_size))
        self.body_reader = cast(TBodyReader, reader)
        self.phase = Phase.BODY
        self.state = self.read_body
        yield from self.state(event)

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        try:
            yield from super().read_body(event)
        except NotImplementedError:
            # Trailers: mitmproxy does not read them, and we have no use for them.
            yield from self.break_off(BadRequest("Request trailers are not supported."))
        except InvalidBody:
            yield from self.break_off(BadRequest("The body is not valid HTTP."))
        if self.state == self.read_body and len(self.buf) > self.listen.header_bytes:
            # What the reader leaves is half a chunk's head or half a trailer, and
            # neither has a limit of its own.
            yield from self.break_off(BadRequest("The body is not valid HTTP."))

    def wait(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from super().wait(event)
        if len(self.buf) > self.listen.header_bytes:
            # Pipelined requests are kept, but not without end.
            yield commands.CloseConnection(self.conn)

    def mark_done(
        self, *, request: bool = False, response: bool = False
    ) -> layer.CommandGenerator[None]:
        if request:
            self.phase = Phase.BUSY
        both = (request or self.request_done) and (response or self.response_done)
        if both:
            self.phase = Phase.HEAD if len(self.buf) else Phase.IDLE
        yield from super().mark_done(request=request, response=response)

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, ResponseData) and self.asked_for_head():
            # Whatever made the answer, a body here would be read as the next one.
            return
        if isinstance(event, ResponseHeaders) and not self.request_done:
            self.announce_end(event.response)
        if not isinstance(event, ResponseProtocolError):
            yield from super().send(event)
            if self.response is not None and self.response.status_code == 100:
                # No more than leave to go on: the answer is still to come.
                self.response = None
            return
        if not self.conn.state & ConnectionState.CAN_WRITE:
            return
        error = protocol_error(event.code)
        if self.response is None and error is not None:
            yield from self.reject(error)
            return
        yield commands.CloseConnection(self.conn)

    def announce_end(self, response: Response) -> None:
        """With half a body still to come, this connection has no next request."""
        if response.status_code != 100:
            response.headers["connection"] = "close"

    def asked_for_head(self) -> bool:
        return self.request is not None and self.request.method == "HEAD"

    def refuse_slow(self) -> layer.CommandGenerator[None]:
        if self.phase is Phase.HEAD:
            yield from self.reject(RequestTimeout())
        elif self.phase is Phase.BODY:
            yield from self.break_off(RequestTimeout())
        else:
            yield commands.CloseConnection(self.conn)

    def break_off(self, error: ApiError) -> layer.CommandGenerator[None]:
        """End a request whose body will not come: tell the client and the flow."""
        if self.response is None:
            yield commands.SendData(self.conn, self.assemble(error))
        self.state = self.done
        yield ReceiveHttp(
            RequestProtocolError(
                self.stream_id, "request not completed", ErrorCode.CANCEL
            )
        )
        yield commands.CloseConnection(self.conn)

    def reject(self, error: ApiError) -> layer.CommandGenerator[None]:
        """Answer something that is not a request, and close."""
        yield commands.SendData(self.conn, self.assemble(error))
        yield commands.CloseConnection(self.conn)
        self.state = self.done

    def assemble(self, error: ApiError) -> bytes:
        response = self.render(error, None)
        response.headers["connection"] = "close"
        assembled: bytes = http1.assemble_response(response)
        return assembled


def require_http1(request: Request) -> None:
    """ValueError for a version that the rest of the core would take for another."""
    if request.http_version not in ("HTTP/1.0", "HTTP/1.1"):
        raise ValueError("unknown HTTP version")


def require_plain(head: list[bytes]) -> None:
    """ValueError for what two servers might read differently: folded lines, and
    bytes below space that some take for white space and others do not."""
    if any(line[:1] in (b" ", b"\t") for line in head):
        raise ValueError("folded header")
    if CONTROL.search(b"".join(head)):
        raise ValueError("control character")


def protocol_error(code: ErrorCode) -> ApiError | None:
    """What a client is told of a protocol error; None if it left by itself."""
    status = code.http_status_code()
    if status is None:
        return None
    if status >= 500:
        return UpstreamFailed()
    return BadRequest("The request is not valid HTTP.")
