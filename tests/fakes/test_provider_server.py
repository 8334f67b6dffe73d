"""A provider with nothing of its own: what all fakes share."""

from collections.abc import Iterator

import pytest
import requests
from aiohttp import web

from tests.fakes.provider_server import (
    FakeProvider,
    Received,
    event_stream,
    json_answer,
    whole_answer,
    write,
)
from tests.fakes.script import End, Endless, Gate, Raw, Silence, after, edited, halves

WAIT_SECONDS = 10


class Parrot(FakeProvider):
    """Answers with what it was told, in pieces if asked for a stream."""

    def __init__(self) -> None:
        super().__init__([], "secret")

    def route(self, request: web.Request, received: Received):
        if request.headers.get("key") == self.api_key:
            return None
        return json_answer(401, self.standard(received), b'{"who":"?"}')

    async def answer(self, request: web.Request, received: Received, behaviour: list):
        headers = self.standard(received)
        if request.path == "/stream":
            steps = edited(iter([b"a", b"b"]), behaviour)
            return await write(request, received, event_stream(headers), steps)
        response = whole_answer(headers, received.body)
        steps = edited(halves(received.body), behaviour)
        return await write(request, received, response, steps)

    def standard(self, received: Received) -> dict[str, str]:
        return {"x-number": str(received.number)}


@pytest.fixture
def parrot() -> Iterator[Parrot]:
    with Parrot() as parrot:
        yield parrot


def ask(parrot: Parrot, path: str = "/", key: str = "secret", **more):
    address = parrot.address + path
    return requests.post(
        address, b'{"a":1}', headers={"key": key}, timeout=WAIT_SECONDS, **more
    )


def test_a_request_is_kept_and_answered(parrot: Parrot) -> None:
    answer = ask(parrot, "/x")
    (received,) = parrot.wait_for(1)
    assert (answer.json(), answer.headers["x-number"]) == ({"a": 1}, "1")
    assert (received.method, received.path, received.json) == ("POST", "/x", {"a": 1})
    assert received.finished.wait(WAIT_SECONDS)
    assert received.sent_bytes == len(b'{"a":1}')
    assert parrot.connections == 1


def test_who_is_turned_away_is_not_kept_and_uses_up_no_script(parrot: Parrot) -> None:
    parrot.script(Raw(b"scripted"))
    assert ask(parrot, key="wrong").status_code == 401
    assert parrot.requests == []
    assert ask(parrot).text == "scripted"


def test_a_script_is_a_queue_before_what_is_always_done(parrot: Parrot) -> None:
    parrot.script(Raw(b"first", 500), lambda received: Raw(received.path.encode()))
    parrot.always(Raw(b"always"))
    heard = [ask(parrot, "/second").text for _ in range(4)]
    assert heard == ["first", "/second", "always", "always"]


def test_a_stream_goes_on_when_its_gate_is_opened(parrot: Parrot) -> None:
    gate = Gate()
    parrot.script([after(1, gate)])
    with ask(parrot, "/stream", stream=True) as answer:
        pieces = answer.iter_content(1)
        assert next(pieces) == b"a"
        assert gate.reached.wait(WAIT_SECONDS)
        gate.open()
        assert list(pieces) == [b"b"]
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"


@pytest.mark.parametrize(
    "behaviour", [[after(1, End.FIN)], [after(1, End.RST)], Silence(End.FIN)]
)
def test_a_connection_may_be_lost(parrot: Parrot, behaviour: object) -> None:
    parrot.script(behaviour)
    with pytest.raises(requests.exceptions.RequestException):
        ask(parrot, "/stream")


def test_a_stream_may_have_no_end(parrot: Parrot) -> None:
    parrot.script(Endless(b"again "))
    with ask(parrot, stream=True) as answer:
        pieces = answer.iter_content(6)
        assert [next(pieces) for _ in range(3)] == [b"again "] * 3
    assert parrot.requests[0].disconnected.wait(WAIT_SECONDS)
