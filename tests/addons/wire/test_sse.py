"""SSE: the grammar as a table, and any chunking gives the same events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.wire.sse import EVENT_BYTES_MAX, SseDecoder, SseEvent, SseOverflow


def decode(*chunks: bytes) -> list[tuple[str, bytes]]:
    decoder = SseDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [tuple(event) for event in events + decoder.flush()]


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b"data: a\n\n", [("", b"a")]),
        (b"data:a\n\n", [("", b"a")]),
        (b"data:  a\n\n", [("", b" a")]),
        (b"data: a\r\n\r\n", [("", b"a")]),
        (b"data: a\r\r", [("", b"a")]),
        (b"data: a\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
        (b"data: a\n", [("", b"a")]),
        (b"data: a", [("", b"a")]),
        (b"data\n\n", [("", b"")]),
        (b"data:\n\n", [("", b"")]),
        (b"datum: a\n\n", []),
        (b" data: a\n\n", []),
        (b"event: error\ndata: a\n\n", [("error", b"a")]),
        (b"event: error\n\ndata: a\n\n", [("", b"a")]),
        (b"event: \xff\ndata: a\n\n", [("\ufffd", b"a")]),
        (b"id: 1\nretry: 5\nodd\ndata: a\n\n", [("", b"a")]),
        (b": hello\n\ndata: a\n\n", [("", b"a")]),
        (b":data: a\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b"\n\xef\xbb\xbfdata: a\n\n", []),
        (b"data: \xff\x00\n\n", [("", b"\xff\x00")]),
        # Separators that only a text decoder would take for line ends.
        (b"data: a\x0bb\x0c\x1c\xc2\x85\n\n", [("", b"a\x0bb\x0c\x1c\xc2\x85")]),
    ],
)
def test_events_follow_the_grammar(
    raw: bytes, events: list[tuple[str, bytes]]
) -> None:
    assert decode(raw) == events
    assert decode(*(raw[i : i + 1] for i in range(len(raw)))) == events


def test_comments_are_counted_as_life() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b": keep-alive\n\n:\n\n: x") == []
    assert decoder.comments == 2
    decoder.flush()
    assert decoder.comments == 3


lines = st.sampled_from(
    [b"data: a", b"data:", b"data", b"event: e", b": c", b"", b"x", b"\xef\xbb\xbf"]
)
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
streams = st.lists(st.tuples(lines, ends), max_size=12).map(
    lambda parts: b"".join(line + end for line, end in parts)
)


@given(raw=streams | st.binary(max_size=60), cuts=st.sets(st.integers(0, 120)))
def test_any_chunking_gives_the_same_events(raw: bytes, cuts: set[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    chunks = [raw[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    assert decode(*chunks) == decode(raw)


def overflow(*chunks: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    before: list[SseEvent] = []
    with pytest.raises(SseOverflow) as caught:
        for chunk in chunks:
            before += decoder.feed(chunk)
    return before + caught.value.events


def test_a_line_may_be_as_long_as_the_limit() -> None:
    line = b"x" * EVENT_BYTES_MAX
    assert decode(line + b"\n", b"data: a\n\n") == [("", b"a")]
    assert decode(line, b"\n", b"data: a\n\n") == [("", b"a")]


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: a\n\n" + b"x" * (EVENT_BYTES_MAX + 1)],
        [b"data: a\n\n" + b"x" * (EVENT_BYTES_MAX + 1) + b"\n"],
        [b"data: a\n\n"] + [b"x" * 65_536] * 17,
    ],
    ids=["open", "closed", "in pieces"],
)
def test_a_longer_line_overflows_after_the_events_before_it(
    chunks: list[bytes],
) -> None:
    assert overflow(*chunks) == [("", b"a")]


def test_many_lines_of_one_event_overflow_too() -> None:
    line = b"data: " + b"x" * 1_023 + b"\n"
    assert len(decode(line * 1_024, b"\n")) == 1
    assert overflow(line * 1_025) == []


def test_a_closed_event_frees_its_room() -> None:
    event = b"data: " + b"x" * 600_000 + b"\n\n"
    assert len(decode(*[event] * 5)) == 5
