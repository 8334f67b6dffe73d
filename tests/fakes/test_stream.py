"""The recording writer keeps what is written, until it is closed."""

import asyncio

import pytest

from tests.fakes.stream import PEER, RecordingWriter


async def test_what_is_written_is_kept() -> None:
    writer = RecordingWriter()
    writer.write(b"one ")
    writer.write(b"two")
    await writer.drain()
    assert (writer.written, writer.said.is_set()) == (b"one two", True)
    assert writer.get_extra_info("peername") == PEER
    assert writer.get_extra_info("transport_protocol", "tcp") == "tcp"


@pytest.mark.parametrize("wait", ["drain", "wait_closed"])
async def test_a_slow_client_holds_whoever_waits_for_it(wait: str) -> None:
    writer = RecordingWriter()
    writer.slow()
    waiting = asyncio.create_task(getattr(writer, wait)())
    await asyncio.sleep(0)
    assert not waiting.done()
    writer.read()
    await waiting


async def test_a_connection_may_be_aborted() -> None:
    writer = RecordingWriter()
    writer.transport.abort()
    assert writer.aborted


async def test_nothing_is_written_after_the_close() -> None:
    writer = RecordingWriter()
    assert not writer.is_closing()
    writer.close()
    assert writer.is_closing()
    with pytest.raises(OSError):
        writer.write(b"late")
