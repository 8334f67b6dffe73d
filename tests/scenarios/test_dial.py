"""The byte-by-byte client, against a peer that is only a socket."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.scenarios.dial import Dial, all_but_one, events, request, said


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


def test_of_all_who_ask_at_once_the_one_without_an_answer_is_left() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = server.getsockname()[1]
        dials, peers = [], []
        for _ in range(3):
            dials.append(stack.enter_context(Dial(port)))
            peers.append(stack.enter_context(server.accept()[0]))
        for peer in (peers[0], peers[2]):
            peer.sendall(b"HTTP/1.1 409 No\r\nContent-Length: 0\r\n\r\n")
        replies, left = all_but_one(dials, b"ask")
        assert [reply.status for reply in replies] == [409, 409]
        assert left is dials[1]
        assert [peer.recv(3) for peer in peers] == [b"ask"] * 3
