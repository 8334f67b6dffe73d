"""Call: one request handed to the upstream side, and the way back into its flow.

The proxy core is sans-io: an answer enters it as events. A call knows the
shapes an answer can take (whole, streamed, cut off) and turns each into the events
that mitmproxy's HTTP layer expects, batched so that one pass through the layers
carries as much as there is.
"""

import asyncio
import time
from copy import copy
from dataclasses import dataclass
from typing import Protocol

from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http._base import HttpEvent
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

BARE = http.Response(b"HTTP/1.1", 200, b"OK", http.Headers(), None, None, 0.0, None)


class Inlet(Protocol):
    """The part of mitmproxy's connection handler that a call needs."""

    async def server_event(self, event: events.Event) -> None: ...

    async def drain_writers(self) -> None: ...


@dataclass
class UpstreamEvent(events.ConnectionEvent):
    """What the upstream side feeds back in: HTTP events for one stream, in order."""

    batch: list[HttpEvent]


@dataclass(slots=True, eq=False)
class Call:
    """One request on its way to a provider; `task` is the coroutine that serves it.

    `began` says that a streamed answer was started, `ended` that the whole answer was
    fed in: nothing may follow it. `unheard`
    that the client has left: its flow is over, and takes nothing more. A piece is
    never empty, because an empty chunk is the end of a chunked body.
    """

    flow: http.HTTPFlow
    stream_id: int
    server: Server
    inlet: Inlet
    task: asyncio.Task[None] | None = None
    began: bool = False
    ended: bool = False
    unheard: bool = False

    async def whole(self, status: int) -> None:
        """Answer in one piece. The body is set by the addons in `response`."""
        self.ended = True
        head = ResponseHeaders(self.stream_id, bare_response(status), end_stream=True)
        await self._feed(head, ResponseEndOfMessage(self.stream_id))

    async def begin(self, first: bytes, response: http.Response | None = None) -> None:
        """Start a streamed answer; a head that is not given here is written in
        `responseheaders`."""
        self.began = True
        response = response or bare_response(200)
        head = ResponseHeaders(self.stream_id, response, end_stream=False)
        pieces = [ResponseData(self.stream_id, first)] if first else []
        await self._feed(head, *pieces)
        await self.inlet.drain_writers()

    async def send(self, data: bytes) -> None:
        """Pass a piece on, and wait while the client is slow to take it."""
        if data:
            await self._feed(ResponseData(self.stream_id, data))
        await self.inlet.drain_writers()

    async def end(self) -> None:
        self.ended = True
        await self._feed(ResponseEndOfMessage(self.stream_id))

    async def cut(self) -> None:
        """Break a streamed answer off: the connection is closed, so that what came of
        it does not look whole. Nothing of the flow follows but its `error`."""
        self.ended = True
        # Whoever cuts goes on to put away what it used: that error is not for it.
        self.task = None
        await self._feed(
            ResponseProtocolError(
                self.stream_id, "broken off", ErrorCode.GENERIC_SERVER_ERROR
            )
        )

    async def _feed(self, *batch: HttpEvent) -> None:
        if not self.unheard:
            await self.inlet.server_event(UpstreamEvent(self.server, list(batch)))


def bare_response(status: int) -> http.Response:
    """A response without headers and body, a copy of one that was made: the making
    looks at the type of each field, which costs as much as a layer of the proxy."""
    found = copy(BARE)
    found.data = copy(BARE.data)
    found.data.status_code = status
    found.data.headers = http.Headers()
    found.data.timestamp_start = time.monotonic()
    return found
