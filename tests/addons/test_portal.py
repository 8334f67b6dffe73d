"""The portal: a request as WSGI sees it, its answer, and what is answered without."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from mitmproxy.http import HTTPFlow, Response
from werkzeug.wrappers import Request

from addons import endpoints
from addons.exchange import Exchange
from addons.portal import QUEUE_MAX, Portal, call_app, environ_of
from addons.wire.errors import UnknownKey
from tests.fakes import exchanges

Start = Callable[[str, list[tuple[str, str]]], Any]


async def well() -> str | None:
    return None


async def draining() -> str | None:
    return "draining"


def echo(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Answers with the body it got."""
    start("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=b")])
    return [environ["wsgi.input"].read()]


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal(echo, form_bytes=100, trouble=well)
    yield made
    made.done()


async def serve(
    portal: Portal, endpoint: endpoints.Endpoint = endpoints.WEB, **request: Any
) -> HTTPFlow:
    flow = exchanges.travelling(exchanges.exchange(endpoint), **request)
    await portal.request(flow)
    return flow


def environ(target: str = "/", **request: Any) -> dict[str, Any]:
    return environ_of(exchanges.flow(target=target, **request))


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/api/auth.php?action=me&x=1", "/api/auth.php", "action=me&x=1"),
        ("/a%20b%2Fc", "/a b/c", ""),
        ("/%E4%BB%B7?q=%E4%BB%B7", "/\xe4\xbb\xb7", "q=%E4%BB%B7"),
        ("/价?q=价", "/\xe4\xbb\xb7", "q=\xe4\xbb\xb7"),
        ("/\udcff?q=\udcff", "/\xff", "q=\xff"),
        ("/%", "/%", ""),
        ("/a?b?c", "/a", "b?c"),
    ],
)
def test_the_path_is_decoded_once_and_the_query_never(target, path, query) -> None:
    made = environ(target)
    assert (made["PATH_INFO"], made["QUERY_STRING"]) == (path, query)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REQUEST_METHOD", "POST"),
        ("SERVER_NAME", "127.0.0.1"),
        ("SERVER_PORT", "8000"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("CONTENT_LENGTH", "5"),
        ("CONTENT_TYPE", "text/plain"),
        ("HTTP_X_OWN", "1"),
        ("wsgi.url_scheme", "http"),
        ("SCRIPT_NAME", ""),
    ],
)
def test_the_request_is_described_as_wsgi_wants_it(name: str, value: str) -> None:
    headers = {"Content-Type": "text/plain", "X-Own": "1", "Content-Length": "99"}
    assert environ(body=b"hello", headers=headers)[name] == value


def test_the_scheme_is_the_one_of_the_connection() -> None:
    flow = exchanges.flow()
    flow.client_conn.tls = True
    assert environ_of(flow)["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ([("x-a", "1"), ("x-a", "2")], "HTTP_X_A", "1,2"),
        ([("cookie", "a=1"), ("cookie", "b=2")], "HTTP_COOKIE", "a=1; b=2"),
        ([("x-a", "价")], "HTTP_X_A", "\xe4\xbb\xb7"),
        ([("x-a", "\udcff")], "HTTP_X_A", "\xff"),
    ],
)
def test_headers_are_joined_and_kept_byte_by_byte(fields, name, value) -> None:
    flow = exchanges.flow()
    for field, text in fields:
        flow.request.headers.add(field, text)
    assert environ_of(flow)[name] == value


def test_a_body_that_came_in_chunks_is_there() -> None:
    """Werkzeug reads none unless it is told where the body ends."""
    seen = environ(body=b"whole", headers={"Transfer-Encoding": "chunked"})
    assert Request(seen).get_data() == b"whole"


def test_an_underscore_forges_no_header() -> None:
    made = environ(headers={"X_Forwarded_For": "1.2.3.4"})
    assert "HTTP_X_FORWARDED_FOR" not in made


@pytest.mark.parametrize(
    ("endpoint", "status", "body"),
    [
        (endpoints.HEALTH, 200, b'{"status":"ok"}'),
        (endpoints.READY, 200, b'{"status":"ready"}'),
        (endpoints.PREFLIGHT, 204, b""),
        (endpoints.WEB, 200, b"hello"),
    ],
)
async def test_the_web_side_is_answered(portal, endpoint, status, body) -> None:
    response = (await serve(portal, endpoint, body=b"hello")).response
    assert (response.status_code, response.raw_content) == (status, body)


