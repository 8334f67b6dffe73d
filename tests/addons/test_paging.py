"""Paging: calling a WSGI application, and what becomes of its body."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from mitmproxy.http import Response

from addons.paging import PageAnswer

Start = Callable[[str, list[tuple[str, str]]], Any]
STREAMED = ("X-Accel-Buffering", "no")


class Pieces:
    """A body that must be closed, as PEP 3333 says."""

    def __init__(self, fail: bool = False) -> None:
        self.fail = fail
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"one "
        yield b""
        if self.fail:
            raise ZeroDivisionError
        yield b"two"

    def close(self) -> None:
        self.closed = True


def page(
    pieces: Iterable[bytes], *headers: tuple[str, str], method: str = "GET"
) -> PageAnswer:
    def app(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        start("404 NOT FOUND", list(headers))
        return pieces

    return PageAnswer(app, {"REQUEST_METHOD": method})


def whole(pieces: Iterable[bytes], *headers: tuple[str, str]) -> Response:
    return page(pieces, *headers).whole()


def test_the_answer_is_collected_and_its_body_closed() -> None:
    pieces = Pieces()
    response = whole(pieces, ("X-A", "1"), ("X-A", "2"))
    assert (response.status_code, response.reason) == (404, "NOT FOUND")
    assert response.headers.get_all("x-a") == ["1", "2"]
    assert (response.raw_content, pieces.closed) == (b"one two", True)


def test_a_body_that_breaks_off_is_closed_too() -> None:
    pieces = Pieces(fail=True)
    with pytest.raises(ZeroDivisionError):
        whole(pieces)
    assert pieces.closed


@pytest.mark.parametrize(
    ("headers", "length"), [((), "7"), ((("Content-Length", "7"),), "7")]
)
def test_the_answer_says_how_long_it_is_once(headers, length: str) -> None:
    response = whole(Pieces(), *headers)
    assert response.headers.get_all("content-length") == [length]


@pytest.mark.parametrize(
    ("headers", "method", "streams"),
    [
        ([], "GET", False),
        ([STREAMED], "GET", True),
        ([("x-accel-buffering", "no")], "GET", True),
        ([("X-Accel-Buffering", "yes")], "GET", False),
        ([STREAMED], "HEAD", False),
    ],
)
def test_the_application_says_what_is_passed_on(headers, method, streams) -> None:
    assert page([], *headers, method=method).streams is streams


def test_pieces_are_never_empty_before_the_end() -> None:
    made = page(Pieces(), STREAMED)
    assert [made.piece(), made.piece(), made.piece()] == [b"one ", b"two", b""]


@pytest.mark.parametrize(
    ("version", "name", "value"),
    [
        ("HTTP/1.1", "transfer-encoding", "chunked"),
        ("HTTP/1.0", "connection", "close"),
    ],
)
def test_the_end_of_a_streamed_body_can_be_seen(version, name, value) -> None:
    head = page(Pieces(), STREAMED).head(version)
    assert head.headers[name] == value
    assert head.stream is True


def test_nobody_writes_past_the_collector() -> None:
    def app(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        start("200 OK", [])(b"written")
        return []

    with pytest.raises(AssertionError, match="does not write"):
        PageAnswer(app, {})
