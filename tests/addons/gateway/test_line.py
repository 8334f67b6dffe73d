"""The line itself: what it lets through, and how it reads answers."""

import pytest

from tests.addons.gateway.line import Line, Reply, answers


def test_an_echo_comes_back() -> None:
    line = Line()
    line.receive(b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
    assert [(one.status, one.body) for one in line.answers] == [(200, b"hi")]
    assert line.hooks == ["requestheaders", "request", "responseheaders", "response"]
    assert not line.closed


def test_a_held_hook_waits_for_the_test() -> None:
    line = Line(hold=["request"])
    line.receive(b"GET /a HTTP/1.1\r\n\r\n")
    assert line.answers == []
    line.complete()
    assert [one.status for one in line.answers] == [200]


def test_a_client_that_leaves_is_closed_once() -> None:
    line = Line()
    line.leave()
    line.leave()
    assert line.closed


@pytest.mark.parametrize(
    ("raw", "bodies"),
    [
        (b"", []),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", [b"hi"]),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", [b"", b""]),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nhi\r\n0\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
            [b"hi", b""],
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nrest", [b"rest"]),
    ],
)
def test_answers_are_read_one_after_the_other(raw: bytes, bodies) -> None:
    assert [one.body for one in answers(raw)] == bodies


def test_an_answer_to_head_announces_a_body_and_has_none() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    found = answers(raw + raw + b"hi", ["HEAD", "GET"])
    assert [one.body for one in found] == [b"", b"hi"]


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhix0\r\n\r\n",
    ],
)
def test_what_is_no_sequence_of_answers_is_not_read(raw: bytes) -> None:
    with pytest.raises(ValueError):
        answers(raw)


def test_headers_are_found_in_lower_case() -> None:
    (reply,) = answers(b"HTTP/1.1 204 No\r\nX-A: b\r\n\r\n")
    assert reply == Reply(204, {"x-a": "b"}, b"")
