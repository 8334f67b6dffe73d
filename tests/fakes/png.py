"""A real PNG of one pixel that says what it is of, for fakes that make images."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXEL = zlib.compress(b"\0\0\0\0")


def png(text: str) -> bytes:
    """An image whose comment is this text, so that a test knows it again."""
    return SIGNATURE + b"".join(
        (
            part(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
            part(b"tEXt", b"Comment\0" + text.encode()),
            part(b"IDAT", PIXEL),
            part(b"IEND", b""),
        )
    )


def part(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def parts(data: bytes) -> dict[bytes, bytes]:
    """The parts of a PNG by their kind; AssertionError if it is none."""
    assert data.startswith(SIGNATURE)
    found, at = {}, len(SIGNATURE)
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert data[at : at + 12 + size] == part(kind, body)
        found[kind] = body
        at += 12 + size
    assert list(found)[-1] == b"IEND"
    return found


def comment(data: bytes) -> str:
    """What an image of `png` says it is of."""
    return parts(data)[b"tEXt"].removeprefix(b"Comment\0").decode()
