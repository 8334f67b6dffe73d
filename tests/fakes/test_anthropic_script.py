import json

import pytest

from tests.fakes.anthropic_script import ERRORS, OVERLOADED, Answer, Status, frame
from tests.fakes.script import End, after

ASKED = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hi"}],
    "stream": True,
}


def test_an_event_has_a_name() -> None:
    assert frame({"type": "ping"}) == b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize("status", ERRORS)
def test_every_status_has_a_type_and_a_message(status: int) -> None:
    said = json.loads(Status(status).body)
    assert said["type"] == "error"
    assert said["error"]["type"] == ERRORS[status][0]
    assert said["error"]["message"]


def test_a_status_may_speak_other_words() -> None:
    said = json.loads(Status(400, "Odd", "odd_error", {"error_code": "x"}).body)
    assert said["error"] == {
        "type": "odd_error",
        "message": "Odd",
        "details": {"error_code": "x"},
    }


def test_an_answer_is_edited() -> None:
    one = Answer("x", edits=[after(1, OVERLOADED, End.FIN)])
    first, second, third, *_ = one.frames(one.message(ASKED, 1))
    assert first.startswith(b"event: message_start\n")
    assert (second, third) == (OVERLOADED, End.FIN)
    assert list(one.halves(b"abcd"))[:2] == [b"ab", OVERLOADED]
