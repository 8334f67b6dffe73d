"""The portal: a request as WSGI sees it, its answer, and what is answered without."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from mitmproxy.connection import Server
from mitmproxy.http import HTTPFlow, Response
from werkzeug.wrappers import Request

from addons import endpoints
from addons.exchange import Exchange
from addons.portal import QUEUE_MAX, STREAMS_MAX, Portal, environ_of
from addons.upstream.call import Call
from addons.wire.errors import UnknownKey
from tests.fakes import exchanges
from tests.fakes.inlet import RecordingInlet

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


def asked(target: str = "/", address: str = "127.0.0.1", **request: Any) -> HTTPFlow:
    record = exchanges.exchange(endpoints.WEB, address=address)
    return exchanges.travelling(record, target=target, **request)


def environ(target: str = "/", **request: Any) -> dict[str, Any]:
    return environ_of(asked(target, **request))


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


def test_address_and_scheme_are_the_ones_that_admission_found() -> None:
    flow = asked(address="192.0.2.1")
    Exchange.of(flow).secure = True
    made = environ_of(flow)
    assert (made["wsgi.url_scheme"], made["REMOTE_ADDR"]) == ("https", "192.0.2.1")


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
    flow = asked()
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


# Sending a page as it is made.

HEAD, DATA, END = "ResponseHeaders", "ResponseData", "ResponseEndOfMessage"
CUT = "ResponseProtocolError"


class Slowly:
    """A body of some pieces, which counts those that were made."""

    def __init__(self, *pieces: bytes, fail: bool = False) -> None:
        self.left = list(pieces)
        self.fail = fail
        self.made = 0
        self.closed = threading.Event()
        self.threads: set[str] = set()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.left:
            self.made += 1
            self.threads.add(threading.current_thread().name)
            yield piece
        if self.fail:
            raise ZeroDivisionError

    def close(self) -> None:
        self.closed.set()

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/csv"), ("X-Accel-Buffering", "no")])
        return self


def slow_inlet() -> RecordingInlet:
    """A client that takes nothing until it reads."""
    inlet = RecordingInlet()
    inlet.slow()
    return inlet


def portal_of(app: Slowly, **parts: Any) -> Portal:
    return Portal(app, form_bytes=100, trouble=well, **parts)


async def call_for(portal: Portal, inlet: RecordingInlet, **request: Any) -> Call:
    flow = await serve(portal, target="/api/user.php", **request)
    assert flow.response is None
    return Call(flow, 1, Server(address=None), inlet)


async def test_a_page_is_sent_piece_by_piece() -> None:
    app, inlet = Slowly(b"one,", b"", b"two"), RecordingInlet()
    portal = portal_of(app)
    call = await call_for(portal, inlet, method="GET")
    assert app.made == 0
    await portal.upstream_exchange(call)
    assert inlet.names == [HEAD, DATA, DATA, END]
    head = inlet.http_events[0].response
    assert head.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in head.headers
    assert [one.data for one in inlet.http_events[1:3]] == [b"one,", b"two"]
    assert all(name.startswith("portal") for name in app.threads)
    assert await asyncio.to_thread(app.closed.wait, 10)
    portal.done()


async def test_the_next_piece_is_made_when_the_last_one_is_taken() -> None:
    app, inlet = Slowly(*[b"x"] * 50), slow_inlet()
    portal = portal_of(app)
    sending = asyncio.create_task(
        portal.upstream_exchange(await call_for(portal, inlet, method="GET"))
    )
    for _ in range(100):
        await asyncio.sleep(0)
    assert app.made == 0
    inlet.read()
    await sending
    assert app.made == 50
    portal.done()


async def test_a_client_that_takes_nothing_is_cut_off() -> None:
    app, inlet = Slowly(b"x"), slow_inlet()
    portal = portal_of(app, stall_seconds=0.01)
    await portal.upstream_exchange(await call_for(portal, inlet, method="GET"))
    assert inlet.names == [HEAD, CUT]
    assert await asyncio.to_thread(app.closed.wait, 10)
    portal.done()


async def test_a_page_that_fails_never_looks_whole() -> None:
    app, inlet = Slowly(b"x", fail=True), RecordingInlet()
    portal = portal_of(app)
    await portal.upstream_exchange(await call_for(portal, inlet, method="GET"))
    assert inlet.names == [HEAD, DATA, CUT]
    portal.done()


async def test_a_drain_breaks_pages_off() -> None:
    app, inlet = Slowly(b"x"), slow_inlet()
    portal = portal_of(app)
    sending = asyncio.create_task(
        portal.upstream_exchange(await call_for(portal, inlet, method="GET"))
    )
    while not portal.calls:
        await asyncio.sleep(0)
    portal.cut_all()
    await sending
    assert inlet.names == [HEAD, CUT]
    assert not portal.calls
    portal.done()


async def test_more_pages_than_may_be_sent_at_once_are_refused() -> None:
    app = Slowly(b"x")
    portal = portal_of(app)
    inlet = slow_inlet()
    sending = [
        asyncio.create_task(
            portal.upstream_exchange(await call_for(portal, inlet, method="GET"))
        )
        for _ in range(STREAMS_MAX)
    ]
    while len(portal.calls) < STREAMS_MAX:
        await asyncio.sleep(0)
    refused = Exchange.of(await serve(portal, method="GET")).refusal
    assert refused.code == "overloaded"
    assert app.closed.is_set()
    inlet.read()
    await asyncio.gather(*sending)
    portal.done()


async def test_other_calls_are_not_the_portals(portal: Portal) -> None:
    inlet = RecordingInlet()
    flow = exchanges.travelling(exchanges.held())
    await portal.upstream_exchange(Call(flow, 1, Server(address=None), inlet))
    assert inlet.events == []


async def test_a_head_is_answered_whole() -> None:
    portal = portal_of(Slowly())
    flow = await serve(portal, method="HEAD")
    assert (flow.response.status_code, flow.response.raw_content) == (200, b"")
    portal.done()
