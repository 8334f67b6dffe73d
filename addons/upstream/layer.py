"""The upstream side of mitmproxy's HTTP layer.

mitmproxy ties each upstream connection to one client connection. Here every
stream gets a virtual server connection instead, and behind it a `PooledUpstream`:
a sibling of mitmproxy's own HTTP/1 client layer that hands the request to a
coroutine and passes on what that coroutine feeds back. The coroutine uses a
connection pool shared by all clients.

A client that leaves needs nothing here: mitmproxy fires the flow's `error` hook,
and the upstream addon cancels the coroutine there.
"""

from dataclasses import dataclass

from mitmproxy.proxy import commands, context, events, layer
from mitmproxy.proxy.layers.http._base import HttpConnection, ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestEndOfMessage

from addons.upstream.call import Call, UpstreamEvent


@dataclass
class UpstreamExchangeHook(commands.StartHook):
    """Asks the addon with an `upstream_exchange` method to serve a call."""

    call: Call
    # The layer goes on; what the provider says arrives as events.
    blocking = False


class PooledUpstream(HttpConnection):
    """The server side of one stream, served by a coroutine."""

    def __init__(self, forked: context.Context, call: Call) -> None:
        super().__init__(forked, call.server)
        self.call = call

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, UpstreamEvent):
            for http_event in event.batch:
                yield ReceiveHttp(http_event)
        elif isinstance(event, RequestEndOfMessage):
            yield UpstreamExchangeHook(self.call)
