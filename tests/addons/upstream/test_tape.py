"""A tape keeps the start of what passes, and changes nothing of it."""

import pytest

from addons.providers.base import UpstreamRequest
from addons.upstream.tape import CALLS_MAX, Body, Tape
from addons.wire.errors import UpstreamFailed
from tests.fakes.transport import ScriptedReply, ScriptedTransport

REQUEST = UpstreamRequest("POST", "/chat", {"accept": "x"}, b"{}", False)


@pytest.mark.parametrize(
    ("pieces", "kept", "size", "is_cut"),
    [
        ([], b"", 0, False),
        ([b"ab", b"c"], b"abc", 3, False),
        ([b"abcd"], b"abcd", 4, False),
        ([b"abc", b"de"], b"abcd", 5, True),
        ([b"abcdef", b"g"], b"abcd", 7, True),
    ],
)
def test_a_body_is_kept_up_to_its_limit(pieces, kept, size, is_cut) -> None:
    body = Body(4)
    for piece in pieces:
        assert body.passed(piece) == piece
    assert (bytes(body.kept), body.size, body.is_cut) == (kept, size, is_cut)


async def test_a_call_is_written_down_as_it_happens() -> None:
    tape = Tape(100)
    transport = tape.around(ScriptedTransport(ScriptedReply([b"one", b"two"])), 2)
    sent = []
    async with transport.open(REQUEST, lambda: sent.append(True)) as reply:
        assert [piece async for piece in reply.pieces()] == [b"one", b"two"]
        (call,) = tape.calls
        assert (call.number, call.status, call.ended_ns) == (2, 200, None)
    assert sent == [True]
    assert (call.request, bytes(call.body.kept)) == (REQUEST, b"onetwo")
    assert call.ended_ns is not None and call.fault == ""


async def test_a_call_that_fails_says_how() -> None:
    tape = Tape(100)
    transport = tape.around(ScriptedTransport(UpstreamFailed()), 1)
    with pytest.raises(UpstreamFailed):
        async with transport.open(REQUEST):
            raise AssertionError("there is no reply")
    (call,) = tape.calls
    assert (call.status, call.fault) == (0, "UpstreamFailed")
    assert call.ended_ns is not None


async def test_an_answer_that_breaks_off_is_kept_as_far_as_it_came() -> None:
    tape = Tape(100)
    reply = ScriptedReply([b"half", UpstreamFailed()])
    with pytest.raises(UpstreamFailed):
        async with tape.around(ScriptedTransport(reply), 1).open(REQUEST) as opened:
            async for _ in opened.pieces():
                continue
    (call,) = tape.calls
    assert (bytes(call.body.kept), call.fault) == (b"half", "UpstreamFailed")


def test_no_more_calls_are_kept_than_there_may_be() -> None:
    tape = Tape(100)
    for _ in range(CALLS_MAX + 2):
        tape.call(1, REQUEST)
    assert (len(tape.calls), tape.missed) == (CALLS_MAX, 2)
