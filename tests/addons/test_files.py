"""The answer that a file is: its head, for each part of it."""

from pathlib import Path

import pytest

from addons.files import FileAnswer, own_address, tag_of
from addons.wire.errors import RangeUnsatisfiable
from storage.media import TYPES, Found
from tests.fakes import exchanges

FOUND = Found(Path("/media/ab/abc.png"), "image/png", 10)
ALWAYS = {
    "etag": '"abc"',
    "cache-control": "private, max-age=60",
    "x-request-id": "req_1",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
}
BODY = {"content-type": "image/png", "accept-ranges": "bytes"}


def head(method: str = "GET", **headers: str) -> tuple[int, dict[str, str]]:
    flow = exchanges.flow(method, "/media/abc.png", headers=headers)
    response = FileAnswer.to(flow.request, FOUND, 60).head("req_1")
    return response.status_code, dict(response.headers)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_head_of_a_whole_file(method: str) -> None:
    assert head(method) == (200, {**ALWAYS, **BODY, "content-length": "10"})


def test_the_head_of_a_part() -> None:
    part = {"content-length": "3", "content-range": "bytes 2-4/10"}
    assert head(range="bytes=2-4") == (206, {**ALWAYS, **BODY, **part})


def test_the_head_for_one_who_has_the_file() -> None:
    assert head(**{"if-none-match": '"abc"'}) == (304, ALWAYS)


def test_a_part_that_is_not_there_has_no_head() -> None:
    with pytest.raises(RangeUnsatisfiable):
        head(range="bytes=10-")


def test_a_range_in_two_headers_is_no_single_one() -> None:
    flow = exchanges.flow("GET", "/media/abc.png")
    flow.request.headers.set_all("range", ["bytes=0-1", "bytes=2-3"])
    assert FileAnswer.to(flow.request, FOUND, 60).selection.status == 200


def test_no_two_files_have_one_tag() -> None:
    names = ["abc.png", "abd.png"]
    tags = {tag_of(Found(Path(name), "image/png", 1)) for name in names}
    assert len(tags) == 2


def test_nothing_that_is_kept_can_hold_a_script() -> None:
    kinds = {media_type.partition("/")[0] for media_type in TYPES.values()}
    assert kinds == {"image", "video"}
    assert "image/svg+xml" not in TYPES.values()


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"host": "localhost:8000"}, "http://localhost:8000"),
        ({"host": "[::1]:8000"}, "http://[::1]:8000"),
        ({"host": "ai.test", "x-forwarded-proto": "https"}, "https://ai.test"),
        ({"host": "ai.test", "x-forwarded-proto": "gopher"}, "http://ai.test"),
        ({"host": "evil.test/x?"}, ""),
        ({"host": 'a"b'}, ""),
        ({"host": ""}, ""),
    ],
)
def test_the_callers_host_is_taken_if_it_is_one(headers, address: str) -> None:
    flow = exchanges.flow(headers=headers)
    assert own_address(flow.request, False) == address


def test_who_came_over_tls_is_sent_back_there() -> None:
    flow = exchanges.flow(headers={"host": "ai.test"})
    assert own_address(flow.request, True) == "https://ai.test"


@pytest.mark.parametrize(
    ("method", "headers", "sent"),
    [
        ("GET", {}, True),
        ("GET", {"range": "bytes=2-4"}, True),
        ("GET", {"if-none-match": '"abc"'}, False),
        ("HEAD", {}, False),
    ],
)
def test_not_every_answer_has_a_body(method: str, headers, sent: bool) -> None:
    flow = exchanges.flow(method, "/media/abc.png", headers=headers)
    assert FileAnswer.to(flow.request, FOUND, 60).has_body(method) is sent
