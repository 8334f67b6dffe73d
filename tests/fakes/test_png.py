"""The one-pixel PNG: whole, and known again."""

import zlib

import pytest

from tests.fakes.png import comment, parts, png


def test_it_is_a_png_of_one_pixel() -> None:
    found = parts(png("cat"))
    assert list(found) == [b"IHDR", b"tEXt", b"IDAT", b"IEND"]
    assert zlib.decompress(found[b"IDAT"]) == bytes(4)


def test_it_says_what_it_is_of() -> None:
    assert comment(png("一只猫 1")) == "一只猫 1"


@pytest.mark.parametrize("wrong", [b"", png("x")[:-1], png("x")[:-5] + b"xxxxx"])
def test_what_is_no_png_is_found_out(wrong: bytes) -> None:
    with pytest.raises(AssertionError):
        parts(wrong)
