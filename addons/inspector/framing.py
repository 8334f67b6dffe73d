"""Framing: an entry on its way from a worker to the inspector.

A frame is four lengths, then a head in JSON and two bodies as they are. A `put` is a
whole entry and replaces what there is of it; a `grow` adds to the answer of one that is
there, from the offset it names. Frames come from our own workers, and are bounded all
the same.
"""

import struct
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


def packed(kind: int, head: bytes, request: bytes, answer: bytes) -> bytes:
    """A frame in one piece."""
    lengths = LENGTHS.pack(kind, len(head), len(request), len(answer))
    return b"".join((lengths, head, request, answer))


def lengths_of(raw: bytes) -> tuple[int, int, int, int]:
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
