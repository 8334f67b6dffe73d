"""Video files: two kinds that browsers play, told by how they begin."""

import pytest

from addons.wire.video_files import video_type_of
from tests.fakes.mp4 import mp4

WEBM = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (mp4("cat"), "video/mp4"),
        (mp4("cat")[:12], "video/mp4"),
        (WEBM + b"webm", "video/webm"),
        (WEBM + b"matroska", None),
        (WEBM + bytes(99) + b"webm", None),
        (b"\0\0\0\x14ftypqt  ", None),
        (b"ftyp", None),
        (b"", None),
        (b"GIF89a", None),
        (b"<html><video>webm", None),
    ],
)
def test_what_a_file_is(data: bytes, found: str | None) -> None:
    assert video_type_of(data) == found
