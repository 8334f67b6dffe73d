"""The scripted transport: pieces, pauses and faults as they are written down."""

import asyncio

import pytest

from addons.providers import REGISTRY
from addons.providers.base import UpstreamRequest
from tests.fakes.loop import leap
from tests.fakes.transport import (
    DONE,
    STUCK,
    ScriptedReply,
    ScriptedTransport,
    chunk,
    completion,
    usage_chunk,
)

REQUEST = UpstreamRequest("POST", "/chat/completions", {}, b"{}", stream=False)


async def read(transport: ScriptedTransport) -> tuple[int, bytes]:
    async with transport.open(REQUEST) as reply:
        return reply.status, b"".join([piece async for piece in reply.pieces()])


async def test_replies_come_in_their_order() -> None:
    transport = ScriptedTransport(ScriptedReply([b"a", b"b"]), ScriptedReply([], 500))
    assert await read(transport) == (200, b"ab")
    assert await read(transport) == (500, b"")
    assert transport.requests == [REQUEST, REQUEST]
    assert all(reply.left for reply in transport.replies)


@pytest.mark.parametrize(
    "reply", [OSError("refused"), ScriptedReply([b"a", OSError("reset")])]
)
async def test_faults_are_raised_where_they_are_written(reply) -> None:
    with pytest.raises(OSError):
        await read(ScriptedTransport(reply))


def test_pauses_take_their_time_on_the_loops_clock() -> None:
    async def story() -> float:
        await read(ScriptedTransport(ScriptedReply([b"a", 60.0, b"b"])))
        return asyncio.get_running_loop().time()

    assert leap(story()) == pytest.approx(60)


async def test_a_piece_may_wait_for_the_test() -> None:
    gate = asyncio.Event()
    reply = ScriptedReply([b"a", gate, b"b"])
    reading = asyncio.create_task(read(ScriptedTransport(reply)))
    await asyncio.sleep(0)
    assert reply.taken == 2
    gate.set()
    assert await reading == (200, b"ab")


async def test_a_stuck_reply_is_left_by_leaving() -> None:
    reply = ScriptedReply([STUCK])
    reading = asyncio.create_task(read(ScriptedTransport(reply)))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert reply.left


def test_the_pieces_are_honest_ones() -> None:
    dialect = REGISTRY["openai"]
    assert dialect.read_answer(completion("Hi")).text == "Hi"
    stream = dialect.open_stream("m", "req_1")
    for piece in (chunk("Hi"), chunk(finish="stop"), usage_chunk(3, 4), DONE):
        stream.feed(piece)
    assert stream.reading.usage.quantities["output"] == 4
    assert (stream.reading.finished, stream.ended) == (True, True)
