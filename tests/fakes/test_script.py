"""Steps and edits: what any fake may be told."""

import asyncio

import pytest

from tests.fakes.script import (
    End,
    Gate,
    Raw,
    after,
    edited,
    in_pieces,
    with_line_ends,
)

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
    steps = edited(iter([b"data: 1\n\n", GATE]), [with_line_ends(b"\r\n")])
    assert list(steps) == [b"data: 1\r\n\r\n", GATE]


def test_a_body_is_cut_in_its_middle() -> None:
    assert list(Raw(b"abcd", edits=[after(1, End.FIN)]).steps()) == [
        b"ab",
        End.FIN,
        b"cd",
    ]


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
