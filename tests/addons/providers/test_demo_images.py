"""The demo's pictures: real ones, of the right shape, the same for the same prompt."""

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import pytest

from addons.providers.demo_images import DEMO_IMAGES, answer, draw
from tests.fakes.png import parts


def asked(**fields: Any) -> Mapping[str, Any]:
    return {"prompt": "猫", "size": "1024x1024", "n": 1, **fields}


@pytest.mark.parametrize(
    ("size", "width", "height"),
    [
        ("1024x1024", 256, 256),
        ("1792x1024", 448, 256),
        ("1024x1792", 256, 448),
        ("10x9999", 2, 2499),
    ],
)
def test_a_picture_is_a_whole_png_of_the_shape(size, width: int, height: int) -> None:
    found = parts(draw(asked(size=size), 0))
    assert struct.unpack(">IIBBBBB", found[b"IHDR"]) == (width, height, 8, 3, 0, 0, 0)
    pixels = zlib.decompress(found[b"IDAT"])
    assert len(pixels) == height * (width + 1)
    assert len(found[b"PLTE"]) == 9
    assert max(pixels) <= 2


def test_a_picture_is_the_same_on_both_sides() -> None:
    pixels = zlib.decompress(parts(draw(asked(), 0))[b"IDAT"])
    rows = [pixels[at + 1 : at + 257] for at in range(0, len(pixels), 257)]
    assert all(row == row[::-1] for row in rows)


def test_the_prompt_makes_the_picture() -> None:
    assert draw(asked(), 0) == draw(asked(), 0)
    others = [draw(asked(prompt=str(number)), 0) for number in range(20)]
    assert len({*others, draw(asked(), 0), draw(asked(), 1)}) == 22


def test_an_answer_has_so_many_pictures() -> None:
    made = DEMO_IMAGES.read_images(200, {}, answer(asked(n=3)))
    assert [one.data for one in made] == [draw(asked(), index) for index in range(3)]
