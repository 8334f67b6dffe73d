"""Framing: an entry on its way from a worker to the inspector.

A frame is four lengths, then a head in JSON and two bodies as they are. A `put` is a
whole entry and replaces what there is of it; a `grow` adds to the answer of one that is
there, from the offset it names. Frames come from our own workers, and are bounded all
the same.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

PUT, GROW = 1, 2
LENGTHS = struct.Struct(">BIII")
HEAD_BYTES_MAX = 1024 * 1024
BODY_BYTES_MAX = 16 * 1024 * 1024


class BadFrame(ValueError):
    """What came is no frame; nothing that follows can be understood."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry, or what is new of it."""

    kind: int
    head: dict[str, Any]
    request: bytes = b""
    answer: bytes = b""


class Frames:
    """Frames out of a stream of bytes, as they come."""

    def __init__(self) -> None:
        self.rest = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now; BadFrame if what comes is none."""
        self.rest += data
        start, found = 0, []
        with memoryview(self.rest) as raw:
            for frame, start in frames_in(raw):
                found.append(frame)
        del self.rest[:start]
        return found


def frames_in(raw: memoryview) -> Iterator[tuple[Frame, int]]:
    """Each whole frame, and where it ends."""
    start = 0
    while len(raw) - start >= LENGTHS.size:
        kind, *lengths = lengths_of(raw[start : start + LENGTHS.size])
        start += LENGTHS.size
        if len(raw) - start < sum(lengths):
            return
        parts = []
        for length in lengths:
            parts.append(bytes(raw[start : start + length]))
            start += length
        yield frame_of(kind, *parts), start


def packed(kind: int, head: bytes, request: bytes, answer: bytes) -> bytes:
    """A frame in one piece."""
    lengths = LENGTHS.pack(kind, len(head), len(request), len(answer))
    return b"".join((lengths, head, request, answer))


def lengths_of(raw: bytes | memoryview) -> tuple[int, int, int, int]:
    """Kind and lengths; BadFrame beyond the bounds."""
    kind, head, request, answer = LENGTHS.unpack(raw)
    if kind not in (PUT, GROW) or head > HEAD_BYTES_MAX:
        raise BadFrame("no frame")
    if max(request, answer) > BODY_BYTES_MAX:
        raise BadFrame("a body that is too large")
    return kind, head, request, answer


def frame_of(kind: int, head: bytes, request: bytes, answer: bytes) -> Frame:
    """The frame of its parts; BadFrame if its head is none."""
    try:
        found = orjson.loads(head)
    except orjson.JSONDecodeError:
        raise BadFrame("a head that is no JSON") from None
    if type(found) is not dict or type(found.get("id")) is not str:
        raise BadFrame("a head without an id")
    return Frame(kind, found, request, answer)
