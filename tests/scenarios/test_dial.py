"""The byte-by-byte client, against a peer that is only a socket."""

import socket
from collections.abc import Iterator

import pytest

from tests.scenarios.dial import Dial, events, request, said


@pytest.fixture
def pair() -> Iterator[tuple[Dial, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with Dial(server.getsockname()[1]) as dial:
            peer, _ = server.accept()
            with peer:
                yield dial, peer


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
            b"abc",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nabc", b"abc"),
    ],
)
def test_it_reads_a_body_however_it_ends(pair, wire: bytes, body: bytes) -> None:
    dial, peer = pair
    peer.sendall(wire)
    peer.close()
    reply = dial.reply()
    assert (reply.status, reply.body) == (200, body)


def test_it_says_when_an_answer_is_cut(pair) -> None:
    dial, peer = pair
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab")
    peer.close()
    with pytest.raises(EOFError, match="1 bytes early"):
        dial.reply()


def test_a_reset_is_a_reset(pair) -> None:
    dial, peer = pair
    dial.reset()
    with pytest.raises(ConnectionResetError):
        peer.recv(1)


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"", {}, b"GET /x HTTP/1.1\r\nHost: gateway\r\n\r\n"),
        (
            b"ab",
            {"A": "b"},
            b"GET /x HTTP/1.1\r\nHost: gateway\r\nA: b\r\nContent-Length: 2\r\n\r\nab",
        ),
        (
            b"ab",
            {"Content-Length": "9"},
            b"GET /x HTTP/1.1\r\nHost: gateway\r\nContent-Length: 9\r\n\r\nab",
        ),
    ],
)
def test_a_request_is_what_was_said(body, headers, expected: bytes) -> None:
    assert request("GET", "/x", body, headers) == expected


def test_events_are_read_from_a_stream() -> None:
    found = events(
        b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
        b'data: {"choices":[{"delta":{}}]}\n\ndata: [DONE]\n\n'
    )
    assert found[-1] == "[DONE]"
    assert said(found) == "a"
