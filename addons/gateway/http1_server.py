"""HTTP/1 towards the client: mitmproxy's, with limits and with errors in JSON.

mitmproxy reads heads of any size for any time and answers protocol errors in HTML.
Here everything that a client sends has a limit, and whatever goes wrong is told in
the one shape that errors have. What two servers might read differently is refused:
behind a proxy that is how requests are smuggled.

What is refused before it is a request has no flow that says so, and whoever counts is
told of it. A request whose body breaks off has one, and gets its refusal.
"""

import re
from collections.abc import Callable
from typing import Any, cast

import h11
from mitmproxy.connection import ConnectionState
from mitmproxy.http import Request, Response
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HTTPMode, validate_request
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http1 import (
    Http1Server,
    TBodyReader,
    make_body_reader,
)

from addons.endings import NOT_COMPLETED
from addons.exchange import Exchange
from addons.gateway.phase import Phase
from addons.wire.errors import (
    ApiError,
    BadRequest,
    HeadersTooLarge,
    RequestTimeout,
    UpstreamFailed,
)
from config.settings import Listen

Render = Callable[[ApiError, Exchange | None], Response]
TurnedAway = Callable[[ApiError], None]
Framing = Callable[[bytes], bytes]

CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class SlowRequest(events.ConnectionEvent):
    """The client took too long to send a head or a body."""


class BrokenOff(RequestProtocolError):
    """A body that does not come to its end, and what the client is told of that; the
    stream says of which exchange."""

    def __init__(self, stream_id: int, error: ApiError) -> None:
        super().__init__(stream_id, NOT_COMPLETED, ErrorCode.CANCEL)
        self.error = error
        self.exchange: Exchange | None = None


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
    """One client connection's protocol."""

    def __init__(
        self,
        context: Context,
        listen: Listen,
        render: Render,
        turned_away: TurnedAway,
    ) -> None:
        super().__init__(context)
        self.listen = listen
        self.render = render
        self.turned_away = turned_away
        self.phase = Phase.IDLE
        self.framed: Framing = as_it_is

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
            require_valid(self.request)
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
        if isinstance(event, ResponseData):
            if data := self.framed(event.data):
                yield commands.SendData(self.conn, data)
            return
        if isinstance(event, ResponseHeaders):
            if not self.request_done:
                self.announce_end(event.response)
            self.framed = self.framing_of(event.response)
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

    def framing_of(self, response: Response) -> Framing:
        """How each piece of a body is sent. Looked up once: a stream has thousands."""
        if self.request is not None and self.request.method == "HEAD":
            # Whatever made the answer, a body here would be read as the next one.
            return as_nothing
        encoding = response.headers.get("transfer-encoding", "")
        return as_chunk if "chunked" in encoding.lower() else as_it_is

    def refuse_slow(self) -> layer.CommandGenerator[None]:
        if self.phase is Phase.HEAD:
            yield from self.reject(RequestTimeout())
        elif self.phase is Phase.BODY:
            yield from self.break_off(RequestTimeout())
        else:
            yield commands.CloseConnection(self.conn)

    def break_off(self, error: ApiError) -> layer.CommandGenerator[None]:
        """End a request whose body will not come: tell the client and the flow."""
        self.state = self.done
        end = BrokenOff(self.stream_id, error)
        yield ReceiveHttp(end)
        if self.response is None:
            yield commands.SendData(self.conn, self.assemble(error, end.exchange))
        yield commands.CloseConnection(self.conn)

    def reject(self, error: ApiError) -> layer.CommandGenerator[None]:
        """Answer something that is not a request, and close."""
        self.turned_away(error)
        yield commands.SendData(self.conn, self.assemble(error))
        yield commands.CloseConnection(self.conn)
        self.state = self.done

    def assemble(self, error: ApiError, exchange: Exchange | None = None) -> bytes:
        response = self.render(error, exchange)
        response.headers["connection"] = "close"
        assembled: bytes = http1.assemble_response(response)
        return assembled


def as_it_is(piece: bytes) -> bytes:
    return piece


def as_nothing(piece: bytes) -> bytes:
    return b""


def as_chunk(piece: bytes) -> bytes:
    """RFC 9112 section 7.1. An empty chunk would be the end of the body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""


def require_http1(request: Request) -> None:
    """ValueError for a version that the rest of the core would take for another."""
    if request.http_version not in ("HTTP/1.0", "HTTP/1.1"):
        raise ValueError("unknown HTTP version")


def require_valid(request: Request) -> None:
    """ValueError for what mitmproxy would find invalid when the request has a flow."""
    if validate_request(HTTPMode.transparent, request, True) is not None:
        raise ValueError("invalid request")


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