@pytest.mark.parametrize(
    "endpoint", [endpoints.CHAT, endpoints.MODELS, endpoints.UNKNOWN_API]
)
async def test_the_api_is_not_the_portals(portal, endpoint) -> None:
    assert (await serve(portal, endpoint)).response is None


async def test_a_gateway_in_trouble_is_healthy_but_not_ready() -> None:
    troubled = Portal(echo, form_bytes=100, trouble=draining)
    assert (await serve(troubled, endpoints.HEALTH)).response.status_code == 200
    answer = (await serve(troubled, endpoints.READY)).response
    assert answer.status_code == 503
    assert answer.json() == {"status": "draining"}


@pytest.mark.parametrize(("size", "status"), [(100, None), (101, 413)])
async def test_a_body_without_a_length_is_measured(portal, size, status) -> None:
    flow = await serve(portal, body=b"x" * size)
    refusal = Exchange.of(flow).refusal
    assert (refusal.status if refusal else None) == status


async def test_a_refused_request_does_not_reach_the_application(portal) -> None:
    record = exchanges.exchange(endpoints.WEB)
    record.refuse(UnknownKey())
    flow = exchanges.travelling(record)
    await portal.request(flow)
    assert flow.response is None


async def test_an_answered_request_does_not_reach_the_application(portal) -> None:
    flow = exchanges.travelling(exchanges.exchange(endpoints.WEB))
    flow.response = answer = Response.make(204)
    await portal.request(flow)
    assert flow.response is answer


async def test_more_than_the_queue_holds_is_refused_at_once() -> None:
    opened = threading.Event()

    def blocked(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        opened.wait()
        return echo(environ, start)

    portal = Portal(blocked, form_bytes=100, trouble=well)
    flows = [
        exchanges.travelling(exchanges.exchange(endpoints.WEB))
        for _ in range(QUEUE_MAX)
    ]
    waiting = [asyncio.create_task(portal.request(flow)) for flow in flows]
    await asyncio.sleep(0)
    refused = Exchange.of(await serve(portal)).refusal
    healthy = await serve(portal, endpoints.HEALTH)
    opened.set()
    await asyncio.gather(*waiting)
    assert refused.code == "overloaded"
    assert healthy.response.status_code == 200
    assert all(flow.response.status_code == 200 for flow in flows)
    assert Exchange.of(await serve(portal)).refusal is None
    portal.done()


async def test_an_application_that_fails_makes_room_again() -> None:
    def broken(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        raise ZeroDivisionError

    portal = Portal(broken, form_bytes=100, trouble=well)
    with pytest.raises(ZeroDivisionError):
        await serve(portal)
    assert portal.waiting == 0
    portal.done()


# Calling the application.


class Pieces:
    """A body that must be closed, as PEP 3333 says."""

    def __init__(self, fail: bool = False) -> None:
        self.fail = fail
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"one "
        if self.fail:
            raise ZeroDivisionError
        yield b"two"

    def close(self) -> None:
        self.closed = True


def answer_of(pieces: Iterable[bytes], *headers: tuple[str, str]) -> Response:
    def app(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        start("404 NOT FOUND", list(headers))
        return pieces

    return call_app(app, {})


def test_the_answer_is_collected_and_its_body_closed() -> None:
    pieces = Pieces()
    response = answer_of(pieces, ("X-A", "1"), ("X-A", "2"))
    assert (response.status_code, response.reason) == (404, "NOT FOUND")
    assert response.headers.get_all("x-a") == ["1", "2"]
    assert (response.raw_content, pieces.closed) == (b"one two", True)


def test_a_body_that_breaks_off_is_closed_too() -> None:
    pieces = Pieces(fail=True)
    with pytest.raises(ZeroDivisionError):
        answer_of(pieces)
    assert pieces.closed


@pytest.mark.parametrize(
    ("headers", "length"), [((), "7"), ((("Content-Length", "7"),), "7")]
)
def test_the_answer_says_how_long_it_is_once(headers, length: str) -> None:
    response = answer_of(Pieces(), *headers)
    assert response.headers.get_all("content-length") == [length]


def test_nobody_writes_past_the_collector() -> None:
    def app(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        start("200 OK", [])(b"written")
        return []

    with pytest.raises(AssertionError, match="does not write"):
        call_app(app, {})
