"""The head of an MP4 file that says what it is of, for fakes that make videos."""

import struct

BRAND = b"isom\0\0\2\0isommp41"


def mp4(text: str) -> bytes:
    """A file whose comment is this text, so that a test knows it again."""
    return box(b"ftyp", BRAND) + box(b"free", text.encode())


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def boxes(data: bytes) -> dict[bytes, bytes]:
    """The outer boxes of a file by their kind; AssertionError if it is none."""
    found, at = {}, 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        assert 8 <= size <= len(data) - at
        found[data[at + 4 : at + 8]] = data[at + 8 : at + size]
        at += size
    assert list(found)[0] == b"ftyp"
    return found


def video_comment(data: bytes) -> str:
    """What a file of `mp4` says it is of."""
    return boxes(data)[b"free"].decode()
