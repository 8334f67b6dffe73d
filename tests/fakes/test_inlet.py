"""The recording inlet: what was fed, in order, and how fast it is taken."""

import asyncio

from mitmproxy.connection import Server

from addons.upstream.call import Call
from tests.fakes import exchanges
from tests.fakes.inlet import RecordingInlet


def call(inlet: RecordingInlet) -> Call:
    return Call(exchanges.flow(), 1, Server(address=None), inlet)


async def test_what_is_fed_is_kept_in_order() -> None:
    inlet = RecordingInlet()
    one = call(inlet)
    await one.begin(b"a")
    await one.send(b"b")
    await one.end()
    assert inlet.names == [
        "ResponseHeaders",
        "ResponseData",
        "ResponseData",
        "ResponseEndOfMessage",
    ]
    assert (inlet.status, inlet.data, inlet.drains) == (200, b"ab", 2)


async def test_a_slow_reader_holds_the_writer_until_it_reads() -> None:
    inlet = RecordingInlet()
    inlet.slow()
    sending = asyncio.create_task(call(inlet).send(b"a"))
    await inlet.waiting.wait()
    assert not sending.done()
    inlet.read()
    await sending
