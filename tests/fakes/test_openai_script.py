import asyncio
import json

import pytest

from tests.fakes import openai_script
from tests.fakes.openai_script import (
    DONE,
    Answer,
    End,
    Gate,
    Raw,
    Status,
    after,
    edited,
    frame,
    in_pieces,
    with_line_ends,
)

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
GATE = Gate()


@pytest.mark.parametrize(
    ("edits", "steps"),
    [
        ([], [b"ab", b"cd"]),
        ([after(0, GATE)], [GATE, b"ab", b"cd"]),
        ([after(1, b"X", End.RST)], [b"ab", b"X", End.RST, b"cd"]),
        ([after(2, GATE)], [b"ab", b"cd", GATE]),
        ([after(9, GATE)], [b"ab", b"cd", GATE]),
        ([in_pieces(1)], [b"a", b"b", b"c", b"d"]),
        ([after(1, GATE), in_pieces(1)], [b"a", b"b", GATE, b"c", b"d"]),
    ],
)
def test_edits_change_the_steps(edits: list, steps: list) -> None:
    assert list(edited(iter([b"ab", b"cd"]), edits)) == steps


def test_line_ends_may_be_others() -> None:
    steps = edited(iter([frame({"a": 1}), GATE]), [with_line_ends(b"\r\n")])
    assert list(steps) == [b'data: {"a":1}\r\n\r\n', GATE]


def test_an_answer_ends_with_done_unless_told_otherwise() -> None:
    for done in (True, False):
        one = Answer("x", done=done)
        frames = list(one.frames(one.completion(ASKED, 1)))
        assert (frames[-1] == DONE) is done


def test_a_body_is_cut_in_its_middle() -> None:
    assert list(Raw(b"abcd", edits=[after(1, End.FIN)]).steps()) == [
        b"ab",
        End.FIN,
        b"cd",
    ]


@pytest.mark.parametrize("status", openai_script.ERRORS)
def test_every_status_has_all_four_keys(status: int) -> None:
    said = json.loads(Status(status).body)["error"]
    assert said.keys() == {"message", "type", "param", "code"}


def test_a_status_may_speak_other_words() -> None:
    said = json.loads(Status(429, "No money", "insufficient_quota", "x", "y").body)
    assert list(said["error"].values()) == ["No money", "insufficient_quota", "y", "x"]


async def test_a_gate_lets_all_through_and_survives_a_cancelled_one() -> None:
    gate = Gate()
    leaving, staying = (asyncio.ensure_future(gate.pass_through()) for _ in range(2))
    await asyncio.sleep(0)
    assert gate.reached.is_set()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert not staying.done()
    gate.open()
    gate.open()
    await staying
