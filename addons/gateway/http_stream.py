"""One request and its answer: mitmproxy's stream, with three manners of ours.

A refused request is answered before its body is read, and the rest of the body is
forgotten as it comes. A body has a limit that is seen on the way. And the tail of a
stream is sent after the `response` hook: a client that has the end of its answer has
been charged for it.
"""

from typing import Self

from mitmproxy.http import Headers, Response
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import DropStream, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
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

from addons.exchange import Exchange
from addons.gateway.http1_server import BrokenOff, Render
from addons.wire.errors import BodyTooLarge
from config.settings import Listen

# A refused upload is read and forgotten up to this many body limits, so that the
# client gets its answer instead of a reset; above it the connection is closed.
DISCARD_BODIES = 2


class GatewayStream(HttpStream):
    """One request and its answer."""

    listen: Listen
    discard_bytes: int
    render: Render

    @classmethod
    def make(
        cls, context: Context, stream_id: int, listen: Listen, render: Render
    ) -> Self:
        stream = cls(context, stream_id)
        stream.listen = listen
        stream.discard_bytes = DISCARD_BODIES * listen.body_bytes
        stream.render = render
        return stream

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        self.note_end(event)
        yield from super().handle_protocol_error(event)

    def check_killed(self, emit_error_hook: bool) -> layer.CommandGenerator[bool]:
        for event in self._paused_event_queue:
            self.note_end(event)
        return (yield from super().check_killed(emit_error_hook))

    def note_end(self, event: events.Event) -> None:
        """A request whose body breaks off is refused, if it has no answer yet."""
        if not isinstance(event, BrokenOff) or self.flow.response is not None:
            return
        event.exchange = Exchange.find(self.flow)
        if event.exchange is not None:
            event.exchange.refuse(event.error)

    def check_invalid(self, request: bool) -> layer.CommandGenerator[bool]:
        """Requests were looked at before they had a flow."""
        if request:
            return False
        return (yield from super().check_invalid(request))

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
