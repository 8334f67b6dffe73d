"""Portal: mounts the dashboard.

The web side is a WSGI application. It runs in a pool of its own, never on the event
loop, behind a bounded queue; the environ is made from the parsed request, with the
path decoded once and the scheme and client address as they are. Health checks are
answered here too, without the pool, so that they answer when it is full.
"""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from mitmproxy.http import Headers, HTTPFlow, Response

from addons.endpoints import Kind
from addons.exchange import Exchange
from addons.rendering import json_response
from addons.wire.errors import BodyTooLarge, Overloaded

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

THREADS = 8
# Password hashing takes a quarter of a second: more than this would wait too long.
QUEUE_MAX = 64


class Portal:
    """Answers health checks and passes web requests to the application."""

    def __init__(
        self,
        app: WsgiApp,
        form_bytes: int,
        trouble: Callable[[], Awaitable[str | None]],
    ) -> None:
        self.app = app
        self.form_bytes = form_bytes
        self.trouble = trouble
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="portal")
        self.waiting = 0

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
            loop = asyncio.get_running_loop()
            environ = environ_of(flow)
            flow.response = await loop.run_in_executor(
                self.pool, call_app, self.app, environ
            )
        finally:
            self.waiting -= 1


def environ_of(flow: HTTPFlow) -> Environ:
    """The request as PEP 3333 describes it."""
    request = flow.request
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
        "REMOTE_ADDR": flow.client_conn.peername[0],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if flow.client_conn.tls else "http",
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


@dataclass(slots=True)
class Answer:
    """What a WSGI application starts its response with."""

    status: str = "500 Internal Server Error"
    headers: list[tuple[str, str]] = field(default_factory=list)

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], None]:
        self.status, self.headers = status, headers
        return refuse_write


def refuse_write(data: bytes) -> None:
    raise AssertionError("the application returns its body, it does not write it")


def call_app(app: WsgiApp, environ: Environ) -> Response:
    """Run the application in this thread and collect its response."""
    answer = Answer()
    pieces = app(environ, answer.start)
    try:
        body = b"".join(pieces)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
    code, _, reason = answer.status.partition(" ")
    headers = Headers(
        [(name.encode(), value.encode("latin-1")) for name, value in answer.headers]
    )
    if "content-length" not in headers:
        headers["content-length"] = str(len(body))
    return Response(
        b"HTTP/1.1", int(code), reason.encode(), headers, body, None, 0, 0
    )
