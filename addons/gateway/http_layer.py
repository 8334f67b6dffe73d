"""The gateway's HTTP layer: mitmproxy's, with our server side.

Every stream gets a pooled upstream instead of a socket, so a request that no addon
admitted has nowhere to go. What clients may send is in `http1_server`, what becomes
of one request in `http_stream`.
"""

from copy import copy

from mitmproxy.connection import ConnectionState, Server
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HTTPMode,
    HttpLayer,
    HttpStream,
)
from mitmproxy.proxy.layers.http._base import HttpConnection

from addons.gateway.http1_server import GatewayHttp1Server, Render, TurnedAway
from addons.gateway.http_stream import GatewayStream
from addons.upstream.call import Call, Inlet, UpstreamEvent
from addons.upstream.layer import PooledUpstream
from config.settings import Listen

# Nothing listens there. Only `get_connection` below decides where a stream goes.
NOWHERE = ("127.0.0.1", 9)


class GatewayHttpLayer(HttpLayer):
    """HTTP for one client connection."""

    def __init__(
        self,
        context: Context,
        inlet: Inlet,
        listen: Listen,
        render: Render,
        turned_away: TurnedAway,
    ) -> None:
        super().__init__(context, HTTPMode.transparent)
        self.inlet = inlet
        self.listen = listen
        self.render = render
        self.context.server.address = NOWHERE
        self.http1 = GatewayHttp1Server(
            self.context.fork(), listen, render, turned_away
        )
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
        stream = GatewayStream.make(
            forked(self.context), stream_id, self.listen, self.render
        )
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())

    def get_connection(
        self, event: GetHttpConnection, *, reuse: bool = True
    ) -> layer.CommandGenerator[None]:
        stream = self.command_sources.pop(event)
        if not isinstance(stream, HttpStream):
            raise TypeError("only a stream asks for a server")
        context = forked(self.context)
        server = Server(address=event.address)
        server.state = ConnectionState.OPEN
        context.server = server
        call = Call(stream.flow, stream.stream_id, server, self.inlet)
        self.connections[server] = PooledUpstream(context, call)
        yield from self.event_to_child(
            stream, GetHttpConnectionCompleted(event, (server, None))
        )


def forked(context: Context) -> Context:
    """What `Context.fork` makes, without the server that it makes only to forget it: a
    fiftieth of the cost of a request."""
    found = copy(context)
    found.layers = context.layers.copy()
    return found


class Nowhere(HttpConnection):
    """The server of a stream that was given none.

    A stream that crashed before it had a server still tells it that the client left,
    and only then ends its flow: without this it would crash again and never end.
    """

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from ()
