"""The MP4 heads of fakes: boxes that say what they are of."""

import pytest

from tests.fakes.mp4 import boxes, mp4, video_comment


def test_a_file_says_what_it_is_of() -> None:
    assert video_comment(mp4("一只猫")) == "一只猫"
    assert list(boxes(mp4("x"))) == [b"ftyp", b"free"]


@pytest.mark.parametrize("data", [mp4("x")[:-1], mp4("x")[24:]])
def test_what_is_no_file_is_found_out(data: bytes) -> None:
    with pytest.raises(AssertionError):
        boxes(data)
