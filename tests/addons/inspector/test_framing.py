"""Frames go there and come back, and what is none is refused."""

import pytest

from addons.inspector.framing import (
    BODY_BYTES_MAX,
    GROW,
    HEAD_BYTES_MAX,
    LENGTHS,
    PUT,
    BadFrame,
    Frame,
    Frames,
    frame_of,
    lengths_of,
    packed,
)


def test_a_frame_comes_back_as_it_was() -> None:
    raw = packed(PUT, b'{"id":"x"}', b"asked", b"answered")
    kind, *lengths = lengths_of(raw[: LENGTHS.size])
    assert (kind, lengths) == (PUT, [10, 5, 8])
    frame = frame_of(kind, b'{"id":"x"}', b"asked", b"answered")
    assert (frame.head, frame.request, frame.answer) == (
        {"id": "x"},
        b"asked",
        b"answered",
    )


@pytest.mark.parametrize("size", [1, 2, 13, 14, 1000])
def test_frames_come_out_however_their_bytes_come_in(size: int) -> None:
    sent = [Frame(PUT, {"id": "x"}, b"asked", b""), Frame(GROW, {"id": "y"}, b"", b"z")]
    raw = packed(PUT, b'{"id":"x"}', b"asked", b"") + packed(
        GROW, b'{"id":"y"}', b"", b"z"
    )
    frames = Frames()
    pieces = [raw[start : start + size] for start in range(0, len(raw), size)]
    assert [one for piece in pieces for one in frames.feed(piece)] == sent
    assert frames.rest == b""


def test_what_is_no_frame_is_said_when_its_lengths_are_there() -> None:
    frames = Frames()
    assert frames.feed(b"GET / HTTP/1"[: LENGTHS.size - 1]) == []
    with pytest.raises(BadFrame):
        frames.feed(b".1")


@pytest.mark.parametrize(
    ("lengths", "good"),
    [
        ((PUT, HEAD_BYTES_MAX, BODY_BYTES_MAX, BODY_BYTES_MAX), True),
        ((GROW, 0, 0, 0), True),
        ((0, 1, 0, 0), False),
        ((PUT, HEAD_BYTES_MAX + 1, 0, 0), False),
        ((PUT, 1, BODY_BYTES_MAX + 1, 0), False),
        ((PUT, 1, 0, BODY_BYTES_MAX + 1), False),
    ],
)
def test_lengths_have_bounds(lengths: tuple[int, ...], good: bool) -> None:
    raw = LENGTHS.pack(*lengths)
    if good:
        assert lengths_of(raw) == lengths
    else:
        with pytest.raises(BadFrame):
            lengths_of(raw)


@pytest.mark.parametrize("head", [b"", b"{", b"[]", b"{}", b'{"id":1}'])
def test_a_head_has_an_id(head: bytes) -> None:
    with pytest.raises(BadFrame):
        frame_of(PUT, head, b"", b"")
