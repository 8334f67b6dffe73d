"""Rendering: an error as a response, in the dialect of whoever asked.

Programs get OpenAI's error object, people get `{success, message, data}`. This is
the only place that makes a response out of an error, so every refusal, a protocol
error included, has a body in JSON and an `x-request-id`.
"""

from collections.abc import Callable

import orjson
from mitmproxy.http import Headers, Response
from mitmproxy.net.http import status_codes

from addons.endpoints import Endpoint
from addons.exchange import Exchange
from addons.wire.errors import ApiError, error_body, error_headers
from config.money import dollars
from storage.replays import KeptAnswer

JSON = "application/json; charset=utf-8"


class Render:
    """Turns an error into a response; `make_id` names requests that have no record."""

    def __init__(self, make_id: Callable[[str], str]) -> None:
        self.make_id = make_id

    def __call__(self, error: ApiError, exchange: Exchange | None) -> Response:
        request_id = exchange.id if exchange is not None else self.make_id("req")
        endpoint = exchange.endpoint if exchange is not None else None
        response = json_response(error.status, body_of(error, endpoint))
        response.headers["x-request-id"] = request_id
        if endpoint is None or endpoint.api:
            allow_any_origin(response.headers)
        if exchange is not None and exchange.attempts:
            response.headers["x-autolist-attempts"] = str(exchange.attempts)
        for name, value in error_headers(error):
            response.headers[name] = value
        return response


def body_of(error: ApiError, endpoint: Endpoint | None) -> bytes:
    if endpoint is None or endpoint.api:
        return error_body(error)
    return orjson.dumps({"success": False, "message": error.message, "data": None})


def allow_any_origin(headers: Headers) -> None:
    """A page anywhere may call the API: it needs a key, and no cookie is looked at."""
    headers["access-control-allow-origin"] = "*"
    headers["access-control-expose-headers"] = "*"


def amount(nano: int) -> orjson.Fragment:
    """Dollars as a JSON number, exactly: written digit by digit, never as a float."""
    return orjson.Fragment(dollars(nano))


def json_response(status: int, body: bytes) -> Response:
    """A response in JSON that no cache may keep."""
    headers = Headers(
        (
            (b"content-type", JSON.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        )
    )
    reason = status_codes.RESPONSES.get(status, "").encode()
    return Response(b"HTTP/1.1", status, reason, headers, body, None, 0, 0)


def kept_response(answer: KeptAnswer) -> Response:
    """An answer of before, byte for byte."""
    response = json_response(answer.status, answer.body)
    response.headers["content-type"] = answer.media
    return response
