"""Demo images: pictures without a model, drawn from the prompt's hash.

A pattern of coloured squares, the same on both sides, in the shape that was asked for
and small: a newcomer sees that another prompt is another picture, and the same one the
same. Drawing takes less than a millisecond, because rows repeat.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from addons.providers.imaging import Imaging
from addons.providers.openai_images import OPENAI_IMAGES, compose, count, read

CELLS = 8
# An image of 1024 pixels is drawn with a quarter of them.
SHRINK = 4
SIGNATURE = b"\x89PNG\r\n\x1a\n"
BITS = 8
INDEXED = 3


def answer(request: Mapping[str, Any]) -> bytes:
    """The answer to a request's body, in OpenAI's shape."""
    images = [
        {"b64_json": base64.b64encode(draw(request, index)).decode()}
        for index in range(request["n"])
    ]
    # The time is left to the gateway, which has a clock.
    return orjson.dumps({"created": 0, "data": images})


def draw(request: Mapping[str, Any], index: int) -> bytes:
    """One picture: 8 × 8 squares, mirrored, in three colours of the prompt's own."""
    seed = hashlib.sha512(f"{index}\0{request['prompt']}".encode()).digest()
    width, height = (int(side) // SHRINK for side in request["size"].split("x"))
    rows = []
    for row in range(CELLS):
        half = [seed[row * CELLS // 2 + column] % 3 for column in range(CELLS // 2)]
        rows.append(bytes([*half, *reversed(half)]))
    lines = [b"\0" + stretched(row, width) for row in rows]
    pixels = b"".join(
        lines[row] * (height * (row + 1) // CELLS - height * row // CELLS)
        for row in range(CELLS)
    )
    palette = bytes(value // 2 + 96 for value in seed[-9:])
    head = struct.pack(">IIBBBBB", width, height, BITS, INDEXED, 0, 0, 0)
    return SIGNATURE + b"".join(
        chunk(kind, data)
        for kind, data in (
            (b"IHDR", head),
            (b"PLTE", palette),
            (b"IDAT", zlib.compress(pixels)),
            (b"IEND", b""),
        )
    )


def stretched(row: bytes, width: int) -> bytes:
    """A row of squares as a row of so many pixels."""
    return b"".join(
        row[column : column + 1]
        * (width * (column + 1) // CELLS - width * column // CELLS)
        for column in range(CELLS)
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG file: length, kind, content, check."""
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


DEMO_IMAGES = Imaging(
    path=OPENAI_IMAGES.path,
    compose=compose,
    read=read,
    count=count,
    images_a_call=OPENAI_IMAGES.images_a_call,
    qualities=True,
)
