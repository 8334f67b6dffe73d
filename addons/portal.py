"""Portal: mounts the dashboard.

The web side is a WSGI application. It runs in a pool of its own, never on the event
loop, behind a bounded queue; the environ is made from the parsed request, with the
path decoded once and the scheme and client address as they are, or as trusted proxies
tell them. An answer that is made for it is sent piece by piece: the next one is asked
for when the client has taken the last, so a file of any size costs a piece of memory,
and a thread only while a piece is made. Health checks are answered here too, without
the pool, so that they answer when it is full.
"""

import asyncio
import io
import logging
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote_to_bytes

import orjson
from mitmproxy.http import HTTPFlow, Response

from addons.endpoints import Kind
from addons.exchange import Exchange
from addons.paging import Environ, PageAnswer, WsgiApp
from addons.rendering import json_response
from addons.upstream.call import Call
from addons.wire.errors import BodyTooLarge, Overloaded

__all__ = ["Portal", "WsgiApp", "environ_of"]

logger = logging.getLogger(__name__)

THREADS = 8
# Password hashing takes a quarter of a second: more than this would wait too long.
QUEUE_MAX = 64
# Answers that are sent in pieces, at once.
STREAMS_MAX = 16
STALL_SECONDS = 60.0


class Portal:
    """Answers health checks and passes web requests to the application."""

    def __init__(
        self,
        app: WsgiApp,
        form_bytes: int,
        trouble: Callable[[], Awaitable[str | None]],
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self.app = app
        self.form_bytes = form_bytes
        self.trouble = trouble
        self.stall_seconds = stall_seconds
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="portal")
        self.waiting = 0
        self.calls: set[Call] = set()
        self.cutting = False

    async def request(self, flow: HTTPFlow) -> None:
        exchange = Exchange.of(flow)
        if exchange.refusal is not None or flow.response is not None:
            return
        match exchange.endpoint.kind:
            case Kind.HEALTH:
                flow.response = json_response(200, b'{"status":"ok"}')
            case Kind.READY:
                flow.response = await self.readiness()
            case Kind.PREFLIGHT:
                flow.response = json_response(204, b"")
            case Kind.WEB:
                await self.serve(flow, exchange)

    async def upstream_exchange(self, call: Call) -> None:
        """Send the page that a call is for; other calls are not ours."""
        exchange = Exchange.of(call.flow)
        page = exchange.page
        if page is None:
            return
        # With it the flow's `error` ends this when the client leaves.
        exchange.call = call
        call.task = asyncio.current_task()
        self.calls.add(call)
        try:
            await self.send(call, exchange, page)
        except asyncio.CancelledError:
            if not self.cutting:
                raise
            uncancel()
            await call.cut()
        except TimeoutError:
            await call.cut()
        except Exception:
            # It has begun: that it breaks off is all that can be said.
            logger.exception("a page could not be sent: %s", exchange.id)
            await call.cut()
        finally:
            self.calls.discard(call)
            exchange.page = None
            # In a thread, because one may still be making a piece.
            self.pool.submit(page.close)

    def cut_all(self) -> None:
        """Break off every page that is being sent."""
        self.cutting = True
        for call in self.calls:
            if call.task is not None:
                call.task.cancel("draining")

    def done(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    async def readiness(self) -> Response:
        """Whether new requests would be admitted, for the balancer in front."""
        trouble = await self.trouble()
        body = orjson.dumps({"status": trouble or "ready"})
        return json_response(503 if trouble else 200, body)

    async def serve(self, flow: HTTPFlow, exchange: Exchange) -> None:
        if len(flow.request.raw_content or b"") > self.form_bytes:
            # A body without a length: its size is known only now.
            exchange.refuse(BodyTooLarge(self.form_bytes))
            return
        if self.waiting >= QUEUE_MAX:
            exchange.refuse(Overloaded())
            return
        self.waiting += 1
        try:
            answer = await self.run(call_app, self.app, environ_of(flow))
        finally:
            self.waiting -= 1
        if isinstance(answer, Response):
            flow.response = answer
        elif len(self.calls) >= STREAMS_MAX:
            await self.run(answer.close)
            exchange.refuse(Overloaded())
        else:
            exchange.page = answer

    async def send(self, call: Call, exchange: Exchange, page: PageAnswer) -> None:
        await self.taken(call.begin(b"", page.head(call.flow.request.http_version)))
        # If a hook of ours failed, nobody may have this answer.
        while exchange.refusal is None:
            piece = await self.run(page.piece)
            if not piece:
                break
            await self.taken(call.send(piece))
        await call.end()

    async def taken(self, sending: Awaitable[None]) -> None:
        """Wait until the client has taken what is sent, but not for ever."""
        async with asyncio.timeout(self.stall_seconds):
            await sending

    async def run[T](self, work: Callable[..., T], *arguments: object) -> T:
        """Work that blocks, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, work, *arguments)


def uncancel() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


def environ_of(flow: HTTPFlow) -> Environ:
    """The request as PEP 3333 describes it."""
    request = flow.request
    exchange = Exchange.of(flow)
    path, _, query = request.path.partition("?")
    body = request.raw_content or b""
    host, port = flow.client_conn.sockname[:2]
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw(path)).decode("latin-1"),
        "QUERY_STRING": native(query),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": request.http_version,
        "REMOTE_ADDR": exchange.address,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if exchange.secure else "http",
        "wsgi.input": io.BytesIO(body),
        # A body that came in chunks is whole by now; without this it would be none.
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items(multi=True):
        add_header(environ, name, native(value))
    return environ


def raw(text: str) -> bytes:
    """The bytes that a client sent, of which mitmproxy made text."""
    return text.encode("utf-8", "surrogateescape")


def native(text: str) -> str:
    """The same bytes as a WSGI application expects them: a character for each."""
    return raw(text).decode("latin-1")


def add_header(environ: Environ, name: str, value: str) -> None:
    key = name.upper().replace("-", "_")
    if key == "CONTENT_LENGTH" or "_" in name:
        # The length is the body's own; an underscore would forge another header.
        return
    if key != "CONTENT_TYPE":
        key = "HTTP_" + key
    separator = "; " if key == "HTTP_COOKIE" else ","
    environ[key] = environ[key] + separator + value if key in environ else value


def call_app(app: WsgiApp, environ: Environ) -> Response | PageAnswer:
    """Run the application in this thread; its whole answer, or one to be streamed."""
    answer = PageAnswer(app, environ)
    return answer if answer.streams else answer.whole()
