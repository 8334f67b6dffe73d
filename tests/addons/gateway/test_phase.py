"""Phases: what a connection is doing, told through one request."""

import pytest

from addons.gateway.phase import Phase
from tests.addons.gateway.line import Line

REQUEST = b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"


@pytest.mark.parametrize(
    ("received", "phase"),
    [
        (REQUEST[:0], Phase.IDLE),
        (REQUEST[:1], Phase.HEAD),
        (REQUEST[:-3], Phase.HEAD),
        (REQUEST[:-2], Phase.BODY),
        (REQUEST[:-1], Phase.BODY),
        (REQUEST, Phase.BUSY),
        (REQUEST + REQUEST, Phase.BUSY),
    ],
)
def test_a_request_passes_from_phase_to_phase(received: bytes, phase: Phase) -> None:
    line = Line(hold=["request"])
    for byte in received:
        line.receive(bytes([byte]))
    assert line.http1.phase is phase


@pytest.mark.parametrize(
    ("next_one", "phase"),
    [(b"", Phase.IDLE), (REQUEST[:5], Phase.HEAD), (REQUEST[:-1], Phase.BODY)],
)
def test_after_its_answer_a_connection_is_where_the_next_request_is(
    next_one: bytes, phase: Phase
) -> None:
    line = Line(hold=["request"])
    line.receive(REQUEST + next_one)
    line.complete()
    assert line.http1.phase is phase


def test_a_request_without_a_body_is_never_slow_to_send_one() -> None:
    line = Line(hold=["requestheaders"])
    line.receive(b"GET / HTTP/1.1\r\n\r\n")
    assert line.http1.phase is Phase.BUSY
