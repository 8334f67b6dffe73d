"""Ranges against a model that lists the bytes, and conditions as tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.wire.errors import RangeUnsatisfiable
from addons.wire.ranges import Selection, is_known, select
from tests.addons.wire.model_ranges import asked_bytes

TAG = '"abc"'
SIZE = 10


def answered(header: str, size: int) -> bytes | None:
    """Status 206 by its bytes, 200 by all, 416 by None."""
    try:
        selection = select("GET", {"range": header}, TAG, size)
    except RangeUnsatisfiable:
        return None
    return bytes(range(size))[selection.first : selection.first + selection.length]


@pytest.mark.parametrize(
    ("header", "first", "length"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=0-10", 0, 10),
        ("bytes=9-9", 9, 1),
        ("bytes=3-", 3, 7),
        ("bytes=0-", 0, 10),
        ("bytes=-1", 9, 1),
        ("bytes=-10", 0, 10),
        ("bytes=-11", 0, 10),
        ("BYTES=2-3", 2, 2),
        ("bytes= 2-3 ", 2, 2),
        ("bytes=,2-3,", 2, 2),
        ("bytes=002-0003", 2, 2),
        ("bytes=2-" + "9" * 5000, 2, 8),
        ("bytes=-" + "9" * 5000, 0, 10),
    ],
)
def test_one_range_is_a_part(header: str, first: int, length: int) -> None:
    found = select("GET", {"range": header}, TAG, SIZE)
    assert found == Selection(206, first, length)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=,",
        "bytes=a-b",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes=٣-4",
        "bytes=5-4",
        "bytes=0-1,3-4",
        "bytes=0-1, bytes=3-4",
        "lines=0-1",
    ],
)
def test_what_is_not_one_range_is_as_good_as_none(header: str) -> None:
    assert select("GET", {"range": header}, TAG, SIZE) == Selection(200, 0, SIZE)


@pytest.mark.parametrize(
    "header", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=" + "9" * 5000 + "-"]
)
def test_a_range_behind_the_end_cannot_be_had(header: str) -> None:
    with pytest.raises(RangeUnsatisfiable) as caught:
        select("GET", {"range": header}, TAG, SIZE)
    assert caught.value.headers == (("Content-Range", "bytes */10"),)


numbers = st.one_of(st.just(""), st.integers(0, 12).map(str))
specs = st.tuples(numbers, numbers).map("-".join)


@given(
    size=st.integers(1, 10),
    header=st.lists(specs, min_size=1, max_size=2).map(", ".join).map("bytes=".__add__),
)
def test_every_range_agrees_with_the_model(size: int, header: str) -> None:
    expected = asked_bytes(header, bytes(range(size)))
    assert answered(header, size) == expected


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (TAG, 206),
        (f" {TAG} ", 206),
        (f"W/{TAG}", 200),
        ('"other"', 200),
        ("abc", 200),
        ("", 200),
        ("Sat, 29 Oct 2026 19:43:31 GMT", 200),
    ],
)
def test_if_range_wants_the_very_file(condition: str, status: int) -> None:
    headers = {"range": "bytes=0-0", "if-range": condition}
    assert select("GET", headers, TAG, SIZE).status == status


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        (TAG, True),
        (f"W/{TAG}", True),
        ("*", True),
        (f'"x", {TAG}', True),
        (f'"x,{TAG[1:-1]}"', False),
        ('"x"', False),
        ("abc", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_the_file_gets_no_second(
    method: str, header: str | None, known: bool
) -> None:
    assert is_known(header, TAG) is known
    headers = {} if header is None else {"if-none-match": header}
    assert (select(method, headers, TAG, SIZE).status == 304) is known


def test_who_has_the_file_is_told_so_whatever_the_range() -> None:
    headers = {"if-none-match": TAG, "range": "bytes=99-"}
    assert select("GET", headers, TAG, SIZE).status == 304


def test_a_head_is_of_the_whole() -> None:
    found = select("HEAD", {"range": "bytes=0-1"}, TAG, SIZE)
    assert found == Selection(200, 0, SIZE)


def test_a_part_says_where_it_is() -> None:
    assert Selection(206, 2, 3).content_range(10) == "bytes 2-4/10"
