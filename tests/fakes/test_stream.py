"""The recording writer keeps what is written, until it is closed."""

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


async def test_nothing_is_written_after_the_close() -> None:
    writer = RecordingWriter()
    assert not writer.is_closing()
    writer.close()
    assert writer.is_closing()
    with pytest.raises(OSError):
        writer.write(b"late")
