"""Demo MP4: read again by a small decoder of what it uses of H.264.

That browsers take it for what it is was seen in Chromium, to the pixel; `DIGEST` is of
a file that was looked at there.
"""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from random import Random

import pytest

from addons.providers.demo_mp4 import (
    SIDE,
    Bits,
    escaped,
    film,
    picture_parameters,
    sequence_parameters,
)

COLOURS = [(180, 90, 160), (90, 160, 90), (210, 128, 128)]
PICTURE = [[0, 0, 1], [0, 2, 1]]
CHANGES = [{4: 1}, {}, {0: 2, 5: 0}]
DIGEST = "15d04080867466993f54a74b24991b619f0b3cd36cc93b370713eefb150bff8a"


def children(data: bytes) -> dict[bytes, bytes]:
    found, at = {}, 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        found[data[at + 4 : at + 8]] = data[at + 8 : at + size]
        at += size
    return found


def inside(data: bytes, *path: bytes) -> bytes:
    for kind in path:
        data = children(data)[kind]
    return data


def samples_of(data: bytes) -> list[bytes]:
    """The pictures of a file, found by its own tables."""
    table = inside(data, b"moov", b"trak", b"mdia", b"minf", b"stbl")
    told = children(table)[b"stsz"]
    sizes = struct.unpack(f">{len(told) // 4}I", told)
    (at,) = struct.unpack_from(">I", children(table)[b"stco"], 8)
    found = []
    for size in sizes[3:]:
        (length,) = struct.unpack_from(">I", data, at)
        assert length == size - 4
        found.append(data[at + 4 : at + size])
        at += size
    assert at == len(data)
    return found


class Reader:
    def __init__(self, unit: bytes) -> None:
        self.data = unit[1:].replace(b"\0\0\3", b"\0\0")
        self.at = 0

    def take(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = value * 2 + (self.data[self.at // 8] >> (7 - self.at % 8) & 1)
            self.at += 1
        return value

    def ue(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def square(self) -> tuple[int, ...]:
        """A macroblock of plain samples, all of one colour."""
        while self.at % 8:
            assert self.take(1) == 0
        start = self.at // 8
        planes = self.data[start : start + 384]
        self.at += 8 * 384
        parts = planes[:256], planes[256:320], planes[320:]
        assert all(len(set(part)) == 1 for part in parts)
        return tuple(part[0] for part in parts)

    def done(self) -> None:
        assert self.take(1) == 1
        assert not any(self.take(1) for _ in range(len(self.data) * 8 - self.at))


def decoded(units: Sequence[bytes], columns: int, rows: int) -> list[list[object]]:
    """The colours of all squares in each picture."""
    squares: list[object] = [None] * (columns * rows)
    pcm: set[int] = set()
    pictures = []
    for number, unit in enumerate(units):
        reader, place = Reader(unit), 0
        kind = head(reader, number)
        while place < len(squares):
            if kind == "P":
                place += reader.ue()
                if place == len(squares):
                    break
            type_ = reader.ue() - (5 if kind == "P" else 0)
            if type_ == 25:
                squares[place] = reader.square()
                pcm.add(place)
            else:
                squares[place] = predicted(reader, type_, place, columns, squares, pcm)
            place += 1
        reader.done()
        pictures.append(list(squares))
    return pictures


def head(reader: Reader, number: int) -> str:
    assert (reader.ue(), (kind := reader.ue()), reader.ue()) == (0, kind, 0)
    assert reader.take(4) == number % 16
    if kind == 7:
        assert (reader.ue(), reader.take(2)) == (0, 0)
    else:
        assert (kind, reader.take(3)) == (5, 0)
    assert (reader.ue(), reader.ue()) == (0, 1)
    return "I" if kind == 7 else "P"


def predicted(reader, type_, place, columns, squares, pcm) -> object:
    left = place - 1 if place % columns else None
    above = place - columns if place >= columns else None
    source = {1: above, 2: left}[type_]
    assert source is not None
    assert reader.ue() == {1: 2, 2: 1}[type_] and reader.ue() == 0
    near = [one in pcm for one in (left, above) if one is not None]
    # Annex 9.2.1: the mean of the neighbours' coefficients chooses the code of none.
    mean = (sum(near) * 16 + len(near) - 1) // len(near)
    assert reader.take(6 if mean >= 8 else 1) == (3 if mean >= 8 else 1)
    return squares[source]


def shown(picture: Sequence[Sequence[int]], changes) -> list[list[object]]:
    now = [one for line in picture for one in line]
    pictures = [list(now)]
    for change in changes:
        for place, colour in change.items():
            now[place] = colour
        pictures.append(list(now))
    return [[COLOURS[one] for one in now] for now in pictures]


def test_every_picture_is_as_it_was_told() -> None:
    units = samples_of(film(PICTURE, COLOURS, CHANGES, 200))
    assert decoded(units, 3, 2) == shown(PICTURE, CHANGES)


@pytest.mark.parametrize("seed", range(20))
def test_any_picture_is_as_it_was_told(seed: int) -> None:
    dice = Random(seed)
    columns, rows = dice.randint(1, 9), dice.randint(1, 9)
    picture = [[dice.randrange(3) for _ in range(columns)] for _ in range(rows)]
    changes: list[Mapping[int, int]] = [
        {dice.randrange(columns * rows): dice.randrange(3) for _ in range(2)}
        for _ in range(20)
    ]
    units = samples_of(film(picture, COLOURS, changes, 40))
    assert decoded(units, columns, rows) == shown(picture, changes)


def test_a_film_says_how_long_and_how_large_it_is() -> None:
    data = film(PICTURE, COLOURS, CHANGES, 200)
    movie = inside(data, b"moov", b"mvhd")
    assert struct.unpack_from(">II", movie, 12) == (1000, 4 * 200)
    track = inside(data, b"moov", b"trak", b"tkhd")
    assert struct.unpack(">II", track[-8:]) == (3 * SIDE << 16, 2 * SIDE << 16)


def test_the_film_that_was_looked_at_is_still_made_so() -> None:
    found = hashlib.sha256(film(PICTURE, COLOURS, CHANGES, 200)).hexdigest()
    assert found == DIGEST


def test_nothing_in_a_unit_looks_like_its_start() -> None:
    assert escaped(b"\0\0\1") == b"\0\0\3\1"
    assert escaped(b"\0\0\0\0\1x") == b"\0\0\3\0\0\3\1x"
    assert escaped(b"\0\0\4\0") == b"\0\0\4\0"
    black = [(0, 0, 0), (0, 1, 0), (1, 0, 0)]
    for unit in samples_of(film(PICTURE, black, CHANGES, 200)):
        assert not any(start in unit for start in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))


def test_numbers_are_short_if_they_are_small() -> None:
    bits = Bits()
    for value in (0, 1, 2, 3):
        bits.ue(value)
    bits.align()
    assert bits.whole == bytes([0b10100110, 0b01000000])
    bits = Bits()
    for value in (0, 1, -1):
        bits.se(value)
    bits.align()
    assert bits.whole == bytes([0b10100110])


def test_what_a_decoder_must_know_first() -> None:
    reader = Reader(sequence_parameters(21, 9))
    assert [reader.take(8) for _ in range(3)] == [66, 0xC0, 30]
    assert [reader.ue() for _ in range(4)] == [0, 0, 2, 1]
    assert (reader.take(1), reader.ue(), reader.ue()) == (0, 20, 8)
    assert picture_parameters()[0] == 0x68
