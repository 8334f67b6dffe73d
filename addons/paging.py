"""Paging: an answer of the web side, whole or in pieces.

What a WSGI application starts its response with, and the body that is still to be
made. A body is collected at once, unless the application asks for it to be passed on as
it is made, in the words that proxies know: `X-Accel-Buffering: no`. Then each piece is
made in a thread, when the client has taken the one before.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mitmproxy.http import Headers, Response

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


STREAMED = ("x-accel-buffering", "no")


class PageAnswer:
    """Calls the application and holds what it gives; all of it blocks."""

    def __init__(self, app: WsgiApp, environ: Environ) -> None:
        self.status = "500 Internal Server Error"
        self.headers: list[tuple[str, str]] = []
        self._bare = environ.get("REQUEST_METHOD") == "HEAD"
        self._pieces = app(environ, self._start)
        self._rest: Iterator[bytes] | None = None
        # A piece may still be made when nobody wants it any more.
        self._lock = threading.Lock()

    @property
    def streams(self) -> bool:
        """Whether the body is to be sent as it is made."""
        named = {(name.lower(), value) for name, value in self.headers}
        return STREAMED in named and not self._bare

    def whole(self) -> Response:
        """The answer with all of its body."""
        try:
            body = b"".join(self._pieces)
        finally:
            self.close()
        response = self._response(body)
        if "content-length" not in response.headers:
            response.headers["content-length"] = str(len(body))
        return response

    def head(self, version: str) -> Response:
        """The answer without its body, for a client of an HTTP version."""
        response = self._response(None)
        if version == "HTTP/1.0":
            # No chunks there: the end of the connection is the end of the body.
            response.headers["connection"] = "close"
        else:
            response.headers["transfer-encoding"] = "chunked"
        response.stream = True
        return response

    def piece(self) -> bytes:
        """The next part of the body, never empty; nothing at its end."""
        with self._lock:
            if self._rest is None:
                self._rest = iter(self._pieces)
            for piece in self._rest:
                if piece:
                    return piece
            return b""

    def close(self) -> None:
        with self._lock:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], None]:
        self.status, self.headers = status, headers
        return refuse_write

    def _response(self, body: bytes | None) -> Response:
        code, _, reason = self.status.partition(" ")
        fields = [
            (name.encode(), value.encode("latin-1")) for name, value in self.headers
        ]
        headers = Headers(fields)
        return Response(
            b"HTTP/1.1", int(code), reason.encode(), headers, body, None, 0, 0
        )


def refuse_write(data: bytes) -> None:
    raise AssertionError("the application returns its body, it does not write it")
